/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_switch_announce.c: whose addresses are announced, how, where, and how
 * many at once.  The test stands in for the rest of the daemon; frames end in
 * a list instead of a socket.
 */
#include "vswitch/switch_announce.h"

#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "tests/lib/fake_switch.h"
#include "tests/lib/suite.h"
#include "vswitch/announce_frame.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_uplink.h"

#define SENT_MAX 1024
#define TEXT                                                                  \
	FAKE_NETS(FAKE_NET("n", 10, ",'uplink':'bond0'") ","                  \
		  FAKE_NET("u", 0, ",'uplink':'bond0'") ","                   \
		  FAKE_NET("inner", 0, ""))                                   \
	FAKE_PORTS(FAKE_GUEST("web", "'network':'n','mac':'02:00:00:00:00:01'," \
			      "'locking_mode':'locked',"                      \
			      "'ipv4_allowed':['10.0.0.1','10.9.0.0/16'],"    \
			      "'ipv6_allowed':['fd00::1']") ","               \
		   FAKE_GUEST("free", "'trunk':['n','u'],'native':'u'") ","   \
		   FAKE_GUEST("alone", "'network':'inner',"                   \
			      "'mac':'02:00:00:00:00:03'") ","                \
		   FAKE_UPLINK("eth0") "," FAKE_BOND("bond0", "'eth0'"))

struct sent {
	size_t len;
	uint8_t bytes[ANNOUNCE_FRAME_MAX];
};

static struct sw sw;
static struct sw_port ports[8]; /* as in the configuration */
static struct fake_switch *fs;
static struct announcer *announcer;
static struct sent sent[SENT_MAX];
static unsigned sent_count;
static int send_rc;

/* ---- the rest of the daemon --------------------------------------------------- */

struct sw_port *switch_find_port(const struct sw *s, const char *name)
{
	int32_t i = switch_conf_find_port(fs->conf, name);

	return i == CONF_NONE ? NULL : &ports[i];
}

const struct conf_port *switch_port_conf(const struct sw *s,
					 const struct sw_port *sp)
{
	return &fs->conf->ports[sp - ports];
}

const struct bridge_view *switch_view(const struct sw *s)
{
	return atomic_load(&fs->br.view);
}

const struct bond_table *switch_bond_table(const struct sw_bond *sb)
{
	return &fs->bond[switch_conf_find_port(fs->conf, "bond0")]->table;
}

int switch_uplink_send(struct sw_port *up, const uint8_t *frame, size_t len)
{
	CU_ASSERT_STRING_EQUAL(up->name, "bond0");
	if (send_rc)
		return send_rc;
	CU_ASSERT_FATAL(sent_count < SENT_MAX && len <= ANNOUNCE_FRAME_MAX);
	sent[sent_count].len = len;
	memcpy(sent[sent_count++].bytes, frame, len);
	return 0;
}

/* ---- the stage -------------------------------------------------------------------- */

static void begin(void)
{
	unsigned i;

	fs = fake_switch_new(TEXT);
	sw.base = event_base_new();
	sw.running = fs->conf;
	sw.bridge.fdb = fs->br.fdb;
	for (i = 0; i < fs->conf->port_count; i++) {
		memset(&ports[i], 0, sizeof(ports[i]));
		memcpy(ports[i].name, fs->conf->ports[i].name, CONF_NAME_MAX);
		ports[i].id = fake_switch_port(fs, ports[i].name)
				      ->port.id;
		ports[i].sw = &sw;
		sw.ports[ports[i].id] = &ports[i];
	}
	sent_count = 0;
	send_rc = 0;
	CU_ASSERT_EQUAL_FATAL(
		announcer_new(&announcer, switch_find_port(&sw, "bond0")), 0);
}

static void end(void)
{
	announcer_free(announcer);
	event_base_free(sw.base);
	fake_switch_free(fs);
}

static void learn(const char *network, const char *port, unsigned last,
		  enum fdb_class class)
{
	const uint8_t mac[6] = { 2, 0, 0, 1, last >> 8, last & 0xff };
	int32_t n = switch_conf_find_network(fs->conf, network);
	uint64_t key = fdb_key(fs->conf->networks[n].segment, mac);
	uint16_t id = switch_find_port(&sw, port)->id;

	fdb_set_quota(fs->br.fdb, id, FDB_QUOTA_UPLINK);
	CU_ASSERT_EQUAL(fdb_learn(fs->br.fdb, key, id, class, 0), FDB_ADDED);
}

/* Frames of this type, tagged `vid` (0: without a tag), from this MAC. */
static unsigned count(unsigned vid, unsigned type, const uint8_t mac[6])
{
	unsigned i, n = 0;

	for (i = 0; i < sent_count; i++) {
		const uint8_t *b = sent[i].bytes;
		unsigned at = vid ? 16 : 12;

		if (vid && (b[12] != 0x81 || (b[14] << 8 | b[15]) != (int)vid))
			continue;
		n += (unsigned)(b[at] << 8 | b[at + 1]) == type &&
		     !memcmp(b + 6, mac, 6);
	}
	return n;
}

/* ---- tests -------------------------------------------------------------------------- */

