/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_edit.c: what changes a tree.
 *
 * An edit first asks the quotas, then gets all the memory it needs, and only
 * then changes anything, so that it happens as a whole or not at all.  Outside
 * a transaction it is recorded and told at once.  In one it notes which paths
 * it has read and changed; what is done at the end is in xenstore_tx.c.
 *
 * Nodes are counted by owner.  An edit leaves the change of each count in the
 * account as pending, and it becomes true together with the tree that it
 * belongs to.  Of a transaction only the own domain's count is kept: it is the
 * only one that a quota is asked about.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <string.h>

/* A place in a path where some nodes are missing. */
struct gap {
	struct xenstore_node *nearest; /* the last that is there */
	const char *rest;	       /* of the path, from the first missing */
	uint32_t missing;
};

/* Length of the path of the node before `rest`. */
static size_t length_before(const char *path, const char *rest)
{
	size_t len = rest - path;

	return len > 1 ? len - 1 : len;
}

static const struct xenstore_quota *quota_of(const struct xenstore_view *view)
{
	if (xenstore_conn_is_privileged(view->conn))
		return NULL;
	return &view->xs->accounts.quota;
}

/* In a transaction: note what is done at the whole path. */
static int note(const struct xenstore_view *view, const char *path,
		struct xenstore_access **out)
{
	struct xenstore_node *was;

	*out = NULL;
	if (!view->tx)
		return 0;
	was = xenstore_tree_find(view->tx->base, path, NULL, NULL);
	return xenstore_tx_access(view->conn, view->tx, path, strlen(path), was,
				  out);
}

static int note_change(const struct xenstore_view *view, const char *path)
{
	struct xenstore_access *access;
	int rc = note(view, path, &access);

	if (!rc && access)
		access->changed = access->event = true;
	return rc;
}

int xenstore_edit_read(const struct xenstore_view *view, const char *path)
{
	struct xenstore_access *access;

	return note(view, path, &access);
}

/* The node before `rest` gets or loses a child. */
static int note_parent(const struct xenstore_view *view, const char *path,
		       const char *rest, const struct xenstore_node *was)
{
	struct xenstore_access *access;
	int rc;

	rc = xenstore_tx_access(view->conn, view->tx, path,
				length_before(path, rest), was, &access);
	if (!rc)
		access->changed = true;
	return rc;
}

void xenstore_edit_settle(struct xenstore *xs, bool keep)
{
	for (uint32_t i = 0; i < xs->accounts.count; i++) {
		struct xenstore_account *account = xs->accounts.list[i];

		if (keep)
			account->nodes += account->nodes_pending;
		account->nodes_pending = 0;
	}
}

static void settle(const struct xenstore_view *view)
{
	if (view->tx)
		view->tx->nodes += view->conn->account->nodes_pending;
	xenstore_edit_settle(view->xs, !view->tx);
}

static void tell(const struct xenstore_view *view, struct xenstore_node *before,
		 const char *path, bool removed)
{
	if (!view->tx)
		xenstore_watch_fire(view->xs, view->conn, before, path,
				    removed);
}

/* --- values ------------------------------------------------------------- */

static int change_value(const struct xenstore_view *view, const char *path,
			struct xenstore_node *node, const void *bytes,
			uint32_t len)
{
	const struct xenstore_quota *quota = quota_of(view);
	uint64_t generation = ++view->xs->generation;
	struct xenstore_value *value;
	size_t size;
	int rc;

	size = xenstore_node_size(node) - xenstore_value_len(node->value) + len;
	if (quota && size > quota->node_size)
		return -ENOSPC;
	rc = xenstore_conn_room(view->conn, xenstore_value_cost(len));
	if (!rc)
		rc = note_change(view, path);
	if (!rc)
		rc = xenstore_value_new(&value, node->owner, bytes, len);
	if (rc)
		return rc;
	node = xenstore_tree_own(xenstore_view_top(view), path,
				 path + strlen(path), generation);
	if (!node) {
		xenstore_value_unref(value);
		return -ENOMEM;
	}
	xenstore_node_set_value(node, value, generation);
	if (!view->tx)
		xenstore_record_node(view->xs, path, node);
	tell(view, NULL, path, false);
	return 0;
}

/* --- new nodes ---------------------------------------------------------- */

