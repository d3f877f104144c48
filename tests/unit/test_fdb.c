/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fdb.c: the forwarding table, by sentences; against a simple model; and
 * with readers beside a writer.
 *
 * The model is an array of a few hundred possible addresses.  Small tables
 * and few addresses make every rare path (full, quota, eviction) common.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vswitch/fdb.h"

#define G1 11 /* guest ports */
#define G2 12
#define UP 1 /* an uplink */

static const struct fdb_conf defaults = FDB_CONF_DEFAULT;

static struct fdb *table(uint32_t capacity, uint32_t quota)
{
	struct fdb_conf conf = defaults;
	struct fdb *fdb = NULL;

	conf.capacity = capacity;
	conf.quota = quota;
	conf.seed = 42;
	CU_ASSERT_EQUAL_FATAL(fdb_new(&fdb, &conf), 0);
	return fdb;
}

static uint64_t mac(uint32_t n)
{
	uint8_t m[6] = { 2, 0, n >> 24, n >> 16, n >> 8, n };

	return fdb_key(10, m);
}

/* -1: not found */
static int port_of(struct fdb *fdb, uint64_t key)
{
	struct fdb_hit hit;

	return fdb_lookup(fdb, key, &hit) ? hit.port : -1;
}

static uint32_t rnd(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

static enum fdb_source source(struct fdb *fdb, uint64_t key, uint16_t port,
			      uint16_t tick)
{
	return fdb_source(fdb, key, fdb_hash(fdb, key), port, tick);
}

static void fdb_finds_what_it_learned_and_nothing_else(void)
{
	struct fdb *fdb = table(1024, 100);

	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0), FDB_ADDED);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0), FDB_KNOWN);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), G1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(2)), -1);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	fdb_free(fdb);
}

static void fdb_keeps_segments_apart(void)
{
	static const uint8_t m[6] = { 2, 0, 0, 0, 0, 7 };
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, fdb_key(10, m), G1, FDB_GUEST, 0);
	fdb_learn(fdb, fdb_key(20, m), G2, FDB_GUEST, 0);
	CU_ASSERT_EQUAL(port_of(fdb, fdb_key(10, m)), G1);
	CU_ASSERT_EQUAL(port_of(fdb, fdb_key(20, m)), G2);
	CU_ASSERT_EQUAL(port_of(fdb, fdb_key(30, m)), -1);
	fdb_free(fdb);
}

static void fdb_never_finds_the_zero_address_in_segment_zero(void)
{
	struct fdb *fdb = table(1024, 100);

	CU_ASSERT_EQUAL(port_of(fdb, 0), -1);
	CU_ASSERT_EQUAL(fdb_learn(fdb, 0, G1, FDB_GUEST, 0), FDB_FOREIGN);
	CU_ASSERT_EQUAL(fdb_set_static(fdb, 0, G1), -EINVAL);
	CU_ASSERT_FALSE(fdb_del(fdb, 0));
	CU_ASSERT_EQUAL(port_of(fdb, 0), -1);
	fdb_free(fdb);
}

/* A slot that changed hands between a reader's loads: key right, value not. */
static void fdb_refuses_a_value_of_another_key(void)
{
	struct fdb *fdb = table(1024, 100);
	struct fdb_bucket *b = fdb_first(fdb, fdb_hash(fdb, mac(1)));
	unsigned i;

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0);
	for (i = 0; i < FDB_SLOTS; i++)
		b->where[i] ^= 1;
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), -1);
	fdb_free(fdb);
}

static void fdb_moves_mac_to_new_port(void)
{
	struct fdb_port_stats s;
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 5);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G2, FDB_GUEST, 5), FDB_MOVED);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), G2);
	fdb_port_stats(fdb, G1, &s);
	CU_ASSERT_EQUAL(s.learned, 0);
	fdb_port_stats(fdb, G2, &s);
	CU_ASSERT_EQUAL(s.learned, 1);
	CU_ASSERT_EQUAL(s.moves, 1);
	fdb_free(fdb);
}

