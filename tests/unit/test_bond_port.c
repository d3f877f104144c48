/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bond_port.c: frames leave through the member of their bucket, in order,
 * and runs of one original stay together; against a slow model on random
 * tables, members and bursts (argv[1]: bursts, argv[2]: seed).
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/fake_port.h"
#include "tests/lib/suite.h"
#include "vswitch/bond_port.h"
#include "vswitch/offload.h"

#define MEMBERS BOND_MEMBERS_MAX
#define FRAMES OFFLOAD_SEGS_MAX /* the longest run */
#define WORKERS 3

static unsigned long rounds = 20000;
static uint64_t seed = 1;

/* ---- a bond over fake ports ---- */

struct world {
	struct bond_table table;
	struct bond_port *bp;
	struct port *port;
	struct fake_port *member[MEMBERS];
	bool has[MEMBERS];
	struct packet packet[FRAMES];
	struct packet_frame pf[FRAMES];
	struct frame *f[FRAMES];
	uint8_t why[FRAMES];
};

static void join(struct world *w, unsigned slot)
{
	w->has[slot] = true;
	bond_port_set_member(w->bp, slot, &w->member[slot]->port);
}

static void leave(struct world *w, unsigned slot)
{
	w->has[slot] = false;
	bond_port_set_member(w->bp, slot, NULL);
}

/* All buckets at one member; others may be changed after. */
static struct world *world_new(unsigned members)
{
	struct world *w = calloc(1, sizeof(*w));
	char name[8];
	unsigned i;

	w->table.up = true;
	CU_ASSERT_EQUAL_FATAL(
		bond_port_new(&w->bp, "bond0", &w->table, WORKERS), 0);
	w->port = bond_port_port(w->bp);
	for (i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		w->member[i] = fake_port_new(name);
		if (i < members)
			join(w, i);
	}
	return w;
}

static void world_free(struct world *w)
{
	unsigned i;

	bond_port_free(w->bp);
	for (i = 0; i < MEMBERS; i++)
		fake_port_free(w->member[i]);
	free(w);
}

static void spread(struct world *w, unsigned members)
{
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++)
		w->table.member_of[i] = i % members;
	bond_port_update(w->bp);
}

static void sole(struct world *w, unsigned slot)
{
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++)
		w->table.member_of[i] = slot;
	bond_port_update(w->bp);
}

/* Frame i, which its payload names. */
static void make(struct world *w, unsigned i, unsigned source)
{
	struct packet *p = &w->packet[i];
	char src[24];

	snprintf(src, sizeof(src), "02:00:00:00:00:%02x", source);
	packet_eth(p, "02:00:00:00:0e:01", src, 0x88b5);
	packet_tag(p, 0x8100, 10);
	packet_put32(p, i);
	packet_zero(p, 40 + i % 7);
	w->f[i] = packet_frame(p, &w->pf[i], FRAME_HDR_MAX);
}

static void make_all(struct world *w, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		make(w, i, i % 5);
}

static unsigned transmit(struct world *w, unsigned q, unsigned n)
{
	memset(w->why, 0xee, sizeof(w->why));
	return w->port->ops->tx(w->port, q, w->f, n, w->why);
}

static unsigned home(const struct world *w, unsigned i)
{
	unsigned bucket = bond_bucket(&w->table, w->packet[i].bytes,
				      w->packet[i].len);

	return w->table.member_of[bucket];
}

/* ---- one thing at a time ---- */

static void frames_follow_their_buckets_in_order(void)
{
	struct world *w = world_new(3);
	unsigned i, at[3] = { 0 };

	spread(w, 3);
	make_all(w, 32);
	CU_ASSERT_EQUAL(transmit(w, 0, 32), 32);
	for (i = 0; i < 32; i++) {
		unsigned slot = home(w, i);

		CU_ASSERT_EQUAL(w->why[i], DROP_NONE);
		CU_ASSERT_TRUE(fake_frame_is(
			fake_port_sent(w->member[slot], at[slot]++),
			&w->packet[i]));
	}
	world_free(w);
}

static void one_member_may_take_everything(void)
{
	struct world *w = world_new(2);
	uint64_t bytes[BOND_BUCKETS];
	unsigned i;

	sole(w, 1);
	make_all(w, 32);
	CU_ASSERT_EQUAL(transmit(w, 1, 32), 32);
	CU_ASSERT_EQUAL(w->member[0]->sent.count, 0);
	for (i = 0; i < 32; i++)
		CU_ASSERT_TRUE(fake_frame_is(fake_port_sent(w->member[1], i),
					     &w->packet[i]));
	bond_port_loads(w->bp, bytes);
	for (i = 0; i < BOND_BUCKETS; i++)
		CU_ASSERT_EQUAL(bytes[i], 0);
	world_free(w);
}

