/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_world.h: both ends of an ESP channel in one process, for tests: a pair
 * of SAs, a policy, and a slow encapsulator to compare with (one packet at a
 * time, OpenSSL's EVP in one shot).
 */
#ifndef CAUSEWAY_ESP_WORLD_H
#define CAUSEWAY_ESP_WORLD_H

#include "ipsec-migrate/esp_in.h"
#include "ipsec-migrate/esp_out.h"

#define WORLD_SPI   0x11223344
#define WORLD_PEER  1
#define WORLD_GROUP 5

struct esp_world {
	struct sa_table *out_table, *in_table;
	struct policy_set *policies;
	struct sa *out_sa, *in_sa;
	struct esp_out *out;
	struct esp_in in;
	struct sa_conf conf; /* of out_sa; in_sa's with the ends swapped */
};

/* 10.1.0.0/16 here, 10.2.0.0/16 there; or fd01::/16 and fd02::/16. */
struct selector world_selector(uint8_t family);
/* A sensible SA: AES-GCM-256, ESN, window 4096, no limits, IPv4 and UDP. */
struct sa_conf world_conf(void);
/* Seen from the other end: inbound, ends swapped. */
struct sa_conf world_mirror(const struct sa_conf *conf);

/* Both tables, SAs and policies of `conf`; asserts that all is taken. */
void esp_world_make(struct esp_world *w, const struct sa_conf *conf);
void esp_world_free(struct esp_world *w);

/* Packets of all sends, one after the other, at most `max`; how many. */
unsigned esp_world_packets(const struct esp_world *w, struct esp_pkt pkt[],
			   unsigned max);

/* The oracle; returns the ESP packet's length. */
uint32_t world_seal(const struct sa_conf *conf, uint64_t seq,
		    const uint8_t *inner, uint32_t len, uint8_t next_header,
		    uint8_t *to);
/*
 * The same for any content: `plain` is everything that is encrypted, trailer
 * included; the IV is given.
 */
uint32_t world_seal_raw(const struct sa_conf *conf, uint64_t seq,
			const uint8_t iv[8], const uint8_t *plain,
			uint32_t len, uint8_t *to);

#endif
