/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_text.h: what a guest has said as text that is safe to show.  Pure.
 */
#ifndef CAUSEWAY_GUEST_TEXT_H
#define CAUSEWAY_GUEST_TEXT_H

#include <stddef.h>

/* Bytes of text that one byte may become, at most. */
#define GUEST_TEXT_GROWTH 4

/*
 * Any bytes to UTF-8 without control characters but newline and tab: others
 * become ^X (C1: \xNN), what is no UTF-8 \xNN, and a carriage return before
 * a newline is left out.  `to` has room for GUEST_TEXT_GROWTH * len + 1
 * bytes; a NUL ends it.  Returns its length.
 */
size_t guest_text(const char *from, size_t len, char *to);

/*
 * One short line for facts: UTF-8 without any control character; those, and
 * bytes that are no UTF-8, become '?'.  At most size - 1 bytes, cut between
 * characters; a NUL ends it.  Returns its length.
 */
size_t guest_text_line(const char *from, size_t len, char *to, size_t size);

#endif