/* FR-07: 10 kHz of flapping ends in one move a hold time. */
static void fdb_holds_a_flapping_mac_where_it_is(void)
{
	struct fdb *fdb = table(1024, 100);
	unsigned tick, n, moves = 0;
	struct fdb_port_stats s;

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0);
	for (tick = 0; tick < 10; tick++)
		for (n = 0; n < 10000; n++)
			moves += fdb_learn(fdb, mac(1), n & 1 ? G1 : G2,
					   FDB_GUEST, tick) == FDB_MOVED;
	CU_ASSERT_EQUAL(moves, 10 / FDB_HOLD_TICKS);
	fdb_port_stats(fdb, G1, &s);
	CU_ASSERT_TRUE(s.held > 10000);
	fdb_free(fdb);
}

static void fdb_holds_across_the_wrap_of_ticks(void)
{
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 65535);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G2, FDB_GUEST, 65535),
			FDB_MOVED);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0), FDB_HELD);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G1, FDB_GUEST, 1), FDB_MOVED);
	fdb_free(fdb);
}

/* FR-08: a guest claims the MAC of a machine behind the uplink. */
static void fdb_ranks_static_over_uplink_over_guest(void)
{
	static const struct {
		enum fdb_class has, claims;
		enum fdb_learned verdict;
	} cases[] = {
		{ FDB_GUEST, FDB_GUEST, FDB_MOVED },
		{ FDB_GUEST, FDB_UPLINK, FDB_FOREIGN },
		{ FDB_GUEST, FDB_UPLINK | FDB_ANNOUNCED, FDB_MOVED },
		{ FDB_UPLINK, FDB_GUEST, FDB_FOREIGN },
		{ FDB_UPLINK, FDB_UPLINK, FDB_MOVED },
		{ FDB_UPLINK, FDB_UPLINK | FDB_ANNOUNCED, FDB_MOVED },
		{ FDB_STATIC, FDB_GUEST, FDB_FOREIGN },
		{ FDB_STATIC, FDB_UPLINK, FDB_FOREIGN },
		{ FDB_STATIC, FDB_UPLINK | FDB_ANNOUNCED, FDB_FOREIGN },
	};
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fdb *fdb = table(1024, 100);

		if (cases[i].has == FDB_STATIC)
			fdb_set_static(fdb, mac(1), G1);
		else
			fdb_learn(fdb, mac(1), G1, cases[i].has, 0);
		CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G2, cases[i].claims, 9),
				cases[i].verdict);
		CU_ASSERT_EQUAL(port_of(fdb, mac(1)),
				cases[i].verdict == FDB_MOVED ? G2 : G1);
		fdb_free(fdb);
	}
}

/* FR-18, BD-06: what a guest sent comes back, or somebody uses its name. */
static void fdb_uplink_gets_a_guests_address_after_silence_and_a_word(void)
{
	const enum fdb_class away = FDB_UPLINK | FDB_ANNOUNCED;
	struct fdb *fdb = table(1024, 100);
	struct fdb_port_stats s;
	uint16_t t;

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 65500);
	source(fdb, mac(1), G1, 65534); /* still speaks */
	for (t = 65534; t != 2; t++) {
		uint16_t silent = t - 65534;

		CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), UP, FDB_UPLINK, t),
				FDB_FOREIGN);
		CU_ASSERT_EQUAL(fdb_foresee(fdb, mac(1), UP, away, t),
				silent > FDB_HOLD_TICKS ? FDB_MOVED
							: FDB_FOREIGN);
		if (silent <= FDB_HOLD_TICKS)
			CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), UP, away, t),
					FDB_FOREIGN);
	}
	fdb_port_stats(fdb, UP, &s);
	CU_ASSERT_EQUAL(s.foreign, 4 + 3);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), G1);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), UP, away, 1), FDB_MOVED);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), UP);
	CU_ASSERT_EQUAL(fdb_learn(fdb, mac(1), G1, FDB_GUEST, 50),
			FDB_FOREIGN);
	fdb_free(fdb);
}

