/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sa.c: the table, and limits judged before anything is sealed. */
#include "ipsec-migrate/sa.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/lib/esp_world.h"
#include "tests/lib/suite.h"

static struct sa_table *table(uint32_t capacity)
{
	struct sa_table *t = NULL;

	CU_ASSERT_EQUAL_FATAL(sa_table_new(&t, capacity), 0);
	return t;
}

static struct sa *add(struct sa_table *t, const struct sa_conf *c,
		      uint64_t now_ms)
{
	struct sa *sa = NULL;

	CU_ASSERT_EQUAL_FATAL(sa_add(t, c, now_ms, &sa), 0);
	return sa;
}

static void an_inbound_spi_names_one_sa(void)
{
	struct sa_conf c = world_conf(), m = world_mirror(&c);
	struct sa_table *t = table(8);
	struct sa *in = add(t, &m, 0), *out = add(t, &c, 0), *other;

	m.peer = 2;
	CU_ASSERT_EQUAL(sa_add(t, &m, 0, &other), -EEXIST);
	CU_ASSERT_EQUAL(sa_add(t, &c, 0, &other), -EEXIST);
	c.peer = 2; /* peers choose as they like */
	other = add(t, &c, 0);
	CU_ASSERT_PTR_EQUAL(sa_find_in(t, WORLD_SPI), in);
	CU_ASSERT_PTR_EQUAL(sa_find_out(t, 1, WORLD_SPI), out);
	CU_ASSERT_PTR_EQUAL(sa_find_out(t, 2, WORLD_SPI), other);
	CU_ASSERT_PTR_NULL(sa_find_out(t, 3, WORLD_SPI));
	CU_ASSERT_PTR_NULL(sa_find_in(t, WORLD_SPI + 1));
	sa_delete(in);
	CU_ASSERT_PTR_NULL(sa_find_in(t, WORLD_SPI));
	CU_ASSERT_PTR_EQUAL(sa_find_out(t, 1, WORLD_SPI), out);
	sa_table_free(t);
}

static void a_full_table_says_so(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(100);
	struct sa *sa, *last = NULL;
	unsigned n;

	for (n = 0; n < 100; n++, c.spi += 0x10001)
		last = add(t, &c, 0);
	CU_ASSERT_EQUAL(sa_add(t, &c, 0, &sa), -ENOSPC);
	CU_ASSERT_EQUAL(sa_count(t), 100);
	n = 0;
	for (sa = sa_next(t, NULL); sa; sa = sa_next(t, sa))
		n++;
	CU_ASSERT_EQUAL(n, 100);
	sa_delete(last);
	add(t, &c, 0);
	sa_table_free(t);
	sa_table_free(NULL);
	CU_ASSERT_EQUAL(sa_table_new(&t, 0), -EINVAL);
	CU_ASSERT_EQUAL(sa_table_new(&t, SA_TABLE_MAX + 1), -EINVAL);
}

static void senseless_sas_are_refused(void)
{
	struct sa_table *t = table(8);
	struct sa_conf good = world_conf(), c;
	struct sa *sa;

#define REFUSED(change)                                                       \
	do {                                                                  \
		c = good;                                                     \
		change;                                                       \
		CU_ASSERT_EQUAL(sa_add(t, &c, 0, &sa), -EINVAL);              \
	} while (0)

	REFUSED(c.spi = 0);
	REFUSED(c.spi = SA_SPI_MIN - 1);
	REFUSED(c.key_len = 35);
	REFUSED(c.alg = CIPHER_ALG_COUNT);
	REFUSED(c.selector_count = 0);
	REFUSED(c.selector_count = SA_SELECTORS_MAX + 1);
	REFUSED(c.selectors[1].family = 0);
	REFUSED(c.path.remote.ss_family = AF_INET6);
	REFUSED(c.path.remote.ss_family = c.path.local.ss_family = AF_UNIX);
	REFUSED(c.inbound = true; c.replay_window = 65);
#undef REFUSED
	CU_ASSERT_EQUAL(sa_count(t), 0);
	sa_table_free(t);
}

