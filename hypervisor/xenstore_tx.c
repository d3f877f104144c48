/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_tx.c: transactions.
 *
 * A transaction begins with a snapshot of the tree, works on its own, and
 * notes every path that it reads or changes together with the generation that
 * was there at the start.  It can be committed if at all these paths the
 * generations still are the same; then what it changed is worked into the
 * tree that is there by now, which becomes the store's tree in one step.  If
 * they are not the same somebody else has been at work: EAGAIN, and the client
 * begins anew.  Of what was removed all that was below counts as well.
 *
 * A snapshot keeps old nodes alive, and their owners pay: with so many
 * transactions and so much memory as the quotas allow a guest can tie down
 * that memory, and no more.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER_BITS 24 /* of an id; above are restarts survived */
#define COUNTER_MASK ((1u << COUNTER_BITS) - 1)

size_t xenstore_tx_access_cost(size_t path_len)
{
	return sizeof(struct xenstore_access) + sizeof(void *) + path_len + 1;
}

static uint32_t incarnation_of(uint32_t id)
{
	return id >> COUNTER_BITS;
}

/* --- begin and end ------------------------------------------------------ */

static struct xenstore_tx *lookup(struct xenstore_conn *conn, uint32_t id)
{
	struct xenstore_tx *tx = conn->txs;

	while (tx && tx->id != id)
		tx = tx->next;
	return tx;
}

/* Not 0, which means "no transaction", and not in use. */
static uint32_t next_id(struct xenstore_conn *conn)
{
	uint32_t id;

	do {
		conn->next_tx = (conn->next_tx + 1) & COUNTER_MASK;
		id = conn->incarnation << COUNTER_BITS | conn->next_tx;
	} while (!conn->next_tx || lookup(conn, id));
	return id;
}

static int start(struct xenstore_conn *conn, struct xenstore_tx **out)
{
	struct xenstore_account *account = conn->account;
	struct xenstore_tx *tx;

	if (!xenstore_conn_is_privileged(conn) &&
	    account->transactions >= conn->xs->accounts.quota.transactions)
		return -ENOSPC;
	if (xenstore_conn_room(conn, sizeof(*tx)))
		return -ENOMEM;
	tx = calloc(1, sizeof(*tx));
	if (!tx)
		return -ENOMEM;
	tx->base = xenstore_node_ref(conn->xs->top);
	tx->top = xenstore_node_ref(conn->xs->top);
	tx->next = conn->txs;
	conn->txs = tx;
	account->transactions++;
	xenstore_account_memory(account, sizeof(*tx));
	*out = tx;
	return 0;
}

int xenstore_tx_start(struct xenstore_conn *conn, struct xenstore_tx **out)
{
	uint32_t id = next_id(conn);
	int rc = start(conn, out);

	if (!rc)
		(*out)->id = id;
	return rc;
}

struct xenstore_tx *xenstore_tx_find(struct xenstore_conn *conn, uint32_t id)
{
	struct xenstore_tx *tx = lookup(conn, id);

	if (tx || !conn->incarnation ||
	    incarnation_of(id) == (conn->incarnation & 0xff))
		return tx;
	/* It began before a restart: let it run on until its end. */
	if (start(conn, &tx))
		return NULL;
	tx->id = id;
	tx->lost = true;
	return tx;
}

void xenstore_tx_abort(struct xenstore_conn *conn, struct xenstore_tx *tx)
{
	int64_t bytes = sizeof(*tx);
	struct xenstore_tx **slot;

	for (slot = &conn->txs; *slot != tx;)
		slot = &(*slot)->next;
	*slot = tx->next;
	for (uint32_t i = 0; i < tx->count; i++) {
		bytes += xenstore_tx_access_cost(tx->access[i]->path_len);
		free(tx->access[i]);
	}
	conn->account->transactions--;
	xenstore_account_memory(conn->account, -bytes);
	xenstore_node_unref(tx->top);
	xenstore_node_unref(tx->base);
	free(tx->access);
	free(tx);
}

void xenstore_tx_abort_all(struct xenstore_conn *conn)
{
	while (conn->txs)
		xenstore_tx_abort(conn, conn->txs);
}

/* --- what it touches ---------------------------------------------------- */

