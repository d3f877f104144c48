/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_tree.c: reference counts are all there is to sharing.
 *
 * A node with one reference, reached through nodes with one reference, belongs
 * to one tree and may be changed in place.  One with more is copied: the copy
 * refers to the same children, permissions and value.
 *
 * Children are kept in an array sorted by name: a store has few and small
 * directories, and a copy of an array is cheap.
 */
#include "hypervisor/xenstore_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- permissions and values --------------------------------------------- */

struct xenstore_perms *xenstore_perms_new(const struct xenstore_perm *entry,
					  uint32_t count)
{
	size_t size = count * sizeof(*entry);
	struct xenstore_perms *perms = malloc(sizeof(*perms) + size);

	if (!perms)
		return NULL;
	perms->refs = 1;
	perms->count = count;
	memcpy(perms->entry, entry, size);
	return perms;
}

struct xenstore_perms *xenstore_perms_ref(struct xenstore_perms *perms)
{
	perms->refs++;
	return perms;
}

void xenstore_perms_unref(struct xenstore_perms *perms)
{
	if (perms && !--perms->refs)
		free(perms);
}

static bool acts_as(const struct xenstore_account *account, uint16_t domid)
{
	return account->domid == domid ||
	       (account->target && account->target->domid == domid);
}

unsigned xenstore_perms_of(const struct xenstore_perms *perms,
			   const struct xenstore_account *account)
{
	if (!account->domid || acts_as(account, perms->entry[0].domid))
		return XENSTORE_PERM_READ | XENSTORE_PERM_WRITE |
		       XENSTORE_PERM_OWNER;
	for (uint32_t i = 1; i < perms->count; i++)
		if (acts_as(account, perms->entry[i].domid))
			return perms->entry[i].bits;
	return perms->entry[0].bits;
}

size_t xenstore_value_cost(size_t len)
{
	return len ? sizeof(struct xenstore_value) + len : 0;
}

int xenstore_value_new(struct xenstore_value **out,
		       struct xenstore_account *payer, const void *bytes,
		       uint32_t len)
{
	struct xenstore_value *value;

	*out = NULL;
	if (!len)
		return 0;
	value = malloc(sizeof(*value) + len);
	if (!value)
		return -ENOMEM;
	value->refs = 1;
	value->len = len;
	value->payer = payer;
	memcpy(value->bytes, bytes, len);
	xenstore_account_memory(payer, xenstore_value_cost(len));
	*out = value;
	return 0;
}

struct xenstore_value *xenstore_value_ref(struct xenstore_value *value)
{
	if (value)
		value->refs++;
	return value;
}

void xenstore_value_unref(struct xenstore_value *value)
{
	if (!value || --value->refs)
		return;
	xenstore_account_memory(value->payer,
				-(int64_t)xenstore_value_cost(value->len));
	free(value);
}

/* --- nodes -------------------------------------------------------------- */

size_t xenstore_node_cost(size_t name_len, uint32_t perms)
{
	return sizeof(struct xenstore_node) + name_len + 1 +
	       perms * XENSTORE_PERM_BYTES;
}

/* Make the owner pay for what the node is now, however it became that. */
static void charge(struct xenstore_node *node)
{
	uint32_t bytes;

	bytes = xenstore_node_cost(node->name_len, node->perms->count) +
		node->children * sizeof(*node->child);
	xenstore_account_memory(node->owner,
				(int64_t)bytes - node->charged);
	node->charged = bytes;
}

struct xenstore_node *xenstore_node_new(const char *name, size_t len,
					struct xenstore_account *owner,
					struct xenstore_perms *perms,
					struct xenstore_value *value,
					uint64_t generation)
{
	struct xenstore_node *node = calloc(1, sizeof(*node) + len + 1);

	if (!node) {
		xenstore_value_unref(value);
		return NULL;
	}
	node->refs = 1;
	node->generation = node->below = generation;
	node->owner = owner;
	node->perms = xenstore_perms_ref(perms);
	node->value = value;
	node->name_len = len;
	memcpy(node->name, name, len);
	charge(node);
	return node;
}

struct xenstore_node *xenstore_node_ref(struct xenstore_node *node)
{
	node->refs++;
	return node;
}

/* One reference less; a node that nobody refers to goes onto the list. */
static void drop(struct xenstore_node *node, struct xenstore_node **dead)
{
	if (--node->refs)
		return;
	xenstore_account_memory(node->owner, -(int64_t)node->charged);
	xenstore_perms_unref(node->perms);
	xenstore_value_unref(node->value);
	node->next_dead = *dead;
	*dead = node;
}