static void fdb_refuses_a_source_that_is_static_elsewhere(void)
{
	struct fdb *fdb = table(1024, 100);

	fdb_set_static(fdb, mac(1), G1);
	CU_ASSERT_EQUAL(source(fdb, mac(1), G1, 0), FDB_SRC_KNOWN);
	CU_ASSERT_EQUAL(source(fdb, mac(1), G2, 0), FDB_SRC_FOREIGN);
	CU_ASSERT_EQUAL(source(fdb, mac(1), UP, 0), FDB_SRC_FOREIGN);
	CU_ASSERT_EQUAL(source(fdb, mac(2), UP, 0), FDB_SRC_LEARN);
	fdb_free(fdb);
}

static void fdb_static_replaces_learned_but_not_static(void)
{
	struct fdb_port_stats s;
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G2, FDB_GUEST, 0);
	CU_ASSERT_EQUAL(fdb_set_static(fdb, mac(1), G1), 0);
	CU_ASSERT_EQUAL(fdb_set_static(fdb, mac(1), G1), 0);
	CU_ASSERT_EQUAL(fdb_set_static(fdb, mac(1), G2), -EEXIST);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), G1);
	fdb_port_stats(fdb, G2, &s);
	CU_ASSERT_EQUAL(s.learned, 0);
	CU_ASSERT_EQUAL(fdb_count(fdb), 1);
	CU_ASSERT_TRUE(fdb_del(fdb, mac(1)));
	CU_ASSERT_FALSE(fdb_del(fdb, mac(1)));
	CU_ASSERT_EQUAL(fdb_count(fdb), 0);
	fdb_free(fdb);
}

/* FR-06: macof on one port. */
static void fdb_mac_flood_costs_only_the_flooding_port(void)
{
	struct fdb *fdb = table(4096, 50);
	struct fdb_port_stats s;
	unsigned i, added = 0;

	for (i = 0; i < 40; i++)
		fdb_learn(fdb, mac(i), G1, FDB_GUEST, 0);
	for (i = 1000; i < 1001000; i++)
		added += fdb_learn(fdb, mac(i), G2, FDB_GUEST, 0) == FDB_ADDED;
	CU_ASSERT_EQUAL(added, 50);
	for (i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(port_of(fdb, mac(i)), G1);
	fdb_port_stats(fdb, G2, &s);
	CU_ASSERT_EQUAL(s.learned, 50);
	CU_ASSERT_EQUAL(s.over_quota, 1000000 - 50);
	fdb_free(fdb);
}

static void fdb_full_table_refuses_learning_but_not_statics(void)
{
	struct fdb *fdb = table(64, 1000);
	unsigned i, full = 0;

	for (i = 0; i < 1000; i++)
		full += fdb_learn(fdb, mac(i), G1, FDB_GUEST, 0) == FDB_FULL;
	CU_ASSERT_TRUE(full >= 1000 - 64);
	CU_ASSERT_EQUAL(fdb_set_static(fdb, mac(5000), G2), 0);
	CU_ASSERT_EQUAL(port_of(fdb, mac(5000)), G2);
	CU_ASSERT_TRUE(fdb_count(fdb) <= 64);
	fdb_free(fdb);
}

static void fdb_says_when_statics_fill_the_table(void)
{
	struct fdb *fdb = table(64, 1000);
	unsigned i, refused = 0;

	for (i = 0; i < 200; i++)
		refused += fdb_set_static(fdb, mac(i), G2) == -ENOSPC;
	CU_ASSERT_EQUAL(fdb_count(fdb), 200 - refused);
	CU_ASSERT_TRUE(refused >= 200 - 64);
	fdb_free(fdb);
}

/* A rule for fdb_sweep(): of that segment or port; -1: of any. */
struct gone {
	int segment, port;
	bool statics;
};

static bool is_gone(const void *ctx, const struct fdb_entry *e)
{
	const struct gone *g = ctx;

	return (g->segment < 0 || e->segment == g->segment) &&
	       (g->port < 0 || e->port == g->port) &&
	       (g->statics || e->class != FDB_STATIC);
}

static uint32_t flush_port(struct fdb *fdb, uint16_t port, bool statics)
{
	struct gone g = { .segment = -1, .port = port, .statics = statics };

	return fdb_sweep(fdb, is_gone, &g);
}

static void fdb_sweeps_what_is_stale_and_only_that(void)
{
	static const uint8_t m[6] = { 2, 0, 0, 0, 0, 7 };
	struct gone thirty = { .segment = 30, .port = -1 };
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0);
	fdb_set_static(fdb, mac(2), G1);
	fdb_learn(fdb, mac(3), G2, FDB_GUEST, 0);
	CU_ASSERT_EQUAL(flush_port(fdb, G1, false), 1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(2)), G1);
	CU_ASSERT_EQUAL(flush_port(fdb, G1, true), 1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(2)), -1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(3)), G2);
	fdb_learn(fdb, fdb_key(30, m), G1, FDB_GUEST, 0);
	fdb_learn(fdb, fdb_key(20, m), G1, FDB_GUEST, 0);
	CU_ASSERT_EQUAL(fdb_sweep(fdb, is_gone, &thirty), 1);
	CU_ASSERT_EQUAL(port_of(fdb, fdb_key(30, m)), -1);
	CU_ASSERT_EQUAL(port_of(fdb, fdb_key(20, m)), G1);
	fdb_free(fdb);
}

