/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bridge_property.c: random switches do with random frames what the model
 * says (argv[1]: frames, argv[2]: seed), the books balance, and a dry run
 * foresees what then happens.
 */
#include <stdlib.h>

#include "tests/lib/bridge_gen.h"
#include "tests/lib/bridge_model.h"
#include "tests/lib/fake_switch.h"
#include "tests/lib/suite.h"

#define STEPS 100	      /* bursts a configuration lives */
#define BURST LEARN_PER_BURST /* so that every address has its turn */

static unsigned long rounds = 100000;
static uint64_t seed = 1;
static unsigned long verdicts[MODEL_VERDICTS], fates[MODEL_FATES], copies;

/* The drop reasons that stand for one of the model's. */
static bool stands_for(enum drop why, enum model_verdict v)
{
	switch (v) {
	case MODEL_RUNT:
		return why == DROP_RUNT;
	case MODEL_VLAN:
		return why == DROP_VLAN;
	case MODEL_GIANT:
		return why == DROP_GIANT;
	case MODEL_GUARD:
		return why == DROP_BAD_SRC || why == DROP_SPOOF_MAC ||
		       (why >= DROP_SPOOF_ARP && why <= DROP_LINK_PROTO);
	case MODEL_FOREIGN:
		return why == DROP_FOREIGN_MAC;
	case MODEL_MAC_LIMIT:
		return why == DROP_MAC_LIMIT;
	case MODEL_DISABLED:
		return why == DROP_DISABLED;
	case MODEL_INJECT:
		return why == DROP_INJECT;
	case MODEL_HAIRPIN:
		return why == DROP_HAIRPIN;
	case MODEL_ISOLATED:
		return why == DROP_ISOLATED;
	case MODEL_NO_DEST:
		return why == DROP_NO_DEST;
	default:
		return false;
	}
}

static const enum drop drop_of[MODEL_FATES] = {
	[MODEL_NO_LINK] = DROP_NO_LINK,
	[MODEL_TOO_LONG] = DROP_EGRESS_MTU,
	[MODEL_BARE_TAG] = DROP_EGRESS_VLAN,
};

/* ---- what is expected of one switch ---- */

struct expected {
	uint64_t rx, verdict[MODEL_VERDICTS], fate[MODEL_FATES], copies;
};

struct world {
	struct fake_switch *fs;
	struct bridge_model model;
	struct expected port[MODEL_PORTS_MAX];
	char text[BRIDGE_GEN_TEXT];
};

static void world_new(struct world *w, struct packet_rng *rng, bool snooping)
{
	unsigned i;

	memset(w->port, 0, sizeof(w->port));
	bridge_gen_conf(rng, snooping, w->text);
	w->fs = fake_switch_new(w->text);
	bridge_model_init(&w->model, w->fs->conf, w->fs->br.tick);
	for (i = 0; i < w->fs->count; i++) {
		w->fs->port[i]->seg_bytes = 1 + packet_random(rng, 40);
		if (packet_random(rng, 10))
			continue;
		w->fs->port[i]->port.link = false;
		w->model.link[i] = false;
	}
}

static void print_packet(const char *what, const uint8_t *bytes, uint32_t len)
{
	uint32_t i;

	printf("%s (%u):", what, len);
	for (i = 0; i < len; i++)
		printf("%s%02x", i % 4 ? "" : " ", bytes[i]);
	printf("\n");
}

static void note(struct world *w, int in, const struct model_result *r)
{
	unsigned i, deliveries = 0, made = 0;

	w->port[in].rx++;
	w->port[in].verdict[r->verdict]++;
	verdicts[r->verdict]++;
	for (i = 0; i < w->fs->count; i++) {
		w->port[i].fate[r->at[i].fate]++;
		fates[r->at[i].fate]++;
		made += r->at[i].copy;
		deliveries += r->at[i].fate != MODEL_NOTHING &&
			      !r->at[i].copy;
	}
	w->port[in].copies += made + (deliveries ? deliveries - 1 : 0);
	copies += made;
}

/* ---- comparing ---- */

