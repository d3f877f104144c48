/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_tree.h: nodes that trees share, so that a snapshot costs nothing.
 * Private to hypervisor/xenstore*.c and their tests.
 *
 * A tree is a pointer to its top, the nameless node above "/" and the special
 * nodes; who holds the pointer holds a reference.  A snapshot is another
 * reference.  Whoever changes a tree first makes the nodes from the top to the
 * place his own (xenstore_tree_own), by copying those that others refer to as
 * well; what is not on the way stays shared.
 *
 * Each node's memory is charged to its owner for as long as any tree has it.
 * Nothing here recurses: trees are as deep as paths are long.
 */
#ifndef CAUSEWAY_XENSTORE_TREE_H
#define CAUSEWAY_XENSTORE_TREE_H

#include "hypervisor/xenstore_account.h"
#include "hypervisor/xenstore_path.h"

/* Immutable, shared.  The first entry: owner, and what all others may. */
struct xenstore_perms {
	uint32_t refs;
	uint32_t count;
	struct xenstore_perm entry[];
};

/* Immutable, shared; NULL is the empty value. */
struct xenstore_value {
	uint32_t refs;
	uint32_t len;
	struct xenstore_account *payer;
	char bytes[];
};

struct xenstore_node {
	uint32_t refs;		/* parents and trees */
	uint32_t charged;	/* bytes, to the owner */
	union {
		uint64_t generation; /* of value, permissions, children's set */
		struct xenstore_node *next_dead; /* while being freed */
	};
	uint64_t below;		/* the newest of it and all below */
	struct xenstore_account *owner;
	struct xenstore_perms *perms;
	struct xenstore_value *value;
	struct xenstore_node **child; /* sorted by name */
	uint32_t children, room;
	uint32_t names_bytes;	/* of the children, with their NULs */
	uint32_t name_len;
	char name[];
};

#define XENSTORE_PERM_BYTES 8 /* as Xen counts one, in a node's size */

struct xenstore_perms *xenstore_perms_new(const struct xenstore_perm *entry,
					  uint32_t count); /* NULL: no memory */
struct xenstore_perms *xenstore_perms_ref(struct xenstore_perms *perms);
void xenstore_perms_unref(struct xenstore_perms *perms);
/* What this domain may by these; XENSTORE_PERM_OWNER for the owner and 0. */
#define XENSTORE_PERM_OWNER 4
unsigned xenstore_perms_of(const struct xenstore_perms *perms,
			   const struct xenstore_account *account);

/* *out NULL for len 0.  0 or -ENOMEM. */
int xenstore_value_new(struct xenstore_value **out,
		       struct xenstore_account *payer, const void *bytes,
		       uint32_t len);
struct xenstore_value *xenstore_value_ref(struct xenstore_value *value);
void xenstore_value_unref(struct xenstore_value *value); /* NULL: nothing */
static inline uint32_t xenstore_value_len(const struct xenstore_value *value)
{
	return value ? value->len : 0;
}

/* A node of its own; takes a reference to perms, takes over value.  NULL: no
 * memory, and value is gone. */
struct xenstore_node *xenstore_node_new(const char *name, size_t len,
					struct xenstore_account *owner,
					struct xenstore_perms *perms,
					struct xenstore_value *value,
					uint64_t generation);
struct xenstore_node *xenstore_node_ref(struct xenstore_node *node);
void xenstore_node_unref(struct xenstore_node *node); /* NULL: nothing */

/* Permissions, children's names, value: Xen's node-size. */
size_t xenstore_node_size(const struct xenstore_node *node);
/* Bytes that a new node with this name would be charged, without value. */
size_t xenstore_node_cost(size_t name_len, uint32_t perms);
size_t xenstore_value_cost(size_t len); /* the value's; 0 for none */

/*
 * The node at path, NULL if there is none.  *rest (may be NULL): the path's
 * part that is missing; *nearest (may be NULL): the last node on the way,
 * which is the found node, its closest ancestor, or the top.
 */
struct xenstore_node *xenstore_tree_find(struct xenstore_node *top,
					 const char *path, const char **rest,
					 struct xenstore_node **nearest);
/* The node at the part of path before `end`, as *rest gives it, or NULL. */
struct xenstore_node *xenstore_tree_at(struct xenstore_node *top,
				       const char *path, const char *end);
/* The child of that name; NULL: there is none, or no node. */
struct xenstore_node *xenstore_node_child(const struct xenstore_node *node,
					  const char *name, size_t len);
/* The parent of what is at path; NULL for "/" and special ones. */
struct xenstore_node *xenstore_tree_parent(struct xenstore_node *top,
					   const char *path);
/*
 * Make the nodes of path up to `end` (a place as *rest gives it) this tree's
 * own, and note that something below them becomes of this generation.  They
 * exist.  The last of them, NULL: no memory, and nothing has changed.
 */
struct xenstore_node *xenstore_tree_own(struct xenstore_node **top,
					const char *path, const char *end,
					uint64_t generation);

/* The next four are for a node that is its tree's own. */
/* 0 or -ENOMEM.  A child of that name is not there; takes over `child`. */
int xenstore_node_add(struct xenstore_node *node, struct xenstore_node *child,
		      uint64_t generation);
/* The child of that name, which is there: the caller's now. */
struct xenstore_node *xenstore_node_detach(struct xenstore_node *node,
					   const char *name, size_t len,
					   uint64_t generation);
/* Takes over value. */
void xenstore_node_set_value(struct xenstore_node *node,
			     struct xenstore_value *value, uint64_t generation);
/* Takes over perms.  0, or -ENOMEM and nothing has changed. */
int xenstore_node_set_perms(struct xenstore_node *node,
			    struct xenstore_account *owner,
			    struct xenstore_perms *perms, uint64_t generation);

/* All nodes of a tree or a part of it, parents first, with their paths. */
struct xenstore_walk {
	struct {
		struct xenstore_node *node;
		uint32_t next;	   /* child */
		uint16_t path_len; /* with this node's name */
	} at[XENSTORE_DEPTH_MAX + 1];
	unsigned depth;
	bool skip;
	char path[XENSTORE_PATH_SIZE];
};

/* path: of `from` itself; "" if `from` is a top. */
void xenstore_walk_start(struct xenstore_walk *walk, struct xenstore_node *from,
			 const char *path);
/* The next node, its path in walk->path; NULL: that was all.  The first is
 * `from`. */
struct xenstore_node *xenstore_walk_next(struct xenstore_walk *walk);
/* Leave out what is below the node that came last. */
void xenstore_walk_skip(struct xenstore_walk *walk);

#endif
