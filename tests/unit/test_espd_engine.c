/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_espd_engine.c: what ikeds ask for, one after another. */
#include "ipsec-migrate/espd_engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/udp.h"
#include "tests/lib/suite.h"

static struct engine *engine(void)
{
	struct engine *e = malloc(sizeof(*e));

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_EQUAL_FATAL(engine_init(e, CIPHER_OPENSSL), 0);
	return e;
}

static void end(struct engine *e)
{
	engine_fini(e);
	free(e);
}

/* 10.1/16 here, 10.NET/16 there. */
static struct selector selector(uint8_t net)
{
	struct selector s = { .family = 4,
			      .local = { { 10, 1, 0, 0 }, { 10, 1, 255, 255 },
					 0, 65535 },
			      .remote = { { 10, net, 0, 0 },
					  { 10, net, 255, 255 }, 0, 65535 } };

	return s;
}

static struct ike_msg_sa_add add_msg(uint32_t spi, uint32_t peer,
				     uint32_t group, bool inbound)
{
	struct ike_msg_sa_add m = {
		.id = { .spi = htonl(spi), .peer = peer, .inbound = inbound },
		.group = group,
		.path = { .local = { .family = 4, .port = 4500,
				     .addr = { 192, 0, 2, 1 } },
			  .remote = { .family = 4, .port = 4500,
				      .addr = { 192, 0, 2, (uint8_t)peer + 1 } },
			  .udp = 1 },
		.alg = CIPHER_AES_GCM_256,
		.key_len = 36,
		.replay_window = 100,
		.selector_count = 1,
	};

	m.selector[0] = selector((uint8_t)peer + 1);
	return m;
}

static struct sa *add(struct engine *e, uint32_t spi, uint32_t peer,
		      uint32_t group, bool inbound)
{
	struct ike_msg_sa_add m = add_msg(spi, peer, group, inbound);
	struct sa *sa = NULL;

	CU_ASSERT_EQUAL_FATAL(engine_sa_add(e, &m, 0, 0, &sa), 0);
	return sa;
}

static int add_policy(struct engine *e, uint32_t peer, uint32_t group)
{
	const struct ike_msg_policy m = { .peer = peer, .group = group,
					  .selector = selector(
						  (uint8_t)peer + 1) };

	return engine_policy_add(e, &m);
}

static struct sa *find(struct engine *e, uint32_t peer, enum esp_drop *why)
{
	const struct inner_flow f = { .src = { 10, 1, 0, 1 },
				      .dst = { 10, (uint8_t)(peer + 1), 0, 1 },
				      .family = 4, .proto = 17 };
	uint32_t group;

	return policy_find(e->policies, &f, why, &group);
}

static void a_flow_goes_by_its_peers_sa(void)
{
	struct engine *e = engine();
	struct sa *one = add(e, 0x1000, 1, 1, false);
	struct sa *two = add(e, 0x1000, 2, 2, false);
	enum esp_drop why;

	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	CU_ASSERT_EQUAL(add_policy(e, 2, 2), 0);
	CU_ASSERT_EQUAL(add_policy(e, 2, 3), -EEXIST);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), one);
	CU_ASSERT_PTR_EQUAL(find(e, 2, &why), two);
	CU_ASSERT_PTR_NULL(find(e, 3, &why));
	CU_ASSERT_EQUAL(why, ESP_DROP_NO_POLICY);
	end(e);
}

static void a_successor_takes_the_place_of_the_sa_it_replaces(void)
{
	struct engine *e = engine();
	struct ike_msg_sa_add m = add_msg(0x2000, 1, 1, false);
	struct ike_msg_sa_id old = { .spi = htonl(0x1000), .peer = 1 };
	enum esp_drop why;
	struct sa *next;

	add(e, 0x1000, 1, 1, false);
	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	m.replaces = old.spi;
	CU_ASSERT_EQUAL(engine_sa_add(e, &m, 0, 0, &next), 0);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), next);
	CU_ASSERT_EQUAL(engine_sa_delete(e, &old), 0);
	CU_ASSERT_EQUAL(engine_sa_delete(e, &old), -ENOENT);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), next);
	end(e);
}