static bool counters_agree(const struct world *w, unsigned i)
{
	const struct port_counters *c = &w->fs->state[i]->ctr[0];
	const struct expected *e = &w->port[i];
	uint64_t got[MODEL_VERDICTS] = { 0 }, all = 0;
	unsigned v, why;
	bool same = c->rx_frames == e->rx && c->copies == e->copies &&
		    c->tx_frames == e->fate[MODEL_SENT];

	for (why = 1; why < DROP_FIRST_EGRESS; why++) {
		all += c->drops[why];
		for (v = 1; v < MODEL_VERDICTS; v++)
			if (stands_for(why, v))
				got[v] += c->drops[why];
	}
	/* one verdict a frame */
	same &= all + e->verdict[MODEL_FORWARD] == c->rx_frames;
	for (v = 1; v < MODEL_VERDICTS; v++) {
		if (got[v] != e->verdict[v])
			printf("\n%s: %lu, not %lu\n",
			       bridge_model_verdict_name(v),
			       (unsigned long)got[v],
			       (unsigned long)e->verdict[v]);
		same &= got[v] == e->verdict[v];
	}
	for (v = MODEL_NO_LINK; v < MODEL_FATES; v++)
		same &= c->drops[drop_of[v]] == e->fate[v];
	if (!same)
		printf("\ncounters of port %s differ\n",
		       w->fs->port[i]->port.name);
	return same;
}

/* The next frame sent to the port is this one. */
static bool takes(const struct fake_frame **next, const struct model_delivery *d,
		  const char *port)
{
	const struct fake_frame *ff = *next;

	if (fake_frame_is(ff, &d->bytes)) {
		*next = ff->next;
		return true;
	}
	printf("\nport %s:\n", port);
	print_packet("expected", d->bytes.bytes, d->bytes.len);
	if (ff)
		print_packet("got", ff->bytes, ff->len);
	return false;
}

/* Deliveries in order of arrival, then copies. */
static bool sent_as_expected(const struct world *w, unsigned i,
			     const struct model_result r[], unsigned n)
{
	const struct fake_port *fp = w->fs->port[i];
	const struct fake_frame *next = fp->sent.first;
	unsigned k, copy;

	for (copy = 0; copy < 2; copy++)
		for (k = 0; k < n; k++)
			if (r[k].at[i].fate == MODEL_SENT &&
			    r[k].at[i].copy == copy &&
			    !takes(&next, &r[k].at[i], fp->port.name))
				return false;
	if (next)
		printf("\nport %s got more than expected\n", fp->port.name);
	return !next;
}

static void time_passes(struct world *w, struct packet_rng *rng)
{
	unsigned ticks = packet_random(rng, 3);

	w->fs->br.tick += ticks;
	w->model.tick += ticks;
	w->fs->bw->now += (uint64_t)ticks * FAKE_HZ;
}

static bool is_trunk(const struct world *w, int in)
{
	uint8_t mode = w->fs->conf->ports[in].vlan_mode;

	return mode != CONF_VLAN_ACCESS && mode != CONF_VLAN_TUNNEL;
}

static bool step(struct world *w, struct packet_rng *rng, unsigned n)
{
	static struct model_result r[BURST];
	static struct packet p[BURST];
	int in = packet_random(rng, w->fs->count);
	bool same = true;
	unsigned i, k;

	time_passes(w, rng);
	for (k = 0; k < n; k++) {
		bridge_gen_frame(rng, is_trunk(w, in), &p[k]);
		bridge_model_frame(&w->model, in, &p[k], &r[k]);
		note(w, in, &r[k]);
		fake_port_push(w->fs->port[in], 0, &p[k]);
	}
	fake_switch_run(w->fs);
	for (i = 0; i < w->fs->count && same; i++)
		same = sent_as_expected(w, i, r, n) && counters_agree(w, i);
	for (k = 0; k < n && !same; k++) {
		printf("verdict %s, ",
		       bridge_model_verdict_name(r[k].verdict));
		print_packet(w->fs->port[in]->port.name, p[k].bytes, p[k].len);
	}
	fake_switch_clear(w->fs);
	return same && fake_switch_balanced(w->fs);
}

