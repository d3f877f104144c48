/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_text.c: see guest_text.h.
 *
 * UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  U+0080 to U+009F are control characters too: a terminal may take
 * U+009B for an escape sequence's beginning.
 */
#include "hypervisor/guest_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The smallest code point that needs so many bytes. */
static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

static unsigned sequence_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >> 5 == 0x06)
		return 2;
	if (first >> 4 == 0x0e)
		return 3;
	return first >> 3 == 0x1e ? 4 : 0;
}

/* Bytes of the valid, printable character at p, of more than one; or 0. */
static unsigned wide_character(const uint8_t *p, size_t len)
{
	unsigned n = sequence_length(*p), i;
	uint32_t code;

	if (n < 2 || n > len)
		return 0;
	code = *p & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || code >> 11 == 0x1b ||
	    code < 0xa0)
		return 0;
	return n;
}

static size_t put_control(uint8_t byte, char *to)
{
	to[0] = '^';
	to[1] = (char)(byte ^ 0x40); /* ^@ to ^_, and ^? */
	return 2;
}

static size_t put_hex(uint8_t byte, char *to)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = '\\';
	to[1] = 'x';
	to[2] = digits[byte >> 4];
	to[3] = digits[byte & 15];
	return 4;
}

/* One byte that is not part of a wide character: bytes of text. */
static size_t put_byte(uint8_t byte, bool before_newline, char *to)
{
	if (byte == '\r' && before_newline)
		return 0;
	if (byte >= 0x80)
		return put_hex(byte, to);
	if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
		return put_control(byte, to);
	to[0] = (char)byte;
	return 1;
}

size_t guest_text(const char *from, size_t len, char *to)
{
	const uint8_t *p = (const uint8_t *)from;
	size_t at = 0, out = 0;

	while (at < len) {
		unsigned n = wide_character(p + at, len - at);

		if (n) {
			memcpy(to + out, p + at, n);
			out += n;
			at += n;
			continue;
		}
		out += put_byte(p[at], at + 1 < len && p[at + 1] == '\n',
				to + out);
		at++;
	}
	to[out] = '\0';
	return out;
}

size_t guest_text_line(const char *from, size_t len, char *to, size_t size)
{
	const uint8_t *p = (const uint8_t *)from;
	size_t at = 0, out = 0;

	while (at < len) {
		unsigned n = wide_character(p + at, len - at);
		bool plain = p[at] >= 0x20 && p[at] < 0x7f;

		if (out + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(to + out, p + at, n);
		else
			to[out] = plain ? (char)p[at] : '?';
		out += n ? n : 1;
		at += n ? n : 1;
	}
	to[out] = '\0';
	return out;
}
