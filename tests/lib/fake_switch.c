/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_switch.c: see fake_switch.h. */
#include "tests/lib/fake_switch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* What the multicast tables let go of; one thread, so any later time will do */
struct fake_garbage {
	struct fake_garbage *next;
	void (*free)(void *p);
	void *p;
};

static void defer_free(void *ctx, void (*fn)(void *p), void *p)
{
	struct fake_switch *fs = ctx;
	struct fake_garbage *g = malloc(sizeof(*g));

	assert(g);
	*g = (struct fake_garbage){ fs->garbage, fn, p };
	fs->garbage = g;
}

static void collect(struct fake_switch *fs)
{
	struct fake_garbage *g;

	while ((g = fs->garbage)) {
		fs->garbage = g->next;
		g->free(g->p);
		free(g);
	}
}

static void *aligned_zero(size_t size)
{
	void *p;

	size = (size + 63) & ~(size_t)63;
	p = aligned_alloc(64, size);
	assert(p);
	return memset(p, 0, size);
}

/* ---- configuration ---- */

struct switch_conf *fake_conf(const char *text)
{
	static const char head[] = "{\"owner\":\"test\",\"generation\":1,";
	size_t n = strlen(text);
	char *json = malloc(sizeof(head) + n + 1), *c;
	struct switch_conf_errors errs = { 0 };
	struct switch_conf *conf;
	int rc;

	assert(json);
	sprintf(json, "%s%s}", head, text);
	for (c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	rc = switch_conf_parse(&conf, json, strlen(json), &errs);
	if (rc < 0)
		printf("\n%s\n%s: %s, expected %s\n", json, errs.error[0].path,
		       errs.error[0].value, errs.error[0].expected);
	free(json);
	return rc < 0 ? NULL : conf;
}

/* Ids differ from indexes, so that mixing them up shows. */
static uint16_t id_of(unsigned i)
{
	return 3 * i + 5;
}

static int index_of(const struct fake_switch *fs, const char *name)
{
	unsigned i;

	for (i = 0; i < fs->count; i++)
		if (!strcmp(fs->port[i]->port.name, name))
			return i;
	return -1;
}

static void set_rates(struct port_state *st, const struct conf_port *conf,
		      uint64_t now)
{
	const uint64_t pps[STORM_KINDS] = { conf->storm_pps, conf->storm_pps,
					    conf->storm_pps };

	rate_init_bits(&st->from_guest, conf->rate_from_guest_bps, 0, FAKE_HZ,
		       now);
	rate_init_bits(&st->to_guest, conf->rate_to_guest_bps, 0, FAKE_HZ,
		       now);
	storm_init(&st->storm, pps, FAKE_HZ, now);
}

static void bond_init(struct fake_bond *fb, const char *name, unsigned members)
{
	unsigned i;
	int rc;

	fb->members = members;
	fb->table.accept = (1u << members) - 1;
	fb->table.accept_flood = 1;
	fb->table.up = members;
	for (i = 0; i < BOND_BUCKETS; i++)
		fb->table.member_of[i] = members ? i % members : BOND_NONE;
	rc = bond_port_new(&fb->port, name, &fb->table, 2);
	assert(!rc);
}

static void bond_fini(struct fake_bond *fb)
{
	if (fb)
		bond_port_free(fb->port);
	free(fb);
}

/* A bond has a port of its own; the fake one in its place does nothing. */
static void add_bond(struct fake_switch *fs, unsigned i,
		     const struct conf_port *conf)
{
	struct fake_bond *fb = calloc(1, sizeof(*fb));

	assert(fb);
	bond_init(fb, conf->name, conf->bonding.member_count);
	bond_port_port(fb->port)->id = id_of(i);
	fs->bond[i] = fb;
	fs->port[i]->port.rx_queues = 0;
}

static void join_bonds(struct fake_switch *fs)
{
	unsigned i;

	for (i = 0; i < fs->count; i++) {
		const struct conf_port *conf = &fs->conf->ports[i];

		if (conf->bond != CONF_NONE)
			bond_port_set_member(fs->bond[conf->bond]->port,
					     conf->member, &fs->port[i]->port);
	}
}

static void add_port(struct fake_switch *fs, const struct conf_port *conf)
{
	unsigned i = fs->count++;

	assert(fs->count <= FAKE_PORTS_MAX);
	fs->port[i] = fake_port_new(conf->name);
	fs->port[i]->port.id = id_of(i);
	fs->port[i]->port.mtu = conf->mtu;
	fs->state[i] = aligned_zero(sizeof(*fs->state[i]));
	set_rates(fs->state[i], conf, fs->bw->now);
	if (conf->type == CONF_BOND)
		add_bond(fs, i, conf);
}

static struct view_member member_of(const struct fake_switch *fs, unsigned i,
				    const struct conf_port *conf)
{
	int bond = index_of(fs, fs->conf->ports[conf->bond].name);

	return (struct view_member){ .table = &fs->bond[bond]->table,
				     .id = id_of(i),
				     .bond = id_of(bond),
				     .slot = conf->member };
}

static struct bridge_view *view_of(struct fake_switch *fs)
{
	struct view_member vm[FAKE_PORTS_MAX];
	struct view_port vp[FAKE_PORTS_MAX];
	struct view_parts parts = { .conf = fs->conf,
				    .ports = vp,
				    .members = vm,
				    .taps = fs->tap,
				    .tap_count = fs->tap_count };
	struct switch_conf_errors errs = { 0 };
	const struct conf_port *conf;
	struct bridge_view *view;
	unsigned i;
	int rc;