static void fdb_forgets_silent_addresses_only(void)
{
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 65000);
	fdb_learn(fdb, mac(2), G1, FDB_GUEST, 65000);
	fdb_learn(fdb, mac(4), G1, FDB_GUEST, 302);
	fdb_set_static(fdb, mac(3), G2);
	CU_ASSERT_EQUAL(source(fdb, mac(2), G1, 65300), FDB_SRC_KNOWN);
	CU_ASSERT_EQUAL(fdb_age(fdb, 65300, 300, 0), 0);
	CU_ASSERT_EQUAL(fdb_age(fdb, 65301, 300, 0), 1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(1)), -1);
	CU_ASSERT_EQUAL(port_of(fdb, mac(2)), G1);
	CU_ASSERT_EQUAL(fdb_age(fdb, 65, 300, 0), 1); /* ticks wrapped */
	CU_ASSERT_EQUAL(port_of(fdb, mac(3)), G2);
	CU_ASSERT_EQUAL(port_of(fdb, mac(4)), G1); /* ahead of now */
	fdb_free(fdb);
}

/* A configured age beyond what ticks can tell must not mean "at once". */
static void fdb_takes_longer_ages_as_the_longest(void)
{
	struct fdb *fdb = table(1024, 100);

	fdb_learn(fdb, mac(1), G1, FDB_GUEST, 0);
	CU_ASSERT_EQUAL(fdb_age(fdb, 100, 1000000, 0), 0);
	CU_ASSERT_EQUAL(fdb_age(fdb, FDB_AGE_MAX, 34464, 0), 0);
	CU_ASSERT_EQUAL(fdb_age(fdb, FDB_AGE_MAX + 1, 1000000, 0), 1);
	fdb_free(fdb);
}

static void fdb_ages_a_bounded_part_each_time_and_all_in_turn(void)
{
	struct fdb *fdb = table(4096, 4096);
	uint32_t gone, most = 0, sum = 0;
	unsigned i;

	for (i = 0; i < 2000; i++)
		fdb_learn(fdb, mac(i), G1, FDB_GUEST, 0);
	for (i = 0; i < fdb_buckets(fdb); i += 100) {
		gone = fdb_age(fdb, 1000, 300, 100);
		most = gone > most ? gone : most;
		sum += gone;
	}
	CU_ASSERT_EQUAL(sum, 2000);
	CU_ASSERT_TRUE(most <= 100 * FDB_SLOTS);
	CU_ASSERT_EQUAL(fdb_count(fdb), 0);
	fdb_free(fdb);
}

static void count_entry(void *ctx, const struct fdb_entry *e)
{
	unsigned *sum = ctx;

	CU_ASSERT_EQUAL(e->segment, 10);
	CU_ASSERT_EQUAL(e->mac[0], 2);
	sum[0]++;
	sum[1] += e->mac[5];
	sum[2] += e->port;
}

static void fdb_lists_every_entry_once(void)
{
	struct fdb *fdb = table(1024, 100);
	unsigned i, sum[3] = { 0 };

	for (i = 1; i <= 20; i++)
		fdb_learn(fdb, mac(i), G1, FDB_GUEST, 0);
	fdb_each(fdb, count_entry, sum);
	CU_ASSERT_EQUAL(sum[0], 20);
	CU_ASSERT_EQUAL(sum[1], 210);
	CU_ASSERT_EQUAL(sum[2], 20 * G1);
	fdb_free(fdb);
}

