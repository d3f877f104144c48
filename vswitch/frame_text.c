/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame_text.c: each layer is a header of fixed bytes and a table of fields:
 * name, kind, place in bits.  A frame is built front to back, then finished
 * back to front: a header learns from what follows it its type field, its
 * length and its checksum.  What was given in words is never overwritten, so
 * that broken frames can be described as well.
 */
#include "vswitch/frame_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS_MAX 16

enum layer_id { ETH, VLAN, ARP, IP, IP6, ICMP, ICMP6, UDP, TCP, DHCP, NONE };
enum kind { NUMBER, MAC, IPV4, IPV6, WORD, FLAGS };

struct word {
	const char *name;
	uint32_t value;
};

struct field {
	const char *name; /* NULL ends the list */
	enum kind kind;
	uint16_t bit, bits; /* place in the header, from its first bit */
	const struct word *words;
};

struct layer {
	const char *name;
	uint16_t len;
	const uint8_t *bytes; /* before any field is set */
	const struct field *fields;
};

static const struct word arp_ops[] = { { "request", 1 }, { "reply", 2 },
				       { NULL, 0 } };
static const struct word icmp6_types[] = {
	{ "echo", 128 }, { "reply", 129 }, { "rs", 133 }, { "ra", 134 },
	{ "ns", 135 },	 { "na", 136 },	   { "redirect", 137 }, { NULL, 0 }
};
static const struct word icmp_types[] = { { "reply", 0 }, { "echo", 8 },
					  { NULL, 0 } };
static const struct word dhcp_types[] = {
	{ "discover", 1 }, { "offer", 2 },   { "request", 3 }, { "decline", 4 },
	{ "ack", 5 },	   { "nak", 6 },     { "release", 7 }, { "inform", 8 },
	{ NULL, 0 }
};
static const struct word tcp_flags[] = { { "F", 1 },  { "S", 2 },  { "R", 4 },
					 { "P", 8 },  { "A", 16 }, { "U", 32 },
					 { "E", 64 }, { "C", 128 },
					 { NULL, 0 } };

static const uint8_t eth_bytes[14] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const struct field eth_fields[] = { { "dst", MAC, 0, 48, NULL },
					   { "src", MAC, 48, 48, NULL },
					   { "type", NUMBER, 96, 16, NULL },
					   { NULL, 0, 0, 0, NULL } };

/* Inserted behind the MACs: its TPID is where the type before it was. */
static const uint8_t vlan_bytes[4];
static const struct field vlan_fields[] = { { "pcp", NUMBER, 0, 3, NULL },
					    { "dei", NUMBER, 3, 1, NULL },
					    { "id", NUMBER, 4, 12, NULL },
					    { "type", NUMBER, 16, 16, NULL },
					    { NULL, 0, 0, 0, NULL } };

static const uint8_t arp_bytes[28] = { 0, 1, 8, 0, 6, 4, 0, 1 };
static const struct field arp_fields[] = { { "op", WORD, 48, 16, arp_ops },
					   { "sha", MAC, 64, 48, NULL },
					   { "spa", IPV4, 112, 32, NULL },
					   { "tha", MAC, 144, 48, NULL },
					   { "tpa", IPV4, 192, 32, NULL },
					   { NULL, 0, 0, 0, NULL } };

static const uint8_t ip_bytes[20] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64 };
static const struct field ip_fields[] = { { "tos", NUMBER, 8, 8, NULL },
					  { "len", NUMBER, 16, 16, NULL },
					  { "id", NUMBER, 32, 16, NULL },
					  { "mf", NUMBER, 50, 1, NULL },
					  { "frag", NUMBER, 51, 13, NULL },
					  { "ttl", NUMBER, 64, 8, NULL },
					  { "proto", NUMBER, 72, 8, NULL },
					  { "csum", NUMBER, 80, 16, NULL },
					  { "src", IPV4, 96, 32, NULL },
					  { "dst", IPV4, 128, 32, NULL },
					  { NULL, 0, 0, 0, NULL } };