	for (i = 0; i < fs->count; i++) {
		int32_t k = switch_conf_find_port(fs->conf,
						  fs->port[i]->port.name);

		if (k == CONF_NONE)
			continue;
		conf = &fs->conf->ports[k];
		if (conf->bond != CONF_NONE)
			vm[parts.member_count++] = member_of(fs, i, conf);
		else
			vp[parts.port_count++] = (struct view_port){
				.conf = conf,
				.port = fs->bond[i]
						? bond_port_port(
							  fs->bond[i]->port)
						: &fs->port[i]->port,
				.state = fs->state[i],
				.id = id_of(i),
			};
	}
	rc = switch_view_new(&view, &parts, &errs);
	assert(!rc);
	return view;
}

void fake_switch_review(struct fake_switch *fs)
{
	switch_view_free(atomic_exchange(&fs->br.view, view_of(fs)));
}

struct bridge_view *fake_switch_swap(struct fake_switch *fs, const char *text)
{
	switch_conf_free(fs->conf);
	fs->conf = fake_conf(text);
	assert(fs->conf);
	return atomic_exchange(&fs->br.view, view_of(fs));
}

void fake_switch_view(struct fake_switch *fs, const char *text)
{
	switch_view_free(fake_switch_swap(fs, text));
}

/* ---- tables, as in switch.c ---- */

static void set_statics(struct fake_switch *fs, unsigned i,
			const struct conf_port *conf)
{
	unsigned k;
	int rc;

	fdb_set_quota(fs->br.fdb, id_of(i),
		      conf->role == CONF_UPLINK ? FDB_QUOTA_UPLINK
						: conf->mac_limit);
	if (!conf->has_mac || conf->locking == CONF_LOCK_DISABLED)
		return;
	for (k = 0; k < conf->carries_count; k++) {
		rc = fdb_set_static(fs->br.fdb,
				    fdb_key(conf->carries[k], conf->mac),
				    id_of(i));
		assert(!rc);
	}
}

static void set_groups(struct fake_switch *fs)
{
	unsigned i;

	for (i = 0; i < fs->conf->network_count; i++) {
		const struct conf_network *n = &fs->conf->networks[i];
		int up = n->uplink == CONF_NONE
				 ? -1
				 : index_of(fs, n->uplink_name);

		mcast_flush_segment(fs->br.mcast, i);
		mcast_set_segment(fs->br.mcast, i, n->igmp_snooping,
				  MCAST_AUTO,
				  up < 0 ? MCAST_NO_PORT : id_of(up));
	}
}

static bool is_any(const void *ctx, const struct fdb_entry *e)
{
	return true;
}

void fake_switch_tables(struct fake_switch *fs)
{
	unsigned i;

	fdb_sweep(fs->br.fdb, is_any, NULL);
	for (i = 0; i < fs->count; i++) {
		int32_t k = switch_conf_find_port(fs->conf,
						  fs->port[i]->port.name);

		if (k != CONF_NONE)
			set_statics(fs, i, &fs->conf->ports[k]);
	}
	set_groups(fs);
}

static void new_tables(struct fake_switch *fs)
{
	struct mcast_conf mc = { MCAST_CONF_DEFAULT, .defer_free = defer_free,
				 .ctx = fs, .seed = 1 };
	struct fdb_conf fc = FDB_CONF_DEFAULT;
	int rc;

	mc.groups = 256; /* smaller, so quicker to make */
	fc.capacity = fs->conf->settings.fdb_entries;
	fc.hold = (fs->conf->settings.mac_move_hold_ms + 999) / 1000;
	fc.seed = 1;
	rc = fdb_new(&fs->br.fdb, &fc);
	if (!rc)
		rc = mcast_new(&fs->br.mcast, &mc);
	assert(!rc);
}

/* ---- life ---- */

struct fake_switch *fake_switch_new(const char *text)
{
	struct fake_switch *fs = calloc(1, sizeof(*fs));
	unsigned i;
	int rc;

