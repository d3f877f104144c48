/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c: the loop that keeps frames of all flows on their way.
 *
 * A round takes what arrived at every guest, then sends what the windows and
 * rates allow.  The buffer that arrived last is sent first: its first cache
 * line is at hand, as with a guest that forwards.  Rounds that moved something
 * are busy time, the others idle: while the generator has idle rounds, it is
 * the switch that sets the pace.
 *
 * A frame:
 *
 *	0  Ethernet  14  IPv4  34  UDP  42  flow << 56 | sequence
 *	50 TSC when sent  58  pattern: the byte's offset, salted by the run
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <x86intrin.h>

#define BURST 32
#define AT_IP 14
#define AT_UDP 34
#define AT_SEQ 42
#define AT_TSC 50
#define AT_PATTERN 58
#define UDP_PORTS 0xca05be9cu
#define SEQ_MASK ((1ull << 56) - 1)
#define TICK_S 0.0005
#define DRAIN_S 0.01

uint64_t load_tsc(void)
{
	return __rdtsc();
}

double load_tsc_hz(void)
{
	struct timespec a, b, pause = { .tv_nsec = 50000000 };
	uint64_t t0, t1;

	clock_gettime(CLOCK_MONOTONIC, &a);
	t0 = __rdtsc();
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	t1 = __rdtsc();
	return (double)(t1 - t0) / ((double)(b.tv_sec - a.tv_sec) +
				    1e-9 * (double)(b.tv_nsec - a.tv_nsec));
}

void load_pool_mac(uint8_t mac[6], unsigned i)
{
	const uint8_t m[6] = { 0x02, 0xca, 0x05, (uint8_t)(i >> 16),
			       (uint8_t)(i >> 8), (uint8_t)i };

	memcpy(mac, m, sizeof(m));
}

void load_reset(struct load *l)
{
	unsigned i;

	for (i = 0; i < l->port_count; i++) {
		l->port[i].used = l->port[i].back = false;
		l->port[i].stray = 0;
	}
	memset(l->flow, 0, sizeof(l->flow));
	l->flow_count = l->probe_count = 0;
	l->salt++;
	l->kill_pid = 0;
	l->kill_tsc = l->foreign = l->damaged = 0;
	l->busy_tsc = l->all_tsc = l->moved = l->bursts = 0;
}

