/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_keys.h: the keys of the state file, one row each.
 *
 * Private to switch_conf*.c.  Reading, writing, comparing and describing the
 * state all walk these tables, so a key added here is known everywhere; what
 * only makes sense between keys or objects is in switch_conf_check.c.
 */
#ifndef CAUSEWAY_SWITCH_CONF_KEYS_H
#define CAUSEWAY_SWITCH_CONF_KEYS_H

#include "vswitch/switch_conf.h"

enum conf_kind {
	CONF_KIND_BOOL,	   /* bool */
	CONF_KIND_U16,	   /* uint16_t and so on, within min and max */
	CONF_KIND_U32,
	CONF_KIND_U64,
	CONF_KIND_I64,
	CONF_KIND_WORD8,   /* one of words[], into uint8_t */
	CONF_KIND_WORD16,  /* one of words[], into uint16_t */
	CONF_KIND_FLAGS,   /* list of words[], into a uint32_t mask */
	CONF_KIND_NAME,	   /* char[CONF_NAME_MAX] */
	CONF_KIND_SOCKET,  /* char[CONF_SOCKET_MAX], absolute path */
	CONF_KIND_IFNAME,  /* char[CONF_IFNAME_MAX] */
	CONF_KIND_MAC,	   /* uint8_t[6]; zero is none */
	CONF_KIND_NET,	   /* name of a network, into int32_t index */
	CONF_KIND_NETS,	   /* list of them: conf_port.carries */
	CONF_KIND_PREFIX4, /* list: conf_port.ipv4_allowed */
	CONF_KIND_PREFIX6, /* list: conf_port.ipv6_allowed */
	CONF_KIND_VIDS,	   /* list of VIDs and ranges, uint64_t[64] */
	CONF_KIND_MEMBERS, /* list of names of ports: conf_port.bonding */
	CONF_KIND_ADDRS,   /* list: conf_port.addresses */
	CONF_KIND_IP4,	   /* struct in_addr; zero is none */
	CONF_KIND_IP6,	   /* struct in6_addr; zero is none */
	CONF_KIND_SUB,	   /* object of its own with keys in sub[] */
};

struct conf_word {
	const char *word; /* NULL ends the list */
	uint32_t value;
};

/* Where a key of a port may stand. */
#define CONF_ON(x) (1u << (x))
#define CONF_ON_ANY 0xffu

struct conf_key {
	const char *name; /* NULL ends the table */
	enum conf_kind kind;
	size_t offset;
	int64_t min, max;
	int64_t def;	 /* numbers, words, bools */
	bool required;
	bool derived;	 /* default follows from other keys: `def_help` */
	uint32_t part;	 /* enum conf_part of a change; 0: compared apart */
	uint32_t types;	 /* CONF_ON(type)...; 0 is any */
	uint32_t roles;	 /* CONF_ON(role)...; 0 is any */
	uint32_t modes;	 /* CONF_ON(vlan_mode)...; 0 is any */
	uint32_t bonds;	 /* CONF_ON(bond_mode)...; 0 is any */
	uint32_t also;	 /* CONF_ON(type)... where it may stand anyway */
	const struct conf_word *words;
	const struct conf_key *sub;
	const char *def_help; /* for people, when `def` does not say it */
	const char *help;
};

extern const struct conf_key conf_root_keys[];
extern const struct conf_key conf_settings_keys[];
extern const struct conf_key conf_network_keys[];
extern const struct conf_key conf_port_keys[];

/* Row by name or NULL. */
const struct conf_key *conf_key_find(const struct conf_key *table,
				     const char *name);
/* The known key closest to `name` in spelling, or NULL when none is close. */
const char *conf_key_nearest(const struct conf_key *table, const char *name);

/* Word of a value, "?" when there is none. */
const char *conf_word_of(const struct conf_word *words, uint32_t value);

/* What a key takes, for people: "integer 0 to 4094", "true or false"... */
void conf_key_expects(const struct conf_key *key, char *text, size_t size);

/* The integer at the key's place in `object`, whatever its width. */
int64_t conf_key_get(const struct conf_key *key, const void *object);
void conf_key_set(const struct conf_key *key, void *object, int64_t value);

/* May the key stand at this port, as its type, role and VLAN mode are? */
bool conf_key_applies(const struct conf_key *key, const struct conf_port *p);

/* Same value?  References to networks are the caller's to compare. */
bool conf_key_equal(const struct conf_key *key, const void *a, const void *b);

/* Record an error; printf-like expectation.  `value` may be NULL: missing. */
void conf_error(struct switch_conf_errors *errs, const char *path,
		const char *value, const char *expected, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * switch_conf_check.c.  Fill in what follows from other objects (uplinks,
 * effective locking, MTUs) and refuse what contradicts itself.  0, -EINVAL
 * or -ENOMEM.
 */
int conf_check(struct switch_conf *conf, struct switch_conf_errors *errs);

/*
 * switch_conf_bond.c, called by conf_check(): find the members, say who
 * belongs to whom, refuse what a bond cannot be.  Before networks choose
 * their uplinks; and, once each port's own MTU is known, what members must
 * have in common with their bond.
 */
void conf_resolve_bonds(struct switch_conf *conf,
			struct switch_conf_errors *errs);
void conf_check_bonds(const struct switch_conf *conf,
		      struct switch_conf_errors *errs);

/* switch_conf_host.c, called by conf_check(): what no host can have. */
int conf_check_hosts(const struct switch_conf *conf,
		     struct switch_conf_errors *errs); /* 0 or -ENOMEM */

/*
 * switch_conf_address.c: "10.0.0.0/24" or, without a length, one address; of
 * family AF_INET or AF_INET6, into a struct in_addr or in6_addr.  False when
 * it is neither.  _text() writes it again.
 */
#define CONF_PREFIX_TEXT (INET6_ADDRSTRLEN + 4)
bool conf_prefix_read(int family, const char *s, void *addr, uint8_t *len);
void conf_prefix_text(int family, const void *addr, uint8_t len,
		      char text[CONF_PREFIX_TEXT]);
/* Set the bits of the host to zero. */
void conf_prefix_mask(int family, void *addr, uint8_t len);
bool conf_prefix_has(int family, const void *prefix, uint8_t len,
		     const void *addr);
/* Is it all within what no source on a link may be? */
bool conf_prefix_is_martian(int family, const void *addr, uint8_t len);

/* The bits behind the prefix; a whole address has none and is SOME. */
enum conf_host_bits {
	CONF_HOST_BITS_SOME,
	CONF_HOST_BITS_ZERO,
	CONF_HOST_BITS_ONES,
};
enum conf_host_bits conf_host_bits(int family, const void *addr, uint8_t len);

/* Sort indexes of `count` objects of `size` bytes that begin with a name. */
int conf_index_names(uint16_t **index, const void *objects, uint32_t count,
		     size_t size);

/*
 * Who holds which MAC address where: one claim a port and network carried,
 * sorted by network, address and port.
 */
struct conf_claim {
	uint32_t network;
	uint8_t mac[6];
	uint16_t port;
};

struct conf_claims {
	size_t count;
	struct conf_claim *claims;
};

int conf_claims_init(struct conf_claims *c, const struct switch_conf *conf);
void conf_claims_fini(struct conf_claims *c);
/* Order by network and address only. */
int conf_claim_order(const struct conf_claim *a, const struct conf_claim *b);

#endif