static uint32_t count_steps(const char *rest)
{
	struct xenstore_step step;
	uint32_t n = 0;

	while (xenstore_path_next(&rest, &step))
		n++;
	return n;
}

/* Would every node that is new or gets a child keep within its size? */
static bool fits_node_size(const struct gap *gap, uint32_t len, uint32_t limit)
{
	size_t size = xenstore_node_size(gap->nearest);
	const char *rest = gap->rest;
	struct xenstore_step step;

	while (xenstore_path_next(&rest, &step)) {
		if (size + step.len + 1 > limit)
			return false;
		size = gap->nearest->perms->count * XENSTORE_PERM_BYTES;
	}
	return size + len <= limit;
}

static int ask_quotas(const struct xenstore_view *view, const struct gap *gap,
		      uint32_t len)
{
	const struct xenstore_quota *quota = quota_of(view);
	const char *rest = gap->rest;
	struct xenstore_step step;
	size_t bytes = xenstore_value_cost(len);
	int64_t nodes;

	if (!quota)
		return 0;
	nodes = (int64_t)view->conn->account->nodes + gap->missing +
		(view->tx ? view->tx->nodes : 0);
	if (nodes > quota->nodes || !fits_node_size(gap, len, quota->node_size))
		return -ENOSPC;
	while (xenstore_path_next(&rest, &step))
		bytes += xenstore_node_cost(step.len,
					    gap->nearest->perms->count);
	return xenstore_conn_room(view->conn, bytes);
}

/*
 * Note the nearest node, which gets a child, and all new ones.  What was in
 * their places is followed step by step: paths may be deep.
 */
static int note_new(const struct xenstore_view *view, const char *path,
		    const struct gap *gap)
{
	const char *rest = gap->rest;
	struct xenstore_access *access;
	struct xenstore_step step;
	struct xenstore_node *was;
	int rc;

	if (!view->tx)
		return 0;
	was = xenstore_tree_at(view->tx->base, path, rest);
	rc = note_parent(view, path, rest, was);
	while (!rc && xenstore_path_next(&rest, &step)) {
		was = xenstore_node_child(was, step.name, step.len);
		rc = xenstore_tx_access(view->conn, view->tx, path,
					step.name + step.len - path, was,
					&access);
		if (rc)
			break;
		access->changed = true;
		access->event |= !*rest;
	}
	return rc;
}

/*
 * The permissions of a new node: its parent's, but whoever is not domain 0
 * owns what it creates.
 */
static struct xenstore_perms *inherit(const struct xenstore_view *view,
				      const struct xenstore_node *parent,
				      struct xenstore_account **owner)
{
	struct xenstore_perms *perms;

	*owner = parent->owner;
	if (xenstore_conn_is_privileged(view->conn) ||
	    parent->owner == view->conn->account)
		return xenstore_perms_ref(parent->perms);
	*owner = view->conn->account;
	perms = xenstore_perms_new(parent->perms->entry, parent->perms->count);
	if (perms)
		perms->entry[0].domid = (*owner)->domid;
	return perms;
}

/* The new nodes as a chain, built from its end; NULL: no memory. */
static struct xenstore_node *
new_chain(const char *rest, struct xenstore_account *owner,
	  struct xenstore_perms *perms, struct xenstore_value *value,
	  uint64_t generation)
{
	struct xenstore_node *node = NULL, *child;
	const char *end = rest + strlen(rest), *start;

	do {
		start = memrchr(rest, '/', end - rest);
		start = start ? start + 1 : rest;
		child = node;
		node = xenstore_node_new(start, end - start, owner, perms,
					 child ? NULL : value, generation);
		if (!node) {
			xenstore_node_unref(child);
			return NULL;
		}
		if (child && xenstore_node_add(node, child, generation)) {
			xenstore_node_unref(node);
			return NULL;
		}
		end = start - 1;
	} while (start > rest);
	return node;
}

/* Record each new node: `chain` and those below it. */
static void record_new(const struct xenstore_view *view, const char *path,
		       const char *rest, const struct xenstore_node *chain)
{
	char part[XENSTORE_PATH_SIZE];
	struct xenstore_step step;

	if (view->tx || !view->xs->out.record)
		return;
	while (xenstore_path_next(&rest, &step)) {
		size_t len = step.name + step.len - path;

		memcpy(part, path, len);
		part[len] = '\0';
		xenstore_record_node(view->xs, part, chain);
		chain = chain->children ? chain->child[0] : NULL;
	}
}

