/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ike_msg.h: what causeway-iked and causeway-espd say to each other.
 *
 * A SOCK_SEQPACKET socket on which espd listens and iked connects; espd takes
 * one connection, of iked's user.  One packet is one message: a header and
 * the fixed-size part of its type, to the byte; only a datagram ends with as
 * many bytes as it says.  Both are built from one tree, and a message of
 * another IKE_MSG_VERSION closes the connection: so these are plain structs in
 * the machine's byte order, without padding.  Addresses and SPIs in them are
 * as on the wire, in network order, but for ports, which are numbers.
 *
 * What iked asks has an id, and espd answers each in turn with the same id and
 * 0 or a negative errno; datagrams are answered by nothing.  What espd tells
 * by itself has id 0.
 *
 * How a connection goes:
 *
 *	iked	HELLO
 *	espd	HELD...		the SAs that an iked before has left, no keys
 *	espd	HELD_END
 *	iked	PEER...		all peers of the desired state
 *	iked	PEERS_END	answered when the kernel protects their networks
 *	both	the rest, in any order
 *
 * PEER... PEERS_END come again whenever the desired state changes: peers not
 * named again are gone, with their SAs and policies.  IKE for a peer begins
 * after the answer to PEERS_END: clear traffic is closed before the first SA.
 *
 * What is held.  When iked goes, its SAs work on to their hard limits, and its
 * policies and peers stay.  A policy that a new iked adds for the same
 * selector takes the place of the one that is held, from the moment on when
 * its group has an SA; until then the held one serves.  When iked has a
 * successor for a peer it sends HELD_DROP, and what is still held of that peer
 * is deleted.
 *
 * The number of a peer is iked's choice, 1 or more; a peer that HELD names
 * keeps the number that it had.
 *
 * Keys pass in SA_ADD only.  Who sends or receives one wipes it
 * (ike_msg_wipe()).
 */
#ifndef CAUSEWAY_IKE_MSG_H
#define CAUSEWAY_IKE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "ipsec-migrate/sa.h"
#include "ipsec-migrate/selector.h"

#define IKE_MSG_VERSION	     1
#define IKE_MSG_NAME_MAX     64	   /* with the NUL */
#define IKE_MSG_KEY_MAX	     64
#define IKE_MSG_NETWORKS_MAX 16	   /* of a peer, each side */
#define IKE_MSG_DATA_MAX     16384 /* bytes of an IKE datagram */

enum ike_msg_type {
	/* iked to espd */
	IKE_MSG_HELLO = 1,
	IKE_MSG_PEER,
	IKE_MSG_PEERS_END,
	IKE_MSG_GET_SPI,
	IKE_MSG_SA_ADD,
	IKE_MSG_SA_UPDATE,
	IKE_MSG_SA_DELETE,
	IKE_MSG_SA_QUERY,
	IKE_MSG_POLICY_ADD,
	IKE_MSG_POLICY_DELETE,
	IKE_MSG_HELD_DROP,
	/* both ways */
	IKE_MSG_DATAGRAM,
	/* espd to iked */
	IKE_MSG_ANSWER,
	IKE_MSG_HELD,
	IKE_MSG_HELD_END,
	IKE_MSG_ACQUIRE,
	IKE_MSG_ACQUIRE_AGAIN, /* iked to espd: see struct ike_msg_group */
	IKE_MSG_EXPIRE,
	IKE_MSG_MAPPING,
	IKE_MSG_TYPE_COUNT
};

struct ike_msg_addr {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t reserved;
	uint16_t port;
	uint8_t addr[16]; /* IPv4: the first four */
};

struct ike_msg_network {
	uint8_t family; /* 4 or 6; 0: behind the last */
	uint8_t prefix;
	uint8_t addr[16];
};

/* HELLO */
struct ike_msg_hello {
	uint32_t pid; /* for the log */
};

/* PEER: whose networks shall be reached through the channel only. */
struct ike_msg_peer {
	uint32_t peer;
	char name[IKE_MSG_NAME_MAX];
	struct ike_msg_addr local, remote; /* outer; family 0: any */
	struct ike_msg_network local_net[IKE_MSG_NETWORKS_MAX];
	struct ike_msg_network remote_net[IKE_MSG_NETWORKS_MAX];
	uint16_t mtu; /* of the outer path; 0: find it */
	uint8_t raw_esp;	/* IP protocol 50 may be used */
	uint8_t reserved;
};

/* GET_SPI: a free one is in the answer, and kept for an SA_ADD to come. */
struct ike_msg_get_spi {
	uint32_t peer;
};

/*
 * Which SA.  Inbound ones are found by the SPI alone, outbound ones by peer
 * and SPI.
 */
struct ike_msg_sa_id {
	uint32_t spi;
	uint32_t peer;
	uint8_t inbound;
	uint8_t reserved[3];
};

struct ike_msg_path {
	struct ike_msg_addr local, remote;
	uint8_t udp; /* ESP in UDP between these ports; else protocol 50 */
	uint8_t reserved[3];
};

/* Of one limit; 0: none.  Time counts from SA_ADD. */
struct ike_msg_limit {
	uint64_t bytes, packets, ms;
};