static void fdb_refuses_impossible_sizes(void)
{
	struct fdb_conf conf = defaults;
	struct fdb *fdb;

	conf.capacity = 0;
	CU_ASSERT_EQUAL(fdb_new(&fdb, &conf), -EINVAL);
	conf.capacity = FDB_CAPACITY_MAX + 1;
	CU_ASSERT_EQUAL(fdb_new(&fdb, &conf), -EINVAL);
	conf.capacity = 1;
	conf.hold = 40000;
	CU_ASSERT_EQUAL(fdb_new(&fdb, &conf), -EINVAL);
	fdb_free(NULL);
}

/* RFC 2889 5.2: how many addresses fit before the first is refused, and all. */
static void fdb_fits_95_percent_of_64k_random_addresses(void)
{
	struct fdb *fdb = table(FDB_CAPACITY, FDB_CAPACITY);
	unsigned i, first = 0, fit = 0;
	uint64_t s = 7, t = 7;

	for (i = 0; i < FDB_CAPACITY; i++) {
		if (fdb_learn(fdb, mac(rnd(&s)), UP, FDB_UPLINK, 0) != FDB_FULL)
			fit++;
		else if (!first)
			first = i;
	}
	printf(" first refused at %u, %u fit of %u ", first, fit, FDB_CAPACITY);
	CU_ASSERT_TRUE(fit >= FDB_CAPACITY * 95u / 100);
	for (i = 0; i < first; i++)
		CU_ASSERT_EQUAL(port_of(fdb, mac(rnd(&t))), UP);
	fdb_free(fdb);
}

/* Addresses in a row, as one maker's are, must fit as well as random ones. */
static void fdb_fits_95_percent_of_64k_addresses_in_a_row(void)
{
	static const unsigned strides[] = { 1, 2, 256, 4096, 65536 };
	unsigned k, i, fit;

	for (k = 0; k < sizeof(strides) / sizeof(*strides); k++) {
		struct fdb *fdb = table(FDB_CAPACITY, FDB_CAPACITY);

		for (i = fit = 0; i < FDB_CAPACITY; i++)
			fit += fdb_learn(fdb, mac(i * strides[k]), UP,
					 FDB_UPLINK, 0) == FDB_ADDED;
		CU_ASSERT_TRUE(fit >= FDB_CAPACITY * 95u / 100);
		fdb_free(fdb);
	}
}

/* Chi-square over buckets: 16384 buckets, 4 a bucket on average. */
static void fdb_hash_spreads_evenly_under_any_seed(void)
{
	struct fdb_conf conf = defaults;
	unsigned seed, i;

	for (seed = 1; seed <= 5; seed++) {
		unsigned n[2][16384] = { { 0 } };
		struct fdb *fdb;
		double chi[2] = { 0 };

		conf.seed = seed;
		CU_ASSERT_EQUAL_FATAL(fdb_new(&fdb, &conf), 0);
		for (i = 0; i < 65536; i++) {
			uint64_t h = fdb_hash(fdb, mac(i));

			n[0][fdb_first(fdb, h) - fdb->buckets]++;
			n[1][fdb_second(fdb, h) - fdb->buckets]++;
		}
		for (i = 0; i < 16384; i++) {
			chi[0] += (n[0][i] - 4.0) * (n[0][i] - 4.0) / 4.0;
			chi[1] += (n[1][i] - 4.0) * (n[1][i] - 4.0) / 4.0;
		}
		/* expectation 16383, deviation 181; even is no fault */
		CU_ASSERT_TRUE(chi[0] < 16383 + 6 * 181);
		CU_ASSERT_TRUE(chi[1] < 16383 + 6 * 181);
		fdb_free(fdb);
	}
}

