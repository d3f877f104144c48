/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_out.h: frames from the TUN into ESP packets, ready to be sent.
 *
 * A frame of 64 KB becomes some 45 packets of one size, one behind the other:
 * what one sendmsg() with UDP_SEGMENT takes (where that is not to be had, as
 * on a raw socket, they are sent one by one out of the same buffer).  Smaller
 * frames that follow join a send if SA, size and outer TOS are the same.
 * Every byte is copied once, to where it is encrypted.
 *
 * The loop:
 *
 *	while ((n = read(tun, frame, ...)) > 0)
 *		switch (esp_out_frame(o, policies, frame, n, now_ms)) {
 *		case ESP_OUT_FULL: send all o->send; esp_out_reset(o); again
 *		case ESP_OUT_REPLY: write(tun, o->reply, o->reply_len), if the
 *				    rate of such replies allows
 *		...
 *	send all o->send; esp_out_reset(o);
 *
 * One thread.  No system call, no allocation, no clock in here.
 */
#ifndef CAUSEWAY_ESP_OUT_H
#define CAUSEWAY_ESP_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/cipher.h"
#include "ipsec-migrate/esp.h"
#include "ipsec-migrate/inner_gso.h"
#include "ipsec-migrate/inner_mtu.h"
#include "ipsec-migrate/policy.h"
#include "ipsec-migrate/sa.h"

#define ESP_OUT_BYTES	  (256 * 1024)
#define ESP_OUT_SENDS_MAX 128

/* One sendmsg(): to sa->path.remote, from sa->path.local. */
struct esp_send {
	struct sa *sa;
	uint8_t *data;
	uint32_t len;
	uint16_t seg;	/* UDP_SEGMENT if len > seg */
	uint16_t count; /* of packets */
	uint8_t tos;	/* of the outer header: ECN; DSCP if copied */
};

enum esp_out_verdict {
	ESP_OUT_SEALED, /* it is in o->send */
	ESP_OUT_FULL,	/* it is not: send, reset, and call again */
	ESP_OUT_DROPPED,
	ESP_OUT_REPLY, /* dropped; o->reply is for the TUN */
};

struct esp_out {
	bool clamp_mss; /* the caller's to set; true at first */
	uint8_t *buf;
	uint32_t used;
	unsigned sends;
	struct esp_send send[ESP_OUT_SENDS_MAX];
	enum esp_drop why; /* of the last one dropped */
	uint32_t group;	   /* and its group, when it was for want of an SA */
	uint64_t drops[ESP_DROP_COUNT]; /* in frames */
	uint32_t reply_len; /* with virtio-net header */
	uint8_t reply[INNER_VNET_LEN + INNER_MTU_REPLY_MAX];
	struct cipher_op ops[CIPHER_BURST_MAX];
};

/* 0 or -ENOMEM. */
int esp_out_new(struct esp_out **out);
void esp_out_free(struct esp_out *o); /* NULL does nothing */
/* All has been sent, or given up: SAs are not referred to any more. */
void esp_out_reset(struct esp_out *o);

/* `frame`: virtio-net header and packet; it may be written to. */
enum esp_out_verdict esp_out_frame(struct esp_out *o, struct policy_set *ps,
				   uint8_t *frame, uint32_t len,
				   uint64_t now_ms);

#endif
