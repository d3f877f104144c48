/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen.c: the load generator's command line.
 *
 * Reads commands from stdin, one a line, a verb and key=value words; answers
 * each with one line of JSON, so that a driver script can hold guests open
 * over many measurements.  Ports are numbered in the order they were opened.
 *
 *	open path=S mac=M ip=A [listen=1] [huge=1] [ring=1024] [wait_ms=5000]
 *	flow from=0 to=1 [window=512] [rate=N] [limit=N]
 *	     [vary=src|dst macs=N [first_mac=N] [in_order=1]] [probe=1 gap_us=N]
 *	watch port=N            take what arrives there, too
 *	run size=64 seconds=1 [warmup=0.3] [kill=PID]
 *	null                    ports 0 and 1 face a device that does nothing
 *	machine [core=1]        how far the cores are apart (cores.h)
 *	close                   all ports
 *
 * `flow` and `watch` say what the next `run` does; run forgets them.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "tests/bench/cores.h"
#include "tests/bench/load.h"

#define WORDS_MAX 16

static struct load load;

struct words {
	unsigned count;
	char *key[WORDS_MAX], *value[WORDS_MAX];
};

static void words_split(struct words *w, char *line)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);

	for (w->count = 0; word && w->count < WORDS_MAX; w->count++) {
		char *eq = strchr(word, '=');

		if (eq)
			*eq++ = 0;
		w->key[w->count] = word;
		w->value[w->count] = eq ? eq : word + strlen(word);
		word = strtok_r(NULL, " \n", &save);
	}
}

static const char *word_text(const struct words *w, const char *key,
			     const char *otherwise)
{
	unsigned i;

	for (i = 1; i < w->count; i++)
		if (!strcmp(w->key[i], key))
			return w->value[i];
	return otherwise;
}

static double word_number(const struct words *w, const char *key,
			  double otherwise)
{
	const char *text = word_text(w, key, NULL);

	return text ? strtod(text, NULL) : otherwise;
}

static void fail(const char *what, int rc)
{
	printf("{\"error\":\"%s: %s\"}\n", what, strerror(-rc));
}

static void do_open(const struct words *w)
{
	struct load_port *p = &load.port[load.port_count];
	const char *path = word_text(w, "path", NULL);
	struct guest_conf conf = {
		.path = path,
		.listen = word_number(w, "listen", 0) != 0,
		.huge = word_number(w, "huge", 0) != 0,
		.ring = (unsigned)word_number(w, "ring", GUEST_RING_MAX),
	};
	unsigned m[6] = { 2 }, i;
	struct in_addr ip = { 0 };
	int rc;

	sscanf(word_text(w, "mac", ""), "%x:%x:%x:%x:%x:%x", &m[0], &m[1],
	       &m[2], &m[3], &m[4], &m[5]);
	inet_aton(word_text(w, "ip", "0.0.0.0"), &ip);
	if (load.port_count == LOAD_PORTS_MAX || conf.ring > GUEST_RING_MAX)
		return fail("open", -E2BIG);
	rc = guest_open(&p->guest, &conf,
			(unsigned)word_number(w, "wait_ms", 5000));
	if (rc < 0)
		return fail(path ? path : "open", rc);
	for (i = 0; i < 6; i++)
		p->mac[i] = (uint8_t)m[i];
	p->ip = ntohl(ip.s_addr);
	printf("{\"port\":%u}\n", load.port_count++);
}

static void do_flow(const struct words *w)
{
	struct load_flow *f = &load.flow[load.flow_count];
	const char *vary = word_text(w, "vary", "");

	if (load.flow_count == LOAD_FLOWS_MAX)
		return fail("flow", -E2BIG);
	f->from = (unsigned)word_number(w, "from", 0);
	f->to = (unsigned)word_number(w, "to", 1);
	f->window = (unsigned)word_number(w, "window", 512);
	f->rate = word_number(w, "rate", 0);
	f->limit = (uint64_t)word_number(w, "limit", 0);
	f->macs = (unsigned)word_number(w, "macs", 1);
	f->first_mac = (unsigned)word_number(w, "first_mac", 0);
	f->in_order = word_number(w, "in_order", 0) != 0;
	f->vary = *vary == 's' ? VARY_SRC : *vary == 'd' ? VARY_DST : VARY_NONE;
	f->probe = word_number(w, "probe", 0) != 0;
	f->gap_us = (uint64_t)word_number(w, "gap_us", 0);
	if (f->from >= load.port_count || f->to >= load.port_count || !f->macs)
		return fail("flow", -EINVAL);
	printf("{\"flow\":%u}\n", load.flow_count++);
}

static void do_watch(const struct words *w)
{
	unsigned port = (unsigned)word_number(w, "port", 0);

	if (port >= load.port_count)
		return fail("watch", -EINVAL);
	load.port[port].used = true;
	printf("{\"watch\":%u}\n", port);
}

