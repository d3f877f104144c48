/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_announce.c: a round takes a snapshot of the addresses, then works it
 * off in chunks, so that a table of thousands neither keeps the control
 * thread nor fills an interface's queue.  Frames are made when they are sent:
 * an address that has gone meanwhile, or whose port has, is announced by RARP
 * at worst, which says nothing that was not true a moment ago.
 */
#include "vswitch/switch_announce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "vswitch/announce_frame.h"
#include "vswitch/clock_ms.h"
#include "vswitch/switch_bond.h"
#include "vswitch/switch_uplink.h"

struct address {
	uint16_t segment, port;
	uint8_t mac[6];
};

struct announcer {
	struct sw_port *bond;
	struct event *timer;
	uint64_t moved[BOND_BUCKETS / 64];
	unsigned rounds; /* still to be made after this one */
	unsigned count, next;
	struct address *list; /* of this round */
	struct announcer_facts facts;
};

/* ---- the frames of one address --------------------------------------------- */

/* Frames until one is not taken for now (-EAGAIN): their number. */
struct speech {
	struct sw_port *up;
	struct announce_tag tag;
	unsigned sent, failed;
	bool full;
};

static void say(struct speech *s, const uint8_t *frame, size_t len)
{
	int rc = s->full ? -EAGAIN : switch_uplink_send(s->up, frame, len);

	s->full = rc == -EAGAIN;
	if (!rc)
		s->sent++;
	else if (!s->full)
		s->failed++;
}

static unsigned say_ipv4(struct speech *s, const struct conf_port *conf)
{
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	unsigned i, n = 0;

	for (i = 0; i < conf->ipv4_count && n < ANNOUNCE_IPS_MAX; i++) {
		if (conf->ipv4_allowed[i].len != 32)
			continue;
		say(s, frame,
		    announce_arp(frame, &s->tag, conf->mac,
				 conf->ipv4_allowed[i].addr));
		n++;
	}
	return n;
}

static unsigned say_ipv6(struct speech *s, const struct conf_port *conf)
{
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	unsigned i, n = 0;

	for (i = 0; i < conf->ipv6_count && n < ANNOUNCE_IPS_MAX; i++) {
		if (conf->ipv6_allowed[i].len != 128)
			continue;
		say(s, frame,
		    announce_na(frame, &s->tag, conf->mac,
				&conf->ipv6_allowed[i].addr, conf->router));
		n++;
	}
	return n;
}

/* `conf` of the port that has it, or NULL when that has gone. */
static void say_address(struct speech *s, const struct conf_port *conf,
			const uint8_t mac[6])
{
	bool locked = conf && conf->locking == CONF_LOCK_LOCKED &&
		      conf->has_mac && !memcmp(conf->mac, mac, 6);
	uint8_t frame[ANNOUNCE_FRAME_MAX];

	if (locked && say_ipv4(s, conf) + say_ipv6(s, conf))
		return;
	say(s, frame, announce_rarp(frame, &s->tag, mac));
}

static struct announce_tag tag_at(const struct sw_port *up,
				  const struct conf_network *network)
{
	const struct conf_port *conf = switch_port_conf(up->sw, up);
	struct announce_tag tag = { .tpid = conf ? conf->tpid : 0x8100,
				    .vid = network->vlan };

	return tag;
}

/* NULL: no such network any more. */
static const struct conf_network *network_of(const struct sw *sw,
					     uint16_t segment)
{
	const struct bridge_view *v = switch_view(sw);
	unsigned i = segment < v->segment_count ? v->segments[segment].network
						: SEGMENT_NONE;

	return i < sw->running->network_count ? &sw->running->networks[i]
					      : NULL;
}

/* ---- rounds ------------------------------------------------------------------ */

/* Does it leave, with this network's tag, in a bucket that moved? */
static bool is_moved(const struct announcer *a,
		     const struct conf_network *network, const uint8_t mac[6])
{
	unsigned bucket = bond_bucket_of_mac(switch_bond_table(a->bond->bond),
					     mac, network->vlan);

	return a->moved[bucket / 64] >> (bucket % 64) & 1;
}

