/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng.c: a block is type, length, body, options, length again; everything
 * is padded to four bytes.
 */
#include "vswitch/pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	LINKTYPE_ETHERNET = 1,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_NAME = 2,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
	OPT_ISB_IFRECV = 4,
	OPT_ISB_IFDROP = 5,
};

struct cursor {
	uint8_t *start, *at;
};

static void put(struct cursor *c, const void *data, size_t n)
{
	static const uint8_t zero[4];
	size_t pad = -n & 3;

	memcpy(c->at, data, n);
	memcpy(c->at + n, zero, pad);
	c->at += n + pad;
}

static void put32(struct cursor *c, uint32_t v)
{
	put(c, &v, sizeof(v));
}

static void put64(struct cursor *c, uint64_t v)
{
	put(c, &v, sizeof(v));
}

static void put_option(struct cursor *c, uint16_t code, const void *data,
		       uint16_t n)
{
	put32(c, (uint32_t)n << 16 | code);
	put(c, data, n);
}

static void put_time(struct cursor *c, uint64_t ns)
{
	put32(c, ns >> 32);
	put32(c, (uint32_t)ns);
}

static void begin(struct cursor *c, uint8_t *to, uint32_t type)
{
	c->start = c->at = to;
	put32(c, type);
	put32(c, 0); /* length: end() */
}

static size_t end(struct cursor *c)
{
	uint32_t length = c->at + 4 - c->start;

	put32(c, length);
	memcpy(c->start + 4, &length, sizeof(length));
	return length;
}

size_t pcapng_section(uint8_t *to, const char *application)
{
	struct cursor c;

	begin(&c, to, BLOCK_SECTION);
	put32(&c, 0x1a2b3c4d);
	put32(&c, 1);		/* version 1.0 */
	put64(&c, UINT64_MAX);	/* section length: not known */
	put_option(&c, OPT_SHB_USERAPPL, application, strlen(application));
	put32(&c, 0);
	return end(&c);
}

size_t pcapng_interface(uint8_t *to, const char *name, uint32_t snaplen)
{
	const uint8_t nanoseconds = 9;
	struct cursor c;

	begin(&c, to, BLOCK_INTERFACE);
	put32(&c, LINKTYPE_ETHERNET);
	put32(&c, snaplen);
	put_option(&c, OPT_IF_NAME, name, strnlen(name, 200));
	put_option(&c, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(&c, 0);
	return end(&c);
}

size_t pcapng_packet(uint8_t *to, uint32_t interface, uint64_t ns,
		     const uint8_t *bytes, uint32_t captured, uint32_t wire_len,
		     uint32_t direction)
{
	struct cursor c;

	begin(&c, to, BLOCK_PACKET);
	put32(&c, interface);
	put_time(&c, ns);
	put32(&c, captured);
	put32(&c, wire_len);
	put(&c, bytes, captured);
	put_option(&c, OPT_EPB_FLAGS, &direction, sizeof(direction));
	put32(&c, 0);
	return end(&c);
}

size_t pcapng_statistics(uint8_t *to, uint32_t interface, uint64_t ns,
			 uint64_t received, uint64_t dropped)
{
	struct cursor c;

	begin(&c, to, BLOCK_STATISTICS);
	put32(&c, interface);
	put_time(&c, ns);
	put_option(&c, OPT_ISB_IFRECV, &received, sizeof(received));
	put_option(&c, OPT_ISB_IFDROP, &dropped, sizeof(dropped));
	put32(&c, 0);
	return end(&c);
}