static void a_new_ikeds_group_is_not_the_old_ones(void)
{
	struct engine *e = engine();
	struct sa *old = add(e, 0x1000, 1, 1, false), *two;
	enum esp_drop why;

	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	engine_hold(e);
	CU_ASSERT(engine_sa(old)->held);
	two = add(e, 0x1001, 2, 1, false); /* group 1, of another peer */
	CU_ASSERT_EQUAL(add_policy(e, 2, 1), 0);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), old);
	CU_ASSERT_PTR_EQUAL(find(e, 2, &why), two);
	CU_ASSERT_EQUAL(engine_group_of(e, two->group), 1);
	CU_ASSERT_EQUAL(engine_group_of(e, old->group), 0);
	end(e);
}

static void what_is_held_serves_until_there_is_better(void)
{
	struct engine *e = engine();
	struct sa *old = add(e, 0x1000, 1, 1, false), *next;
	enum esp_drop why;

	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	engine_hold(e);
	CU_ASSERT_EQUAL(add_policy(e, 1, 7), 0);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), old);
	next = add(e, 0x1001, 1, 7, false);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), next);
	engine_held_drop(e, 1);
	CU_ASSERT_EQUAL(sa_count(e->sas), 1);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), next);
	end(e);
}

static void an_sa_may_come_before_its_policy(void)
{
	struct engine *e = engine();
	enum esp_drop why;
	struct sa *next;

	add(e, 0x1000, 1, 1, false);
	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	engine_hold(e);
	next = add(e, 0x1001, 1, 7, false);
	CU_ASSERT_EQUAL(add_policy(e, 1, 7), 0);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), next);
	end(e);
}

static void what_nobody_takes_over_goes(void)
{
	struct engine *e = engine();
	enum esp_drop why;

	add(e, 0x1000, 1, 1, false);
	add(e, 0x1001, 2, 2, false);
	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	CU_ASSERT_EQUAL(add_policy(e, 2, 2), 0);
	engine_hold(e);
	engine_held_drop(e, 1);
	CU_ASSERT_PTR_NULL(find(e, 1, &why));
	CU_ASSERT_PTR_NOT_NULL(find(e, 2, &why));
	engine_peer_drop(e, 2);
	CU_ASSERT_PTR_NULL(find(e, 2, &why));
	CU_ASSERT_EQUAL(sa_count(e->sas), 0);
	CU_ASSERT_EQUAL(policy_count(e->policies), 0);
	end(e);
}

static void a_policy_of_whom_nothing_came_leaves_the_held_one(void)
{
	struct engine *e = engine();
	struct sa *old = add(e, 0x1000, 1, 1, false);
	const struct ike_msg_policy m = { .peer = 1, .group = 7,
					  .selector = selector(2) };
	enum esp_drop why;

	CU_ASSERT_EQUAL(add_policy(e, 1, 1), 0);
	engine_hold(e);
	CU_ASSERT_EQUAL(engine_policy_add(e, &m), 0);
	CU_ASSERT_EQUAL(engine_policy_delete(e, &m), 0);
	CU_ASSERT_EQUAL(engine_policy_delete(e, &m), -ENOENT);
	CU_ASSERT_PTR_EQUAL(find(e, 1, &why), old);
	end(e);
}

static void spis_are_promised_once(void)
{
	struct engine *e = engine();
	uint32_t a, b;

	CU_ASSERT_EQUAL(engine_get_spi(e, &a), 0);
	CU_ASSERT_EQUAL(engine_get_spi(e, &b), 0);
	CU_ASSERT_NOT_EQUAL(a, b);
	CU_ASSERT(ntohl(a) >= SA_SPI_MIN);
	end(e);
}

static void groups_and_windows_are_checked(void)
{
	struct engine *e = engine();
	struct ike_msg_sa_add m = add_msg(0x1000, 1, 0, false);
	struct sa *sa;

	CU_ASSERT_EQUAL(engine_sa_add(e, &m, 0, 0, &sa), -EINVAL);
	m.group = ENGINE_GROUP_MAX + 1;
	CU_ASSERT_EQUAL(engine_sa_add(e, &m, 0, 0, &sa), -EINVAL);
	CU_ASSERT_EQUAL(add_policy(e, 1, 0), -EINVAL);
	sa = add(e, 0x1000, 1, 1, true);
	CU_ASSERT_EQUAL(sa->replay.window, 64);
	CU_ASSERT_EQUAL(sa_count(e->sas), 1);
	end(e);
}

