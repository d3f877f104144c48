/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_drop.h: every reason why a packet ends in the ESP engine.
 *
 * One table, so that counters, `causeway ipsec status` and the manual agree.
 * Outward: a frame from the TUN is sealed whole or ends under one reason of
 * the first group.  Inward: an ESP packet becomes an inner packet or ends
 * under one of the second group.
 */
#ifndef CAUSEWAY_ESP_DROP_H
#define CAUSEWAY_ESP_DROP_H

/* X(symbol, name, what it means) */
#define ESP_DROP_OUT(X)                                                        \
	X(BAD_VNET, "bad_vnet", "virtio-net header does not fit its packet")   \
	X(BAD_INNER, "bad_inner", "from the TUN: not one whole IP packet")     \
	X(NO_POLICY, "no_policy", "no peer has a network that takes it")       \
	X(NO_SA, "no_sa", "no SA (yet): it must not leave in clear")           \
	X(OUT_EXPIRED, "out_expired", "its SA is at a hard limit")             \
	X(TOO_BIG, "too_big", "longer than the path takes, and not to be cut") \
	X(TOO_MANY, "too_many", "would become more segments than we send")

#define ESP_DROP_IN(X)                                                       \
	X(RUNT, "runt", "shorter than the emptiest ESP packet")              \
	X(UNKNOWN_SPI, "unknown_spi", "no inbound SA has this SPI")          \
	X(IN_EXPIRED, "in_expired", "its SA is at a hard limit")             \
	X(REPLAY, "replay", "seen already, or older than the replay window") \
	X(AUTH, "auth", "integrity check failed: forged, damaged, wrong key") \
	X(PADDING, "padding", "padding too long, or not 1, 2, 3...")         \
	X(DUMMY, "dummy", "padding traffic (next header 59)")                \
	X(NEXT_HEADER, "next_header", "holds neither IPv4 nor IPv6")         \
	X(IN_INNER, "in_inner", "holds no whole IP packet")                  \
	X(SELECTOR, "selector", "inner addresses are not its SA's")          \
	X(ECN, "ecn", "congestion marked outside, inside not ECN-capable")

enum esp_drop {
	ESP_DROP_NONE = 0,
#define X(sym, name, help) ESP_DROP_##sym,
	ESP_DROP_OUT(X) ESP_DROP_IN(X)
#undef X
	ESP_DROP_COUNT
};

#define ESP_DROP_FIRST_IN ESP_DROP_RUNT

/* "none", "bad_vnet", ...; never NULL.  esp_drop_help: for people. */
const char *esp_drop_name(enum esp_drop why);
const char *esp_drop_help(enum esp_drop why);

#endif
