/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_stats.c: counters, and with --watch their rates.
 *
 * Watching takes two readings and shows the difference over the time between
 * them; a counter that went back (the switch restarted) counts as new.
 */
#include "vswitch/switchctl.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vswitch/text_table.h"

#define BURST_SIZES 33

/* 12345678 as 12.3M: for rates, where the eye wants size, not digits. */
static const char *short_number(double v)
{
	static const char units[] = " kMGTP";
	static char text[8][16];
	static unsigned turn;
	char *to = text[turn++ % 8];
	unsigned u = 0;

	for (; v >= 999.5 && u + 1 < sizeof(units) - 1; u++)
		v /= 1000;
	if (!u)
		snprintf(to, sizeof(text[0]), "%.0f", v);
	else
		snprintf(to, sizeof(text[0]), "%.3g%c", v, units[u]);
	return to;
}

static void add_counters(struct text_table *t, const char *name,
			 const json_t *c)
{
	static const char *const keys[] = { "rx_frames", "rx_bytes",
					    "tx_frames", "tx_bytes",
					    "generated", "copies" };
	size_t i;

	text_table_cell(t, "%s", name);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		text_table_cell(t, "%lld", (long long)ctl_number(c, keys[i]));
	text_table_cell(t, "%lld", (long long)ctl_sum(c, "drops"));
}

static void print_counters(const json_t *stats)
{
	const json_t *ports = json_object_get(stats, "ports");
	struct text_table t;
	size_t i;

	text_table_init(&t, "PORT;>RX FRAMES;>RX BYTES;>TX FRAMES;>TX BYTES;"
			    ">GENERATED;>COPIES;>DROPS");
	for (i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);

		add_counters(&t, ctl_text(p, "name"), p);
	}
	add_counters(&t, "(all)", json_object_get(stats, "total"));
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

/* Frames that have come and not gone yet; 0 at rest. */
static void print_balance(const json_t *total)
{
	json_int_t in = ctl_number(total, "rx_frames") +
			ctl_number(total, "generated") +
			ctl_number(total, "copies");
	json_int_t out = ctl_number(total, "tx_frames") +
			 ctl_sum(total, "drops");

	printf("rx + generated + copies = %lld, tx + drops = %lld, "
	       "difference %lld\n", (long long)in, (long long)out,
	       (long long)(in - out));
}

static void add_worker(struct text_table *t, const json_t *w)
{
	double frames = ctl_number(w, "frames");
	double bursts = ctl_number(w, "bursts");

	text_table_cell(t, "%lld", (long long)ctl_number(w, "worker"));
	text_table_cell(t, "%lld", (long long)ctl_number(w, "core"));
	text_table_cell(t, "%.1f %%",
			100 * json_number_value(
				      json_object_get(w, "busy_share")));
	text_table_cell(t, "%.0f", json_number_value(json_object_get(
					   w, "cycles_per_frame")));
	text_table_cell(t, "%s", short_number(frames));
	text_table_cell(t, "%.1f", bursts > 0 ? frames / bursts : 0.0);
	text_table_cell(t, "%s", short_number(ctl_number(w, "naps")));
	text_table_cell(t, "%s", short_number(ctl_number(w, "sleeps")));
	text_table_cell(t, "%s", json_is_true(json_object_get(w, "asleep")) ?
					 "asleep" :
					 "awake");
}

/* Burst sizes in five classes: percent of the bursts that had frames. */
static void add_histogram(struct text_table *t, const json_t *w)
{
	static const unsigned upto[] = { 1, 4, 15, 31, 32 };
	const json_t *sizes = json_object_get(w, "burst_sizes");
	double sum[5] = { 0 }, all = 0;
	unsigned i, class = 0;

	for (i = 1; i < BURST_SIZES; i++) {
		double n = json_integer_value(json_array_get(sizes, i));

		if (i > upto[class])
			class++;
		sum[class] += n;
		all += n;
	}
	text_table_cell(t, "%lld", (long long)ctl_number(w, "worker"));
	for (i = 0; i < 5; i++)
		text_table_cell(t, "%.0f %%",
				all > 0 ? 100 * sum[i] / all : 0.0);
}

static void print_workers(const json_t *stats)
{
	const json_t *workers = json_object_get(stats, "workers");
	struct text_table t, h;
	size_t i;

	text_table_init(&t, ">WORKER;>CORE;>BUSY;>CYCLES/FRAME;>FRAMES;"
			    ">PER BURST;>NAPS;>SLEEPS;NOW");
	text_table_init(&h, ">WORKER;>BURSTS OF 1;>2-4;>5-15;>16-31;>32");
	for (i = 0; i < json_array_size(workers); i++) {
		add_worker(&t, json_array_get(workers, i));
		add_histogram(&h, json_array_get(workers, i));
	}
	text_table_print(&t, stdout);
	putchar('\n');
	text_table_print(&h, stdout);
	text_table_fini(&t);
	text_table_fini(&h);
}