void xenstore_node_unref(struct xenstore_node *node)
{
	struct xenstore_node *dead = NULL;

	if (node)
		drop(node, &dead);
	while ((node = dead)) {
		dead = node->next_dead;
		for (uint32_t i = 0; i < node->children; i++)
			drop(node->child[i], &dead);
		free(node->child);
		free(node);
	}
}

static struct xenstore_node *copy(const struct xenstore_node *of)
{
	struct xenstore_node *node;

	node = malloc(sizeof(*node) + of->name_len + 1);
	if (!node)
		return NULL;
	memcpy(node, of, sizeof(*node) + of->name_len + 1);
	node->refs = 1;
	node->charged = 0;
	node->child = NULL;
	if (node->room) {
		node->child = malloc(node->room * sizeof(*node->child));
		if (!node->child) {
			free(node);
			return NULL;
		}
	}
	for (uint32_t i = 0; i < node->children; i++)
		node->child[i] = xenstore_node_ref(of->child[i]);
	xenstore_perms_ref(node->perms);
	xenstore_value_ref(node->value);
	charge(node);
	return node;
}

size_t xenstore_node_size(const struct xenstore_node *node)
{
	return node->perms->count * XENSTORE_PERM_BYTES + node->names_bytes +
	       xenstore_value_len(node->value);
}

/* --- children ----------------------------------------------------------- */

static int compare(const struct xenstore_node *node, const char *name,
		   size_t len)
{
	size_t common = node->name_len < len ? node->name_len : len;
	int order = memcmp(node->name, name, common);

	if (order)
		return order;
	return (node->name_len > len) - (node->name_len < len);
}