static const uint8_t web[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t learned[6] = { 2, 0, 0, 1, 0, 7 };

static void every_local_address_is_said_in_its_network(void)
{
	begin();
	learn("n", "free", 7, FDB_GUEST);
	learn("u", "free", 7, FDB_GUEST);
	learn("n", "bond0", 8, FDB_UPLINK);
	announcer_moved(announcer, NULL);
	CU_ASSERT_EQUAL(sent_count, 4);
	/* single addresses of a locked port, not its prefix */
	CU_ASSERT_EQUAL(count(10, 0x0806, web), 1);
	CU_ASSERT_EQUAL(count(10, 0x86dd, web), 1);
	/* nobody knows what an unlocked one has */
	CU_ASSERT_EQUAL(count(10, 0x8035, learned), 1);
	CU_ASSERT_EQUAL(count(0, 0x8035, learned), 1);
	end();
}

static void only_buckets_that_moved_are_said(void)
{
	const struct bond_table *t;
	uint64_t moved[BOND_BUCKETS / 64] = { 0 };
	unsigned bucket;

	begin();
	learn("n", "free", 7, FDB_GUEST);
	t = switch_bond_table(NULL);
	bucket = bond_bucket_of_mac(t, learned, 10);
	CU_ASSERT_NOT_EQUAL(bucket, bond_bucket_of_mac(t, web, 10));
	moved[bucket / 64] = 1ull << bucket % 64;
	announcer_moved(announcer, moved);
	CU_ASSERT_EQUAL(sent_count, 1);
	CU_ASSERT_EQUAL(count(10, 0x8035, learned), 1);
	end();
}

static void many_addresses_are_said_in_chunks(void)
{
	struct announcer_facts f;
	unsigned i;

	begin();
	for (i = 0; i < 600; i++)
		learn("n", "free", i, FDB_GUEST);
	announcer_moved(announcer, NULL);
	announcer_facts(announcer, &f);
	CU_ASSERT(sent_count >= ANNOUNCE_CHUNK);
	CU_ASSERT(sent_count <= ANNOUNCE_CHUNK + ANNOUNCE_IPS_MAX);
	CU_ASSERT_EQUAL(f.sent, sent_count);
	CU_ASSERT(f.left >= 600 - ANNOUNCE_CHUNK);
	end();
}

static void what_the_socket_refuses_is_said_later(void)
{
	struct announcer_facts f;

	begin();
	send_rc = -EAGAIN;
	announcer_moved(announcer, NULL);
	announcer_facts(announcer, &f);
	CU_ASSERT_EQUAL(f.left, 1);
	CU_ASSERT_EQUAL(f.failed, 0);
	send_rc = 0;
	event_base_loop(sw.base, EVLOOP_ONCE); /* ANNOUNCE_PACE_MS */
	announcer_facts(announcer, &f);
	CU_ASSERT_EQUAL(f.left, 0);
	CU_ASSERT_EQUAL(sent_count, 2);
	end();
}

static void without_a_way_out_nothing_is_kept(void)
{
	struct announcer_facts f;

	begin();
	send_rc = -ENETDOWN;
	announcer_moved(announcer, NULL);
	announcer_facts(announcer, &f);
	CU_ASSERT_EQUAL(f.left, 0);
	CU_ASSERT_EQUAL(f.failed, 2);
	end();
}

static void a_guest_is_announced_by_its_own_address_only(void)
{
	struct sw_port *sp;

	begin();
	sp = switch_find_port(&sw, "web");
	switch_announce_guest(sp, learned);
	CU_ASSERT_EQUAL(sent_count, 0);
	switch_announce_guest(sp, web);
	CU_ASSERT_EQUAL(sent_count, 2);
	switch_announce_guest(sp, web); /* at once again: enough */
	CU_ASSERT_EQUAL(sent_count, 2);
	end();
}

static void a_free_guest_is_not_announced_by_another_s_address(void)
{
	static const uint8_t group[6] = { 3, 0, 0, 0, 0, 1 };
	struct sw_port *sp;

	begin();
	sp = switch_find_port(&sw, "free");
	switch_announce_guest(sp, web);
	switch_announce_guest(sp, group);
	CU_ASSERT_EQUAL(sent_count, 0);
	switch_announce_guest(sp, learned);
	CU_ASSERT_EQUAL(count(10, 0x8035, learned), 1);
	CU_ASSERT_EQUAL(count(0, 0x8035, learned), 1);
	end();
}

/* Takes every second frame. */
static unsigned take(struct port *p, unsigned q, struct frame *const f[],
		     unsigned n, uint8_t why[])
{
	static unsigned frames;

	why[0] = frames++ % 2 ? DROP_RING_FULL : DROP_NONE;
	return why[0] == DROP_NONE;
}

static void flush(struct port *p, unsigned q)
{
}

/* In two networks, IGMP and MLD: generated = transmitted + dropped. */
static void what_a_guest_is_asked_is_counted(void)
{
	static const struct port_ops ops = { .tx = take, .tx_flush = flush };
	struct port port = { .ops = &ops, .link = true, .tx_queues = 1 };
	struct sw_port *sp;

	begin();
	sp = switch_find_port(&sw, "free");
	sp->port = &port;
	switch_query_guest(sp);
	CU_ASSERT_EQUAL(sp->said.generated, 4);
	CU_ASSERT_EQUAL(sp->said.tx_frames, 2);
	CU_ASSERT_EQUAL(sp->said.drops[DROP_RING_FULL], 2);
	CU_ASSERT(sp->said.tx_bytes > 2 * 60);
	switch_query_guest(sp); /* it has come already */
	CU_ASSERT_EQUAL(sp->said.generated, 4);
	sp->port = NULL;
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(every_local_address_is_said_in_its_network),
		SUITE_TEST(only_buckets_that_moved_are_said),
		SUITE_TEST(many_addresses_are_said_in_chunks),
		SUITE_TEST(what_the_socket_refuses_is_said_later),
		SUITE_TEST(without_a_way_out_nothing_is_kept),
		SUITE_TEST(a_guest_is_announced_by_its_own_address_only),
		SUITE_TEST(a_free_guest_is_not_announced_by_another_s_address),
		SUITE_TEST(what_a_guest_is_asked_is_counted),
	};

	return suite_run("switch_announce", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
