/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c: a burst of one frame through bridge_classify(), with a bridge
 * worker that learns, counts and charges nothing, and bridge_egress_check() for each
 * port that bridge_destinations() names.  Runs on the control thread, which
 * is the one that replaces views, so the view stays while we look at it.
 */
#include "vswitch/trace.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x86intrin.h>

#include "base/drop.h"
#include "vswitch/switch.h"

#define TRACE_BYTES_MAX 9216

struct trace {
	struct sw *sw;
	const struct bridge_view *v;
	const struct bport *in;
	struct bridge_worker *bw;
	struct burst *b;
	json_t *steps;
	uint8_t bytes[TRACE_BYTES_MAX];
	uint32_t len;
};

static void step(struct trace *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void step(struct trace *t, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	json_array_append_new(t->steps, json_string(line));
}

static int nibble(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* Bytes in hexadecimal; blanks and colons between them are fine. */
static bool parse_hex(struct trace *t, const char *text)
{
	for (t->len = 0; text && *text;) {
		int hi, lo;

		if (*text == ' ' || *text == ':') {
			text++;
			continue;
		}
		hi = nibble(text[0]);
		lo = hi < 0 ? -1 : nibble(text[1]);
		if (lo < 0 || t->len == TRACE_BYTES_MAX)
			return false;
		t->bytes[t->len++] = hi << 4 | lo;
		text += 2;
	}
	return t->len > 0;
}

static json_t *frame_hex(const struct frame *f)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t bytes[TRACE_BYTES_MAX + 8];
	uint32_t i, n = frame_linearise(f, bytes, sizeof(bytes));
	char *text = malloc(2 * n + 1);
	json_t *s;

	if (!text)
		return json_null();
	for (i = 0; i < n; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 15];
	}
	s = json_stringn(text, 2 * n);
	free(text);
	return s;
}

static const char *port_name(const struct trace *t, uint16_t id)
{
	return t->sw->ports[id] ? t->sw->ports[id]->name : "gone";
}

static const char *network_name(const struct trace *t, const struct frame *f)
{
	uint16_t i = f->segment < t->v->segment_count
			     ? t->v->segments[f->segment].network
			     : SEGMENT_NONE;

	return i == SEGMENT_NONE ? NULL : t->sw->running->networks[i].name;
}

/* ---- the run -------------------------------------------------------------- */

static void fill_burst(struct trace *t)
{
	struct frame *f = &t->b->frames[0];
	uint32_t head = t->len < FRAME_HDR_MAX ? t->len : FRAME_HDR_MAX;

	burst_reset(t->b, BURST_BYTES_MAX);
	frame_init(f);
	memcpy(f->hdr, t->bytes, head);
	f->hdr_len = head;
	f->len = t->len;
	if (t->len > head) {
		t->b->segs[0] = (struct frame_seg){ t->bytes + head,
						    t->len - head };
		f->segs = t->b->segs;
		f->seg_count = 1;
	}
	t->b->count = 1;
	t->b->bytes = t->len;
}

static void explain_ingress(struct trace *t, const struct frame *f)
{
	const char *net = network_name(t, f);

	step(t, "received on port %s, %u bytes", port_name(t, t->in->id),
	     t->len);
	if (net)
		step(t, "belongs to network %s (%u bytes of tags taken off)",
		     net, t->len - f->len);
	if (f->verdict)
		step(t, "refused: %s, %s", drop_name(f->verdict),
		     drop_help(f->verdict));
	else if (f->out < PORT_ID_MAX)
		step(t, "its destination is behind port %s",
		     port_name(t, f->out));
	else if (f->out == FRAME_OUT_UNKNOWN)
		step(t, "its destination is not known: to ports that take "
			"unknown unicast");
	else if (f->out == FRAME_OUT_GROUP)
		step(t, "multicast: to the group's members, or to all if it "
			"is not a group that is snooped");
	else if (f->out == FRAME_OUT_ROUTERS)
		step(t, "IGMP or MLD report: to multicast routers only");
	else
		step(t, "broadcast or flooded multicast: to all of the "
			"network");
}

/* Does it leave there?  Puts the tags on. */
static enum drop leaves(struct trace *t, const struct bport *out,
			struct frame *f)
{
	if (!out->port->link || !out->port->tx_queues)
		return DROP_NO_LINK;
	return bridge_egress_check(t->bw, t->v, out, f);
}