static void add(void *ctx, const struct fdb_entry *e)
{
	struct announcer *a = ctx;
	const struct conf_network *n = network_of(a->bond->sw, e->segment);
	struct address *to;

	if (!n || strcmp(n->uplink_name, a->bond->name) != 0 ||
	    e->class == FDB_UPLINK || e->port == a->bond->id ||
	    !is_moved(a, n, e->mac))
		return;
	if (a->count == ANNOUNCE_ADDRESSES_MAX) {
		a->facts.beyond++;
		return;
	}
	to = &a->list[a->count++];
	to->segment = e->segment;
	to->port = e->port;
	memcpy(to->mac, e->mac, 6);
}

static void run_after(struct announcer *a, unsigned ms)
{
	const struct timeval tv = { .tv_usec = ms * 1000 };

	event_add(a->timer, &tv);
}

static void end_round(struct announcer *a)
{
	a->count = a->next = 0;
	if (a->rounds)
		run_after(a, ANNOUNCE_AGAIN_MS);
	else
		memset(a->moved, 0, sizeof(a->moved));
}

static void work(struct announcer *a)
{
	struct sw *sw = a->bond->sw;
	struct speech s = { .up = a->bond };

	while (a->next < a->count && s.sent + s.failed < ANNOUNCE_CHUNK) {
		const struct address *ad = &a->list[a->next];
		const struct sw_port *owner = sw->ports[ad->port];
		const struct conf_network *n = network_of(sw, ad->segment);

		if (n) {
			s.tag = tag_at(a->bond, n);
			say_address(&s,
				    owner ? switch_port_conf(sw, owner) : NULL,
				    ad->mac);
		}
		if (s.full)
			break; /* the same again, a little later */
		a->next++;
	}
	a->facts.sent += s.sent;
	a->facts.failed += s.failed;
	if (a->next < a->count)
		run_after(a, ANNOUNCE_PACE_MS);
	else
		end_round(a);
}

static void begin_round(struct announcer *a)
{
	a->rounds--;
	a->count = a->next = 0;
	fdb_each(a->bond->sw->bridge.fdb, add, a);
	work(a);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct announcer *a = ctx;

	if (a->next < a->count)
		work(a);
	else if (a->rounds)
		begin_round(a);
}

void announcer_moved(struct announcer *a,
		     const uint64_t buckets[BOND_BUCKETS / 64])
{
	unsigned i;

	for (i = 0; i < BOND_BUCKETS / 64; i++)
		a->moved[i] |= buckets ? buckets[i] : UINT64_MAX;
	a->rounds = ANNOUNCE_ROUNDS;
	begin_round(a);
}

void announcer_reconsider(struct announcer *a)
{
	if (a->next >= a->count)
		return;
	a->rounds++;
	begin_round(a);
}

/* ---- set-up, facts -------------------------------------------------------------- */

