/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy.c: what leads where, and what leads nowhere. */
#include "ipsec-migrate/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_world.h"
#include "tests/lib/suite.h"

static struct policy_set *ps;
static struct sa_table *sas;
static uint32_t spi;

static void begin(void)
{
	spi = WORLD_SPI;
	CU_ASSERT_EQUAL_FATAL(policy_set_new(&ps, 256), 0);
	CU_ASSERT_EQUAL_FATAL(sa_table_new(&sas, 64), 0);
}

static void end(void)
{
	policy_set_free(ps);
	sa_table_free(sas);
}

static struct sa *bound(uint32_t group, const struct sa *replaces)
{
	struct sa_conf c = world_conf();
	struct sa *sa = NULL;

	c.spi = spi++;
	c.group = group;
	CU_ASSERT_EQUAL_FATAL(sa_add(sas, &c, 0, &sa), 0);
	CU_ASSERT_EQUAL(policy_bind(ps, sa, replaces), 0);
	return sa;
}

static void unbind(struct sa *sa)
{
	policy_unbind(ps, sa);
	sa_delete(sa);
}

static struct selector net(uint32_t local, unsigned lbits, uint32_t remote,
			   unsigned rbits)
{
	struct selector s = world_selector(4);
	uint32_t lmask = lbits ? UINT32_MAX << (32 - lbits) : 0;
	uint32_t rmask = rbits ? UINT32_MAX << (32 - rbits) : 0;
	uint32_t v;

	v = htonl(local & lmask);
	memcpy(s.local.lo, &v, 4);
	v = htonl(local | ~lmask);
	memcpy(s.local.hi, &v, 4);
	v = htonl(remote & rmask);
	memcpy(s.remote.lo, &v, 4);
	v = htonl(remote | ~rmask);
	memcpy(s.remote.hi, &v, 4);
	return s;
}

static struct inner_flow flow(uint32_t src, uint32_t dst, uint16_t dport)
{
	struct inner_flow f = { .family = 4, .proto = IPPROTO_TCP,
				.has_ports = 1, .sport = 1234,
				.dport = dport };

	src = htonl(src);
	dst = htonl(dst);
	memcpy(f.src, &src, 4);
	memcpy(f.dst, &dst, 4);
	return f;
}

#define A(n) (0x0a010000u + (n))
#define B(n) (0x0a020000u + (n))

/* The SA, or NULL and why. */
static struct sa *look(struct inner_flow f, enum esp_drop want)
{
	enum esp_drop why = ESP_DROP_NONE;
	uint32_t group = 0;
	struct sa *sa = policy_find(ps, &f, &why, &group);

	CU_ASSERT_EQUAL(why, want);
	CU_ASSERT_EQUAL(!sa, want != ESP_DROP_NONE);
	return sa;
}

static void what_no_policy_names_is_dropped(void)
{
	struct selector s = world_selector(4);

	begin();
	look(flow(A(1), B(1), 80), ESP_DROP_NO_POLICY);
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), 0);
	look(flow(A(1), 0x0a030001, 80), ESP_DROP_NO_POLICY);
	look(flow(B(1), A(1), 80), ESP_DROP_NO_POLICY);
	end();
}

/* IK-07 */
static void without_an_sa_it_is_dropped_and_asked_for_once(void)
{
	struct selector s = world_selector(4);
	uint32_t group = 0;
	struct sa *sa;

	begin();
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), 0);
	CU_ASSERT_FALSE(policy_wanted(ps, &group));
	look(flow(A(1), B(1), 80), ESP_DROP_NO_SA);
	look(flow(A(2), B(1), 80), ESP_DROP_NO_SA);
	CU_ASSERT(policy_wanted(ps, &group));
	CU_ASSERT_EQUAL(group, 5);
	CU_ASSERT_FALSE(policy_wanted(ps, &group));
	look(flow(A(1), B(1), 80), ESP_DROP_NO_SA);
	CU_ASSERT_FALSE(policy_wanted(ps, &group));
	policy_want_again(ps, 5);
	look(flow(A(1), B(1), 80), ESP_DROP_NO_SA);
	CU_ASSERT(policy_wanted(ps, &group));
	sa = bound(5, NULL);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 80), 0), sa);
	unbind(sa);
	look(flow(A(1), B(1), 80), ESP_DROP_NO_SA);
	CU_ASSERT(policy_wanted(ps, &group));
	end();
}

