/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_guard.c: compiling a guard, and judging Ethernet and ARP.
 *
 * Order of the questions: is the source MAC one that may exist and, on a
 * locked port, the port's own?  What does the frame carry beneath inner tags
 * and SNAP?  Is it a link protocol?  Then the protocol's own judge.  A locked
 * port may send only what some judge understands; an unlocked one may send
 * everything that is not a server's or a router's message, and nothing whose
 * headers leave that open.
 */
#include "vswitch/port_guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "vlan/tag.h"
#include "vswitch/guard_view.h"

#define INNER_TAGS_MAX 2
#define GUARD_ALIGN    64

#define TYPE_IPV4        0x0800
#define TYPE_ARP         0x0806
#define TYPE_RARP        0x8035
#define TYPE_IPV6        0x86dd
#define TYPE_MVRP        0x88f5
#define TYPE_MMRP        0x88f6
#define TYPE_MAC_CONTROL 0x8808
#define TYPE_SLOW        0x8809
#define TYPE_EAPOL       0x888e
#define TYPE_LLDP        0x88cc
#define TYPE_PTP         0x88f7
#define TYPE_MIN         0x0600 /* below: an 802.3 length */

static const char *const mode_names[] = {
	[GUARD_UNLOCKED] = "unlocked",
	[GUARD_LOCKED] = "locked",
	[GUARD_DISABLED] = "disabled",
};

#define MODE_COUNT (sizeof(mode_names) / sizeof(mode_names[0]))

static bool mac_usable(const uint8_t *mac)
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero));
}

const char *guard_mode_name(enum guard_mode mode)
{
	return (unsigned)mode < MODE_COUNT ? mode_names[mode] : "unknown";
}