static const uint8_t ip6_bytes[40] = { 0x60, 0, 0, 0, 0, 0, 0, 255 };
static const struct field ip6_fields[] = { { "len", NUMBER, 32, 16, NULL },
					   { "next", NUMBER, 48, 8, NULL },
					   { "hop", NUMBER, 56, 8, NULL },
					   { "src", IPV6, 64, 128, NULL },
					   { "dst", IPV6, 192, 128, NULL },
					   { NULL, 0, 0, 0, NULL } };

static const uint8_t icmp_bytes[8] = { 8 };
static const struct field icmp_fields[] = { { "type", WORD, 0, 8, icmp_types },
					    { "code", NUMBER, 8, 8, NULL },
					    { "csum", NUMBER, 16, 16, NULL },
					    { "id", NUMBER, 32, 16, NULL },
					    { "seq", NUMBER, 48, 16, NULL },
					    { NULL, 0, 0, 0, NULL } };

/* Long enough for ns and na with one link-layer option; see trim_icmp6(). */
static const uint8_t icmp6_bytes[32] = { 128 };
static const struct field icmp6_fields[] = {
	{ "type", WORD, 0, 8, icmp6_types }, { "code", NUMBER, 8, 8, NULL },
	{ "csum", NUMBER, 16, 16, NULL },    { "id", NUMBER, 32, 16, NULL },
	{ "seq", NUMBER, 48, 16, NULL },     { "target", IPV6, 64, 128, NULL },
	{ "lladdr", MAC, 208, 48, NULL },    { NULL, 0, 0, 0, NULL }
};

static const uint8_t udp_bytes[8] = { 0xc0, 0, 0xc0, 1 };
static const struct field udp_fields[] = { { "sport", NUMBER, 0, 16, NULL },
					   { "dport", NUMBER, 16, 16, NULL },
					   { "len", NUMBER, 32, 16, NULL },
					   { "csum", NUMBER, 48, 16, NULL },
					   { NULL, 0, 0, 0, NULL } };

static const uint8_t tcp_bytes[20] = { 0xc0, 0,	   0xc0, 1, 0, 0, 0,	0,
				       0,    0,	   0,	 0, 80, 2, 0xff, 0xff };
static const struct field tcp_fields[] = { { "sport", NUMBER, 0, 16, NULL },
					   { "dport", NUMBER, 16, 16, NULL },
					   { "seq", NUMBER, 32, 32, NULL },
					   { "ack", NUMBER, 64, 32, NULL },
					   { "flags", FLAGS, 104, 8,
					     tcp_flags },
					   { "csum", NUMBER, 128, 16, NULL },
					   { NULL, 0, 0, 0, NULL } };

/* BOOTP, the magic cookie, option 53 and the end. */
static const uint8_t dhcp_bytes[244] = {
	[0] = 1,      [1] = 1,	    [2] = 6,	  [7] = 1,   [236] = 0x63,
	[237] = 0x82, [238] = 0x53, [239] = 0x63, [240] = 53, [241] = 1,
	[242] = 1,    [243] = 255,
};
static const struct field dhcp_fields[] = {
	{ "op", NUMBER, 0, 8, NULL },	 { "xid", NUMBER, 32, 32, NULL },
	{ "ciaddr", IPV4, 96, 32, NULL }, { "yiaddr", IPV4, 128, 32, NULL },
	{ "siaddr", IPV4, 160, 32, NULL }, { "giaddr", IPV4, 192, 32, NULL },
	{ "chaddr", MAC, 224, 48, NULL },
	{ "type", WORD, 1936, 8, dhcp_types }, { NULL, 0, 0, 0, NULL }
};

static const struct layer layers[] = {
	[ETH] = { "eth", sizeof(eth_bytes), eth_bytes, eth_fields },
	[VLAN] = { "vlan", sizeof(vlan_bytes), vlan_bytes, vlan_fields },
	[ARP] = { "arp", sizeof(arp_bytes), arp_bytes, arp_fields },
	[IP] = { "ip", sizeof(ip_bytes), ip_bytes, ip_fields },
	[IP6] = { "ip6", sizeof(ip6_bytes), ip6_bytes, ip6_fields },
	[ICMP] = { "icmp", sizeof(icmp_bytes), icmp_bytes, icmp_fields },
	[ICMP6] = { "icmp6", sizeof(icmp6_bytes), icmp6_bytes, icmp6_fields },
	[UDP] = { "udp", sizeof(udp_bytes), udp_bytes, udp_fields },
	[TCP] = { "tcp", sizeof(tcp_bytes), tcp_bytes, tcp_fields },
	[DHCP] = { "dhcp", sizeof(dhcp_bytes), dhcp_bytes, dhcp_fields },
};