static void the_narrowest_policy_wins(void)
{
	struct selector all = net(0, 0, 0, 0), wide = net(A(0), 16, B(0), 16);
	struct selector host = net(A(0), 16, B(7), 32), port = wide;
	struct sa *sa[4];

	begin();
	port.proto = IPPROTO_TCP;
	port.remote.port_lo = port.remote.port_hi = 443;
	CU_ASSERT_EQUAL(policy_add(ps, &all, 0), 0);
	CU_ASSERT_EQUAL(policy_add(ps, &wide, 1), 0);
	CU_ASSERT_EQUAL(policy_add(ps, &host, 2), 0);
	CU_ASSERT_EQUAL(policy_add(ps, &port, 3), 0);
	sa[0] = bound(0, NULL);
	sa[1] = bound(1, NULL);
	sa[2] = bound(2, NULL);
	sa[3] = bound(3, NULL);
	CU_ASSERT_PTR_EQUAL(look(flow(1, 2, 80), 0), sa[0]);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 80), 0), sa[1]);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(7), 443), 0), sa[2]);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 443), 0), sa[3]);
	/* Deleting one is seen at once, cache or not. */
	CU_ASSERT_EQUAL(policy_delete(ps, &port, 3), 0);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 443), 0), sa[1]);
	CU_ASSERT_EQUAL(policy_delete(ps, &wide, 1), 0);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 443), 0), sa[0]);
	CU_ASSERT_EQUAL(policy_delete(ps, &all, 0), 0);
	look(flow(A(1), B(1), 443), ESP_DROP_NO_POLICY);
	end();
}

static void ranges_need_not_be_prefixes(void)
{
	struct selector s = net(A(0), 16, B(0), 16);
	struct sa *sa;

	begin();
	s.remote.lo[3] = 10;
	s.remote.hi[2] = 1;
	s.remote.hi[3] = 20; /* 10.2.0.10 to 10.2.1.20 */
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), 0);
	sa = bound(5, NULL);
	look(flow(A(1), B(9), 1), ESP_DROP_NO_POLICY);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(10), 1), 0), sa);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(276), 1), 0), sa);
	look(flow(A(1), B(277), 1), ESP_DROP_NO_POLICY);
	end();
}

static void policies_are_added_and_deleted_exactly(void)
{
	struct selector s = world_selector(4), other = world_selector(6);

	begin();
	CU_ASSERT_EQUAL(policy_delete(ps, &s, 5), -ENOENT);
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), 0);
	CU_ASSERT_EQUAL(policy_add(ps, &s, 6), -EEXIST);
	CU_ASSERT_EQUAL(policy_add(ps, &other, 5), 0);
	CU_ASSERT_EQUAL(policy_delete(ps, &s, 6), -ENOENT);
	CU_ASSERT_EQUAL(policy_count(ps), 2);
	CU_ASSERT_EQUAL(policy_delete(ps, &s, 5), 0);
	CU_ASSERT_EQUAL(policy_delete(ps, &s, 5), -ENOENT);
	CU_ASSERT_EQUAL(policy_delete(ps, &other, 5), 0);
	s.family = 9;
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), -EINVAL);
	end();
	policy_set_free(NULL);
	CU_ASSERT_EQUAL(policy_set_new(&ps, 0), -EINVAL);
}

static void full_is_refused(void)
{
	struct selector s;
	uint32_t n;

	begin();
	for (n = 0; n < 256; n++) {
		s = net(A(n), 32, B(n), 32);
		CU_ASSERT_EQUAL(policy_add(ps, &s, n), 0);
	}
	s = net(A(n), 32, B(n), 32);
	CU_ASSERT_EQUAL(policy_add(ps, &s, n), -ENOSPC);
	for (n = 0; n < 256; n++) {
		s = net(A(n), 32, B(n), 32);
		CU_ASSERT_EQUAL(policy_delete(ps, &s, n), 0);
	}
	for (n = 0; n < 64; n++) { /* as many shapes as there can be */
		s = net(A(0), 1 + n / 8, B(0), 1 + n % 8);
		CU_ASSERT_EQUAL(policy_add(ps, &s, n), 0);
	}
	s = net(A(0), 20, B(0), 20);
	CU_ASSERT_EQUAL(policy_add(ps, &s, n), -ENOSPC);
	CU_ASSERT_EQUAL(policy_count(ps), 64);
	end();
}

