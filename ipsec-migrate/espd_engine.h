/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_engine.h: what iked asks of SAs and policies, carried out.
 *
 * Between ike_msg.h and the core (sa.h, policy.h).  What it adds: who is
 * held, that is, was left by an iked that has gone; SPIs that are promised;
 * and that groups of two ikeds are not one because they have the same number.
 *
 * No system call but for random numbers.  All of it belongs to one thread.
 */
#ifndef CAUSEWAY_ESPD_ENGINE_H
#define CAUSEWAY_ESPD_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/ike_msg.h"
#include "ipsec-migrate/policy.h"
#include "ipsec-migrate/sa.h"

#define ENGINE_SAS_MAX	    8192
#define ENGINE_POLICIES_MAX 4096
#define ENGINE_GROUP_MAX    0xffffffu /* the largest that iked may use */
#define ENGINE_MTU_DEFAULT  1500
#define ENGINE_MTU_AGE_MS   600000 /* RFC 1191 6.3 */

/* What is remembered of an SA besides struct sa; sa->user. */
struct engine_sa {
	struct sockaddr_storage told; /* MAPPING; AF_UNSPEC: none was */
	uint64_t mtu_until_ms; /* then the path's MTU is tried anew; 0 */
	uint32_t mtu;	       /* as the peer's configuration has it */
	uint16_t sock;	       /* the worker's; see worker */
	bool held;
};

static inline struct engine_sa *engine_sa(const struct sa *sa)
{
	return sa->user;
}

struct engine_policy {
	struct selector selector;
	uint32_t peer, group, next_group; /* next_group 0: none */
	bool used, held;
};

struct engine {
	struct sa_table *sas;
	struct policy_set *policies;
	struct engine_policy policy[ENGINE_POLICIES_MAX];
	uint32_t promised[64]; /* SPIs, a ring */
	unsigned promised_next;
	uint8_t epoch; /* of this iked */
	enum cipher_backend backend;
};

int engine_init(struct engine *e, enum cipher_backend backend);
void engine_fini(struct engine *e);

/* All that is there is held from now on: iked has gone. */
void engine_hold(struct engine *e);

/* Each fills what of *a is not its rc and returns that. */
int engine_get_spi(struct engine *e, uint32_t *spi); /* network order */
int engine_sa_add(struct engine *e, const struct ike_msg_sa_add *m,
		  uint32_t mtu, uint64_t now_ms, struct sa **out);
int engine_sa_update(struct engine *e, const struct ike_msg_sa_update *m,
		     struct sa **out);
int engine_sa_delete(struct engine *e, const struct ike_msg_sa_id *id);
int engine_sa_query(const struct engine *e, const struct ike_msg_sa_id *id,
		    uint64_t now_ms, struct ike_msg_answer *a);
int engine_policy_add(struct engine *e, const struct ike_msg_policy *m);
int engine_policy_delete(struct engine *e, const struct ike_msg_policy *m);
/* peer 0: of all. */
void engine_held_drop(struct engine *e, uint32_t peer);
/* The peer is gone, with all that is its. */
void engine_peer_drop(struct engine *e, uint32_t peer);
/* The group as iked knows it; 0: another iked's. */
uint32_t engine_group_of(const struct engine *e, uint32_t internal);
uint32_t engine_group(const struct engine *e, uint32_t group);

void engine_describe_id(const struct sa *sa, struct ike_msg_sa_id *id);
void engine_describe_held(const struct sa *sa, uint64_t now_ms,
			  struct ike_msg_held *h);

/* A genuine packet of this inbound SA came from there: so go the answers. */
void engine_peer_moved(struct engine *e, struct sa *sa,
		       const struct sockaddr_storage *from);

/*
 * The path to `to` takes no more than `mtu`, says a message about a packet
 * with this SPI and sequence number; believed if we can have sent that lately.
 */
bool engine_path_mtu(struct engine *e, const struct sockaddr_storage *to,
		     uint32_t spi, uint32_t seq, uint32_t mtu,
		     uint64_t now_ms);
/* The same, but our own kernel says so.  False: it was known. */
bool engine_link_mtu(struct engine *e, const struct sockaddr_storage *to,
		     uint32_t mtu, uint64_t now_ms);
/* MTUs that were found long ago are forgotten; held SAs that ended, too. */
void engine_age(struct engine *e, uint64_t now_ms, bool iked);

#endif