/* The child of that name, or the place where it would be. */
static bool find_child(const struct xenstore_node *node, const char *name,
		       size_t len, uint32_t *at)
{
	uint32_t low = 0, high = node->children;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int order = compare(node->child[mid], name, len);

		if (!order) {
			*at = mid;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return false;
}

struct xenstore_node *xenstore_node_child(const struct xenstore_node *node,
					  const char *name, size_t len)
{
	uint32_t at;

	if (!node || !find_child(node, name, len, &at))
		return NULL;
	return node->child[at];
}

static int set_room(struct xenstore_node *node, uint32_t room)
{
	struct xenstore_node **child = NULL;

	if (room) {
		child = realloc(node->child, room * sizeof(*child));
		if (!child)
			return -ENOMEM;
	} else {
		free(node->child);
	}
	node->child = child;
	node->room = room;
	return 0;
}

static void changed(struct xenstore_node *node, uint64_t generation)
{
	node->generation = node->below = generation;
}

int xenstore_node_add(struct xenstore_node *node, struct xenstore_node *child,
		      uint64_t generation)
{
	bool there;
	uint32_t at;

	assert(node->refs == 1);
	there = find_child(node, child->name, child->name_len, &at);
	assert(!there);
	if (node->children == node->room &&
	    set_room(node, node->room ? node->room * 2 : 2)) {
		xenstore_node_unref(child);
		return -ENOMEM;
	}
	memmove(node->child + at + 1, node->child + at,
		(node->children - at) * sizeof(*node->child));
	node->child[at] = child;
	node->children++;
	node->names_bytes += child->name_len + 1;
	charge(node);
	changed(node, generation);
	return 0;
}

struct xenstore_node *xenstore_node_detach(struct xenstore_node *node,
					   const char *name, size_t len,
					   uint64_t generation)
{
	struct xenstore_node *child;
	bool there;
	uint32_t at;

	assert(node->refs == 1);
	there = find_child(node, name, len, &at);
	assert(there);
	child = node->child[at];
	node->children--;
	memmove(node->child + at, node->child + at + 1,
		(node->children - at) * sizeof(*node->child));
	node->names_bytes -= child->name_len + 1;
	if (node->children * 4 <= node->room)
		(void)set_room(node, node->children * 2); /* or stay large */
	charge(node);
	changed(node, generation);
	return child;
}

void xenstore_node_set_value(struct xenstore_node *node,
			     struct xenstore_value *value, uint64_t generation)
{
	assert(node->refs == 1);
	xenstore_value_unref(node->value);
	node->value = value;
	changed(node, generation);
}

int xenstore_node_set_perms(struct xenstore_node *node,
			    struct xenstore_account *owner,
			    struct xenstore_perms *perms, uint64_t generation)
{
	struct xenstore_value *value = node->value;

	assert(node->refs == 1);
	if (node->owner != owner && value) {
		if (xenstore_value_new(&value, owner, node->value->bytes,
				       node->value->len)) {
			xenstore_perms_unref(perms);
			return -ENOMEM;
		}
		xenstore_value_unref(node->value);
		node->value = value;
	}
	if (node->owner != owner) {
		xenstore_account_memory(node->owner, -(int64_t)node->charged);
		node->charged = 0;
		node->owner = owner;
	}
	xenstore_perms_unref(node->perms);
	node->perms = perms;
	charge(node);
	changed(node, generation);
	return 0;
}

/* --- trees -------------------------------------------------------------- */

struct xenstore_node *xenstore_tree_find(struct xenstore_node *top,
					 const char *path, const char **rest,
					 struct xenstore_node **nearest)
{
	struct xenstore_node *node = top;
	struct xenstore_step step;
	const char *at = path;
	bool found = true;
	uint32_t i;

	while (found && xenstore_path_next(&at, &step)) {
		found = find_child(node, step.name, step.len, &i);
		if (found)
			node = node->child[i];
	}
	if (rest)
		*rest = found ? at : step.name;
	if (nearest)
		*nearest = node;
	return found ? node : NULL;
}

struct xenstore_node *xenstore_tree_at(struct xenstore_node *top,
				       const char *path, const char *end)
{
	struct xenstore_node *node = top;
	struct xenstore_step step;

	while (node && path < end && xenstore_path_next(&path, &step))
		node = xenstore_node_child(node, step.name, step.len);
	return node;
}

struct xenstore_node *xenstore_tree_parent(struct xenstore_node *top,
					   const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return NULL;
	return xenstore_tree_at(top, path, slash + 1);
}

/* Make what a tree, or a node of its own, points to its own. */
static struct xenstore_node *own(struct xenstore_node **slot)
{
	struct xenstore_node *node = *slot;

	if (node->refs == 1)
		return node;
	node = copy(node);
	if (!node)
		return NULL;
	(*slot)->refs--;
	*slot = node;
	return node;
}

struct xenstore_node *xenstore_tree_own(struct xenstore_node **top,
					const char *path, const char *end,
					uint64_t generation)
{
	struct xenstore_node *node = own(top);
	struct xenstore_step step;
	const char *at = path;
	uint32_t i;

	while (node) {
		node->below = generation;
		if (at >= end || !xenstore_path_next(&at, &step))
			break;
		if (!find_child(node, step.name, step.len, &i))
			assert(!"the nodes of the path exist");
		node = own(&node->child[i]);
	}
	return node;
}

/* --- walking ------------------------------------------------------------ */

void xenstore_walk_start(struct xenstore_walk *walk, struct xenstore_node *from,
			 const char *path)
{
	size_t len = strlen(path);

	memcpy(walk->path, path, len + 1);
	walk->at[0].node = from;
	walk->at[0].next = 0;
	walk->at[0].path_len = len;
	walk->depth = 0;
	walk->skip = false;
}

/* Go down to a child: its name behind the path of the node above. */
static void descend(struct xenstore_walk *walk, struct xenstore_node *child)
{
	size_t len = walk->at[walk->depth - 1].path_len;

	if (len > 1)
		walk->path[len++] = '/';
	memcpy(walk->path + len, child->name, child->name_len + 1);
	walk->depth++;
	walk->at[walk->depth - 1].node = child;
	walk->at[walk->depth - 1].next = 0;
	walk->at[walk->depth - 1].path_len = len + child->name_len;
}

struct xenstore_node *xenstore_walk_next(struct xenstore_walk *walk)
{
	if (!walk->depth) {
		if (!walk->at[0].node)
			return NULL;
		walk->depth = 1;
		return walk->at[0].node;
	}
	if (walk->skip)
		walk->depth--;
	walk->skip = false;
	for (; walk->depth; walk->depth--) {
		struct xenstore_node *node = walk->at[walk->depth - 1].node;
		uint32_t next = walk->at[walk->depth - 1].next++;

		if (next < node->children) {
			descend(walk, node->child[next]);
			return node->child[next];
		}
	}
	walk->at[0].node = NULL;
	return NULL;
}

void xenstore_walk_skip(struct xenstore_walk *walk)
{
	walk->skip = true;
}
