/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_in.h: ESP packets into inner packets, in place.
 *
 * A burst is what one UDP_GRO buffer holds (the caller has told ESP from IKE
 * and keepalives, packet by packet), or several recvmmsg() gave.  In this
 * order, and each before anything that a forger could abuse: SPI, limits,
 * window, integrity, window again (which only now moves), padding, inner
 * packet, selectors, ECN.
 *
 * What passes goes to inner_gro_add(), as it is: the 16 bytes of the ESP
 * header before it are the headroom asked for there.
 *
 * One thread.  No system call, no allocation, no clock in here.
 */
#ifndef CAUSEWAY_ESP_IN_H
#define CAUSEWAY_ESP_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/cipher.h"
#include "ipsec-migrate/esp.h"
#include "ipsec-migrate/inner.h"
#include "ipsec-migrate/sa.h"

#define ESP_IN_BURST CIPHER_BURST_MAX

struct esp_pkt {
	uint8_t *data; /* its SPI; after: the inner packet */
	uint32_t len;
	uint8_t ecn;  /* of the outer header: TOS & 3 */
	/* From here on written by esp_in_burst(): */
	enum esp_drop why; /* ESP_DROP_NONE: it passed */
	/*
	 * Genuine and no packet before had a higher number: if it comes from
	 * elsewhere than sa->path.remote, the peer has moved (RFC 7296 2.23).
	 */
	bool newest;
	struct sa *sa; /* NULL: none has its SPI */
	uint64_t seq;
	struct inner in;
};

struct esp_in {
	uint64_t drops[ESP_DROP_COUNT]; /* in packets */
	struct cipher_op ops[ESP_IN_BURST];
};

void esp_in_init(struct esp_in *in);

/* At most ESP_IN_BURST.  Returns how many passed. */
unsigned esp_in_burst(struct esp_in *in, const struct sa_table *t,
		      struct esp_pkt pkt[], unsigned n, uint64_t now_ms);

#endif