static void run_of_one_original_goes_by_its_first(void)
{
	struct world *w = world_new(4);
	unsigned i, slot;

	spread(w, 4);
	make_all(w, FRAMES);
	for (i = 0; i + 1 < FRAMES; i++)
		w->f[i]->more = true;
	slot = home(w, 0);
	CU_ASSERT_EQUAL(transmit(w, 0, FRAMES), FRAMES);
	CU_ASSERT_EQUAL(w->member[slot]->sent.count, FRAMES);
	w->member[slot]->room = FRAMES - 1;
	CU_ASSERT_EQUAL(transmit(w, 0, FRAMES), 0);
	for (i = 0; i < FRAMES; i++)
		CU_ASSERT_EQUAL(w->why[i], DROP_RING_FULL);
	world_free(w);
}

static void frame_without_a_member_has_no_link(void)
{
	struct world *w = world_new(2);
	struct bond_member_counters c;
	unsigned i;

	make_all(w, 4);
	sole(w, BOND_NONE);
	CU_ASSERT_EQUAL(transmit(w, 0, 4), 0);
	sole(w, 7); /* nobody's slot */
	CU_ASSERT_EQUAL(transmit(w, 0, 4), 0);
	sole(w, 1);
	w->member[1]->port.link = false;
	CU_ASSERT_EQUAL(transmit(w, 0, 4), 0);
	for (i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(w->why[i], DROP_NO_LINK);
	bond_port_member_counters(w->bp, 1, &c);
	CU_ASSERT_EQUAL(c.tx_lost, 4);
	w->member[1]->port.link = true;
	w->member[1]->port.tx_queues = 0;
	CU_ASSERT_EQUAL(transmit(w, 0, 4), 0);
	CU_ASSERT_EQUAL(w->why[3], DROP_NO_LINK);
	world_free(w);
}

static void flush_reaches_the_members_that_were_used(void)
{
	struct world *w = world_new(3);
	unsigned i;

	spread(w, 2);
	make_all(w, 32);
	transmit(w, 0, 32);
	w->port->ops->tx_flush(w->port, 1); /* another worker's: nothing */
	CU_ASSERT_EQUAL(w->member[0]->flushes, 0);
	w->port->ops->tx_flush(w->port, 0);
	w->port->ops->tx_flush(w->port, 0);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(w->member[i]->flushes, i < 2);
	world_free(w);
}

static void each_worker_has_its_queue_of_a_member(void)
{
	struct world *w = world_new(1);
	unsigned q;

	w->member[0]->port.tx_queues = 2;
	sole(w, 0);
	make_all(w, 1);
	for (q = 0; q < WORKERS; q++)
		CU_ASSERT_EQUAL(transmit(w, q, 1), 1);
	CU_ASSERT_EQUAL(w->member[0]->violations, 0);
	CU_ASSERT_EQUAL(w->port->tx_queues, WORKERS);
	world_free(w);
}

static void port_shows_what_members_have_in_common(void)
{
	struct world *w = world_new(0);

	CU_ASSERT_EQUAL(w->port->offload, 0);
	CU_ASSERT_FALSE(w->port->link); /* up, but nobody there */
	w->member[0]->port.offload = PORT_TX_CSUM | PORT_TX_TSO4;
	w->member[1]->port.offload = PORT_TX_CSUM | PORT_TX_TSO6;
	w->member[1]->port.mtu = 1400;
	join(w, 0);
	CU_ASSERT_EQUAL(w->port->offload, PORT_TX_CSUM | PORT_TX_TSO4);
	CU_ASSERT_TRUE(w->port->link);
	join(w, 1);
	CU_ASSERT_EQUAL(w->port->offload, PORT_TX_CSUM);
	CU_ASSERT_EQUAL(w->port->mtu, 1400);
	w->member[1]->port.offload = 0; /* its peer has changed */
	bond_port_update(w->bp);
	CU_ASSERT_EQUAL(w->port->offload, 0);
	leave(w, 1);
	CU_ASSERT_EQUAL(w->port->offload, PORT_TX_CSUM | PORT_TX_TSO4);
	CU_ASSERT_EQUAL(w->port->mtu, 1500);
	w->table.up = false;
	bond_port_update(w->bp);
	CU_ASSERT_FALSE(w->port->link);
	world_free(w);
}

static void slot_given_to_another_counts_anew(void)
{
	struct world *w = world_new(1);
	struct bond_member_counters c;

	make_all(w, 3);
	transmit(w, 0, 3);
	bond_port_count_rx(w->port, 2, 0, 7, 700);
	leave(w, 0);
	bond_port_member_counters(w->bp, 0, &c);
	CU_ASSERT_EQUAL(c.tx_frames, 3); /* to be read to the end */
	CU_ASSERT_EQUAL(c.rx_bytes, 700);
	join(w, 0);
	bond_port_member_counters(w->bp, 0, &c);
	CU_ASSERT_EQUAL(c.tx_frames + c.tx_bytes + c.rx_frames + c.rx_bytes,
			0);
	transmit(w, 1, 2);
	bond_port_member_counters(w->bp, 0, &c);
	CU_ASSERT_EQUAL(c.tx_frames, 2);
	world_free(w);
}

static void loads_are_told_once(void)
{
	struct world *w = world_new(2);
	uint64_t bytes[BOND_BUCKETS];
	unsigned i, k, bucket;

	spread(w, 2);
	make(w, 0, 1);
	bucket = bond_bucket(&w->table, w->packet[0].bytes, w->packet[0].len);
	for (k = 0; k < 2; k++) {
		transmit(w, 0, 1);
		transmit(w, 2, 1);
		bond_port_loads(w->bp, bytes);
		for (i = 0; i < BOND_BUCKETS; i++)
			CU_ASSERT_EQUAL(bytes[i],
					i == bucket ? 2 * w->f[0]->len : 0);
	}
	world_free(w);
}

static void number_of_workers_is_checked(void)
{
	struct bond_table t = { 0 };
	struct bond_port *bp;

	CU_ASSERT_EQUAL(bond_port_new(&bp, "b", &t, 0), -EINVAL);
	CU_ASSERT_EQUAL(bond_port_new(&bp, "b", &t, PORT_QUEUES_MAX + 1),
			-EINVAL);
	bond_port_free(NULL);
}

/* ---- against a model ---- */

struct expected {
	uint64_t bytes[BOND_BUCKETS];
	struct bond_member_counters member[MEMBERS];
	unsigned sent[MEMBERS][FRAMES], count[MEMBERS]; /* of one burst */
	enum drop why[FRAMES];
};

/* What `slot` says when the burst would bring it `n` frames. */
static enum drop model_take(struct world *w, unsigned slot, unsigned n)
{
	if (slot >= MEMBERS || !w->has[slot] || !w->member[slot]->port.link)
		return DROP_NO_LINK;
	if (w->member[slot]->refuse)
		return w->member[slot]->refuse;
	return w->member[slot]->room < n ? DROP_RING_FULL : DROP_NONE;
}

static void model_run(struct world *w, struct expected *e, unsigned from,
		      unsigned end)
{
	const struct packet *head = &w->packet[from];
	unsigned bucket = bond_bucket(&w->table, head->bytes, head->len), i;
	unsigned slot = w->table.member_of[bucket];
	unsigned before = slot < MEMBERS ? e->count[slot] : 0;
	enum drop why = model_take(w, slot, before + end - from);

	for (i = from; i < end; i++) {
		e->why[i] = why;
		e->bytes[bucket] += w->f[i]->len;
		if (why && slot < MEMBERS && w->has[slot])
			e->member[slot].tx_lost++;
		if (why)
			continue;
		e->member[slot].tx_frames++;
		e->member[slot].tx_bytes += w->f[i]->len;
		e->sent[slot][e->count[slot]++] = i;
	}
}

static void model_burst(struct world *w, struct expected *e, unsigned n)
{
	unsigned i, end;

	memset(e->count, 0, sizeof(e->count));
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && w->f[end - 1]->more; end++)
			;
		model_run(w, e, i, end);
	}
}

