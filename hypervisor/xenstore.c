/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore.c: a store, its connections and its domains.
 *
 * All there is is a tree (xenstore_tree.h), accounts of who owns how much of
 * it (xenstore_account.h), and connections with their watches and
 * transactions.  xenstore_parts.h lists the files that work on these.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct xenstore_quota xenstore_quota_defaults = {
	.nodes = 1000,
	.watches = 128,
	.transactions = 10,
	.transaction_nodes = 1024,
	.node_size = 2048,
	.node_permissions = 5,
	.path_max = XENSTORE_REL_PATH_MAX,
	.outstanding = 20,
	.memory_soft = 2 << 20,
	.memory_hard = (2 << 20) + (512 << 10),
	.write_rate = 200,
	.write_burst = 10,
	.write_reserve = 1000,
	.write_new_domains = 5,
};

/* --- the store ---------------------------------------------------------- */

/* "/" and the special nodes, which only domain 0 may touch. */
static int add_first_nodes(struct xenstore *xs)
{
	static const char *const names[] = { "/", "@introduceDomain",
					     "@releaseDomain" };
	const struct xenstore_perm none = { .domid = 0 };
	struct xenstore_account *owner;
	struct xenstore_perms *perms;
	struct xenstore_node *node;
	unsigned i = 0;
	int rc = 0;

	owner = xenstore_account_get(&xs->accounts, 0);
	perms = xenstore_perms_new(&none, 1);
	if (owner && perms)
		xs->top = xenstore_node_new("", 0, owner, perms, NULL, 1);
	for (; xs->top && !rc && i < 3; i++) {
		node = xenstore_node_new(names[i], strlen(names[i]), owner,
					 perms, NULL, 1);
		rc = node ? xenstore_node_add(xs->top, node, 1) : -ENOMEM;
		owner->nodes += !rc;
	}
	xs->generation = 1;
	xenstore_perms_unref(perms);
	return i == 3 ? rc : -ENOMEM;
}

int xenstore_new(struct xenstore **out, const struct xenstore_quota *quota,
		 const struct xenstore_out *to)
{
	struct xenstore *xs = calloc(1, sizeof(*xs));
	struct xenstore_view view = { .xs = xs };
	int rc;

	if (!xs)
		return -ENOMEM;
	xs->accounts.quota = quota ? *quota : xenstore_quota_defaults;
	xs->last_conn = &xs->conns;
	rc = add_first_nodes(xs);
	if (!rc)
		rc = xenstore_edit_mkdir(&view, "/tool/xenstored");
	if (rc) {
		xenstore_free(xs);
		return rc;
	}
	xs->out = *to;
	*out = xs;
	return 0;
}

void xenstore_free(struct xenstore *xs)
{
	if (!xs)
		return;
	memset(&xs->out, 0, sizeof(xs->out)); /* nobody is told any more */
	while (xs->conns)
		xenstore_close(xs->conns);
	xenstore_node_unref(xs->top);
	xenstore_accounts_fini(&xs->accounts);
	free(xs);
}

/* --- connections -------------------------------------------------------- */

static bool has_key(const struct xenstore *xs, uint64_t key)
{
	for (struct xenstore_conn *c = xs->conns; c; c = c->next)
		if (key && c->key == key)
			return true;
	return false;
}

static struct xenstore_conn *add_conn(struct xenstore *xs,
				      struct xenstore_account *account,
				      uint64_t key)
{
	struct xenstore_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->xs = xs;
	conn->account = account;
	conn->key = key;
	conn->last_watch = &conn->watches;
	conn->prev = xs->last_conn;
	*xs->last_conn = conn;
	xs->last_conn = &conn->next;
	return conn;
}

int xenstore_open(struct xenstore *xs, struct xenstore_conn **out,
		  unsigned domid, uint64_t key, uint64_t now_ms)
{
	struct xenstore_account *account;

	if (domid > XENSTORE_DOMID_MAX)
		return -EINVAL;
	if (has_key(xs, key))
		return -EEXIST;
	account = xenstore_account_get(&xs->accounts, domid);
	if (!account)
		return -ENOMEM;
	*out = add_conn(xs, account, key);
	if (!*out)
		return -ENOMEM;
	account->connections++;
	xenstore_account_pool(&xs->accounts, account, now_ms);
	xenstore_record_conn(xs, *out);
	return 0;
}