int guard_mode_parse(const char *name, enum guard_mode *mode)
{
	unsigned i;

	for (i = 0; i < MODE_COUNT; i++) {
		if (!strcmp(name, mode_names[i])) {
			*mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* What guard_plain() compares: 8 bytes from the source MAC on. */
static void set_fast_path(struct guard *g)
{
	uint8_t mask[8] = { 0x01, 0, 0, 0, 0, 0, 0xff, 0xff };
	uint8_t want[8] = { 0, 0, 0, 0, 0, 0, 0x08, 0x00 };

	g->fast_count = UINT32_MAX; /* all but 255.255.255.255 */
	if (g->mode == GUARD_LOCKED) {
		memset(mask, 0xff, sizeof(mask));
		memcpy(want, g->mac, sizeof(g->mac));
		g->fast_count = 0;
		if (g->range4_count) {
			g->fast_first = g->range4[0].first;
			g->fast_count = g->range4[0].last - g->fast_first + 1;
		}
	}
	memcpy(&g->fast_mask, mask, sizeof(mask));
	memcpy(&g->fast_want, want, sizeof(want));
	if (g->mode == GUARD_DISABLED)
		g->fast_count = 0;
}

/* fe80::/64 with the interface id of RFC 4291 appendix A. */
static guard_addr eui64_link_local(const uint8_t mac[6])
{
	uint8_t a[16] = { 0xfe, 0x80 };

	a[8] = mac[0] ^ 2;
	a[9] = mac[1];
	a[10] = mac[2];
	a[11] = 0xff;
	a[12] = 0xfe;
	memcpy(a + 13, mac + 3, 3);
	return guard_addr6(a);
}

static struct guard *guard_alloc(const struct guard_range r4[], int n4,
				 const struct guard_range r6[], int n6)
{
	size_t bytes = sizeof(struct guard) + n6 * sizeof(*r6) +
		       n4 * sizeof(struct guard_range4);
	struct guard *g =
		aligned_alloc(GUARD_ALIGN, (bytes + GUARD_ALIGN - 1) &
						   ~(size_t)(GUARD_ALIGN - 1));
	struct guard_range *range6 = (struct guard_range *)(g + 1);
	struct guard_range4 *range4 = (struct guard_range4 *)(range6 + n6);
	int i;

	if (!g)
		return NULL;
	memset(g, 0, sizeof(*g));
	memcpy(range6, r6, n6 * sizeof(*r6));
	for (i = 0; i < n4; i++)
		range4[i] = (struct guard_range4){ r4[i].first, r4[i].last };
	g->range4 = range4;
	g->range4_count = n4;
	g->range6 = range6;
	g->range6_count = n6;
	return g;
}

int guard_new(struct guard **out, const struct guard_conf *conf)
{
	struct guard_range r4[GUARD_RANGES_MAX], r6[GUARD_RANGES_MAX];
	guard_addr own = eui64_link_local(conf->mac);
	struct guard *g;
	int n4, n6;

	if ((unsigned)conf->mode >= MODE_COUNT ||
	    conf->link_allowed & ~(uint32_t)GUARD_LINK_ALL ||
	    (conf->mode == GUARD_LOCKED && !mac_usable(conf->mac)))
		return -EINVAL;
	n4 = guard_ranges_compile(r4, AF_INET, conf->allowed,
				  conf->allowed_count);
	n6 = guard_ranges_compile(r6, AF_INET6, conf->allowed,
				  conf->allowed_count);
	if (n4 < 0 || n6 < 0)
		return -EINVAL;
	if (n6)
		n6 = guard_ranges_add(r6, n6, own, own);
	g = guard_alloc(r4, n4, r6, n6);
	if (!g)
		return -ENOMEM;
	g->mode = conf->mode;
	g->dhcp_server = conf->dhcp_server;
	g->router = conf->router;
	g->link_allowed = conf->link_allowed;
	memcpy(g->mac, conf->mac, sizeof(g->mac));
	set_fast_path(g);
	*out = g;
	return 0;
}

void guard_free(struct guard *g)
{
	free(g);
}

bool guard_allows_ipv4(const struct guard *g, uint32_t addr)
{
	unsigned lo = 0, hi = g->range4_count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (g->range4[mid].last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->range4_count && g->range4[lo].first <= addr;
}

bool guard_allows_ipv6(const struct guard *g, const uint8_t addr[16])
{
	unsigned lo = 0, hi = g->range6_count;
	guard_addr a = guard_addr6(addr);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (g->range6[mid].last < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->range6_count && g->range6[lo].first <= a;
}

/*
 * ARP (RFC 826) of a locked port: Ethernet and IPv4, request or reply, the
 * sender is the port itself.  0.0.0.0 is the probe of RFC 5227, a request.
 */
static enum drop judge_arp(const struct guard *g, const struct guard_view *v)
{
	static const uint8_t fixed[6] = { 0, 1, 0x08, 0x00, 6, 4 };
	uint16_t op;
	uint32_t sender;

	if (v->have < 28)
		return DROP_UNPARSED;
	op = guard_be16(v->p + 6);
	sender = guard_addr4(v->p + 14);
	if (memcmp(v->p, fixed, sizeof(fixed)) || (op != 1 && op != 2) ||
	    memcmp(v->p + 8, g->mac, sizeof(g->mac)))
		return DROP_SPOOF_ARP;
	if (!sender)
		return op == 1 ? DROP_NONE : DROP_SPOOF_ARP;
	return guard_allows_ipv4(g, sender) ? DROP_NONE : DROP_SPOOF_ARP;
}

/*
 * RARP (RFC 903) of a locked port: only the announcement that QEMU and other
 * hypervisors send for a guest that has moved: request for the sender's own
 * MAC, addresses zero.  It says no more than the frame's source MAC does.
 */
static enum drop judge_rarp(const struct guard *g, const struct guard_view *v)
{
	static const uint8_t fixed[8] = { 0, 1, 0x08, 0x00, 6, 4, 0, 3 };

	if (v->have < 28)
		return DROP_UNPARSED;
	if (memcmp(v->p, fixed, sizeof(fixed)) ||
	    memcmp(v->p + 8, g->mac, sizeof(g->mac)) ||
	    guard_addr4(v->p + 14) ||
	    memcmp(v->p + 18, g->mac, sizeof(g->mac)) || guard_addr4(v->p + 24))
		return DROP_SPOOF_ARP;
	return DROP_NONE;
}

/* Which link protocol is sent to 01:80:c2:00:00:`last`?  0: not reserved. */
static unsigned reserved_address(uint8_t last, uint16_t type)
{
	if (last > 0x10 && (last & 0xe0) != 0x20)
		return 0;
	if (type == TYPE_PTP)
		return GUARD_LINK_PTP;
	switch (last) {
	case 0x00:
	case 0x08: /* provider bridges */
		return GUARD_LINK_STP;
	case 0x01:
		return GUARD_LINK_PAUSE;
	case 0x02:
		return GUARD_LINK_LACP;
	case 0x03:
		return GUARD_LINK_EAPOL;
	case 0x0e:
		return GUARD_LINK_LLDP;
	case 0x0d: /* provider bridges' MVRP */
		return GUARD_LINK_MRP;
	}
	return (last & 0xf0) == 0x20 ? GUARD_LINK_MRP : GUARD_LINK_OTHER;
}

/*
 * The link protocol a frame belongs to (one GUARD_LINK_* bit) or 0.  Some are
 * known by their EtherType, whatever the destination.
 */
static unsigned link_protocol(const uint8_t *dst, uint16_t type)
{
	static const uint8_t reserved[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };
	static const uint8_t cisco[3] = { 0x01, 0x00, 0x0c };

	switch (type) {
	case TYPE_MAC_CONTROL:
		return GUARD_LINK_PAUSE;
	case TYPE_SLOW:
		return GUARD_LINK_LACP;
	case TYPE_LLDP:
		return GUARD_LINK_LLDP;
	case TYPE_EAPOL:
		return GUARD_LINK_EAPOL;
	case TYPE_MVRP:
	case TYPE_MMRP:
		return GUARD_LINK_MRP;
	}
	if (!(dst[0] & 1))
		return 0;
	if (!memcmp(dst, reserved, sizeof(reserved)))
		return reserved_address(dst[5], type);
	return memcmp(dst, cisco, sizeof(cisco)) ? 0 : GUARD_LINK_CISCO;
}

/* Step over an RFC 1042 (or 802.1H) SNAP header to the EtherType in it. */
static bool skip_snap(struct guard_view *v, uint16_t *type)
{
	static const uint8_t rfc1042[6] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };
	static const uint8_t tunnel[6] = { 0xaa, 0xaa, 0x03, 0, 0, 0xf8 };

	if (*type >= TYPE_MIN || v->have < 8)
		return false;
	if (memcmp(v->p, rfc1042, 6) && memcmp(v->p, tunnel, 6))
		return false;
	*type = guard_be16(v->p + 6);
	guard_view_skip(v, 8);
	return true;
}

/* Behind the link layer; `link` is an allowed link protocol or 0. */
static enum drop judge_payload(const struct guard *g, struct guard_view v,
			       uint16_t type, unsigned link)
{
	bool locked = guard_locked(g);

	switch (type) {
	case TYPE_IPV4:
		return guard_judge_ipv4(g, v);
	case TYPE_IPV6:
		return guard_judge_ipv6(g, v);
	case TYPE_ARP:
		return locked ? judge_arp(g, &v) : DROP_NONE;
	case TYPE_RARP:
		return locked ? judge_rarp(g, &v) : DROP_NONE;
	}
	if (!locked || link)
		return DROP_NONE;
	return tag_is_tpid(type) ? DROP_UNPARSED : DROP_NOT_ALLOWED;
}

enum drop guard_judge(const struct guard *g, const struct frame *f)
{
	struct guard_view v;
	struct tag_stack st;
	unsigned link;
	bool snap;

	if (g->mode == GUARD_DISABLED)
		return DROP_DISABLED;
	if (f->hdr_len < ETH_HLEN_MIN)
		return DROP_RUNT;
	if (!mac_usable(f->hdr + 6))
		return DROP_BAD_SRC;
	if (guard_locked(g) && memcmp(f->hdr + 6, g->mac, sizeof(g->mac)))
		return DROP_SPOOF_MAC;
	tag_parse(f, INNER_TAGS_MAX, &st);
	if (st.truncated)
		return DROP_UNPARSED;

	v = (struct guard_view){ f->hdr, f->hdr_len, f->len, f->gso != 0 };
	guard_view_skip(&v, st.type_at + 2);
	if (st.type < TYPE_MIN && v.have < 8 && v.have < v.len)
		return DROP_UNPARSED; /* SNAP or not? */
	snap = skip_snap(&v, &st.type);
	link = link_protocol(f->hdr, st.type);
	if (link & ~(unsigned)g->link_allowed)
		return DROP_LINK_PROTO;
	if (guard_locked(g) && snap)
		return DROP_NOT_ALLOWED;
	if (!guard_locked(g) && g->dhcp_server && g->router)
		return DROP_NONE;
	return judge_payload(g, v, st.type, link);
}