static json_t *deliveries(struct trace *t, struct frame *f)
{
	uint16_t *ids = calloc(PORT_ID_MAX, sizeof(*ids));
	json_t *list = json_array();
	unsigned i, n = 0;

	if (ids)
		n = bridge_destinations(t->bw, t->v, t->in, f, ids,
					PORT_ID_MAX);
	for (i = 0; i < n; i++) {
		const struct bport *out = t->v->ports[ids[i]];
		enum drop why = leaves(t, out, f);

		step(t, "to port %s: %s", port_name(t, ids[i]),
		     why ? drop_help(why) : "transmitted");
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o}", "port",
					port_name(t, ids[i]), "why",
					drop_name(why), "frame",
					why ? json_null() : frame_hex(f)));
	}
	if (!n && !f->verdict) {
		f->verdict = DROP_NO_DEST;
		step(t, "nobody takes it: %s", drop_help(DROP_NO_DEST));
	}
	free(ids);
	return list;
}

static json_t *copies(struct trace *t, struct frame *f)
{
	json_t *list = json_array();
	const struct segment *seg;
	enum drop why;
	unsigned i;

	if (f->segment == SEGMENT_NONE)
		return list;
	seg = &t->v->segments[f->segment];
	for (i = 0; i < seg->listener_count; i++) {
		const struct bport *ear = t->v->ports[seg->listeners[i]];

		if (!bridge_hears(t->bw, t->v, t->in, ear, f))
			continue;
		why = leaves(t, ear, f);
		if (!why)
			json_array_append_new(list, json_string(port_name(
							    t, ear->id)));
		step(t, "copy to promiscuous port %s%s%s",
		     port_name(t, ear->id), why ? ": " : "",
		     why ? drop_help(why) : "");
	}
	return list;
}

static json_t *run(struct trace *t)
{
	struct frame *f = &t->b->frames[0];
	json_t *sent, *copied;
	const char *net;

	fill_burst(t);
	bridge_classify(t->bw, t->v, t->in, t->b);
	explain_ingress(t, f);
	net = network_name(t, f);
	copied = copies(t, f);
	sent = deliveries(t, f);
	return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:O}", "verdict",
			 drop_name(f->verdict), "help", drop_help(f->verdict),
			 "network", net, "out",
			 f->verdict		? "none"
			 : f->out < PORT_ID_MAX ? "unicast"
						: "flood",
			 "deliveries", sent, "copies", copied, "steps",
			 t->steps);
}

static bool find_port(struct trace *t, struct rpc_request *req)
{
	const char *name = json_string_value(
		json_object_get(req->params, "port"));
	const struct sw_port *sp = name ? switch_find_port(t->sw, name) : NULL;

	if (!sp)
		rpc_refuse(req, RPC_NOT_FOUND, "port", name,
			   "see `switchctl ports`", "no such port");
	else if (!(t->in = t->v->ports[sp->id]))
		rpc_refuse(req, RPC_REFUSED, "port", name,
			   "see its last_error in `switchctl ports`",
			   "the port has no device yet");
	return t->in;
}

void trace_rpc(struct rpc_request *req, void *ctx)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
				  "out of memory");
	t->sw = ctx;
	t->v = switch_view(t->sw);
	t->steps = json_array();
	t->b = calloc(1, sizeof(*t->b));
	t->bw = aligned_alloc(64, (sizeof(*t->bw) + 63) & ~(size_t)63);
	if (!t->b || !t->bw ||
	    bridge_worker_init(t->bw, &t->sw->bridge, 0) < 0) {
		rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
			   "out of memory");
	} else if (find_port(t, req)) {
		t->bw->dry = true;
		t->bw->now = __rdtsc();
		if (parse_hex(t, json_string_value(json_object_get(
					 req->params, "frame"))))
			rpc_reply(req, run(t));
		else
			rpc_refuse(req, RPC_INVALID_PARAMS, "frame", NULL,
				   "1 to 9216 bytes in hexadecimal",
				   "no frame");
	}
	if (t->bw)
		bridge_worker_fini(t->bw);
	json_decref(t->steps);
	free(t->bw);
	free(t->b);
	free(t);
}