/* One layer of the frame being built. */
struct part {
	enum layer_id id;
	uint32_t at, len;
	uint32_t given; /* bit = index in fields[] */
	uint16_t tpid;	/* vlan: of this tag; 0: 0x8100 */
};

struct build {
	uint8_t *out;
	uint32_t len;
	uint32_t pad; /* wanted length of the frame */
	const uint8_t *own;
	unsigned count;
	struct part parts[LAYERS_MAX];
	char *err;
	size_t err_size;
};

static bool fail(struct build *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct build *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->err, b->err_size, fmt, ap);
	va_end(ap);
	return false;
}

static void put_bits(uint8_t *to, unsigned bit, unsigned bits, uint64_t value)
{
	unsigned i;

	for (i = 0; i < bits; i++) {
		unsigned at = bit + bits - 1 - i;
		uint8_t mask = 0x80 >> (at % 8);

		to[at / 8] = value >> i & 1 ? to[at / 8] | mask :
					      to[at / 8] & ~mask;
	}
}

static bool parse_mac(const char *s, uint8_t mac[6])
{
	unsigned v[6], i;
	int end = 0;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3],
		   &v[4], &v[5], &end) != 6 || s[end])
		return false;
	for (i = 0; i < 6; i++)
		mac[i] = v[i];
	return true;
}

static bool parse_number(const char *s, unsigned bits, uint64_t *to)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	*to = strtoull(s, &end, 0);
	return !*end && (bits == 64 || *to >> bits == 0);
}

static bool parse_word(const struct field *f, const char *s, uint64_t *to)
{
	const struct word *w;

	for (w = f->words; w->name; w++)
		if (!strcmp(w->name, s)) {
			*to = w->value;
			return true;
		}
	return parse_number(s, f->bits, to);
}

static bool parse_flags(const struct field *f, const char *s, uint64_t *to)
{
	const struct word *w;

	for (*to = 0; *s; s++) {
		for (w = f->words; w->name && w->name[0] != *s; w++)
			;
		if (!w->name)
			return false;
		*to |= w->value;
	}
	return true;
}

static bool set_field(const struct field *f, uint8_t *header, const char *s)
{
	uint8_t *at = header + f->bit / 8;
	uint64_t v = 0;
	bool ok = false;

	switch (f->kind) {
	case MAC:
		return parse_mac(s, at);
	case IPV4:
		return inet_pton(AF_INET, s, at) == 1;
	case IPV6:
		return inet_pton(AF_INET6, s, at) == 1;
	case NUMBER:
		ok = parse_number(s, f->bits, &v);
		break;
	case WORD:
		ok = parse_word(f, s, &v);
		break;
	case FLAGS:
		ok = parse_flags(f, s, &v);
		break;
	}
	if (ok)
		put_bits(header, f->bit, f->bits, v);
	return ok;
}

static bool given(const struct part *p, const char *name)
{
	const struct field *f = layers[p->id].fields;
	unsigned i;

	for (i = 0; f[i].name; i++)
		if (!strcmp(f[i].name, name))
			return p->given >> i & 1;
	return false;
}

static struct part *last_part(struct build *b)
{
	return &b->parts[b->count - 1];
}

static bool add_part(struct build *b, enum layer_id id)
{
	const struct layer *l = &layers[id];
	struct part *p = &b->parts[b->count];

	if (b->count == LAYERS_MAX || b->len + l->len > FRAME_TEXT_MAX)
		return fail(b, "too many layers");
	if (!b->count && id != ETH)
		return fail(b, "begin with eth");
	if (b->count && id == ETH)
		return fail(b, "eth once, at the beginning");
	*p = (struct part){ .id = id, .at = b->len, .len = l->len };
	memcpy(b->out + b->len, l->bytes, l->len);
	b->len += l->len;
	b->count++;
	if (id == ETH && b->own)
		memcpy(b->out + 6, b->own, 6);
	if (id == ARP || id == DHCP) /* its own address, unless given */
		memcpy(b->out + p->at + (id == ARP ? 8 : 28), b->out + 6, 6);
	return true;
}