static uint32_t next_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static uint16_t ip_checksum(const uint8_t *ip)
{
	uint32_t sum = 0;
	unsigned i;

	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

/* The first 64 bytes of a flow's frames. */
static void flow_head(struct load_flow *f, const struct load *l)
{
	const struct load_port *from = &l->port[f->from], *to = &l->port[f->to];
	uint8_t *h = f->head;
	unsigned i;

	for (i = AT_PATTERN; i < sizeof(f->head); i++)
		h[i] = (uint8_t)(i + l->salt);
	memcpy(h, to->mac, 6);
	memcpy(h + 6, from->mac, 6);
	put16(h + 12, 0x0800);
	put16(h + AT_IP, 0x4500);
	put16(h + AT_IP + 2, l->size - AT_IP);
	h[AT_IP + 8] = 64;
	h[AT_IP + 9] = 17;
	put32(h + AT_IP + 12, from->ip);
	put32(h + AT_IP + 16, to->ip);
	put16(h + AT_IP + 10, ip_checksum(h + AT_IP));
	put32(h + AT_UDP, UDP_PORTS);
	put16(h + AT_UDP + 4, l->size - AT_UDP);
}

/* Fill the buffers that will be sent; what arrives must bring its own. */
static void port_pattern(const struct load_port *p, uint8_t salt)
{
	struct guest *g = p->guest;
	unsigned i, b;

	guest_reclaim(g);
	for (b = 0; b < g->free_count; b++)
		for (i = AT_PATTERN; i < GUEST_FRAME_MAX; i++)
			guest_frame(g, g->free[b])[i] = (uint8_t)(i + salt);
}

static void flow_arrived(struct load_flow *f, struct load *l, uint64_t seq,
			 const uint8_t *frame, uint64_t now)
{
	uint64_t sent_tsc;

	if (!f->first_tsc && l->port[f->from].back && l->port[f->to].back)
		f->first_tsc = now;
	if (seq < f->old_mark) { /* given up already */
		f->late++;
		return;
	}
	if (seq < f->mark)
		f->below_mark++;
	else
		f->above_mark++;
	f->received++;
	f->inflight -= f->inflight > 0;
	if (now - f->last_tsc > f->silence_tsc && l->kill_tsc)
		f->silence_tsc = now - f->last_tsc;
	f->last_tsc = now;
	if (!f->probe || l->probe_count == LOAD_PROBES_MAX)
		return;
	memcpy(&sent_tsc, frame + AT_TSC, sizeof(sent_tsc));
	l->probe_us[l->probe_count++] =
		(float)(1e6 * (double)(load_tsc() - sent_tsc) / l->tsc_hz);
	f->due_tsc = now + (uint64_t)((double)f->gap_us * 1e-6 * l->tsc_hz);
}

static bool frame_intact(const uint8_t *frame, unsigned size, uint8_t salt)
{
	unsigned i;

	for (i = AT_PATTERN; i < size; i++)
		if (frame[i] != (uint8_t)(i + salt))
			return false;
	return true;
}

static void frame_arrived(struct load *l, unsigned port, const uint8_t *frame,
			  uint32_t len, uint64_t now, bool look)
{
	uint64_t mark;
	uint32_t ports;
	unsigned id;

	memcpy(&mark, frame + AT_SEQ, sizeof(mark));
	memcpy(&ports, frame + AT_UDP, sizeof(ports));
	id = (unsigned)(mark >> 56);
	if (len != l->size || ntohl(ports) != UDP_PORTS ||
	    id >= l->flow_count) {
		/* a switch asks new guests about groups: IGMP, MLD */
		l->foreign += !(frame[0] & 1);
	} else if (l->flow[id].to != port) {
		l->port[port].stray++;
	} else {
		l->damaged += look && !frame_intact(frame, len, l->salt);
		flow_arrived(&l->flow[id], l, mark & SEQ_MASK, frame, now);
	}
}

/* Take what arrived, hand fresh buffers back.  Returns how many. */
static unsigned port_rx(struct load *l, unsigned port, uint64_t now, bool look)
{
	struct guest *g = l->port[port].guest;
	unsigned n = guest_done(&g->rx), i;
	uint16_t buf[BURST];
	uint32_t len[BURST];

	if (!n)
		return 0;
	n = n < BURST ? n : BURST;
	for (i = 0; i < n; i++) {
		buf[i] = guest_take(&g->rx, &len[i]);
		/* soon to be sent: frame, and virtio header before it */
		__builtin_prefetch(guest_frame(g, buf[i]), 1);
		__builtin_prefetch(guest_frame(g, buf[i]) - GUEST_HDR_LEN, 1);
	}
	l->bursts++;
	guest_reclaim(g); /* GUEST_BUFS_MAX leaves more than a burst free */
	for (i = 0; i < n; i++)
		guest_post(g, &g->rx, g->free[--g->free_count],
			   GUEST_FRAME_MAX, VRING_DESC_F_WRITE);
	for (i = 0; i < n; i++) {
		frame_arrived(l, port, guest_frame(g, buf[i]),
			      len[i] - GUEST_HDR_LEN, now, look);
		g->free[g->free_count++] = buf[i];
	}
	guest_publish(g, &g->rx);
	return n;
}

/* The pool address of the next frame. */
static unsigned flow_pick(const struct load_flow *f)
{
	if (f->in_order)
		return f->first_mac + (unsigned)(f->next_seq % f->macs);
	return f->first_mac +
	       (unsigned)((uint64_t)next_random() * f->macs >> 32);
}

static void frame_write(struct load_flow *f, uint8_t *frame, uint64_t mark,
			uint64_t now)
{
	memset(frame - GUEST_HDR_LEN, 0, GUEST_HDR_LEN);
	memcpy(frame, f->head, sizeof(f->head));
	if (f->vary == VARY_DST)
		load_pool_mac(frame, flow_pick(f));
	else if (f->vary == VARY_SRC)
		load_pool_mac(frame + 6, flow_pick(f));
	memcpy(frame + AT_SEQ, &mark, sizeof(mark));
	memcpy(frame + AT_TSC, &now, sizeof(now));
}

/* A paced flow makes up for 10 us that it was held up, no more. */
static double credit_max(const struct load_flow *f)
{
	double most = f->rate * 10e-6;

	return most < 1 ? 1 : most > BURST ? BURST : most;
}

/* How many frames the window, rate, limit and gap let go now. */
static unsigned flow_allowed(struct load_flow *f, const struct load *l,
			     uint64_t now)
{
	uint64_t n = BURST;

	if (f->probe)
		return !f->inflight && now >= f->due_tsc;
	if (f->window)
		n = f->window > f->inflight ? f->window - f->inflight : 0;
	if (f->rate > 0) {
		f->credit += (double)(now - f->credit_tsc) * f->rate / l->tsc_hz;
		f->credit_tsc = now;
		if (f->credit > credit_max(f))
			f->credit = credit_max(f);
		n = (double)n < f->credit ? n : (uint64_t)f->credit;
	}
	if (f->limit && n > f->limit - f->sent)
		n = f->limit - f->sent;
	return n < BURST ? (unsigned)n : BURST;
}

static unsigned flow_tx(struct load *l, unsigned id, uint64_t now)
{
	struct load_flow *f = &l->flow[id];
	struct guest *g = l->port[f->from].guest;
	unsigned n = flow_allowed(f, l, now), i;

	if (!n)
		return 0;
	if (guest_slots(&g->tx) < n || g->free_count < n)
		guest_reclaim(g);
	n = n < guest_slots(&g->tx) ? n : guest_slots(&g->tx);
	n = n < g->free_count ? n : g->free_count;
	if (!n)
		return 0;
	for (i = 0; i < n; i++) {
		uint16_t buf = g->free[--g->free_count];

		frame_write(f, guest_frame(g, buf),
			    (uint64_t)id << 56 | f->next_seq, now);
		f->next_seq++;
		guest_post(g, &g->tx, buf, l->size, 0);
	}
	f->sent += n;
	f->inflight += n;
	f->credit -= n;
	guest_publish(g, &g->tx);
	return n;
}

/*
 * What was sent before the last mark has had LOAD_STALL_MS to arrive, in any
 * order; what has not will not, and makes room for new frames.
 */
static void flow_mark(struct load_flow *f, const struct load *l, uint64_t now)
{
	uint64_t due = f->mark - f->old_mark, lost;

	if (now - f->mark_tsc < (uint64_t)(LOAD_STALL_MS * 1e-3 * l->tsc_hz))
		return;
	lost = due > f->below_mark ? due - f->below_mark : 0;
	f->lost += lost;
	f->inflight -= lost < f->inflight ? lost : f->inflight;
	f->old_mark = f->mark;
	f->mark = f->next_seq;
	f->below_mark = f->above_mark;
	f->above_mark = 0;
	f->mark_tsc = now;
}

static void port_revive(struct load_port *p)
{
	if (!guest_lost(p->guest) || guest_reconnect(p->guest) < 0)
		return;
	p->back = true;
	p->back_tsc = load_tsc();
}

static void load_tick(struct load *l, uint64_t now)
{
	unsigned i;

	for (i = 0; i < l->port_count; i++)
		if (l->port[i].used)
			port_revive(&l->port[i]);
	for (i = 0; i < l->flow_count; i++)
		flow_mark(&l->flow[i], l, now);
}

static void load_prepare(struct load *l)
{
	unsigned i;

	for (i = 0; i < l->flow_count; i++) {
		struct load_flow *f = &l->flow[i];

		l->port[f->from].used = l->port[f->to].used = true;
		flow_head(f, l);
		port_pattern(&l->port[f->from], l->salt);
	}
}

static void load_start(struct load *l, uint64_t now)
{
	unsigned i;

	for (i = 0; i < l->flow_count; i++) {
		struct load_flow *f = &l->flow[i];

		f->start_tsc = f->last_tsc = f->credit_tsc = now;
		f->due_tsc = f->mark_tsc = now;
	}
}

/* The warm-up is over: count from here. */
static void load_begin(struct load *l)
{
	unsigned i;

	for (i = 0; i < l->flow_count; i++)
		l->flow[i].received = l->flow[i].lost = 0;
	l->busy_tsc = l->all_tsc = l->moved = l->bursts = 0;
	l->probe_count = 0;
	if (!l->kill_pid)
		return;
	l->kill_tsc = load_tsc();
	kill(l->kill_pid, SIGKILL);
}

static unsigned load_round(struct load *l, uint64_t now, bool look)
{
	unsigned moved = 0, got = 0, i;

	for (i = 0; i < l->port_count; i++)
		if (l->port[i].used)
			got += port_rx(l, i, now, look);
	for (i = 0; i < l->flow_count; i++)
		moved += flow_tx(l, i, now);
	l->moved += got;
	return moved + got;
}

/* What is still on its way must not turn up in the next run. */
static void load_drain(struct load *l)
{
	uint64_t stop = load_tsc() + (uint64_t)(DRAIN_S * l->tsc_hz);
	unsigned i;

	while (load_tsc() < stop)
		for (i = 0; i < l->port_count; i++)
			if (l->port[i].used)
				port_rx(l, i, l->end_tsc, false);
}

static int compare_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void load_result(struct load *l, uint64_t start)
{
	unsigned i;

	l->measured_s = (double)(l->end_tsc - start) / l->tsc_hz;
	l->received = 0;
	for (i = 0; i < l->flow_count; i++)
		l->received += l->flow[i].received;
	qsort(l->probe_us, l->probe_count, sizeof(l->probe_us[0]),
	      compare_float);
}

void load_run(struct load *l)
{
	uint64_t now, start, begin, end, tick, next;
	bool warm = false;

	load_prepare(l);
	now = start = tick = load_tsc();
	begin = now + (uint64_t)(l->warmup * l->tsc_hz);
	end = begin + (uint64_t)(l->seconds * l->tsc_hz);
	load_start(l, now);
	while (now < end) {
		unsigned moved = load_round(l, now, !warm);

		next = load_tsc();
		l->all_tsc += next - now;
		l->busy_tsc += moved ? next - now : 0;
		now = next;
		if (now >= tick) {
			tick = now + (uint64_t)(TICK_S * l->tsc_hz);
			load_tick(l, now);
		}
		if (!warm && now >= begin) {
			warm = true;
			start = now;
			load_begin(l);
		}
	}
	l->end_tsc = now;
	load_result(l, start);
	load_drain(l);
}