static void only_reports_about_our_own_packets_narrow_the_path(void)
{
	struct engine *e = engine();
	struct sa *sa = add(e, 0x1000, 1, 1, false);
	struct sockaddr_storage to = sa->path.remote, other = to;
	uint64_t first;

	CU_ASSERT(sa_take(sa, 100, 1, 0, &first));
	udp_set_port(&to, 0);
	((struct sockaddr_in *)&other)->sin_addr.s_addr ^= htonl(1);
	CU_ASSERT_FALSE(engine_path_mtu(e, &to, 0x1001, 50, 1300, 0));
	CU_ASSERT_FALSE(engine_path_mtu(e, &to, 0x1000, 101, 1300, 0));
	CU_ASSERT_FALSE(engine_path_mtu(e, &to, 0x1000, 0, 1300, 0));
	CU_ASSERT_FALSE(engine_path_mtu(e, &other, 0x1000, 50, 1300, 0));
	CU_ASSERT_EQUAL(sa->path.mtu, ENGINE_MTU_DEFAULT);
	CU_ASSERT(engine_path_mtu(e, &to, 0x1000, 50, 1300, 0));
	CU_ASSERT_EQUAL(sa->path.mtu, 1300);
	CU_ASSERT(engine_path_mtu(e, &to, 0x1000, 50, 68, 0));
	CU_ASSERT_EQUAL(sa->path.mtu, 576);
	engine_age(e, ENGINE_MTU_AGE_MS, true);
	CU_ASSERT_EQUAL(sa->path.mtu, ENGINE_MTU_DEFAULT);
	end(e);
}

static void a_peer_that_moved_gets_its_answers_there(void)
{
	struct engine *e = engine();
	struct sa *in = add(e, 0x1000, 1, 1, true);
	struct sa *out = add(e, 0x2000, 1, 1, false);
	struct sa *stranger = add(e, 0x2000, 2, 2, false);
	struct sockaddr_storage from = in->path.remote;

	udp_set_port(&from, 40000);
	engine_peer_moved(e, in, &from);
	CU_ASSERT_EQUAL(udp_port(&out->path.remote), 40000);
	CU_ASSERT_EQUAL(udp_port(&in->path.remote), 40000);
	CU_ASSERT_EQUAL(udp_port(&stranger->path.remote), 4500);
	end(e);
}

static void held_sas_that_ended_go_by_themselves(void)
{
	struct engine *e = engine();
	struct ike_msg_sa_add m = add_msg(0x1000, 1, 1, false);
	struct sa_event ev[4];
	struct sa *sa;

	m.hard.ms = 1000;
	CU_ASSERT_EQUAL(engine_sa_add(e, &m, 0, 0, &sa), 0);
	CU_ASSERT_EQUAL(sa_events(e->sas, 1000, ev, 4), 1);
	engine_age(e, 1000, false);
	CU_ASSERT_EQUAL(sa_count(e->sas), 1); /* iked has just not said so */
	engine_hold(e);
	engine_age(e, 1000, true);
	CU_ASSERT_EQUAL(sa_count(e->sas), 1);
	engine_age(e, 1000, false);
	CU_ASSERT_EQUAL(sa_count(e->sas), 0);
	end(e);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_flow_goes_by_its_peers_sa),
		SUITE_TEST(a_successor_takes_the_place_of_the_sa_it_replaces),
		SUITE_TEST(a_new_ikeds_group_is_not_the_old_ones),
		SUITE_TEST(what_is_held_serves_until_there_is_better),
		SUITE_TEST(an_sa_may_come_before_its_policy),
		SUITE_TEST(what_nobody_takes_over_goes),
		SUITE_TEST(a_policy_of_whom_nothing_came_leaves_the_held_one),
		SUITE_TEST(spis_are_promised_once),
		SUITE_TEST(groups_and_windows_are_checked),
		SUITE_TEST(only_reports_about_our_own_packets_narrow_the_path),
		SUITE_TEST(a_peer_that_moved_gets_its_answers_there),
		SUITE_TEST(held_sas_that_ended_go_by_themselves),
	};

	return suite_run("espd_engine", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
