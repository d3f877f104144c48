/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sa.h: security associations: key, counter, window, limits, and the table
 * that finds an inbound one by the SPI of a packet.
 *
 * Sequence number and IV are one counter of 64 bits that begins at 1 with a
 * fresh key and lives nowhere but here: an SA is made of a key that IKE has
 * just agreed on, and dies with the process.  So no IV is used twice with a
 * key (RFC 4106 3.1), whatever happens to us.
 *
 * Limits.  At a soft limit an event asks for a successor, while the SA works
 * on.  At a hard one it takes no further packet, in either direction, and an
 * event says so; it stays in the table until it is deleted.  Both are judged
 * before a packet is sealed, against the count with that packet.  The counter
 * itself is a hard limit too, long before it wraps.
 *
 * Threads: a table and its SAs belong to one thread.  Another may read the
 * counters of struct sa_stats, each a word that only grows; nothing else.
 * Time is given by the caller: milliseconds of CLOCK_BOOTTIME, so that a
 * suspended host's SAs age.
 */
#ifndef CAUSEWAY_SA_H
#define CAUSEWAY_SA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ipsec-migrate/cipher.h"
#include "ipsec-migrate/esp_drop.h"
#include "ipsec-migrate/replay.h"
#include "ipsec-migrate/selector.h"

#define SA_SELECTORS_MAX 16
#define SA_TABLE_MAX	 65536
#define SA_SPI_MIN	 256 /* those below are reserved (RFC 4303 2.1) */

/* 0: no such limit. */
struct sa_limits {
	uint64_t bytes;	  /* of inner packets */
	uint64_t packets; /* ESP packets */
	uint64_t ms;	  /* since sa_add() */
};

/* Where the outer packets go, and how. */
struct sa_path {
	struct sockaddr_storage local, remote;
	bool udp;     /* ESP in UDP; else IP protocol 50 */
	uint32_t mtu; /* of the outer path, IP header included */
};

struct sa_conf {
	uint32_t spi;	/* a number: not in network order */
	uint32_t peer;	/* the caller's number of the peer */
	uint32_t group; /* policy.h: which policies it serves (a reqid) */
	bool inbound;
	enum cipher_alg alg;
	enum cipher_backend backend;
	uint8_t key[CIPHER_KEY_MAX]; /* with salt; wipe it after sa_add() */
	uint32_t key_len;
	bool esn;
	uint32_t replay_window; /* inbound: a multiple of 64, 64..4096 */
	struct sa_limits soft, hard;
	struct sa_path path;
	bool copy_dscp; /* outward: inner DSCP to the outer header */
	/*
	 * What may pass; at least one.  Inbound packets are judged by them;
	 * outbound ones by the policy that leads here.
	 */
	struct selector selectors[SA_SELECTORS_MAX];
	unsigned selector_count;
};

struct sa_stats {
	uint64_t packets, bytes; /* ESP packets; bytes of inner packets */
	uint64_t auth_failed, replayed, dropped; /* dropped: all reasons */
	uint64_t used_ms; /* when last a packet passed */
};

/* The parts that esp_out.c and esp_in.c work with; others: read. */
struct sa {
	struct cipher *cipher;
	uint64_t seq; /* outbound: of the last packet sealed */
	uint64_t seq_max;
	struct sa_limits soft, hard; /* ms: the moment; UINT64_MAX: never */
	struct sa_stats stats;
	uint32_t spi, peer, group;
	uint32_t inner_mtu; /* by path; outbound */
	bool inbound, esn, copy_dscp;
	bool soft_due, hard_due; /* reached; each is told once */
	uint8_t told;
	uint8_t selector_count;
	struct inner_flow last_flow; /* inbound: the last one that matched */
	struct sa_path path;
	struct replay replay; /* inbound */
	struct selector selectors[SA_SELECTORS_MAX];
	struct sa_table *table;
	struct sa *next;     /* in its chain */
	uint64_t added_ms;
	void *user; /* the caller's; NULL at first */
};

struct sa_table;

/* Room for `capacity` SAs.  0, -EINVAL or -ENOMEM. */
int sa_table_new(struct sa_table **out, uint32_t capacity);
void sa_table_free(struct sa_table *t); /* and its SAs, wiped; NULL: nothing */

/*
 * 0; -EEXIST: that SPI is taken (inbound: at all; outbound: with this peer);
 * -ENOSPC: full; -EINVAL: anything in `conf` out of range; -ENOTSUP: no such
 * cipher here; -ENOMEM.
 */
int sa_add(struct sa_table *t, const struct sa_conf *conf, uint64_t now_ms,
	   struct sa **out);
/* First unbind it from its group (policy_unbind()).  Keys are wiped. */
void sa_delete(struct sa *sa);

struct sa *sa_find_in(const struct sa_table *t, uint32_t spi);
struct sa *sa_find_out(const struct sa_table *t, uint32_t peer, uint32_t spi);
/* All, in no order: NULL begins, NULL ends.  None may be deleted meanwhile. */
struct sa *sa_next(const struct sa_table *t, const struct sa *prev);
uint32_t sa_count(const struct sa_table *t);

/* The peer has moved, or the path's MTU is another. */
void sa_set_path(struct sa *sa, const struct sa_path *path);

enum sa_event_kind { SA_EVENT_SOFT, SA_EVENT_HARD };
struct sa_event {
	enum sa_event_kind kind;
	struct sa *sa;
};

/*
 * Limits that were reached since the last call, of time too; each limit of
 * each SA once.  Call it about once a second, and soon when
 * sa_events_due().  Returns how many, at most `max`; if that many, call again.
 */
unsigned sa_events(struct sa_table *t, uint64_t now_ms, struct sa_event ev[],
		   unsigned max);
bool sa_events_due(const struct sa_table *t);

/*
 * Data path.  May `packets` with `bytes` inside pass now?  If so they are
 * counted, and the soft limits looked at; if not, the SA is at its end.
 * Outbound: and *first is the first of as many sequence numbers, which are
 * nobody else's.
 */
bool sa_take(struct sa *sa, uint32_t packets, uint64_t bytes, uint64_t now_ms,
	     uint64_t *first);
/* Inbound, before the cipher's work: is it at a hard limit? */
bool sa_expired(struct sa *sa, uint64_t now_ms);
/* Inbound: may this flow come by this SA? */
bool sa_admits(struct sa *sa, const struct inner_flow *flow);

#endif