void xenstore_close(struct xenstore_conn *conn)
{
	struct xenstore *xs;

	if (!conn)
		return;
	xs = conn->xs;
	xenstore_record_closed(xs, conn);
	conn->key = 0; /* that record says all about its watches, too */
	xenstore_watch_remove_all(conn);
	xenstore_tx_abort_all(conn);
	xenstore_queued(conn, -conn->queued, -conn->queued_bytes);
	*conn->prev = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	else
		xs->last_conn = conn->prev;
	conn->account->connections--;
	xenstore_account_pool(&xs->accounts, conn->account,
			      conn->account->credit_ms);
	free(conn);
}

void xenstore_conn_set_user(struct xenstore_conn *conn, void *user)
{
	conn->user = user;
}

void *xenstore_conn_user(const struct xenstore_conn *conn)
{
	return conn->user;
}

unsigned xenstore_conn_domid(const struct xenstore_conn *conn)
{
	return conn->account->domid;
}

uint64_t xenstore_conn_key(const struct xenstore_conn *conn)
{
	return conn->key;
}

struct xenstore_conn *xenstore_conn_next(const struct xenstore *xs,
					 const struct xenstore_conn *after)
{
	return after ? after->next : xs->conns;
}

/* --- requests ----------------------------------------------------------- */

static void send_reply(struct xenstore_conn *conn,
		       const struct xenstore_message *request, int rc)
{
	struct xenstore *xs = conn->xs;
	struct xenstore_message msg = {
		.type = request->type,
		.req_id = request->req_id,
		.tx_id = request->tx_id,
		.len = xs->reply_len,
		.payload = xs->reply,
	};

	if (rc) {
		msg.type = XS_ERROR;
		msg.payload = xenstore_wire_error_name(rc);
		msg.len = strlen(msg.payload) + 1;
	}
	if (xs->out.reply)
		xs->out.reply(xs->out.ctx, conn, &msg);
}

void xenstore_request(struct xenstore_conn *conn,
		      const struct xenstore_message *msg, uint64_t now_ms)
{
	struct xenstore_watch *first;
	int rc;

	rc = xenstore_request_serve(conn, msg, now_ms, &first);
	send_reply(conn, msg, rc);
	if (first)
		xenstore_watch_first(conn, first);
}

void xenstore_fire(struct xenstore_conn *conn)
{
	for (struct xenstore_watch *w = conn->watches; w; w = w->next)
		xenstore_watch_first(conn, w);
}