/* new - old, member by member; what is no number is taken from new. */
static json_t *difference(const json_t *new, const json_t *old)
{
	json_t *to, *v;
	const char *key;
	size_t i;

	if (json_is_integer(new)) {
		json_int_t a = json_integer_value(new);
		json_int_t b = json_integer_value(old);

		return json_integer(a >= b ? a - b : a);
	}
	if (json_is_array(new)) {
		to = json_array();
		json_array_foreach(new, i, v)
			json_array_append_new(
				to, difference(v, json_array_get(old, i)));
		return to;
	}
	if (json_is_object(new)) {
		to = json_object();
		json_object_foreach((json_t *)new, key, v)
			json_object_set_new(
				to, key,
				difference(v, json_object_get(old, key)));
		return to;
	}
	return json_copy((json_t *)new);
}

static const json_t *by_key(const json_t *list, const char *key,
			    const json_t *like)
{
	const json_t *want = json_object_get(like, key);
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (json_equal(json_object_get(json_array_get(list, i), key),
			       want))
			return json_array_get(list, i);
	return NULL;
}

/* A list of objects, each less its namesake before. */
static json_t *list_difference(const json_t *new, const json_t *old,
			       const char *key)
{
	json_t *to = json_array(), *d;
	size_t i;

	for (i = 0; i < json_array_size(new); i++) {
		const json_t *o = json_array_get(new, i);

		d = difference(o, by_key(old, key, o));
		json_object_set(d, key, json_object_get(o, key));
		json_array_append_new(to, d);
	}
	return to;
}

/* Shares and costs of the time between two readings. */
static void recompute(json_t *w, const json_t *new)
{
	double busy = ctl_number(w, "busy_cycles");
	double all = busy + ctl_number(w, "idle_cycles");
	double frames = ctl_number(w, "frames");

	json_object_set(w, "core", json_object_get(new, "core"));
	json_object_set(w, "tid", json_object_get(new, "tid"));
	json_object_set_new(w, "busy_share",
			    json_real(all > 0 ? busy / all : 0));
	json_object_set_new(w, "cycles_per_frame",
			    json_real(frames > 0 ? busy / frames : 0));
}

static json_t *stats_between(const json_t *new, const json_t *old,
			     double seconds)
{
	const json_t *now = json_object_get(new, "workers");
	json_t *workers = list_difference(now, json_object_get(old, "workers"),
					  "worker");
	size_t i;

	for (i = 0; i < json_array_size(workers); i++)
		recompute(json_array_get(workers, i), json_array_get(now, i));
	return json_pack(
		"{s:f, s:o, s:o, s:o}", "seconds", seconds, "total",
		difference(json_object_get(new, "total"),
			   json_object_get(old, "total")),
		"ports", list_difference(json_object_get(new, "ports"),
					 json_object_get(old, "ports"),
					 "name"),
		"workers", workers);
}

static void add_rates(struct text_table *t, const char *name, const json_t *c,
		      double s)
{
	text_table_cell(t, "%s", name);
	text_table_cell(t, "%s", short_number(ctl_number(c, "rx_frames") / s));
	text_table_cell(t, "%s",
			short_number(8.0 * ctl_number(c, "rx_bytes") / s));
	text_table_cell(t, "%s", short_number(ctl_number(c, "tx_frames") / s));
	text_table_cell(t, "%s",
			short_number(8.0 * ctl_number(c, "tx_bytes") / s));
	text_table_cell(t, "%s", short_number(ctl_sum(c, "drops") / s));
}

static void print_rates(const json_t *d)
{
	double s = json_number_value(json_object_get(d, "seconds"));
	const json_t *ports = json_object_get(d, "ports");
	struct text_table t;
	size_t i;

	text_table_init(&t, "PORT;>RX FRAMES/S;>RX BIT/S;>TX FRAMES/S;"
			    ">TX BIT/S;>DROPS/S");
	for (i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);

		add_rates(&t, ctl_text(p, "name"), p, s);
	}
	add_rates(&t, "(all)", json_object_get(d, "total"), s);
	text_table_print(&t, stdout);
	text_table_fini(&t);
	putchar('\n');
	print_workers(d);
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void wait_seconds(double s)
{
	struct timespec ts = { .tv_sec = (time_t)s,
			       .tv_nsec = (long)(1e9 * fmod(s, 1)) };

	nanosleep(&ts, NULL);
}

static void show_rates(const struct ctl *ctl, json_t *d)
{
	if (ctl->json) {
		json_dumpf(d, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		print_rates(d);
		if (!isatty(STDOUT_FILENO))
			putchar('\n');
	}
	fflush(stdout);
	json_decref(d);
}

/* Until interrupted, the reader goes away, or the switch does. */
static int watch(struct ctl *ctl, json_t *old)
{
	double then = seconds_now(), now;
	json_t *new;
	int code;

	for (;;) {
		wait_seconds(ctl->watch_s);
		code = ctl_call(ctl, "stats.get", NULL, NULL, &new);
		if (code)
			break;
		now = seconds_now();
		show_rates(ctl, stats_between(new, old, now - then));
		json_decref(old);
		old = new;
		then = now;
	}
	json_decref(old);
	return code;
}

int ctl_stats(struct ctl *ctl)
{
	json_t *stats;
	int code = ctl_call(ctl, "stats.get", NULL, NULL, &stats);

	if (code)
		return code;
	if (ctl->watch)
		return watch(ctl, stats);
	if (ctl->json)
		return ctl_print_json(stats);
	print_counters(stats);
	print_balance(json_object_get(stats, "total"));
	putchar('\n');
	print_workers(stats);
	json_decref(stats);
	return CTL_DONE;
}
