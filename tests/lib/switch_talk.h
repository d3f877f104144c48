/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_talk.h: what tests of the bridge say over and over: this frame, sent
 * there, reaches exactly these ports.
 *
 * Each of the predicates also asks whether the books balance, and prints what
 * is not as expected.
 */
#ifndef CAUSEWAY_SWITCH_TALK_H
#define CAUSEWAY_SWITCH_TALK_H

#include "tests/lib/fake_switch.h"

#define MAC_A	  "02:00:00:00:00:0a"
#define MAC_B	  "02:00:00:00:00:0b"
#define MAC_C	  "02:00:00:00:00:0c"
#define MAC_D	  "02:00:00:00:00:0d"
#define MAC_OUT	  "02:00:00:00:0e:01" /* beyond the uplink */
#define MAC_NEW	  "02:00:00:00:0f:01" /* nobody's */
#define MAC_NEW2  "02:00:00:00:0f:02"
#define MAC_ALL	  "ff:ff:ff:ff:ff:ff"
#define MAC_MCAST "01:00:5e:01:02:03"

#define ETH_IPV4 0x0800
#define ETH_TEST 0x88b5 /* local experimental */

/* 64 bytes whose payload names their sender.  The last 64 made stay. */
const struct packet *frame(const char *dst, const char *src);
const struct packet *frame_of(const char *dst, const char *src, unsigned len);
/* A copy with one more tag in front. */
const struct packet *tagged(const struct packet *of, uint16_t tpid,
			    uint16_t tci);

/* By which a host says where it is: 42 bytes of gratuitous ARP. */
const struct packet *announcement(const char *src);

/* Exactly the ports named in one text were sent one frame each; clears. */
bool only(struct fake_switch *fs, const char *names);
/* `p` into port `from` reaches exactly these. */
bool sends_to(struct fake_switch *fs, const char *from,
	      const struct packet *p, const char *names);
/* It reaches nobody, and is counted at `from` for this reason. */
bool drops_as(struct fake_switch *fs, const char *from, const struct packet *p,
	      enum drop why);
/* It reaches nobody, and is counted at the egress `at`. */
bool lost_at(struct fake_switch *fs, const char *from, const struct packet *p,
	     const char *at, enum drop why);
/* `to` gets exactly these bytes (others may get what they like). */
bool arrives_as(struct fake_switch *fs, const char *from,
		const struct packet *p, const char *to,
		const struct packet *as);

#endif