/* Members come, go, lose their link, fill up; buckets move. */
static void disturb(struct world *w, struct packet_rng *rng)
{
	unsigned slot = packet_random(rng, MEMBERS), i;
	struct fake_port *fp = w->member[slot];

	switch (packet_random(rng, 8)) {
	case 0:
		fp->port.link = !fp->port.link;
		break;
	case 1:
		fp->refuse = packet_random(rng, 4) ? DROP_NONE : DROP_TX_ERROR;
		break;
	case 2:
		w->table.hash_flow = packet_random(rng, 2);
		w->table.basis = packet_random(rng, 1000);
		break;
	case 3:
		sole(w, packet_random(rng, 10) ? slot : BOND_NONE);
		break;
	case 4:
		for (i = 0; i < BOND_BUCKETS; i++)
			w->table.member_of[i] =
				packet_random(rng, 20)
					? packet_random(rng, MEMBERS)
					: BOND_NONE;
		bond_port_update(w->bp);
		break;
	case 5:
		w->table.member_of[packet_random(rng, BOND_BUCKETS)] = slot;
		bond_port_update(w->bp);
		break;
	default:
		break;
	}
}

static void make_burst(struct world *w, struct packet_rng *rng, unsigned n)
{
	unsigned i, runs = packet_random(rng, 3);

	for (i = 0; i < n; i++) {
		make(w, i, packet_random(rng, 20));
		w->f[i]->more = runs && i + 1 < n && packet_random(rng, 4);
	}
	for (i = 0; i < MEMBERS; i++) {
		w->member[i]->room = packet_random(rng, 10) ? 1000 : 3;
		fake_port_clear(w->member[i]);
	}
}