int announcer_new(struct announcer **out, struct sw_port *bond)
{
	struct announcer *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->bond = bond;
	a->list = calloc(ANNOUNCE_ADDRESSES_MAX, sizeof(*a->list));
	a->timer = evtimer_new(bond->sw->base, on_timer, a);
	if (!a->list || !a->timer) {
		announcer_free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

void announcer_free(struct announcer *a)
{
	if (!a)
		return;
	if (a->timer)
		event_free(a->timer);
	free(a->list);
	free(a);
}

void announcer_facts(const struct announcer *a, struct announcer_facts *facts)
{
	*facts = a->facts;
	facts->left = a->count - a->next;
}

/* ---- guests that have moved here ---------------------------------------------- */

/* A guest may be wrong about its address, or lie: then nothing is said. */
static bool may_say(const struct sw_port *sp, const struct conf_port *conf,
		    const uint8_t mac[6])
{
	const struct switch_conf *sc = sp->sw->running;
	static const uint8_t none[6];
	struct fdb_hit hit;
	unsigned i;

	if (conf->locking == CONF_LOCK_DISABLED || mac[0] & 1 ||
	    !memcmp(mac, none, 6))
		return false;
	if (conf->has_mac)
		return !memcmp(conf->mac, mac, 6);
	for (i = 0; i < conf->carries_count; i++) {
		uint16_t seg = sc->networks[conf->carries[i]].segment;

		if (fdb_lookup(sp->sw->bridge.fdb, fdb_key(seg, mac), &hit) &&
		    hit.port != sp->id)
			return false;
	}
	return conf->locking == CONF_LOCK_UNLOCKED;
}

void switch_announce_guest(struct sw_port *sp, const uint8_t mac[6])
{
	const struct conf_port *conf = switch_port_conf(sp->sw, sp);
	const struct switch_conf *sc = sp->sw->running;
	uint64_t now = clock_ms();
	unsigned i;

	if (!conf || !may_say(sp, conf, mac) ||
	    now - sp->announced_ms < ANNOUNCE_GUEST_MS)
		return;
	sp->announced_ms = now;
	for (i = 0; i < conf->carries_count; i++) {
		const struct conf_network *n = &sc->networks[conf->carries[i]];
		struct speech s = { .up = switch_find_port(sp->sw,
							   n->uplink_name) };

		if (!s.up)
			continue;
		s.tag = tag_at(s.up, n);
		say_address(&s, conf, mac);
	}
}

/* ---- what a guest listens to ----------------------------------------------------- */

/* How a network's frames leave the port: untagged, or with one tag. */
static unsigned tag_towards(const struct conf_port *conf, unsigned i,
			    const struct conf_network *n,
			    uint32_t tag[FRAME_TAGS_MAX])
{
	bool native = conf->native == conf->carries[i];

	tag[0] = (uint32_t)conf->tpid << 16 | n->vlan;
	return n->vlan && (conf->vlan_mode == CONF_VLAN_TRUNK ||
			   conf->vlan_mode == CONF_VLAN_NATIVE_TAGGED ||
			   (conf->vlan_mode == CONF_VLAN_NATIVE_UNTAGGED &&
			    !native));
}

static void query(struct sw_port *sp, const uint32_t tag[FRAME_TAGS_MAX],
		  unsigned tags, bool ipv6)
{
	static const uint8_t querier[6] = { 2, 'q', 'u', 'e', 'r', 'y' };
	struct frame f, *list[1] = { &f };
	uint8_t why[1] = { DROP_NONE };

	static_assert(MCAST_QUERY_MAX <= FRAME_HDR_MAX, "in one piece");
	frame_init(&f);
	f.hdr_len = mcast_query(f.bytes, ipv6, querier);
	f.len = f.hdr_len;
	frame_retag(&f, tags, tag);
	sp->said.generated++;
	if (sp->port->ops->tx(sp->port, 0, list, 1, why) == 1) {
		sp->said.tx_frames++;
		sp->said.tx_bytes += f.len;
	} else {
		sp->said.drops[why[0]]++;
	}
}

void switch_query_guest(struct sw_port *sp)
{
	const struct conf_port *conf = switch_port_conf(sp->sw, sp);
	bool up = sp->port && sp->port->link && sp->port->tx_queues;
	bool came = up && !sp->was_up;
	unsigned i;

	sp->was_up = up;
	for (i = 0; came && conf && i < conf->carries_count; i++) {
		const struct conf_network *n =
			&sp->sw->running->networks[conf->carries[i]];
		uint32_t tag[FRAME_TAGS_MAX];
		unsigned tags = tag_towards(conf, i, n, tag);

		if (!n->igmp_snooping || conf->vlan_mode == CONF_VLAN_TUNNEL)
			continue;
		query(sp, tag, tags, false);
		query(sp, tag, tags, true);
	}
	if (came)
		sp->port->ops->tx_flush(sp->port, 0);
}