static void flows_spread_over_streams_and_stay(void)
{
	struct selector s = world_selector(4);
	struct sa *stream[4], *was[400], *now;
	unsigned n[4] = { 0 }, i, k;

	begin();
	CU_ASSERT_EQUAL(policy_add(ps, &s, 5), 0);
	for (i = 0; i < 4; i++)
		stream[i] = bound(5, NULL);
	for (i = 0; i < 400; i++) {
		was[i] = look(flow(A(1), B(1), (uint16_t)i), 0);
		CU_ASSERT_PTR_EQUAL(was[i],
				    look(flow(A(1), B(1), (uint16_t)i), 0));
		for (k = 0; k < 4; k++)
			n[k] += was[i] == stream[k];
	}
	for (k = 0; k < 4; k++)
		CU_ASSERT(n[k] > 50 && n[k] < 150);
	/* A successor has its predecessor's flows and no others. */
	now = bound(5, stream[2]);
	for (i = 0; i < 400; i++)
		CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), (uint16_t)i), 0),
				    was[i] == stream[2] ? now : was[i]);
	unbind(stream[2]);
	CU_ASSERT_PTR_EQUAL(look(flow(A(1), B(1), 1), 0),
			    was[1] == stream[2] ? now : was[1]);
	/* Who loses its stream finds another; the rest stay. */
	unbind(stream[0]);
	for (i = 0; i < 400; i++) {
		struct sa *sa = look(flow(A(1), B(1), (uint16_t)i), 0);

		CU_ASSERT(was[i] == stream[0] || was[i] == stream[2] ||
			  sa == was[i]);
	}
	end();
}

static void too_many_streams_are_refused(void)
{
	struct sa_conf c = world_conf();
	struct sa *sa = NULL, *last = NULL;
	unsigned i;

	begin();
	for (i = 0; i < POLICY_STREAMS_MAX; i++)
		last = bound(5, NULL);
	c.spi = 999;
	CU_ASSERT_EQUAL(sa_add(sas, &c, 0, &sa), 0);
	CU_ASSERT_EQUAL(policy_bind(ps, sa, NULL), -ENOSPC);
	CU_ASSERT_EQUAL(policy_bind(ps, sa, last), 0); /* takes its place */
	policy_unbind(ps, last);
	policy_unbind(ps, last);
	end();
}

/* The slow, obvious way: the best of all that match. */
#define MODEL 60

static unsigned bits_of(const struct selector *s)
{
	return selector_prefix(&s->local, 4) + selector_prefix(&s->remote, 4);
}

static int model_find(const struct selector *s, const bool *used,
		      const struct inner_flow *f)
{
	int best = -1, i;

	for (i = 0; i < MODEL; i++)
		if (used[i] && selector_match_out(&s[i], f) &&
		    (best < 0 || bits_of(&s[i]) > bits_of(&s[best])))
			best = i;
	return best;
}

static void it_finds_what_a_list_of_all_finds(void)
{
	static struct selector s[MODEL];
	bool used[MODEL] = { false };
	struct sa *sa[MODEL];
	unsigned round, i, k;

	begin();
	srand(11);
	for (round = 0; round < 20000; round++) {
		struct inner_flow f = flow(A(rand() % 32), B(rand() % 32),
					   (uint16_t)(rand() % 3));
		int want;

		i = rand() % MODEL;
		if (round % 50 == 0 && used[i]) {
			CU_ASSERT_EQUAL(policy_delete(ps, &s[i], i), 0);
			unbind(sa[i]);
			used[i] = false;
		} else if (round % 10 == 0 && !used[i]) {
			/* Prefix lengths that differ in their sum alone. */
			k = 27 + rand() % 6;
			s[i] = net(A(rand() % 32), k, B(rand() % 32), k);
			used[i] = !policy_add(ps, &s[i], i);
			if (used[i])
				sa[i] = bound(i, NULL);
		}
		want = model_find(s, used, &f);
		if (want < 0)
			look(f, ESP_DROP_NO_POLICY);
		else
			CU_ASSERT_PTR_EQUAL(look(f, 0), sa[want]);
	}
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_no_policy_names_is_dropped),
		SUITE_TEST(without_an_sa_it_is_dropped_and_asked_for_once),
		SUITE_TEST(the_narrowest_policy_wins),
		SUITE_TEST(ranges_need_not_be_prefixes),
		SUITE_TEST(policies_are_added_and_deleted_exactly),
		SUITE_TEST(full_is_refused),
		SUITE_TEST(flows_spread_over_streams_and_stay),
		SUITE_TEST(too_many_streams_are_refused),
		SUITE_TEST(it_finds_what_a_list_of_all_finds),
	};

	return suite_run("policy", tests, sizeof(tests) / sizeof(tests[0]));
}
