/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf.h: who our peers shall be, as one plain value.
 *
 * Parsed from JSON, validated whole, compared with the running one; what comes
 * out is a list of actions, removals first.  Nothing here touches a socket, a
 * file, a clock or a global: the same text gives the same value, always.
 * docs/ipsec.md says what the keys mean; ipsec_conf_describe() prints the table
 * they are checked against.
 *
 * Secrets are not in here.  PSKs, private keys, certificates and CRLs are
 * named by their files in iked's key folder.
 *
 * What may be left out is filled in here, so a reader of the struct finds no
 * "default".  A value is immutable once parsed; it has no pointers but its
 * list of peers, and a peer is zero wherever nothing is said.
 */
#ifndef CAUSEWAY_IPSEC_CONF_H
#define CAUSEWAY_IPSEC_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define ICONF_NAME_MAX	    64	/* with the NUL; letters digits . _ - */
#define ICONF_FILE_MAX	    64	/* likewise */
#define ICONF_ID_MAX	    192 /* an identity as text */
#define ICONF_ADDRESS_MAX   64	/* an address as text */
#define ICONF_PROPOSAL_MAX  160
#define ICONF_FILES_MAX	    4
#define ICONF_PROPOSALS_MAX 4
#define ICONF_NETWORKS_MAX  16
/* An SA takes so many pairs of a local and a remote network. */
#define ICONF_PAIRS_MAX	    16
#define ICONF_PEERS_MAX	    256
#define ICONF_STREAMS_MAX   8
#define ICONF_TEXT_MAX	    (2u << 20)
#define ICONF_ERRORS_MAX    16

enum iconf_start {
	ICONF_START_ALWAYS,    /* up, and up again */
	ICONF_START_ON_DEMAND, /* with the first packet */
	ICONF_START_RESPOND,   /* the peer begins */
};

enum iconf_encap {
	ICONF_ENCAP_AUTO, /* in UDP if there is a NAT, else protocol 50 */
	ICONF_ENCAP_UDP,  /* always in UDP */
};

enum iconf_revocation {
	ICONF_REVOCATION_IF_THERE, /* a CRL that is there is heeded */
	ICONF_REVOCATION_STRICT,   /* without a fresh CRL nobody gets in */
};

struct iconf_network {
	uint8_t family; /* 4 or 6; 0: behind the last */
	uint8_t prefix;
	uint8_t addr[16]; /* host bits are zero */
};

struct iconf_files {
	char name[ICONF_FILES_MAX][ICONF_FILE_MAX];
};

struct iconf_proposals {
	char text[ICONF_PROPOSALS_MAX][ICONF_PROPOSAL_MAX];
};

/* Either psk, or cert and ca. */
struct iconf_auth {
	char psk[ICONF_FILE_MAX];
	char cert[ICONF_FILE_MAX];
	char key[ICONF_FILE_MAX];
	struct iconf_files ca;
	struct iconf_files crl;
	uint8_t revocation; /* enum iconf_revocation */
};

struct iconf_ppk {
	char id[ICONF_ID_MAX]; /* "": none */
	char file[ICONF_FILE_MAX];
	bool required;
};

struct iconf_peer {
	char name[ICONF_NAME_MAX];
	char local[ICONF_ADDRESS_MAX];	/* "": any of ours */
	char remote[ICONF_ADDRESS_MAX]; /* "": any; it begins */
	char local_id[ICONF_ID_MAX];	/* "": certificate's, or address */
	char remote_id[ICONF_ID_MAX];	/* likewise */
	struct iconf_auth auth;
	struct iconf_ppk ppk;
	struct iconf_network local_net[ICONF_NETWORKS_MAX];
	struct iconf_network remote_net[ICONF_NETWORKS_MAX];
	struct iconf_proposals ike, esp;
	uint32_t ike_s, child_s; /* life; a successor comes before */
	uint64_t child_bytes, child_packets; /* 0: no such limit */
	uint8_t start; /* enum iconf_start */
	uint8_t encap; /* enum iconf_encap */
	uint32_t streams;
	uint32_t dpd_s; /* 0: off */
	bool mobike;
	bool copy_dscp;
	uint32_t mtu; /* of the outer path; 0: find it */
	uint32_t replay_window;
};