/* Addresses that share a bucket under one seed do not under another. */
static void fdb_collisions_depend_on_the_seed(void)
{
	struct fdb_conf conf = defaults;
	struct fdb *a, *b;
	unsigned i, both = 0, found = 0;

	conf.seed = 1;
	CU_ASSERT_EQUAL_FATAL(fdb_new(&a, &conf), 0);
	conf.seed = 2;
	CU_ASSERT_EQUAL_FATAL(fdb_new(&b, &conf), 0);
	for (i = 1; found < 50; i++) {
		if (fdb_first(a, fdb_hash(a, mac(i))) !=
		    fdb_first(a, fdb_hash(a, mac(0))))
			continue;
		found++;
		both += fdb_first(b, fdb_hash(b, mac(i))) ==
			fdb_first(b, fdb_hash(b, mac(0)));
	}
	CU_ASSERT_TRUE(both <= 2);
	fdb_free(a);
	fdb_free(b);
}

/* The model. */

#define MODEL_MACS  300
#define MODEL_PORTS 4

struct model {
	struct {
		enum fdb_class class;
		uint16_t port, seen, moved;
	} e[MODEL_MACS];
	uint32_t learned[MODEL_PORTS], quota[MODEL_PORTS];
};

static void model_set(struct model *m, unsigned i, enum fdb_class class,
		      uint16_t port)
{
	if (m->e[i].class == FDB_GUEST || m->e[i].class == FDB_UPLINK)
		m->learned[m->e[i].port]--;
	if (class == FDB_GUEST || class == FDB_UPLINK)
		m->learned[port]++;
	m->e[i].class = class;
	m->e[i].port = port;
}

static enum fdb_learned model_learn(struct model *m, unsigned i, uint16_t port,
				    enum fdb_class class, uint16_t tick)
{
	enum fdb_learned verdict = FDB_MOVED;

	if (m->e[i].class && m->e[i].port == port) {
		m->e[i].seen = tick;
		return FDB_KNOWN;
	}
	if (m->e[i].class == FDB_GUEST && class != FDB_GUEST &&
	    (class == FDB_UPLINK ||
	     (uint16_t)(tick - m->e[i].seen) <= FDB_HOLD_TICKS))
		return FDB_FOREIGN;
	class &= ~FDB_ANNOUNCED;
	if (m->e[i].class > class)
		return FDB_FOREIGN;
	if (m->e[i].class && (uint16_t)(tick - m->e[i].moved) < FDB_HOLD_TICKS)
		return FDB_HELD;
	if (m->learned[port] >= m->quota[port])
		return FDB_QUOTA;
	m->e[i].moved = tick;
	if (!m->e[i].class) {
		verdict = FDB_ADDED;
		m->e[i].moved = tick - FDB_HOLD_TICKS;
	}
	m->e[i].seen = tick;
	model_set(m, i, class, port);
	return verdict;
}

static void model_forget(struct model *m, int port, int now, bool statics)
{
	unsigned i;

	for (i = 0; i < MODEL_MACS; i++) {
		if (m->e[i].class == FDB_STATIC && !statics)
			continue;
		if (port >= 0 && m->e[i].port != port)
			continue;
		if (now >= 0 && (int16_t)(now - m->e[i].seen) <= 300)
			continue;
		model_set(m, i, FDB_NONE, 0);
	}
}

static bool model_agrees(const struct model *m, struct fdb *fdb)
{
	struct fdb_port_stats s;
	struct fdb_hit hit;
	unsigned i;

	for (i = 0; i < MODEL_MACS; i++) {
		bool found = fdb_lookup(fdb, mac(i), &hit);

		if (found != (m->e[i].class != FDB_NONE) ||
		    (found &&
		     (hit.port != m->e[i].port || hit.class != m->e[i].class)))
			return false;
	}
	for (i = 0; i < MODEL_PORTS; i++) {
		fdb_port_stats(fdb, i, &s);
		if (s.learned != m->learned[i])
			return false;
	}
	return true;
}