static bool find_access(const struct xenstore_tx *tx, const char *path,
			size_t len, uint32_t *at)
{
	uint32_t low = 0, high = tx->count;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		const struct xenstore_access *access = tx->access[mid];
		int order = strncmp(access->path, path, len);

		if (!order)
			order = access->path_len > len;
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

static int make_room(struct xenstore_tx *tx)
{
	uint32_t room = tx->room ? tx->room * 2 : 8;
	struct xenstore_access **list;

	if (tx->count < tx->room)
		return 0;
	list = realloc(tx->access, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	tx->access = list;
	tx->room = room;
	return 0;
}

static struct xenstore_access *new_access(const char *path, size_t len,
					  const struct xenstore_node *was)
{
	struct xenstore_access *access = calloc(1, sizeof(*access) + len + 1);

	if (!access)
		return NULL;
	memcpy(access->path, path, len);
	access->path_len = len;
	access->generation = was ? was->generation : 0;
	access->below = was ? was->below : 0;
	return access;
}

int xenstore_tx_access(struct xenstore_conn *conn, struct xenstore_tx *tx,
		       const char *path, size_t len,
		       const struct xenstore_node *was,
		       struct xenstore_access **out)
{
	size_t cost = xenstore_tx_access_cost(len);
	struct xenstore_access *access;
	uint32_t at;

	if (find_access(tx, path, len, &at)) {
		*out = tx->access[at];
		return 0;
	}
	if (!xenstore_conn_is_privileged(conn) &&
	    tx->count >= conn->xs->accounts.quota.transaction_nodes)
		return -ENOSPC;
	if (xenstore_conn_room(conn, cost) || make_room(tx))
		return -ENOMEM;
	access = new_access(path, len, was);
	if (!access)
		return -ENOMEM;
	memmove(tx->access + at + 1, tx->access + at,
		(tx->count - at) * sizeof(*tx->access));
	tx->access[at] = access;
	tx->count++;
	xenstore_account_memory(conn->account, cost);
	*out = access;
	return 0;
}

/* --- commit ------------------------------------------------------------- */

/* *same: neither at the path nor below it has anything changed. */
static bool is_conflict(const struct xenstore *xs,
			const struct xenstore_access *access, bool *same)
{
	struct xenstore_node *node = xenstore_tree_find(xs->top, access->path,
							NULL, NULL);

	*same = access->below == (node ? node->below : 0);
	if (access->generation != (node ? node->generation : 0))
		return true;
	return access->removed && !*same;
}

static bool has_conflict(const struct xenstore *xs,
			 const struct xenstore_tx *tx)
{
	const char *done = NULL;
	bool same;

	if (tx->lost)
		return true;
	if (xs->top == tx->base)
		return false;
	for (uint32_t i = 0; i < tx->count; i++) {
		const struct xenstore_access *access = tx->access[i];

		if (done && xenstore_path_is_within(access->path, done))
			continue;
		if (is_conflict(xs, access, &same))
			return true;
		if (same)
			done = access->path;
	}
	return false;
}

/* Its changes in *top; parents sort before their children. */
static int merge(struct xenstore *xs, const struct xenstore_tx *tx,
		 struct xenstore_node **top)
{
	const char *grafted = NULL;
	int rc = 0;

	for (uint32_t i = 0; i < tx->count && !rc; i++) {
		struct xenstore_access *access = tx->access[i];

		if (!access->changed)
			continue;
		access->covered = grafted &&
				  xenstore_path_is_within(access->path, grafted);
		if (access->covered)
			continue;
		rc = xenstore_edit_merge(xs, top, access,
					 xenstore_tree_find(tx->top,
							    access->path, NULL,
							    NULL));
		if (access->grafted)
			grafted = access->path;
	}
	return rc;
}

static bool exceeds_nodes(const struct xenstore_conn *conn)
{
	const struct xenstore_account *account = conn->account;

	return !xenstore_conn_is_privileged(conn) &&
	       account->nodes_pending > 0 &&
	       account->nodes + account->nodes_pending >
		       conn->xs->accounts.quota.nodes;
}

static void record_grafted(struct xenstore *xs, const char *path,
			   struct xenstore_node *from)
{
	struct xenstore_walk walk;
	struct xenstore_node *node;

	xenstore_walk_start(&walk, from, path);
	while ((node = xenstore_walk_next(&walk)))
		xenstore_record_node(xs, walk.path, node);
}

/* What went with its parent needs no record. */
static void record(struct xenstore *xs, const struct xenstore_access *access)
{
	struct xenstore_node *node;

	node = xenstore_tree_find(xs->top, access->path, NULL, NULL);
	if (access->generation && /* it was there */
	    (node ? access->removed :
		    !!xenstore_tree_parent(xs->top, access->path)))
		xenstore_record_rm(xs, access->path);
	if (access->grafted)
		record_grafted(xs, access->path, node);
	else if (node)
		xenstore_record_node(xs, access->path, node);
}

static void record_all(struct xenstore *xs, const struct xenstore_tx *tx)
{
	for (uint32_t i = 0; i < tx->count && xs->out.record; i++)
		if (tx->access[i]->changed && !tx->access[i]->covered)
			record(xs, tx->access[i]);
}

static void tell(struct xenstore_conn *conn, const struct xenstore_tx *tx,
		 struct xenstore_node *before)
{
	for (uint32_t i = 0; i < tx->count; i++)
		if (tx->access[i]->event)
			xenstore_watch_fire(conn->xs, conn, before,
					    tx->access[i]->path,
					    tx->access[i]->removed);
}

static int commit(struct xenstore_conn *conn, struct xenstore_tx *tx)
{
	struct xenstore *xs = conn->xs;
	struct xenstore_node *top = xenstore_node_ref(xs->top), *before;
	int rc;

	rc = merge(xs, tx, &top);
	xs->cost = 0; /* was paid request by request */
	if (!rc && exceeds_nodes(conn))
		rc = -ENOSPC;
	xenstore_edit_settle(xs, !rc);
	if (rc) {
		xenstore_node_unref(top);
		return rc;
	}
	before = xs->top;
	xs->top = top;
	record_all(xs, tx);
	tell(conn, tx, before);
	xenstore_node_unref(before);
	return 0;
}

int xenstore_tx_commit(struct xenstore_conn *conn, struct xenstore_tx *tx)
{
	int rc;

	if (tx->failed) {
		rc = -ENOMEM;
	} else if (has_conflict(conn->xs, tx)) {
		rc = -EAGAIN;
		conn->account->seen.conflicts++;
	} else {
		rc = commit(conn, tx);
	}
	xenstore_tx_abort(conn, tx);
	return rc;
}