/* "vlan=10" at eth is a tag behind it. */
static bool add_tag(struct build *b, const char *value)
{
	const struct field *id = &vlan_fields[2];

	if (!add_part(b, VLAN))
		return false;
	last_part(b)->given |= 1 << 2;
	return set_field(id, b->out + last_part(b)->at, value) ||
	       fail(b, "vlan=%s: 0 to 4095", value);
}

static void list_fields(const struct layer *l, char *text, size_t size)
{
	const struct field *f;
	size_t at = 0;

	*text = '\0';
	for (f = l->fields; f->name && at < size; f++)
		at += snprintf(text + at, size - at, "%s%s", at ? " " : "",
			       f->name);
}

static void list_words(const struct word *w, char *text, size_t size)
{
	size_t at = 0;

	for (*text = '\0'; w->name && at < size; w++)
		at += snprintf(text + at, size - at, "%s%s", at ? " " : "",
			       w->name);
}

/* What set_field() would have taken. */
static void describe_field(const struct field *f, char *text, size_t size)
{
	unsigned long long max = f->bits < 64 ? (1ull << f->bits) - 1 : 0;
	char words[96];

	text[0] = '\0';
	switch (f->kind) {
	case MAC:
		snprintf(text, size, "MAC address such as 02:00:00:00:00:0b");
		return;
	case IPV4:
		snprintf(text, size, "IPv4 address such as 10.0.0.1");
		return;
	case IPV6:
		snprintf(text, size, "IPv6 address such as fd00::1");
		return;
	case NUMBER:
		snprintf(text, size, "number 0 to %llu (0x%llx)", max, max);
		return;
	case WORD:
		list_words(f->words, words, sizeof(words));
		snprintf(text, size, "one of %s, or a number 0 to %llu", words,
			 max);
		return;
	case FLAGS:
		list_words(f->words, words, sizeof(words));
		snprintf(text, size, "letters of %s", words);
		return;
	}
}

static bool set_tpid(struct build *b, struct part *p, const char *value)
{
	uint64_t v;

	if (!parse_number(value, 16, &v))
		return fail(b, "tpid=%s: such as 0x88a8", value);
	p->tpid = v;
	return true;
}

static bool add_field(struct build *b, struct part *p, char *text)
{
	char *value = strchr(text, '=');
	const struct layer *l = &layers[p->id];
	char known[160];
	unsigned i;

	if (!value)
		return fail(b, "%s: key=value, or / before the next layer",
			    text);
	*value++ = '\0';
	if (p->id == VLAN && !strcmp(text, "tpid"))
		return set_tpid(b, p, value);
	for (i = 0; l->fields[i].name; i++)
		if (!strcmp(l->fields[i].name, text))
			break;
	if (!l->fields[i].name) {
		list_fields(l, known, sizeof(known));
		return fail(b, "%s has no %s; it has %s", l->name, text,
			    known);
	}
	if (!set_field(&l->fields[i], b->out + p->at, value)) {
		describe_field(&l->fields[i], known, sizeof(known));
		return fail(b, "%s %s=%s: expected %s", l->name, text, value,
			    known);
	}
	p->given |= 1u << i;
	return true;
}

static bool set_pad(struct build *b, const char *value)
{
	uint64_t v;

	if (!parse_number(value, 32, &v) || v > FRAME_TEXT_MAX)
		return fail(b, "pad=%s: length of the frame, at most %d",
			    value, FRAME_TEXT_MAX);
	b->pad = v;
	return true;
}