static double since_kill_ms(uint64_t tsc)
{
	return tsc && load.kill_tsc ?
		       1e3 * (double)(tsc - load.kill_tsc) / load.tsc_hz : -1;
}

static void print_flow(const struct load_flow *f, bool last)
{
	uint64_t lost = f->lost > f->late ? f->lost - f->late : 0;

	printf("{\"from\":%u,\"to\":%u,\"sent\":%lu,\"received\":%lu,"
	       "\"lost\":%lu,\"late\":%lu,\"first_ms\":%.3f,"
	       "\"silence_ms\":%.3f,\"span_ms\":%.3f}%s",
	       f->from, f->to, f->sent, f->received, lost, f->late,
	       since_kill_ms(f->first_tsc),
	       1e3 * (double)f->silence_tsc / load.tsc_hz,
	       1e3 * (double)(f->last_tsc - f->start_tsc) / load.tsc_hz,
	       last ? "" : ",");
}

static void print_probes(void)
{
	unsigned n = load.probe_count;

	if (n)
		printf("\"probe\":{\"count\":%u,\"min_us\":%.2f,"
		       "\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f},",
		       n, load.probe_us[0], load.probe_us[n / 2],
		       load.probe_us[(n - 1) * 99 / 100], load.probe_us[n - 1]);
}

static void print_result(void)
{
	uint64_t stray = 0;
	double back_ms = -1;
	unsigned i;

	printf("{\"flows\":[");
	for (i = 0; i < load.flow_count; i++)
		print_flow(&load.flow[i], i + 1 == load.flow_count);
	for (i = 0; i < load.port_count; i++) {
		double ms = since_kill_ms(load.port[i].back_tsc);

		stray += load.port[i].stray;
		if (load.port[i].back && ms > back_ms)
			back_ms = ms;
	}
	printf("],");
	print_probes();
	printf("\"received\":%lu,\"stray\":%lu,\"foreign\":%lu,"
	       "\"damaged\":%lu,\"back_ms\":%.3f,\"seconds\":%.4f,"
	       "\"mpps\":%.4f,\"busy_share\":%.4f,\"busy_cycles\":%.1f,"
	       "\"burst\":%.1f,\"tsc_hz\":%.0f}\n",
	       load.received, stray, load.foreign, load.damaged, back_ms,
	       load.measured_s, 1e-6 * (double)load.received / load.measured_s,
	       (double)load.busy_tsc / (double)(load.all_tsc | 1),
	       (double)load.busy_tsc / (double)(load.moved | !load.moved),
	       (double)load.moved / (double)(load.bursts | !load.bursts),
	       load.tsc_hz);
}

static void do_run(const struct words *w)
{
	load.size = (unsigned)word_number(w, "size", 64);
	load.seconds = word_number(w, "seconds", 1);
	load.warmup = word_number(w, "warmup", 0.3);
	load.kill_pid = (pid_t)word_number(w, "kill", 0);
	if (load.size < LOAD_SIZE_MIN || load.size > GUEST_FRAME_MAX)
		return fail("size", -EINVAL);
	load_run(&load);
	print_result();
	load_reset(&load);
}

static atomic_bool null_stop;

static void *null_thread(void *arg)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(*(int *)arg, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	guest_null_run(load.port[0].guest, load.port[1].guest, &null_stop);
	return NULL;
}

/* The same as run, with the null device on core=N in the switch's place. */
static void do_null(const struct words *w)
{
	int core = (int)word_number(w, "core", 1), rc;
	pthread_t thread;

	if (load.port_count < 2)
		return fail("null", -EINVAL);
	null_stop = false;
	rc = pthread_create(&thread, NULL, null_thread, &core);
	if (rc)
		return fail("null", -rc);
	do_run(w);
	null_stop = true;
	pthread_join(thread, NULL);
}

static void do_machine(const struct words *w)
{
	printf("{\"round_trip\":%.0f,\"far_load\":%.0f}\n",
	       cores_round_trip((int)word_number(w, "core", 1)),
	       cores_far_load());
}

static void do_close(const struct words *w)
{
	load_reset(&load);
	while (load.port_count)
		guest_close(load.port[--load.port_count].guest);
	printf("{\"closed\":true}\n");
}

static const struct {
	const char *verb;
	void (*call)(const struct words *w);
} verbs[] = {
	{ "open", do_open }, { "flow", do_flow },   { "watch", do_watch },
	{ "run", do_run },   { "null", do_null },   { "close", do_close },
	{ "machine", do_machine },
};

static void obey(char *line)
{
	struct words w;
	unsigned i;

	words_split(&w, line);
	for (i = 0; w.count && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(w.key[0], verbs[i].verb)) {
			verbs[i].call(&w);
			return;
		}
	}
	fail("no such command", -EINVAL);
}

int main(void)
{
	char line[1024];

	setvbuf(stdout, NULL, _IOLBF, 0);
	load.tsc_hz = load_tsc_hz();
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