/* SA_ADD */
struct ike_msg_sa_add {
	struct ike_msg_sa_id id;
	uint32_t group;	   /* policies that lead here name it too */
	uint32_t replaces; /* outbound: SPI whose place it takes; 0: none */
	struct ike_msg_path path;
	struct ike_msg_limit soft, hard;
	uint32_t replay_window; /* inbound; rounded as replay.h wants it */
	uint8_t alg;		/* enum cipher_alg */
	uint8_t esn;
	uint8_t copy_dscp;
	uint8_t key_len; /* with the salt */
	uint8_t key[IKE_MSG_KEY_MAX];
	uint8_t selector_count;
	uint8_t reserved[3];
	struct selector selector[SA_SELECTORS_MAX];
};

/* SA_UPDATE: the peer or we have moved.  Counters go on. */
struct ike_msg_sa_update {
	struct ike_msg_sa_id id;
	struct ike_msg_path path;
};

/* POLICY_ADD, POLICY_DELETE: each selector once (iked counts its users). */
struct ike_msg_policy {
	uint32_t peer;
	uint32_t group;
	struct selector selector;
	uint8_t reserved[2];
};

/* HELD_DROP; peer 0: of all. */
struct ike_msg_held_drop {
	uint32_t peer;
};

/*
 * DATAGRAM.  `local` is where it came to or shall leave from; its port tells
 * 500 from 4500.  The data is the IKE message: espd strips the non-ESP marker
 * at port 4500, and adds it.
 */
struct ike_msg_datagram {
	struct ike_msg_addr local, remote;
	uint32_t len;
	uint8_t data[IKE_MSG_DATA_MAX]; /* of which `len` are sent */
};

/* ANSWER; what does not belong to the question is 0. */
struct ike_msg_answer {
	int32_t rc;	  /* 0 or a negative errno */
	uint32_t spi;	  /* GET_SPI */
	uint64_t packets; /* SA_QUERY: ... */
	uint64_t bytes;
	uint64_t idle_ms; /* since a packet passed; UINT64_MAX: none has */
};

/* HELD: an SA that is there from before.  Ages by the clock of SA_ADD. */
struct ike_msg_held {
	struct ike_msg_sa_id id;
	uint32_t group;
	char name[IKE_MSG_NAME_MAX]; /* of the peer */
	struct ike_msg_path path;
	uint32_t reserved;
	uint64_t left_ms; /* to the hard limit of time; UINT64_MAX: none */
};

/*
 * ACQUIRE: a packet wants an SA of this group, which has none; told once,
 * until an SA is added to the group or iked says ACQUIRE_AGAIN: nothing came
 * of it, the next packet shall ask once more.
 */
struct ike_msg_group {
	uint32_t group;
};

/* EXPIRE: at a soft limit (time for a successor), or at a hard one. */
struct ike_msg_expire {
	struct ike_msg_sa_id id;
	uint8_t hard;
	uint8_t reserved[3];
};

/*
 * MAPPING: genuine packets of this inbound SA come from another address than
 * its path says (a NAT in between has changed its mind).  espd goes on with
 * the path that it has; iked sends SA_UPDATE if it agrees.
 */
struct ike_msg_mapping {
	struct ike_msg_sa_id id;
	struct ike_msg_addr remote;
};

struct ike_msg {
	uint16_t version; /* IKE_MSG_VERSION */
	uint16_t type;	  /* enum ike_msg_type */
	uint32_t id;
	union {
		struct ike_msg_hello hello;
		struct ike_msg_peer peer;
		struct ike_msg_get_spi get_spi;
		struct ike_msg_sa_add sa_add;
		struct ike_msg_sa_update sa_update;
		struct ike_msg_sa_id sa_id; /* SA_DELETE, SA_QUERY */
		struct ike_msg_policy policy;
		struct ike_msg_held_drop held_drop;
		struct ike_msg_datagram datagram;
		struct ike_msg_answer answer;
		struct ike_msg_held held;
		struct ike_msg_group group; /* ACQUIRE, ACQUIRE_AGAIN */
		struct ike_msg_expire expire;
		struct ike_msg_mapping mapping;
	} u;
};

#define IKE_MSG_HDR_LEN offsetof(struct ike_msg, u)

/*
 * Begin a message: all zero but for its header.  A datagram's data is left as
 * it is.
 */
void ike_msg_init(struct ike_msg *msg, enum ike_msg_type type, uint32_t id);
/* How many bytes of it to send; a datagram's `len` counts. */
size_t ike_msg_len(const struct ike_msg *msg);
/*
 * Is what came, `len` bytes, one message to the byte?  0; -EPROTO: another
 * version; -EBADMSG: no such type, another length, or what is in it (families,
 * prefixes, counts, key length, a name without NUL) cannot be.
 */
int ike_msg_check(const struct ike_msg *msg, size_t len);
/* So that the compiler does not leave it out. */
void ike_msg_wipe(struct ike_msg *msg);
const char *ike_msg_type_name(unsigned type);

/* To and from the sockets' form; family 0 gives AF_UNSPEC. */
void ike_msg_to_sockaddr(const struct ike_msg_addr *a,
			 struct sockaddr_storage *ss);
/* 0 or -EAFNOSUPPORT. */
int ike_msg_from_sockaddr(const struct sockaddr *sa, struct ike_msg_addr *a);

/*
 * One message to or from the socket, without waiting if `flags` says
 * MSG_DONTWAIT.  0; -EAGAIN; -EPIPE: the other side is gone; -EPROTO and
 * -EBADMSG as ike_msg_check(); other -errno.
 */
int ike_msg_send(int fd, const struct ike_msg *msg, int flags);
int ike_msg_recv(int fd, struct ike_msg *msg, int flags);

#endif