static bool add_hex(struct build *b, const char *digits)
{
	unsigned v;

	for (; *digits; digits += 2) {
		if (!isxdigit((unsigned char)digits[0]) ||
		    !isxdigit((unsigned char)digits[1]))
			return fail(b, "hex=...: pairs of hexadecimal digits");
		if (b->len == FRAME_TEXT_MAX)
			return fail(b, "longer than %d bytes", FRAME_TEXT_MAX);
		sscanf(digits, "%2x", &v);
		b->out[b->len++] = v;
	}
	return true;
}

static bool begin_layer(struct build *b, const char *name)
{
	unsigned id;

	if (!strncmp(name, "pad=", 4))
		return set_pad(b, name + 4);
	if (!strncmp(name, "hex=", 4))
		return add_hex(b, name + 4);
	for (id = 0; id < NONE; id++)
		if (!strcmp(layers[id].name, name))
			return add_part(b, id);
	return fail(b, "%s: no such layer; known are eth vlan arp ip ip6 icmp "
		       "icmp6 udp tcp dhcp pad=N hex=DIGITS", name);
}

/* Behind "eth vlan=10", addresses still are eth's. */
static struct part *owner_of(struct build *b, const char *word, bool tags)
{
	if (tags && (!strncmp(word, "src=", 4) || !strncmp(word, "dst=", 4)))
		return &b->parts[0];
	return last_part(b);
}

static bool add_words(struct build *b, char *text)
{
	bool begin = true, tags = false;
	char *word, *rest = text;

	while ((word = strsep(&rest, " \t\n"))) {
		if (!*word)
			continue;
		if (!strcmp(word, "/")) {
			begin = true;
		} else if (begin) {
			if (!begin_layer(b, word))
				return false;
			begin = tags = false;
		} else if (!b->count) {
			return fail(b, "%s: begin with eth", word);
		} else if (!strncmp(word, "vlan=", 5) &&
			   (tags || last_part(b)->id == ETH)) {
			if (!add_tag(b, word + 5))
				return false;
			tags = true;
		} else if (!add_field(b, owner_of(b, word, tags), word)) {
			return false;
		}
	}
	return b->count || fail(b, "begin with eth");
}