/* IK-10: no number is given out twice, and none near the wrap at all. */
static void numbers_are_given_out_once(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(8);
	struct sa *sa = add(t, &c, 0);
	uint64_t first;

	CU_ASSERT(sa_take(sa, 1, 100, 0, &first));
	CU_ASSERT_EQUAL(first, 1);
	CU_ASSERT(sa_take(sa, 45, 100, 0, &first));
	CU_ASSERT_EQUAL(first, 2);
	CU_ASSERT(sa_take(sa, 1, 100, 0, &first));
	CU_ASSERT_EQUAL(first, 47);
	CU_ASSERT_EQUAL(sa->stats.packets, 47);
	CU_ASSERT_EQUAL(sa->stats.bytes, 300);
	sa->seq = sa->seq_max - 2;
	CU_ASSERT_FALSE(sa_take(sa, 3, 1, 0, &first));
	CU_ASSERT_FALSE(sa_take(sa, 1, 1, 0, &first)); /* it is at its end */
	CU_ASSERT(sa->seq_max < UINT64_MAX / 2);
	sa_table_free(t);
}

static void without_esn_the_end_is_before_2_to_the_32(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(8);
	struct sa_event ev[4];
	struct sa *sa;
	uint64_t first;

	c.esn = false;
	sa = add(t, &c, 0);
	sa->seq = sa->stats.packets = UINT32_MAX / 4 * 3 + 2ULL;
	CU_ASSERT(sa_take(sa, 1, 1, 0, &first)); /* a successor is due */
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 1);
	CU_ASSERT_EQUAL(ev[0].kind, SA_EVENT_SOFT);
	sa->seq = UINT32_MAX - 65536ULL;
	CU_ASSERT(sa_take(sa, 1, 1, 0, &first));
	CU_ASSERT_FALSE(sa_take(sa, 1, 1, 0, &first));
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 1);
	CU_ASSERT_EQUAL(ev[0].kind, SA_EVENT_HARD);
	sa_table_free(t);
}

/* IK-09 */
static void limits_of_packets_and_bytes_are_exact(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(8);
	struct sa_event ev[4];
	struct sa *sa;
	uint64_t first;

	c.soft.packets = 5;
	c.hard.packets = 8;
	sa = add(t, &c, 0);
	CU_ASSERT(sa_take(sa, 4, 1, 0, &first));
	CU_ASSERT_FALSE(sa_events_due(t));
	CU_ASSERT(sa_take(sa, 1, 1, 0, &first));
	CU_ASSERT(sa_events_due(t));
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 1);
	CU_ASSERT(ev[0].kind == SA_EVENT_SOFT && ev[0].sa == sa);
	CU_ASSERT(sa_take(sa, 3, 1, 0, &first));
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 0);
	CU_ASSERT_FALSE(sa_take(sa, 1, 1, 0, &first));
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 1);
	CU_ASSERT_EQUAL(ev[0].kind, SA_EVENT_HARD);
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 0);
	CU_ASSERT_FALSE(sa_take(sa, 1, 1, 0, &first));
	CU_ASSERT_EQUAL(sa->seq, 8);

	c.spi++;
	c.soft.packets = c.hard.packets = 0;
	c.soft.bytes = 1000;
	c.hard.bytes = 2000;
	sa = add(t, &c, 0);
	CU_ASSERT(sa_take(sa, 1, 2000, 0, &first));
	CU_ASSERT_EQUAL(sa_events(t, 0, ev, 4), 1);
	CU_ASSERT_FALSE(sa_take(sa, 1, 1, 0, &first));
	sa_table_free(t);
}

static void limits_of_time_are_exact(void)
{
	struct sa_conf c = world_conf(), m = world_mirror(&c);
	struct sa_table *t = table(8);
	struct sa *out, *in;
	struct sa_event ev[4];
	uint64_t first;

	c.soft.ms = m.soft.ms = 60000;
	c.hard.ms = m.hard.ms = 90000;
	out = add(t, &c, 1000);
	in = add(t, &m, 1000);
	CU_ASSERT_EQUAL(sa_events(t, 60999, ev, 4), 0);
	CU_ASSERT_EQUAL(sa_events(t, 61000, ev, 4), 2);
	CU_ASSERT_EQUAL(ev[1].kind, SA_EVENT_SOFT);
	CU_ASSERT_EQUAL(sa_events(t, 90999, ev, 4), 0);
	CU_ASSERT(sa_take(out, 1, 1, 90999, &first));
	CU_ASSERT_FALSE(sa_expired(in, 90999));
	CU_ASSERT(sa_expired(in, 91000));
	CU_ASSERT_FALSE(sa_take(out, 1, 1, 91000, &first));
	CU_ASSERT_EQUAL(sa_events(t, 91000, ev, 1), 1);
	CU_ASSERT_EQUAL(sa_events(t, 91000, ev, 1), 1);
	CU_ASSERT_EQUAL(sa_events(t, 91000, ev, 1), 0);
	CU_ASSERT_FALSE(sa_take(out, 1, 1, 0, &first)); /* for good */
	sa_table_free(t);
}