int xenstore_call(struct xenstore_conn *conn, enum xenstore_type type,
		  uint32_t tx_id, const void *payload, size_t payload_len,
		  char *reply, size_t *len, uint64_t now_ms)
{
	struct xenstore_message msg = {
		.type = type,
		.tx_id = tx_id,
		.len = payload_len,
		.payload = payload,
	};
	struct xenstore_watch *first;
	int rc;

	if (payload_len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	rc = xenstore_request_serve(conn, &msg, now_ms, &first);
	if (!rc && reply)
		memcpy(reply, conn->xs->reply, conn->xs->reply_len);
	if (len)
		*len = rc ? 0 : conn->xs->reply_len;
	if (first)
		xenstore_watch_first(conn, first);
	return rc;
}

void xenstore_queued(struct xenstore_conn *conn, int messages, long bytes)
{
	struct xenstore_account *account = conn->account;

	conn->queued += messages;
	conn->queued_bytes += bytes;
	account->outstanding += messages;
	account->queued_bytes += bytes;
	xenstore_account_memory(account, bytes);
}

uint64_t xenstore_wait_ms(struct xenstore_conn *conn, uint64_t now_ms)
{
	struct xenstore_accounts *accounts = &conn->xs->accounts;
	struct xenstore_account *account = conn->account;

	if (xenstore_conn_is_privileged(conn))
		return 0;
	/* Of this connection: a domain's others are not to suffer from it. */
	if (conn->queued >= accounts->quota.outstanding)
		return UINT64_MAX;
	if (conn->queued_bytes &&
	    account->memory_bytes >= accounts->quota.memory_hard)
		return UINT64_MAX;
	return xenstore_account_wait_ms(accounts, account, now_ms);
}

/* --- domains ------------------------------------------------------------ */

int xenstore_introduce(struct xenstore *xs, unsigned domid, uint64_t now_ms)
{
	struct xenstore_account *account;

	if (!domid || domid > XENSTORE_DOMID_MAX)
		return -EINVAL;
	account = xenstore_account_get(&xs->accounts, domid);
	if (!account)
		return -ENOMEM;
	if (account->introduced)
		return 0;
	account->introduced = true;
	xenstore_account_pool(&xs->accounts, account, now_ms);
	xenstore_record_domain(xs, account);
	xenstore_watch_special(xs, "@introduceDomain");
	return 0;
}

/* The node's permissions without this domain's; it does not own it. */
static int scrub(struct xenstore *xs, const char *path,
		 const struct xenstore_perms *perms, unsigned domid)
{
	struct xenstore_view view = { .xs = xs };
	struct xenstore_perm *kept;
	uint32_t count = 0;
	int rc = 0;

	kept = malloc(perms->count * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	for (uint32_t i = 0; i < perms->count; i++)
		if (perms->entry[i].domid != domid)
			kept[count++] = perms->entry[i];
	if (count < perms->count)
		rc = xenstore_edit_set_perms(&view, path, kept, count);
	free(kept);
	return rc;
}

/* A special node that the domain owned is domain 0's again. */
static int disown(struct xenstore *xs, const char *path)
{
	const struct xenstore_perm none = { .domid = 0 };
	struct xenstore_view view = { .xs = xs };

	return xenstore_edit_set_perms(&view, path, &none, 1);
}

/* Walks a snapshot while the tree changes. */
static int forget_nodes(struct xenstore *xs, struct xenstore_account *account)
{
	struct xenstore_node *before = xenstore_node_ref(xs->top), *node;
	struct xenstore_view view = { .xs = xs };
	struct xenstore_walk walk;
	int rc = 0;

	xenstore_walk_start(&walk, before, "");
	xenstore_walk_next(&walk); /* the top itself */
	while (!rc && (node = xenstore_walk_next(&walk))) {
		if (node->owner != account) {
			rc = scrub(xs, walk.path, node->perms, account->domid);
		} else if (xenstore_tree_parent(before, walk.path)) {
			rc = xenstore_edit_rm(&view, walk.path);
			xenstore_walk_skip(&walk);
		} else {
			rc = disown(xs, walk.path);
		}
	}
	xenstore_node_unref(before);
	return rc;
}

int xenstore_release(struct xenstore *xs, unsigned domid)
{
	struct xenstore_account *account;
	int rc;

	if (!domid || domid > XENSTORE_DOMID_MAX)
		return -EINVAL;
	account = xenstore_account_find(&xs->accounts, domid);
	if (!account || !account->introduced)
		return -ENOENT;
	for (struct xenstore_conn *c = xs->conns; c; c = c->next) {
		if (c->account != account)
			continue;
		xenstore_watch_remove_all(c);
		xenstore_tx_abort_all(c);
	}
	rc = forget_nodes(xs, account);
	if (rc)
		return rc;
	account->introduced = false;
	account->target = NULL;
	for (uint32_t i = 0; i < xs->accounts.count; i++)
		if (xs->accounts.list[i]->target == account)
			xs->accounts.list[i]->target = NULL;
	xenstore_account_pool(&xs->accounts, account, account->credit_ms);
	account->credit = 0;
	account->memory_peak_bytes = account->memory_bytes;
	memset(&account->seen, 0, sizeof(account->seen));
	xenstore_record_released(xs, domid);
	xenstore_watch_special(xs, "@releaseDomain");
	return 0;
}

void xenstore_facts(const struct xenstore *xs, unsigned domid,
		    struct xenstore_facts *facts)
{
	const struct xenstore_account *account;

	memset(facts, 0, sizeof(*facts));
	account = xenstore_account_find(&xs->accounts, domid);
	if (!account)
		return;
	*facts = account->seen;
	facts->introduced = account->introduced;
	facts->nodes = account->nodes;
	facts->watches = account->watches;
	facts->transactions = account->transactions;
	facts->connections = account->connections;
	facts->outstanding = account->outstanding;
	facts->memory_bytes = account->memory_bytes;
	facts->memory_peak_bytes = account->memory_peak_bytes;
	facts->write_credit = account->credit;
}