static uint32_t sum16(uint32_t sum, const uint8_t *data, uint32_t len)
{
	uint32_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += data[i] << 8 | data[i + 1];
	if (len & 1)
		sum += data[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void put16(uint8_t *to, uint16_t v)
{
	to[0] = v >> 8;
	to[1] = v;
}

/* Checksum of an upper layer under its IP header, pseudo header included. */
static uint16_t upper_csum(const struct build *b, const struct part *ip,
			   const struct part *p, uint8_t proto, bool pseudo)
{
	uint32_t len = b->len - p->at, sum = 0;

	if (pseudo && ip->id == IP)
		sum = sum16(proto + len, b->out + ip->at + 12, 8);
	else if (pseudo)
		sum = sum16(proto + len, b->out + ip->at + 8, 32);
	return fold(sum16(sum, b->out + p->at, len));
}

static const struct part *ip_before(const struct build *b, unsigned i)
{
	while (i--)
		if (b->parts[i].id == IP || b->parts[i].id == IP6)
			return &b->parts[i];
	return NULL;
}

static void finish_upper(struct build *b, unsigned i)
{
	static const struct {
		uint8_t proto, offset;
		bool pseudo;
	} csum[] = { [ICMP] = { 1, 2, false },
		     [ICMP6] = { 58, 2, true },
		     [UDP] = { 17, 6, true },
		     [TCP] = { 6, 16, true } };
	struct part *p = &b->parts[i];
	const struct part *ip = ip_before(b, i);
	uint8_t *to = b->out + p->at + csum[p->id].offset;
	uint16_t v;

	if (p->id == UDP && !given(p, "len"))
		put16(b->out + p->at + 4, b->len - p->at);
	if (given(p, "csum") || !ip)
		return;
	v = upper_csum(b, ip, p, csum[p->id].proto, csum[p->id].pseudo);
	put16(to, p->id == UDP && !v ? 0xffff : v); /* RFC 768 */
}

static enum layer_id next_id(const struct build *b, unsigned i)
{
	return i + 1 < b->count ? b->parts[i + 1].id : NONE;
}

static void finish_ip(struct build *b, unsigned i)
{
	static const uint8_t protos[NONE + 1] = {
		[ICMP] = 1, [ICMP6] = 58, [UDP] = 17, [TCP] = 6,
		[IP] = 4,   [IP6] = 41,	  [NONE] = 253, /* RFC 3692 */
	};
	struct part *p = &b->parts[i];
	uint8_t *h = b->out + p->at;

	if (p->id == IP6) {
		if (!given(p, "len"))
			put16(h + 4, b->len - p->at - 40);
		if (!given(p, "next"))
			h[6] = protos[next_id(b, i)];
		return;
	}
	if (!given(p, "len"))
		put16(h + 2, b->len - p->at);
	if (!given(p, "proto"))
		h[9] = protos[next_id(b, i)];
	if (!given(p, "csum"))
		put16(h + 10, fold(sum16(0, h, 20)));
}

/* The type field of eth or of a tag: what comes next. */
static void finish_type(struct build *b, unsigned i)
{
	static const uint16_t types[NONE + 1] = {
		[ARP] = 0x0806, [IP] = 0x0800, [IP6] = 0x86dd,
		[NONE] = 0x88b5, /* 802 local experimental */
	};
	struct part *p = &b->parts[i];
	enum layer_id next = next_id(b, i);
	uint16_t v = types[next];

	if (next == VLAN)
		v = b->parts[i + 1].tpid ? b->parts[i + 1].tpid : 0x8100;
	if (!given(p, "type"))
		put16(b->out + p->at + (p->id == ETH ? 12 : 2), v);
}

/* ns and na keep target and option; others end where theirs do. */
static void trim_icmp6(struct build *b)
{
	struct part *p = last_part(b);
	uint8_t *h = b->out + p->at;

	if (p->id != ICMP6 || b->len != p->at + p->len)
		return;
	if (given(p, "lladdr")) {
		h[24] = h[0] == 135 ? 1 : 2; /* source or target */
		h[25] = 1;
	} else if (h[0] >= 135 && h[0] <= 137) {
		b->len = p->at + 24;
	} else {
		b->len = p->at + (h[0] == 134 ? 16 : 8);
	}
}

static void finish(struct build *b)
{
	unsigned i = b->count;

	while (i--) {
		switch (b->parts[i].id) {
		case ETH:
		case VLAN:
			finish_type(b, i);
			break;
		case IP:
		case IP6:
			finish_ip(b, i);
			break;
		case ICMP:
		case ICMP6:
		case UDP:
		case TCP:
			finish_upper(b, i);
			break;
		default:
			break;
		}
	}
	if (b->pad > b->len) {
		memset(b->out + b->len, 0, b->pad - b->len);
		b->len = b->pad;
	}
}

int frame_text_build(const char *text, const uint8_t *own, uint8_t *out,
		     char *err, size_t err_size)
{
	struct build b = { .out = out, .own = own, .err = err,
			   .err_size = err_size };
	char *copy = strdup(text);
	bool ok = copy && add_words(&b, copy);

	free(copy);
	if (!ok)
		return -1;
	if (!own && !given(&b.parts[0], "src")) {
		fail(&b, "eth src=MAC: the port has none of its own");
		return -1;
	}
	trim_icmp6(&b);
	finish(&b);
	return b.len;
}

int frame_text_hex(const char *text, uint8_t *out, char *err, size_t err_size)
{
	struct build b = { .out = out, .err = err, .err_size = err_size };
	char *digits = strdup(text), *to = digits;
	const char *from;
	bool ok;

	for (from = text; digits && *from; from++)
		if (!strchr(" :\t\n", *from))
			*to++ = *from;
	if (!digits)
		return -1;
	*to = '\0';
	ok = add_hex(&b, digits);
	free(digits);
	return ok ? (int)b.len : -1;
}

void frame_text_describe(char *text, size_t size)
{
	char fields[160];
	size_t at = 0;
	unsigned id;

	for (id = 0; id < NONE && at < size; id++) {
		list_fields(&layers[id], fields, sizeof(fields));
		at += snprintf(text + at, size - at, "%s: %s%s\n",
			       layers[id].name, fields,
			       id == ETH ? " vlan" :
			       id == VLAN ? " tpid" : "");
	}
}