static int attach(const struct xenstore_view *view, const char *path,
		  const char *rest, struct xenstore_node *chain)
{
	struct xenstore_node *node;

	node = xenstore_tree_own(xenstore_view_top(view), path, rest,
				 chain->generation);
	if (!node) {
		xenstore_node_unref(chain);
		return -ENOMEM;
	}
	return xenstore_node_add(node, chain, chain->generation);
}

static int create(const struct xenstore_view *view, const char *path,
		  const struct gap *gap, const void *bytes, uint32_t len)
{
	uint64_t generation = ++view->xs->generation;
	struct xenstore_value *value = NULL;
	struct xenstore_account *owner;
	struct xenstore_perms *perms;
	struct xenstore_node *chain;
	int rc;

	rc = ask_quotas(view, gap, len);
	if (!rc)
		rc = note_new(view, path, gap);
	if (rc)
		return rc;
	perms = inherit(view, gap->nearest, &owner);
	if (!perms)
		return -ENOMEM;
	rc = xenstore_value_new(&value, owner, bytes, len);
	chain = rc ? NULL :
		     new_chain(gap->rest, owner, perms, value, generation);
	xenstore_perms_unref(perms);
	rc = chain ? attach(view, path, gap->rest, chain) : -ENOMEM;
	if (rc)
		return rc;
	view->xs->cost += gap->missing;
	owner->nodes_pending += gap->missing;
	settle(view);
	record_new(view, path, gap->rest, chain);
	tell(view, NULL, path, false);
	return 0;
}

static struct xenstore_node *find_gap(const struct xenstore_view *view,
				      const char *path, struct gap *gap)
{
	struct xenstore_node *node;

	node = xenstore_tree_find(*xenstore_view_top(view), path, &gap->rest,
				  &gap->nearest);
	gap->missing = count_steps(gap->rest);
	return node;
}

int xenstore_edit_write(const struct xenstore_view *view, const char *path,
			const void *value, uint32_t len)
{
	struct gap gap;
	struct xenstore_node *node = find_gap(view, path, &gap);

	if (node)
		return change_value(view, path, node, value, len);
	return create(view, path, &gap, value, len);
}

int xenstore_edit_mkdir(const struct xenstore_view *view, const char *path)
{
	struct gap gap;

	if (find_gap(view, path, &gap))
		return 0;
	return create(view, path, &gap, NULL, 0);
}

/* --- removal ------------------------------------------------------------ */

/* Count the owners of all nodes from here on; returns how many there are. */
static uint32_t count(struct xenstore_node *from, int32_t each)
{
	struct xenstore_walk walk;
	struct xenstore_node *node;
	uint32_t n = 0;

	xenstore_walk_start(&walk, from, "");
	while ((node = xenstore_walk_next(&walk))) {
		node->owner->nodes_pending += each;
		n++;
	}
	return n;
}

/* The node and all below leave the tree; its parent is there. */
static int cut(struct xenstore *xs, struct xenstore_node **top,
	       const char *path, uint64_t generation)
{
	const char *name = strrchr(path, '/') + 1;
	struct xenstore_node *parent, *node;

	parent = xenstore_tree_own(top, path, name, generation);
	if (!parent)
		return -ENOMEM;
	node = xenstore_node_detach(parent, name, strlen(name), generation);
	xs->cost += count(node, -1);
	xenstore_node_unref(node);
	return 0;
}

static int note_rm(const struct xenstore_view *view, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct xenstore_access *access;
	int rc;

	if (!view->tx)
		return 0;
	rc = note_parent(view, path, name,
			 xenstore_tree_at(view->tx->base, path, name));
	if (!rc)
		rc = note(view, path, &access);
	if (!rc)
		access->changed = access->removed = access->event = true;
	return rc;
}

int xenstore_edit_rm(const struct xenstore_view *view, const char *path)
{
	struct xenstore_node **top = xenstore_view_top(view), *before;
	uint64_t generation = ++view->xs->generation;
	int rc;

	rc = note_rm(view, path);
	if (rc)
		return rc;
	before = xenstore_node_ref(*top);
	rc = cut(view->xs, top, path, generation);
	if (!rc) {
			settle(view);
		if (!view->tx)
			xenstore_record_rm(view->xs, path);
		tell(view, before, path, true);
	}
	xenstore_node_unref(before);
	return rc;
}