static void bridge_does_what_the_model_says(void)
{
	struct packet_rng rng = { seed };
	unsigned long done = 0;
	struct world w;
	bool same = true;

	while (done < rounds && same) {
		uint64_t state = rng.state;
		unsigned i;

		world_new(&w, &rng, false);
		for (i = 0; i < STEPS && same; i++) {
			unsigned n = 1 + packet_random(&rng, BURST);

			same = step(&w, &rng, n);
			done += n;
		}
		if (!same)
			printf("frame %lu, seed %llu\n%s\n", done,
			       (unsigned long long)state, w.text);
		fake_switch_free(w.fs);
	}
	CU_ASSERT_TRUE(same);
}

static void every_verdict_and_fate_was_met(void)
{
	unsigned i;

	for (i = 0; i < MODEL_VERDICTS; i++) {
		printf("\n    %-10s %lu", bridge_model_verdict_name(i),
		       verdicts[i]);
		CU_ASSERT_TRUE(verdicts[i] > rounds / 1000);
	}
	for (i = 0; i < MODEL_FATES; i++)
		CU_ASSERT_TRUE(fates[i] > rounds / 1000);
	CU_ASSERT_TRUE(copies > rounds / 100);
	printf("\n    copies     %lu\n", copies);
}

/* ---- a dry run foresees ---- */

struct foreseen {
	enum drop verdict;
	enum drop at[MODEL_PORTS_MAX]; /* DROP_COUNT: nothing for it */
	struct packet bytes[MODEL_PORTS_MAX];
};

static int index_of(const struct fake_switch *fs, uint16_t id)
{
	unsigned i;

	for (i = 0; i < fs->count; i++)
		if (fs->port[i]->port.id == id)
			return i;
	return -1;
}

static void foresee_at(struct fake_switch *fs, struct bridge_worker *dry,
		       const struct bport *out, struct frame *f,
		       struct foreseen *fo)
{
	int i = index_of(fs, out->id);

	fo->at[i] = out->port->link
			    ? bridge_egress_check(dry, fake_switch_look(fs),
						  out, f)
			    : DROP_NO_LINK;
	packet_from_frame(&fo->bytes[i], f);
}

static void foresee(struct fake_switch *fs, struct bridge_worker *dry, int in,
		    const struct packet *p, struct foreseen *fo)
{
	const struct bridge_view *v = fake_switch_look(fs);
	const struct bport *from = v->ports[fs->port[in]->port.id];
	struct frame *f = &fs->burst->frames[0];
	bool hears[MODEL_PORTS_MAX] = { false };
	const struct segment *seg = NULL;
	uint16_t ids[MODEL_PORTS_MAX];
	struct packet_frame pf;
	unsigned i, n;

	packet_frame(p, &pf, FRAME_HDR_MAX);
	burst_reset(fs->burst, BURST_BYTES_MAX);
	*f = pf.f;
	f->hdr = f->bytes;
	fs->burst->count = 1;
	bridge_classify(dry, v, from, fs->burst);
	for (i = 0; i < fs->count; i++)
		fo->at[i] = DROP_COUNT;
	if (f->segment != SEGMENT_NONE)
		seg = &v->segments[f->segment];
	for (i = 0; seg && i < seg->listener_count; i++)
		hears[index_of(fs, seg->listeners[i])] = bridge_hears(
			dry, v, from, v->ports[seg->listeners[i]], f);
	n = bridge_destinations(dry, v, from, f, ids, MODEL_PORTS_MAX);
	fo->verdict = f->verdict || n ? f->verdict : DROP_NO_DEST;
	for (i = 0; i < n; i++)
		foresee_at(fs, dry, v->ports[ids[i]], f, fo);
	for (i = 0; i < fs->count; i++)
		if (hears[i])
			foresee_at(fs, dry, v->ports[fs->port[i]->port.id], f,
				   fo);
}