/* One random operation on both; false when they answer differently. */
static bool model_step(struct model *m, struct fdb *fdb, uint64_t *s,
		       uint16_t *tick)
{
	unsigned op = rnd(s) % 1000, i = rnd(s) % MODEL_MACS;
	uint16_t port = rnd(s) % MODEL_PORTS;
	enum fdb_class class = port ? FDB_GUEST : FDB_UPLINK;
	enum fdb_learned got, want;
	int rc;

	if (op < 900) {
		if (class == FDB_UPLINK && op < 450)
			class |= FDB_ANNOUNCED;
		got = fdb_learn(fdb, mac(i), port, class, *tick);
		want = model_learn(m, i, port, class, *tick);
		return got == want;
	}
	if (op < 950) {
		*tick += rnd(s) % 40;
	} else if (op < 970) {
		rc = fdb_set_static(fdb, mac(i), port);
		if (m->e[i].class == FDB_STATIC && m->e[i].port != port)
			return rc == -EEXIST;
		model_set(m, i, FDB_STATIC, port);
		return rc == 0;
	} else if (op < 990) {
		if (fdb_del(fdb, mac(i)) != (m->e[i].class != FDB_NONE))
			return false;
		model_set(m, i, FDB_NONE, 0);
	} else if (op < 995) {
		fdb_age(fdb, *tick, 300, 0);
		model_forget(m, -1, *tick, false);
	} else {
		flush_port(fdb, port, op & 1);
		model_forget(m, port, -1, op & 1);
	}
	return true;
}

/*
 * 300 addresses in 512 slots: shifting is common, full never happens, so the
 * model needs to know nothing of buckets.
 */
static void fdb_agrees_with_a_simple_model(void)
{
	const char *env = getenv("SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 20240607, s = seed;
	struct model m = { .quota = { 300, 30, 60, 90 } };
	struct fdb *fdb = table(320, 300);
	uint16_t tick = 0;
	unsigned i;

	printf(" SEED=%llu ", (unsigned long long)seed);
	for (i = 0; i < MODEL_PORTS; i++)
		fdb_set_quota(fdb, i, m.quota[i]);
	for (i = 0; i < 1000000; i++) {
		if (!model_step(&m, fdb, &s, &tick))
			break;
		if (i % 1000 == 0 && !model_agrees(&m, fdb))
			break;
	}
	CU_ASSERT_EQUAL(i, 1000000);
	CU_ASSERT_TRUE(model_agrees(&m, fdb));
	fdb_free(fdb);
}

/*
 * Readers beside a writer.  Port = a function of the address, so a value that
 * belongs to another key shows; and some addresses are never removed, so a
 * miss of those shows.  The table is small and nearly full: slots are reused
 * and shifted all the time.
 */
#define STRESS_STEADY 100
#define STRESS_MACS   400
#define STRESS_ROUNDS 400000

struct stress {
	struct fdb *fdb;
	_Atomic bool stop;
	_Atomic unsigned wrong, missed, reads;
};

static uint16_t stress_port(unsigned i)
{
	return i * 7 % 4000;
}

static void *stress_reader(void *arg)
{
	struct stress *st = arg;
	uint64_t s = (uintptr_t)&s;
	struct fdb_hit hit;

	while (!st->stop) {
		unsigned n;

		for (n = 0; n < 1000; n++) {
			unsigned i = rnd(&s) % STRESS_MACS;
			bool found = fdb_lookup(st->fdb, mac(i), &hit);

			if (found && hit.port != stress_port(i))
				st->wrong++;
			if (!found && i < STRESS_STEADY)
				st->missed++;
		}
		st->reads += n;
	}
	return NULL;
}

static void stress_write(struct stress *st)
{
	uint64_t s = 99;
	unsigned n, i;

	for (n = 0; n < STRESS_ROUNDS || st->reads < 10000; n++) {
		i = STRESS_STEADY + rnd(&s) % (STRESS_MACS - STRESS_STEADY);
		if (rnd(&s) % 3)
			fdb_learn(st->fdb, mac(i), stress_port(i), FDB_GUEST,
				  n);
		else
			fdb_del(st->fdb, mac(i));
	}
}

static void fdb_readers_never_see_a_foreign_value_nor_miss_an_entry(void)
{
	struct stress st = { .fdb = table(256, 256) };
	pthread_t reader[2];
	unsigned i;

	for (i = 0; i < STRESS_STEADY; i++)
		CU_ASSERT_EQUAL_FATAL(
			fdb_learn(st.fdb, mac(i), stress_port(i), FDB_GUEST, 0),
			FDB_ADDED);
	for (i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&reader[i], NULL, stress_reader, &st),
			0);
	stress_write(&st);
	st.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(reader[i], NULL);
	printf(" %u reads, %u shifts ", (unsigned)st.reads, st.fdb->shifts);
	CU_ASSERT_EQUAL(st.wrong, 0);
	CU_ASSERT_EQUAL(st.missed, 0);
	CU_ASSERT_TRUE(st.fdb->shifts > 100);
	fdb_free(st.fdb);
}