	assert(fs);
	fs->bw = aligned_zero(sizeof(*fs->bw));
	fs->burst = aligned_zero(sizeof(*fs->burst));
	rc = bridge_worker_init(fs->bw, &fs->br, 0);
	fs->conf = fake_conf(text);
	assert(!rc && fs->conf);
	fs->bw->now = FAKE_HZ;
	fs->br.tsc_per_ms = FAKE_HZ / 1000;
	atomic_store(&fs->br.tick, 1000);
	new_tables(fs);
	for (i = 0; i < fs->conf->port_count; i++)
		add_port(fs, &fs->conf->ports[i]);
	join_bonds(fs);
	fake_switch_review(fs);
	fake_switch_tables(fs);
	return fs;
}

void fake_switch_free(struct fake_switch *fs)
{
	unsigned i;

	switch_view_free(atomic_load(&fs->br.view));
	collect(fs);
	mcast_free(fs->br.mcast);
	fdb_free(fs->br.fdb);
	for (i = 0; i < fs->count; i++) {
		fake_port_free(fs->port[i]);
		bond_fini(fs->bond[i]);
		free(fs->state[i]);
	}
	switch_conf_free(fs->conf);
	bridge_worker_fini(fs->bw);
	free(fs->bw);
	free(fs->burst);
	free(fs);
}

/* ---- use ---- */

const struct bridge_view *fake_switch_look(const struct fake_switch *fs)
{
	return atomic_load(&fs->br.view);
}

struct fake_port *fake_switch_port(const struct fake_switch *fs,
				   const char *name)
{
	int i = index_of(fs, name);

	assert(i >= 0);
	return fs->port[i];
}

const struct bport *fake_switch_bport(const struct fake_switch *fs,
				      const char *name)
{
	return fake_switch_look(fs)
		->ports[fake_switch_port(fs, name)->port.id];
}

struct fake_bond *fake_switch_bond(const struct fake_switch *fs,
				   const char *name)
{
	int i = index_of(fs, name);

	assert(i >= 0 && fs->bond[i]);
	return fs->bond[i];
}

void fake_switch_bond_sole(struct fake_switch *fs, const char *name,
			   unsigned slot)
{
	struct fake_bond *fb = fake_switch_bond(fs, name);
	unsigned i;

	for (i = 0; i < BOND_BUCKETS; i++)
		fb->table.member_of[i] = slot;
	bond_port_update(fb->port);
}

struct port_counters *fake_switch_ctr(const struct fake_switch *fs,
				      const char *name)
{
	int i = index_of(fs, name);

	assert(i >= 0);
	return &fs->state[i]->ctr[0];
}

static bool serve(struct fake_switch *fs, struct fake_port *fp, unsigned q)
{
	const struct bridge_view *v = fake_switch_look(fs);
	const struct bport *in = v->ports[fp->port.id];
	struct burst *b = fs->burst;

	if (!in)
		return false;
	burst_reset(b, BURST_BYTES_MAX);
	if (!fp->port.ops->rx(&fp->port, q, b))
		return false;
	bridge_classify(fs->bw, v, in, b);
	bridge_deliver(fs->bw, v, in, b);
	fp->port.ops->rx_done(&fp->port, q, b);
	return true;
}

void fake_switch_run(struct fake_switch *fs)
{
	unsigned i, q;

	for (i = 0; i < fs->count; i++)
		for (q = 0; q < fs->port[i]->port.rx_queues; q++)
			while (serve(fs, fs->port[i], q))
				;
	collect(fs);
}

void fake_switch_send(struct fake_switch *fs, const char *port,
		      const struct packet *p)
{
	fake_port_push(fake_switch_port(fs, port), 0, p);
	fake_switch_run(fs);
}

unsigned fake_switch_got(const struct fake_switch *fs, const char *port)
{
	return fake_switch_port(fs, port)->sent.count;
}

void fake_switch_clear(struct fake_switch *fs)
{
	unsigned i;

	for (i = 0; i < fs->count; i++)
		fake_port_clear(fs->port[i]);
}

void fake_switch_wait(struct fake_switch *fs, unsigned seconds)
{
	uint16_t tick = atomic_load(&fs->br.tick) + seconds;

	fs->bw->now += (uint64_t)seconds * FAKE_HZ;
	atomic_store(&fs->br.tick, tick);
	fdb_age(fs->br.fdb, tick, fs->conf->settings.ageing_s, 0);
	mcast_age(fs->br.mcast, fs->bw->now / fs->br.tsc_per_ms, 0);
	collect(fs);
}

bool fake_switch_balanced(const struct fake_switch *fs)
{
	uint64_t in = 0, out = 0;
	unsigned i, why;

	for (i = 0; i < fs->count * WORKERS_MAX; i++) {
		const struct port_counters *c =
			&fs->state[i / WORKERS_MAX]->ctr[i % WORKERS_MAX];

		in += c->rx_frames + c->copies;
		out += c->tx_frames;
		for (why = 1; why < DROP_COUNT; why++)
			out += c->drops[why];
	}
	if (in != out)
		printf("\nrx + copies = %llu, tx + drops = %llu\n",
		       (unsigned long long)in, (unsigned long long)out);
	return in == out;
}