static bool burst_is_right(struct world *w, const struct expected *e,
			   unsigned n, unsigned sent)
{
	unsigned i, k, all = 0;

	for (i = 0; i < n; i++)
		if (w->why[i] != e->why[i])
			return false;
	for (i = 0; i < MEMBERS; i++) {
		const struct fake_frame *ff = w->member[i]->sent.first;

		if (w->member[i]->sent.count != e->count[i])
			return false;
		all += e->count[i];
		for (k = 0; k < e->count[i]; k++, ff = ff->next)
			if (!fake_frame_is(ff, &w->packet[e->sent[i][k]]))
				return false;
	}
	return sent == all;
}

static bool sums_are_right(const struct world *w, const struct expected *e)
{
	struct bond_member_counters c;
	unsigned i;

	for (i = 0; i < MEMBERS; i++) {
		bond_port_member_counters(w->bp, i, &c);
		if (w->has[i] &&
		    memcmp(&c, &e->member[i], sizeof(c)))
			return false;
	}
	return true;
}

/* Loads are not kept while one member takes all. */
static bool spreads(const struct world *w)
{
	unsigned i;

	for (i = 1; i < BOND_BUCKETS; i++)
		if (w->table.member_of[i] != w->table.member_of[0])
			return true;
	return false;
}

static bool one_round(struct world *w, struct packet_rng *rng)
{
	static struct expected e;
	uint64_t bytes[BOND_BUCKETS];
	unsigned i, n = 1 + packet_random(rng, FRAMES), sent;

	memset(&e, 0, sizeof(e));
	for (i = 0; i < MEMBERS; i++) /* counters anew */
		(packet_random(rng, 20) ? join : leave)(w, i);
	disturb(w, rng);
	make_burst(w, rng, n);
	model_burst(w, &e, n);
	sent = transmit(w, packet_random(rng, WORKERS), n);
	bond_port_loads(w->bp, bytes);
	return burst_is_right(w, &e, n, sent) && sums_are_right(w, &e) &&
	       (!spreads(w) || !memcmp(bytes, e.bytes, sizeof(bytes)));
}

static void bond_does_what_the_model_says(void)
{
	struct packet_rng rng = { seed };
	struct world *w = world_new(MEMBERS);
	unsigned long i;

	spread(w, MEMBERS);
	for (i = 0; i < rounds; i++)
		if (!one_round(w, &rng))
			break;
	if (i < rounds)
		printf("\nburst %lu, seed %llu\n", i,
		       (unsigned long long)seed);
	CU_ASSERT_EQUAL(i, rounds);
	world_free(w);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(frames_follow_their_buckets_in_order),
		SUITE_TEST(one_member_may_take_everything),
		SUITE_TEST(run_of_one_original_goes_by_its_first),
		SUITE_TEST(frame_without_a_member_has_no_link),
		SUITE_TEST(flush_reaches_the_members_that_were_used),
		SUITE_TEST(each_worker_has_its_queue_of_a_member),
		SUITE_TEST(port_shows_what_members_have_in_common),
		SUITE_TEST(slot_given_to_another_counts_anew),
		SUITE_TEST(loads_are_told_once),
		SUITE_TEST(number_of_workers_is_checked),
		SUITE_TEST(bond_does_what_the_model_says),
	};

	rounds = suite_rounds(argc, argv, rounds);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	return suite_run("bond port", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