/* Two workers learning at once: each address ends in the table once. */
static void *stress_learner(void *arg)
{
	struct fdb *fdb = arg;
	unsigned i;

	for (i = 0; i < 20000; i++)
		while (fdb_learn(fdb, mac(i), UP, FDB_UPLINK, 0) ==
		       FDB_DEFERRED)
			;
	return NULL;
}

static void fdb_two_learners_add_each_address_once(void)
{
	struct fdb *fdb = table(FDB_CAPACITY, FDB_CAPACITY);
	struct fdb_port_stats s;
	pthread_t a, b;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&a, NULL, stress_learner, fdb), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&b, NULL, stress_learner, fdb), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	fdb_port_stats(fdb, UP, &s);
	CU_ASSERT_EQUAL(fdb_count(fdb), 20000);
	CU_ASSERT_EQUAL(s.learned, 20000);
	CU_ASSERT_EQUAL(s.added, 20000);
	fdb_free(fdb);
}

int main(void)
{
	CU_pSuite s;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite("fdb", NULL, NULL);
	CU_ADD_TEST(s, fdb_finds_what_it_learned_and_nothing_else);
	CU_ADD_TEST(s, fdb_keeps_segments_apart);
	CU_ADD_TEST(s, fdb_never_finds_the_zero_address_in_segment_zero);
	CU_ADD_TEST(s, fdb_refuses_a_value_of_another_key);
	CU_ADD_TEST(s, fdb_moves_mac_to_new_port);
	CU_ADD_TEST(s, fdb_holds_a_flapping_mac_where_it_is);
	CU_ADD_TEST(s, fdb_holds_across_the_wrap_of_ticks);
	CU_ADD_TEST(s, fdb_ranks_static_over_uplink_over_guest);
	CU_ADD_TEST(
		s,
		fdb_uplink_gets_a_guests_address_after_silence_and_a_word);
	CU_ADD_TEST(s, fdb_refuses_a_source_that_is_static_elsewhere);
	CU_ADD_TEST(s, fdb_static_replaces_learned_but_not_static);
	CU_ADD_TEST(s, fdb_mac_flood_costs_only_the_flooding_port);
	CU_ADD_TEST(s, fdb_full_table_refuses_learning_but_not_statics);
	CU_ADD_TEST(s, fdb_says_when_statics_fill_the_table);
	CU_ADD_TEST(s, fdb_sweeps_what_is_stale_and_only_that);
	CU_ADD_TEST(s, fdb_forgets_silent_addresses_only);
	CU_ADD_TEST(s, fdb_takes_longer_ages_as_the_longest);
	CU_ADD_TEST(s, fdb_ages_a_bounded_part_each_time_and_all_in_turn);
	CU_ADD_TEST(s, fdb_lists_every_entry_once);
	CU_ADD_TEST(s, fdb_refuses_impossible_sizes);
	CU_ADD_TEST(s, fdb_fits_95_percent_of_64k_random_addresses);
	CU_ADD_TEST(s, fdb_fits_95_percent_of_64k_addresses_in_a_row);
	CU_ADD_TEST(s, fdb_hash_spreads_evenly_under_any_seed);
	CU_ADD_TEST(s, fdb_collisions_depend_on_the_seed);
	CU_ADD_TEST(s, fdb_agrees_with_a_simple_model);
	CU_ADD_TEST(s, fdb_readers_never_see_a_foreign_value_nor_miss_an_entry);
	CU_ADD_TEST(s, fdb_two_learners_add_each_address_once);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	return CU_get_number_of_failures() ? 1 : 0;
}
