/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_keys.h: the keys of the desired state, one row each.
 *
 * Private to domain_conf*.c and domain_keep.c, which keeps its records by a
 * table of the same kind.  Reading, writing, comparing, freeing and describing
 * all walk these tables, so a key added here is known everywhere; what only
 * makes sense between keys or objects is in domain_conf_check.c.
 */
#ifndef CAUSEWAY_DOMAIN_CONF_KEYS_H
#define CAUSEWAY_DOMAIN_CONF_KEYS_H

#include <jansson.h>

#include "hypervisor/domain_conf.h"

enum dconf_kind {
	DCONF_KIND_BOOL, /* bool */
	DCONF_KIND_U8,	 /* uint8_t and so on, within min and max */
	DCONF_KIND_U16,
	DCONF_KIND_U32,
	DCONF_KIND_U64,
	DCONF_KIND_WORD,   /* one of words[], into uint8_t */
	DCONF_KIND_NAME,   /* this and the next: char[size] */
	DCONF_KIND_UUID,
	DCONF_KIND_PATH,   /* absolute, one spelling */
	DCONF_KIND_TEXT,   /* printable */
	DCONF_KIND_DEVICE, /* vda to vdp */
	DCONF_KIND_MAC,	   /* uint8_t[6] */
	DCONF_KIND_UIDS,   /* "A-B" into two uint32_t */
	DCONF_KIND_PATHS,  /* list of paths, into struct dconf_path */
	DCONF_KIND_LIST,   /* list of objects with keys in sub[] */
	DCONF_KIND_SUB,	   /* one object, its fields in the same struct */
};

struct dconf_word {
	const char *word; /* NULL ends the list */
	uint32_t value;
};

struct dconf_key {
	const char *name; /* NULL ends the table */
	enum dconf_kind kind;
	size_t offset;
	size_t size;	     /* of the char array; of an item of the list */
	size_t count_offset; /* of the list's uint32_t count */
	int64_t min, max;    /* of numbers; max: items of the list */
	int64_t def;	     /* numbers, words, bools */
	bool required;
	uint32_t part; /* enum dconf_part of a change; 0: compared apart */
	const struct dconf_word *words;
	const struct dconf_key *sub;
	const char *def_help; /* for people, when `def` does not say it */
	const char *help;
};

/* The columns that say where a value lives: key, kind, struct, field. */
#define DCONF_AT(key_, kind_, type, field)                                    \
	.name = key_, .kind = DCONF_KIND_##kind_,                             \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define DCONF_NUMBER(lo, hi, d) .min = (lo), .max = (hi), .def = (d)
#define DCONF_ITEMS(key_, kind_, type, field, count, most)                    \
	.name = key_, .kind = DCONF_KIND_##kind_,                             \
	.offset = offsetof(type, field),                                      \
	.size = sizeof(*((type *)0)->field),                                  \
	.count_offset = offsetof(type, count), .max = (most)

extern const struct dconf_word dconf_power_words[];

extern const struct dconf_key dconf_root_keys[];
extern const struct dconf_key dconf_domain_keys[];
extern const struct dconf_key dconf_vif_keys[];
extern const struct dconf_key dconf_disk_keys[];

/* Row by name or NULL. */
const struct dconf_key *dconf_key_find(const struct dconf_key *table,
				       const char *name);
/* The known key closest to `name` in spelling, or NULL when none is close. */
const char *dconf_key_nearest(const struct dconf_key *table, const char *name);

/* Word of a value, "?" when there is none. */
const char *dconf_word_of(const struct dconf_word *words, uint32_t value);

/* What a key takes, for people: "integer 1 to 64", "true or false"... */
void dconf_key_expects(const struct dconf_key *key, char *text, size_t size);

/* The integer at the key's place in `object`, whatever its width. */
uint64_t dconf_key_get(const struct dconf_key *key, const void *object);
void dconf_key_set(const struct dconf_key *key, void *object, uint64_t value);

/* A list's items and their number; *items may be NULL when it is empty. */
uint32_t dconf_key_items(const struct dconf_key *key, const void *object,
			 void **items);

/* Deep comparison of one key; of all keys; parts of those that differ. */
bool dconf_key_equal(const struct dconf_key *key, const void *a,
		     const void *b);
bool dconf_equal(const struct dconf_key *table, const void *a, const void *b);
uint32_t dconf_parts(const struct dconf_key *table, const void *a,
		     const void *b);
/* Free the lists in `object`, and those in them. */
void dconf_free_lists(const struct dconf_key *table, void *object);
/* Set what has a default to it; lists are empty. */
void dconf_set_defaults(const struct dconf_key *table, void *object);

/* Record an error; printf-like expectation.  `value` may be NULL: missing. */
void dconf_error(struct domain_conf_errors *errs, const char *path,
		 const char *value, const char *expected, ...)
	__attribute__((format(printf, 4, 5)));
/* One error by itself. */
void dconf_error_set(struct domain_conf_error *err, const char *path,
		     const char *value, const char *expected, ...)
	__attribute__((format(printf, 4, 5)));
/* The value in quotes, as an error shows a string; for `value` above. */
#define DCONF_QUOTED_MAX 128
const char *dconf_quoted(char quoted[DCONF_QUOTED_MAX], const char *text);

/*
 * domain_conf_json.c.  Read an object by its table into a zeroed struct, with
 * defaults; what was read so far is to be freed in any case.  0, -EINVAL with
 * errors (paths begin with `path`), -ENOMEM.
 */
int dconf_read(const struct dconf_key *table, void *object,
	       const json_t *value, const char *path,
	       struct domain_conf_errors *errs);
/* A new reference, or NULL without memory. */
json_t *dconf_write(const struct dconf_key *table, const void *object);

/* Is it an absolute path with one spelling: no "//", ".", ".." in it? */
bool dconf_path_ok(const char *path);
/* Is `path` beneath the folder? */
bool dconf_path_below(const char *path, const char *folder);

/*
 * domain_conf_check.c.  Fill in what follows from other objects (storage
 * roots, slots, indexes) and refuse what contradicts itself.  0, -EINVAL or
 * -ENOMEM.
 */
int dconf_check(struct domain_conf *conf, struct domain_conf_errors *errs);

#endif