/* --- permissions -------------------------------------------------------- */

/* Takes over perms. */
static int own_and_set(struct xenstore_node **top, const char *path,
		       struct xenstore_account *owner,
		       struct xenstore_perms *perms, uint64_t generation,
		       struct xenstore_node **out)
{
	struct xenstore_account *previous;
	struct xenstore_node *node;
	int rc;

	node = xenstore_tree_own(top, path, path + strlen(path), generation);
	if (!node) {
		xenstore_perms_unref(perms);
		return -ENOMEM;
	}
	previous = node->owner;
	rc = xenstore_node_set_perms(node, owner, perms, generation);
	if (rc)
		return rc;
	previous->nodes_pending--;
	owner->nodes_pending++;
	*out = node;
	return 0;
}

static int change_perms(const struct xenstore_view *view, const char *path,
			struct xenstore_account *owner,
			struct xenstore_perms *perms)
{
	struct xenstore_node **top = xenstore_view_top(view), *before, *node;
	uint64_t generation = ++view->xs->generation;
	int rc;

	before = xenstore_node_ref(*top);
	rc = own_and_set(top, path, owner, perms, generation, &node);
	if (!rc) {
			settle(view);
		if (!view->tx)
			xenstore_record_node(view->xs, path, node);
		tell(view, before, path, false);
	}
	xenstore_node_unref(before);
	return rc;
}

int xenstore_edit_set_perms(const struct xenstore_view *view, const char *path,
			    const struct xenstore_perm *list, uint32_t count)
{
	struct xenstore_node *node = xenstore_tree_find(
		*xenstore_view_top(view), path, NULL, NULL);
	const struct xenstore_quota *quota = quota_of(view);
	struct xenstore_account *owner;
	struct xenstore_perms *perms;
	size_t size;
	int rc;

	size = xenstore_node_size(node) +
	       XENSTORE_PERM_BYTES * ((size_t)count - node->perms->count);
	if (quota && size > quota->node_size)
		return -ENOSPC;
	owner = xenstore_account_get(&view->xs->accounts, list[0].domid);
	if (!owner)
		return -ENOMEM;
	rc = xenstore_conn_room(view->conn, count * XENSTORE_PERM_BYTES);
	if (!rc)
		rc = note_change(view, path);
	if (rc)
		return rc;
	perms = xenstore_perms_new(list, count);
	if (!perms)
		return -ENOMEM;
	return change_perms(view, path, owner, perms);
}

/* --- what a transaction did --------------------------------------------- */

static int merge_into(struct xenstore *xs, struct xenstore_node **top,
		      const char *path, const struct xenstore_node *of)
{
	struct xenstore_node *node;
	int rc;

	rc = own_and_set(top, path, of->owner, xenstore_perms_ref(of->perms),
			 xs->generation, &node);
	if (!rc)
		xenstore_node_set_value(node, xenstore_value_ref(of->value),
					xs->generation);
	return rc;
}

/*
 * What was made where nothing was comes as it is, with all below: nobody else
 * has made anything there, or there would have been a conflict.
 */
static int graft(struct xenstore *xs, struct xenstore_node **top,
		 const char *path, struct xenstore_node *of)
{
	struct xenstore_node *parent;

	parent = xenstore_tree_own(top, path, strrchr(path, '/') + 1,
				   xs->generation);
	if (!parent)
		return -ENOMEM;
	if (xenstore_node_add(parent, xenstore_node_ref(of), xs->generation))
		return -ENOMEM;
	count(of, 1);
	return 0;
}

int xenstore_edit_merge(struct xenstore *xs, struct xenstore_node **top,
			struct xenstore_access *access,
			struct xenstore_node *of)
{
	bool there = xenstore_tree_find(*top, access->path, NULL, NULL);
	int rc = 0;

	xs->generation++;
	if (there && (!of || access->removed)) {
		rc = cut(xs, top, access->path, xs->generation);
		there = false;
	}
	if (rc || !of)
		return rc;
	if (there)
		return merge_into(xs, top, access->path, of);
	access->grafted = true;
	return graft(xs, top, access->path, of);
}