static void an_inbound_sa_is_at_its_end_at_the_limit(void)
{
	struct sa_conf c = world_conf(), m = world_mirror(&c);
	struct sa_table *t = table(8);
	struct sa *sa;

	m.hard.bytes = 100;
	sa = add(t, &m, 0);
	CU_ASSERT(sa_take(sa, 1, 99, 0, NULL));
	CU_ASSERT_FALSE(sa_expired(sa, 0));
	CU_ASSERT(sa_take(sa, 1, 1, 0, NULL));
	CU_ASSERT(sa_expired(sa, 0)); /* empty packets as well */
	CU_ASSERT_EQUAL(sa->seq, 0);
	sa_table_free(t);
}

/* Time alone, without a packet, ends an SA, and asks for no successor then. */
static void an_idle_sa_expires_too(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(8);
	struct sa_event ev[4];

	c.soft.ms = 10;
	c.hard.ms = 20;
	add(t, &c, 0);
	CU_ASSERT_EQUAL(sa_events(t, 25, ev, 4), 1);
	CU_ASSERT_EQUAL(ev[0].kind, SA_EVENT_HARD);
	CU_ASSERT_EQUAL(sa_events(t, 99, ev, 4), 0);
	c.spi++;
	c.hard.ms = UINT64_MAX;
	add(t, &c, 50);
	CU_ASSERT_EQUAL(sa_events(t, 60, ev, 4), 1);
	CU_ASSERT_EQUAL(sa_events(t, UINT64_MAX - 1, ev, 4), 0);
	sa_table_free(t);
}

/* IK-14: a report of a path that IP does not allow is not believed. */
static void the_path_has_a_least_mtu(void)
{
	struct sa_conf c = world_conf();
	struct sa_table *t = table(8);
	struct sa *sa = add(t, &c, 0);

	CU_ASSERT_EQUAL(sa->inner_mtu, 1438);
	c.path.mtu = 68;
	sa_set_path(sa, &c.path);
	CU_ASSERT_EQUAL(sa->inner_mtu, 514);
	c.path.local.ss_family = c.path.remote.ss_family = AF_INET6;
	sa_set_path(sa, &c.path);
	CU_ASSERT_EQUAL(sa->inner_mtu, 1198);
	c.path.mtu = 1 << 20;
	sa_set_path(sa, &c.path);
	CU_ASSERT_EQUAL(sa->path.mtu, 65535);
	sa_table_free(t);
}

static void inbound_flows_must_fit_a_selector(void)
{
	struct sa_conf c = world_conf(), m = world_mirror(&c);
	struct sa_table *t = table(8);
	struct sa *sa = add(t, &m, 0);
	struct inner_flow f = { .src = { 10, 1, 0, 1 }, .dst = { 10, 2, 0, 1 },
				.family = 4, .proto = 6, .has_ports = 1 };
	unsigned i;

	for (i = 0; i < 2; i++) /* twice: the second from memory */
		CU_ASSERT(sa_admits(sa, &f));
	f.src[1] = 3;
	CU_ASSERT_FALSE(sa_admits(sa, &f));
	f.src[1] = 1;
	f.dst[1] = 1;
	CU_ASSERT_FALSE(sa_admits(sa, &f));
	f.dst[1] = 2;
	f.family = 6;
	CU_ASSERT_FALSE(sa_admits(sa, &f));
	CU_ASSERT_FALSE(sa_admits(sa, &(struct inner_flow){ .family = 4 }));
	/* What nothing has matched yet is not "as the last". */
	sa_delete(sa);
	sa = add(t, &m, 0);
	CU_ASSERT_FALSE(sa_admits(sa, &(struct inner_flow){ .family = 0 }));
	sa_table_free(t);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(an_inbound_spi_names_one_sa),
		SUITE_TEST(a_full_table_says_so),
		SUITE_TEST(senseless_sas_are_refused),
		SUITE_TEST(numbers_are_given_out_once),
		SUITE_TEST(without_esn_the_end_is_before_2_to_the_32),
		SUITE_TEST(limits_of_packets_and_bytes_are_exact),
		SUITE_TEST(limits_of_time_are_exact),
		SUITE_TEST(an_inbound_sa_is_at_its_end_at_the_limit),
		SUITE_TEST(an_idle_sa_expires_too),
		SUITE_TEST(the_path_has_a_least_mtu),
		SUITE_TEST(inbound_flows_must_fit_a_selector),
	};

	return suite_run("sa", tests, sizeof(tests) / sizeof(tests[0]));
}
