/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf_keys.h: the keys of the peers' state, one row each.
 *
 * Private to ipsec_conf*.c.  Reading, writing and describing the state all walk
 * these tables; what only makes sense between keys or peers is in
 * ipsec_conf_check.c.
 */
#ifndef CAUSEWAY_IPSEC_CONF_KEYS_H
#define CAUSEWAY_IPSEC_CONF_KEYS_H

#include "ipsec-migrate/ipsec_conf.h"

enum iconf_kind {
	ICONF_KIND_BOOL,      /* bool */
	ICONF_KIND_U32,	      /* within min and max */
	ICONF_KIND_U64,
	ICONF_KIND_WORD,      /* one of words[], into uint8_t */
	ICONF_KIND_NAME,      /* char[ICONF_NAME_MAX] */
	ICONF_KIND_FILE,      /* char[ICONF_FILE_MAX] */
	ICONF_KIND_FILES,     /* list of them */
	ICONF_KIND_ADDRESS,   /* char[ICONF_ADDRESS_MAX] */
	ICONF_KIND_ID,	      /* char[ICONF_ID_MAX] */
	ICONF_KIND_NETWORKS,  /* struct iconf_network[] */
	ICONF_KIND_PROPOSALS, /* struct iconf_proposals */
	ICONF_KIND_SUB,	      /* an object with keys in sub[] */
	ICONF_KIND_PEERS,     /* the list of peers */
};

struct iconf_key {
	const char *name; /* NULL ends the table */
	enum iconf_kind kind;
	size_t offset;
	bool required;
	uint64_t min, max, def; /* numbers, words, bools */
	const char *const *words; /* NULL behind the last */
	const struct iconf_key *sub;
	const char *def_help; /* for people, when `def` does not say it */
	const char *help;
};

extern const struct iconf_key iconf_root_keys[];
extern const struct iconf_key iconf_peer_keys[];

const struct iconf_key *iconf_key_find(const struct iconf_key *table,
				       const char *name);
/* What a key takes, for people. */
void iconf_key_expects(const struct iconf_key *key, char *text, size_t size);
/* Numbers, words and bools of an object as they are when nothing is said. */
void iconf_set_defaults(const struct iconf_key *table, void *object);

void iconf_error(struct ipsec_conf_errors *errs, const char *path,
		 const char *value, const char *expected, ...)
	__attribute__((format(printf, 4, 5)));

/* "10.0.0.0/8", or an address alone; false: it is none, or has host bits. */
bool iconf_read_network(const char *text, struct iconf_network *n);
/* An IPv4 or IPv6 address, and no more. */
bool iconf_is_address(const char *text);

/* ipsec_conf_proposal.c: may IKE, or ESP, be proposed so?  If not, why. */
bool iconf_proposal_ok(const char *text, bool ike, char *why, size_t size);
extern const struct iconf_proposals iconf_default_ike, iconf_default_esp;

/* ipsec_conf_check.c: 0 or -EINVAL. */
int iconf_check(const struct ipsec_conf *conf, struct ipsec_conf_errors *errs);

#endif
