/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_watch.c: who is told of what.
 *
 * A change at a path concerns the watches at it and above it, and they are
 * told the changed path.  The removal of a path concerns also the watches
 * below whose node went with it, and they are told their own.
 *
 * A domain is told of nodes that it can read, or whose parent it can read,
 * before the change or after it.  So nobody learns of another's nodes by
 * watching, and everybody learns that something was taken away.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t cost(const struct xenstore_watch *watch)
{
	return sizeof(*watch) + watch->path_len + watch->token_len + 2;
}

static struct xenstore_watch *find(const struct xenstore_conn *conn,
				   const char *path, const char *token)
{
	struct xenstore_watch *watch = conn->watches;

	while (watch && (strcmp(watch->path, path) ||
			 strcmp(watch->token, token)))
		watch = watch->next;
	return watch;
}

static struct xenstore_watch *new_watch(const char *path, const char *token)
{
	size_t path_len = strlen(path), token_len = strlen(token);
	struct xenstore_watch *watch;

	watch = calloc(1, sizeof(*watch) + path_len + token_len + 2);
	if (!watch)
		return NULL;
	watch->path = (char *)(watch + 1);
	watch->path_len = path_len;
	watch->token = watch->path + path_len + 1;
	watch->token_len = token_len;
	memcpy(watch->path, path, path_len + 1);
	memcpy(watch->token, token, token_len + 1);
	return watch;
}

int xenstore_watch_add(struct xenstore_conn *conn, const char *path,
		       uint32_t prefix, const char *token,
		       struct xenstore_watch **out)
{
	struct xenstore_account *account = conn->account;
	struct xenstore_watch *watch;

	if (find(conn, path, token))
		return -EEXIST;
	if (!xenstore_conn_is_privileged(conn) &&
	    account->watches >= conn->xs->accounts.quota.watches)
		return -E2BIG;
	watch = new_watch(path, token);
	if (!watch || xenstore_conn_room(conn, cost(watch))) {
		free(watch);
		return -ENOMEM;
	}
	watch->prefix = prefix;
	*conn->last_watch = watch;
	conn->last_watch = &watch->next;
	account->watches++;
	xenstore_account_memory(account, cost(watch));
	*out = watch;
	return 0;
}

static void drop(struct xenstore_conn *conn, struct xenstore_watch **slot)
{
	struct xenstore_watch *watch = *slot;

	*slot = watch->next;
	if (!*slot)
		conn->last_watch = slot;
	conn->account->watches--;
	xenstore_account_memory(conn->account, -(int64_t)cost(watch));
	xenstore_record_watch(conn->xs, conn, watch, false);
	free(watch);
}

int xenstore_watch_remove(struct xenstore_conn *conn, const char *path,
			  const char *token)
{
	struct xenstore_watch *watch = find(conn, path, token), **slot;

	if (!watch)
		return -ENOENT;
	for (slot = &conn->watches; *slot != watch;)
		slot = &(*slot)->next;
	drop(conn, slot);
	return 0;
}

void xenstore_watch_remove_all(struct xenstore_conn *conn)
{
	while (conn->watches)
		drop(conn, &conn->watches);
}

/* --- events ------------------------------------------------------------- */

static void send(struct xenstore_conn *to, struct xenstore_conn *cause,
		 const struct xenstore_watch *watch, const char *path)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	struct xenstore_message msg = { .type = XS_WATCH_EVENT,
					.payload = payload };
	size_t path_len = strlen(path) + 1 - watch->prefix;
	size_t token_len = watch->token_len + 1;

	if (path_len + token_len > sizeof(payload))
		return; /* cannot be said: Xen does not either */
	memcpy(payload, path + watch->prefix, path_len);
	memcpy(payload + path_len, watch->token, token_len);
	msg.len = path_len + token_len;
	to->account->seen.events++;
	if (to->xs->out.event)
		to->xs->out.event(to->xs->out.ctx, to, cause, &msg);
}

void xenstore_watch_first(struct xenstore_conn *conn,
			  const struct xenstore_watch *watch)
{
	send(conn, NULL, watch, watch->path);
}

static bool can_read(const struct xenstore_conn *conn,
		     const struct xenstore_node *node)
{
	return node && xenstore_perms_of(node->perms, conn->account) &
			       XENSTORE_PERM_READ;
}

/* A node, if it is there, and its parent. */
struct place {
	struct xenstore_node *node, *parent;
};

static struct place place_of(struct xenstore_node *top, const char *path)
{
	struct place place = { NULL, NULL };

	if (!top)
		return place;
	place.node = xenstore_tree_find(top, path, NULL, NULL);
	if (place.node)
		place.parent = xenstore_tree_parent(top, path);
	return place;
}

static bool may_know(const struct xenstore_conn *conn, struct place place)
{
	return can_read(conn, place.node) || can_read(conn, place.parent);
}

/* A change and the trees on both sides of it. */
struct change {
	struct xenstore_conn *cause;
	struct xenstore_node *before, *after;
	const char *path;
	struct place was, is;
	bool removed;
};

/* A watch below what was removed: its node was there, and is not. */
static bool is_swept(const struct xenstore_conn *conn,
		     const struct xenstore_watch *watch,
		     const struct change *change)
{
	return change->removed &&
	       xenstore_path_is_within(watch->path, change->path) &&
	       may_know(conn, place_of(change->before, watch->path)) &&
	       !xenstore_tree_find(change->after, watch->path, NULL, NULL);
}

static void fire_one(struct xenstore_conn *conn,
		     const struct xenstore_watch *watch,
		     const struct change *change)
{
	if (xenstore_path_is_within(change->path, watch->path)) {
		if (may_know(conn, change->was) || may_know(conn, change->is))
			send(conn, change->cause, watch, change->path);
	} else if (is_swept(conn, watch, change)) {
		send(conn, change->cause, watch, watch->path);
	}
}

void xenstore_watch_fire(struct xenstore *xs, struct xenstore_conn *cause,
			 struct xenstore_node *before, const char *path,
			 bool removed)
{
	struct change change = {
		.cause = cause,
		.before = before,
		.after = xs->top,
		.path = path,
		.was = place_of(before, path),
		.is = place_of(xs->top, path),
		.removed = removed,
	};

	for (struct xenstore_conn *conn = xs->conns; conn; conn = conn->next)
		for (struct xenstore_watch *w = conn->watches; w; w = w->next)
			fire_one(conn, w, &change);
}

void xenstore_watch_special(struct xenstore *xs, const char *name)
{
	struct xenstore_node *node = xenstore_tree_find(xs->top, name, NULL,
							NULL);

	for (struct xenstore_conn *conn = xs->conns; conn; conn = conn->next)
		for (struct xenstore_watch *w = conn->watches; w; w = w->next)
			if (!strcmp(w->path, name) && can_read(conn, node))
				send(conn, NULL, w, name);
}