struct ipsec_conf {
	char owner[ICONF_NAME_MAX]; /* "" only in ipsec_conf_empty() */
	uint64_t generation;
	uint32_t peer_count;
	struct iconf_peer *peers; /* in the order of the text */
};

/* What is wrong, where, and what would be right. */
struct ipsec_conf_error {
	char path[128];	    /* peers[3].networks.remote[0] */
	char value[128];    /* "10.0.0.300", shortened when long */
	char expected[256]; /* an IPv4 or IPv6 prefix... */
};

struct ipsec_conf_errors {
	unsigned count; /* the first ICONF_ERRORS_MAX are kept */
	struct ipsec_conf_error error[ICONF_ERRORS_MAX];
};

/*
 * Parse and validate `len` bytes of JSON, or a JSON value (borrowed).  0 and a
 * value to be freed, -EINVAL with at least one error filled in, or -ENOMEM;
 * on failure *out is NULL.
 */
int ipsec_conf_parse(struct ipsec_conf **out, const char *text, size_t len,
		     struct ipsec_conf_errors *errs);
int ipsec_conf_from_json(struct ipsec_conf **out, const json_t *root,
			 struct ipsec_conf_errors *errs);
/* No peers, owned by nobody; NULL: no memory. */
struct ipsec_conf *ipsec_conf_empty(void);
void ipsec_conf_free(struct ipsec_conf *conf); /* NULL does nothing */

/*
 * May `wanted` replace `running` (empty: yes)?  0, -EPERM (another owner) or
 * -ESTALE (lower generation), with one error filled in.  `force` takes over
 * from any owner and generation.
 */
int ipsec_conf_may_replace(const struct ipsec_conf *running,
			   const struct ipsec_conf *wanted, bool force,
			   struct ipsec_conf_errors *errs);

/*
 * The whole value, such that it parses to the same value: as a new JSON value,
 * or as text to be freed.  NULL: no memory.
 */
json_t *ipsec_conf_to_json(const struct ipsec_conf *conf);
char *ipsec_conf_save(const struct ipsec_conf *conf);

/* By name, or NULL. */
const struct iconf_peer *ipsec_conf_find(const struct ipsec_conf *conf,
					 const char *name);

/*
 * Actions.  A peer that changes in whatever way but `start` is set up anew:
 * what it has agreed on before is not what is wanted now.
 */
enum iconf_verb { ICONF_REMOVE, ICONF_CHANGE, ICONF_ADD };

struct ipsec_conf_action {
	enum iconf_verb verb;
	const struct iconf_peer *before; /* NULL for ADD */
	const struct iconf_peer *after;	 /* NULL for REMOVE */
	bool start_only; /* CHANGE: nothing but `start` */
};

struct ipsec_conf_plan {
	uint32_t count;
	struct ipsec_conf_action *actions;
};

/* 0 or -ENOMEM.  Equal values give no action.  Free with _plan_fini. */
int ipsec_conf_diff(const struct ipsec_conf *running,
		    const struct ipsec_conf *wanted,
		    struct ipsec_conf_plan *plan);
void ipsec_conf_plan_fini(struct ipsec_conf_plan *plan);
/* "change peer site-b"; for logs and answers. */
void ipsec_conf_action_text(const struct ipsec_conf_action *action, char *text,
			    size_t size);

/* "10.0.0.0/8" */
#define ICONF_NETWORK_TEXT 52
void ipsec_conf_network_text(const struct iconf_network *n,
			     char text[ICONF_NETWORK_TEXT]);

/* One line a key: object, key, type, default, meaning. */
void ipsec_conf_describe(FILE *to);

#endif