static bool happened(const struct fake_switch *fs, int in,
		     const struct port_counters before[],
		     const struct foreseen *fo)
{
	const struct port_counters *c = &fs->state[in]->ctr[0];
	unsigned i, why;

	for (why = 1; why < DROP_FIRST_EGRESS; why++) {
		uint64_t n = c->drops[why] - before[in].drops[why];

		if (n == (why == fo->verdict))
			continue;
		printf("\n%s: %lu", drop_name(why), (unsigned long)n);
		return false;
	}
	for (i = 0; i < fs->count; i++) {
		const struct fake_port *fp = fs->port[i];

		c = &fs->state[i]->ctr[0];
		if (fo->at[i] == DROP_NONE
			    ? fp->sent.count != 1 ||
				      !fake_frame_is(fp->sent.first,
						     &fo->bytes[i])
			    : fp->sent.count != 0)
			return false;
		for (why = DROP_FIRST_EGRESS; why < DROP_COUNT; why++)
			if (c->drops[why] - before[i].drops[why] !=
			    (why == fo->at[i]))
				return false;
	}
	return true;
}

static bool same_counters(const struct port_counters *a,
			  const struct port_counters *b)
{
	unsigned i;

	for (i = 0; i < DROP_COUNT; i++)
		if (a->drops[i] != b->drops[i])
			return false;
	return a->rx_frames == b->rx_frames && a->rx_bytes == b->rx_bytes &&
	       a->tx_frames == b->tx_frames && a->tx_bytes == b->tx_bytes &&
	       a->copies == b->copies && a->segments == b->segments &&
	       a->learn_deferred == b->learn_deferred;
}

static bool foreseen_step(struct world *w, struct bridge_worker *dry,
			  struct packet_rng *rng)
{
	static struct port_counters before[MODEL_PORTS_MAX];
	struct fake_switch *fs = w->fs;
	int in = packet_random(rng, fs->count);
	static struct foreseen fo;
	struct packet p;
	unsigned i, learned;
	bool same;

	time_passes(w, rng);
	mcast_age(fs->br.mcast, fs->bw->now / fs->br.tsc_per_ms, 0);
	bridge_gen_frame(rng, is_trunk(w, in), &p);
	for (i = 0; i < fs->count; i++)
		before[i] = fs->state[i]->ctr[0];
	learned = fdb_count(fs->br.fdb);
	dry->now = fs->bw->now;
	foresee(fs, dry, in, &p, &fo);
	if (fdb_count(fs->br.fdb) != learned)
		return false; /* nor does it learn */
	for (i = 0; i < fs->count; i++)
		if (!same_counters(&before[i], &fs->state[i]->ctr[0]))
			return false; /* a dry run counts nothing */
	fake_switch_send(fs, fs->port[in]->port.name, &p);
	same = happened(fs, in, before, &fo);
	if (!same) {
		printf("\nforeseen: %s\n", drop_name(fo.verdict));
		print_packet(fs->port[in]->port.name, p.bytes, p.len);
	}
	fake_switch_clear(fs);
	return same;
}

static void dry_run_foresees_what_happens(void)
{
	struct bridge_worker *dry =
		aligned_alloc(64, (sizeof(*dry) + 63) & ~(size_t)63);
	struct packet_rng rng = { seed + 1 };
	unsigned long done = 0, i;
	struct world w;
	bool same = true;

	while (done < rounds / 4 && same) {
		world_new(&w, &rng, true);
		CU_ASSERT_EQUAL_FATAL(bridge_worker_init(dry, &w.fs->br, 0),
				      0);
		dry->dry = true;
		for (i = 0; i < 2 * STEPS && same; i++, done++)
			same = foreseen_step(&w, dry, &rng);
		if (!same)
			printf("frame %lu\n%s\n", done, w.text);
		bridge_worker_fini(dry);
		fake_switch_free(w.fs);
	}
	CU_ASSERT_TRUE(same);
	free(dry);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(bridge_does_what_the_model_says),
		SUITE_TEST(every_verdict_and_fate_was_met),
		SUITE_TEST(dry_run_foresees_what_happens),
	};

	rounds = suite_rounds(argc, argv, rounds);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	printf("rounds %lu seed %llu\n", rounds, (unsigned long long)seed);
	return suite_run("bridge property", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
