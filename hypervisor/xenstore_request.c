/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_request.c: each type of request, as docs/misc/xenstore.txt of Xen
 * describes it and its xenstored answers it.
 *
 * A node that one may not touch and a node that is not there look alike to
 * those who may not touch its closest ancestor either: EACCES.  To others a
 * missing node is ENOENT.
 *
 * A transaction in which a request found no room (ENOSPC, ENOMEM) has failed:
 * committing it is ENOMEM.  What was refused for other reasons has not
 * happened, and the transaction goes on.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct request {
	struct xenstore_view view;
	struct xenstore_conn *conn;
	const struct xenstore_message *msg;
	uint64_t now_ms;
	char path[XENSTORE_PATH_SIZE];
	struct xenstore_watch *first; /* set by this request: to be told */
};

/* --- replies ------------------------------------------------------------ */

static int reply(struct request *r, const void *bytes, size_t len)
{
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	memcpy(r->view.xs->reply, bytes, len);
	r->view.xs->reply_len = len;
	return 0;
}

static int reply_string(struct request *r, const char *text)
{
	return reply(r, text, strlen(text) + 1);
}

static int reply_ok(struct request *r)
{
	return reply_string(r, "OK");
}

/* Text piece by piece; -E2BIG when it is too much. */
static int append(struct request *r, const void *bytes, size_t len)
{
	struct xenstore *xs = r->view.xs;

	if (len > XENSTORE_PAYLOAD_MAX - xs->reply_len)
		return -E2BIG;
	memcpy(xs->reply + xs->reply_len, bytes, len);
	xs->reply_len += len;
	return 0;
}

/* --- arguments ---------------------------------------------------------- */

static int canonical(struct request *r, const char *path, bool special)
{
	uint32_t max = r->view.xs->accounts.quota.path_max;

	if (xenstore_conn_is_privileged(r->conn))
		max = UINT32_MAX;
	return xenstore_path_canonical(path, r->conn->account->domid, max,
				       special, r->path);
}

/* The only argument is a path: to r->path. */
static int one_path(struct request *r, bool special)
{
	if (!xenstore_wire_is_one_string(r->msg))
		return -EINVAL;
	return canonical(r, r->msg->payload, special);
}

/* The only argument is a domain's id. */
static int one_domid(struct request *r, uint32_t *domid)
{
	if (!xenstore_wire_is_one_string(r->msg))
		return -EINVAL;
	return xenstore_wire_number(r->msg->payload, XENSTORE_DOMID_MAX, domid);
}

/*
 * The node at r->path with the wanted rights: 0, -ENOENT, -EACCES.  In a
 * transaction what was found out is noted: -ENOSPC, -ENOMEM.
 */
static int get(struct request *r, unsigned want, struct xenstore_node **out)
{
	struct xenstore_node *nearest, *node;
	unsigned has;
	int rc;

	node = xenstore_tree_find(*xenstore_view_top(&r->view), r->path, NULL,
				  &nearest);
	if (!nearest->name_len) /* the top: a special node that is not there */
		return xenstore_conn_is_privileged(r->conn) ? -ENOENT : -EACCES;
	has = xenstore_perms_of(nearest->perms, r->conn->account);
	if (node ? (has & want) != want : !(has & want))
		return -EACCES;
	rc = xenstore_edit_read(&r->view, r->path);
	*out = node;
	return !rc && !node ? -ENOENT : rc;
}

/* --- nodes -------------------------------------------------------------- */

static int on_read(struct request *r)
{
	struct xenstore_node *node;
	int rc = one_path(r, false);

	if (!rc)
		rc = get(r, XENSTORE_PERM_READ, &node);
	if (rc)
		return rc;
	return node->value ? reply(r, node->value->bytes, node->value->len) : 0;
}

static int on_directory(struct request *r)
{
	struct xenstore_node *node;
	int rc = one_path(r, false);

	if (!rc)
		rc = get(r, XENSTORE_PERM_READ, &node);
	for (uint32_t i = 0; !rc && i < node->children; i++)
		rc = append(r, node->child[i]->name,
			    node->child[i]->name_len + 1);
	return rc;
}

/* Names from byte `offset` of the whole list on, as many as fit. */
static int append_names(struct request *r, const struct xenstore_node *node,
			uint32_t offset)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < node->children; i++) {
		const struct xenstore_node *child = node->child[i];
		uint32_t size = child->name_len + 1, from;

		from = offset > at ? offset - at : 0;
		at += size;
		if (from >= size)
			continue;
		/* Room for the empty name that says: the end. */
		if (r->view.xs->reply_len + size - from >=
		    XENSTORE_PAYLOAD_MAX)
			return 0;
		append(r, child->name + from, size - from);
	}
	return append(r, "", 1);
}

static int on_directory_part(struct request *r)
{
	struct xenstore_node *node;
	const char *arg[2];
	uint32_t offset;
	char text[24];
	int rc;

	if (xenstore_wire_strings(r->msg, arg, 2) != 2 ||
	    xenstore_wire_number(arg[1], UINT32_MAX, &offset))
		return -EINVAL;
	rc = canonical(r, arg[0], false);
	if (!rc)
		rc = get(r, XENSTORE_PERM_READ, &node);
	if (rc)
		return rc;
	append(r, text,
	       snprintf(text, sizeof(text), "%llu",
			(unsigned long long)node->generation) +
		       1);
	return append_names(r, node, offset);
}

static int on_write(struct request *r)
{
	struct xenstore_node *node;
	const char *arg[1];
	size_t path_size;
	int rc;

	if (!xenstore_wire_strings(r->msg, arg, 1))
		return -EINVAL;
	path_size = strlen(arg[0]) + 1;
	rc = canonical(r, arg[0], false);
	if (!rc)
		rc = get(r, XENSTORE_PERM_WRITE, &node);
	if (rc && rc != -ENOENT)
		return rc;
	rc = xenstore_edit_write(&r->view, r->path, arg[0] + path_size,
				 r->msg->len - path_size);
	return rc ? rc : reply_ok(r);
}

static int on_mkdir(struct request *r)
{
	struct xenstore_node *node;
	int rc = one_path(r, false);

	if (!rc)
		rc = get(r, XENSTORE_PERM_WRITE, &node);
	if (rc == -ENOENT)
		rc = xenstore_edit_mkdir(&r->view, r->path);
	return rc ? rc : reply_ok(r);
}

static int on_rm(struct request *r)
{
	struct xenstore_node *node;
	int rc = one_path(r, false);

	if (!rc)
		rc = get(r, XENSTORE_PERM_WRITE, &node);
	if (rc == -ENOENT)
		return xenstore_tree_parent(*xenstore_view_top(&r->view),
					    r->path) ?
			       reply_ok(r) :
			       -ENOENT;
	if (!rc && !r->path[1])
		rc = -EINVAL; /* the root */
	if (!rc)
		rc = xenstore_edit_rm(&r->view, r->path);
	return rc ? rc : reply_ok(r);
}

static int on_get_perms(struct request *r)
{
	char text[XENSTORE_PERM_TEXT_MAX];
	struct xenstore_node *node;
	int rc = one_path(r, true);

	if (!rc)
		rc = get(r, XENSTORE_PERM_READ, &node);
	for (uint32_t i = 0; !rc && i < node->perms->count; i++)
		rc = append(r, text,
			    xenstore_wire_perm_text(node->perms->entry[i],
						    text) +
				    1);
	return rc;
}

/* Each takes three bytes of a payload at least. */
#define PERMS_MAX (XENSTORE_PAYLOAD_MAX / 3)

static int parse_perms(const char *text, unsigned count,
		       struct xenstore_perm perm[])
{
	for (unsigned i = 0; i < count; i++) {
		if (xenstore_wire_perm_parse(text, &perm[i]))
			return -EINVAL;
		text += strlen(text) + 1;
	}
	return 0;
}

static int on_set_perms(struct request *r)
{
	bool privileged = xenstore_conn_is_privileged(r->conn);
	struct xenstore_perm perm[PERMS_MAX];
	struct xenstore_node *node;
	const char *arg[2];
	unsigned count;
	int rc;

	count = xenstore_wire_strings(r->msg, arg, 2);
	if (count < 2)
		return -EINVAL;
	count--;
	if (!privileged && count > r->view.xs->accounts.quota.node_permissions)
		return -ENOSPC;
	/* Shorter strings than that are no permissions. */
	if (count > PERMS_MAX || parse_perms(arg[1], count, perm))
		return -EINVAL;
	rc = canonical(r, arg[0], true);
	if (!rc)
		rc = get(r, XENSTORE_PERM_WRITE | XENSTORE_PERM_OWNER, &node);
	if (!rc && !privileged && perm[0].domid != node->owner->domid)
		rc = -EPERM;
	if (!rc)
		rc = xenstore_edit_set_perms(&r->view, r->path, perm, count);
	return rc ? rc : reply_ok(r);
}

/* --- watches ------------------------------------------------------------ */

/* Canonical to r->path; how much of that the client does not see. */
static int watch_args(struct request *r, const char *arg[2], uint32_t *prefix)
{
	char local[XENSTORE_LOCAL_SIZE];

	if (xenstore_wire_strings(r->msg, arg, 2) != 2)
		return -EINVAL;
	*prefix = 0;
	if (arg[0][0] != '/' && arg[0][0] != '@')
		*prefix = xenstore_path_local(r->conn->account->domid, local) +
			  1;
	return canonical(r, arg[0], true);
}

static int on_watch(struct request *r)
{
	const char *arg[2];
	uint32_t prefix;
	int rc;

	rc = watch_args(r, arg, &prefix);
	if (!rc)
		rc = xenstore_watch_add(r->conn, r->path, prefix, arg[1],
					&r->first);
	if (rc)
		return rc;
	xenstore_record_watch(r->view.xs, r->conn, r->first, true);
	return reply_ok(r);
}

static int on_unwatch(struct request *r)
{
	const char *arg[2];
	uint32_t prefix;
	int rc;

	rc = watch_args(r, arg, &prefix);
	if (!rc)
		rc = xenstore_watch_remove(r->conn, r->path, arg[1]);
	return rc ? rc : reply_ok(r);
}

static int on_reset_watches(struct request *r)
{
	xenstore_watch_remove_all(r->conn);
	xenstore_tx_abort_all(r->conn);
	r->view.tx = NULL;
	return reply_ok(r);
}

/* --- transactions ------------------------------------------------------- */

static int on_transaction_start(struct request *r)
{
	struct xenstore_tx *tx;
	char text[16];
	int rc;

	if (r->view.tx)
		return -EBUSY;
	rc = xenstore_tx_start(r->conn, &tx);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "%u", tx->id);
	return reply_string(r, text);
}

static int on_transaction_end(struct request *r)
{
	struct xenstore_tx *tx = r->view.tx;
	char how;
	int rc = 0;

	how = r->msg->len == 2 && !r->msg->payload[1] ? r->msg->payload[0] : 0;
	if (how != 'T' && how != 'F')
		return -EINVAL;
	if (!tx)
		return -ENOENT;
	r->view.tx = NULL;
	if (how == 'T')
		rc = xenstore_tx_commit(r->conn, tx);
	else
		xenstore_tx_abort(r->conn, tx);
	return rc ? rc : reply_ok(r);
}

/* --- domains ------------------------------------------------------------ */

static int on_get_domain_path(struct request *r)
{
	char local[XENSTORE_LOCAL_SIZE];
	uint32_t domid;

	if (one_domid(r, &domid))
		return -EINVAL;
	xenstore_path_local(domid, local);
	return reply_string(r, local);
}

static struct xenstore_account *introduced(const struct request *r,
					   uint32_t domid)
{
	struct xenstore_account *account;

	account = xenstore_account_find(&r->view.xs->accounts, domid);
	return account && (account->introduced || !domid) ? account : NULL;
}

static int on_is_domain_introduced(struct request *r)
{
	uint32_t domid;

	if (one_domid(r, &domid))
		return -EINVAL;
	return reply_string(r, introduced(r, domid) ? "T" : "F");
}

/* Its page and event channel mean nothing here: rings are served elsewhere. */
static int on_introduce(struct request *r)
{
	const char *arg[3];
	uint32_t domid;
	int rc;

	if (xenstore_wire_strings(r->msg, arg, 3) < 3 ||
	    xenstore_wire_number(arg[0], XENSTORE_DOMID_MAX, &domid))
		return -EINVAL;
	rc = xenstore_introduce(r->view.xs, domid, r->now_ms);
	return rc ? rc : reply_ok(r);
}

static int on_release(struct request *r)
{
	uint32_t domid;
	int rc;

	if (one_domid(r, &domid))
		return -EINVAL;
	rc = xenstore_release(r->view.xs, domid);
	return rc ? rc : reply_ok(r);
}

static int on_resume(struct request *r)
{
	uint32_t domid;

	if (one_domid(r, &domid))
		return -EINVAL;
	return introduced(r, domid) ? reply_ok(r) : -ENOENT;
}

static int on_set_target(struct request *r)
{
	struct xenstore_account *account, *target;
	const char *arg[2];
	uint32_t domid, other;

	if (xenstore_wire_strings(r->msg, arg, 2) < 2 ||
	    xenstore_wire_number(arg[0], XENSTORE_DOMID_MAX, &domid) ||
	    xenstore_wire_number(arg[1], XENSTORE_DOMID_MAX, &other))
		return -EINVAL;
	account = introduced(r, domid);
	target = introduced(r, other);
	if (!account || !target || !domid || !other)
		return -ENOENT;
	account->target = target;
	xenstore_record_domain(r->view.xs, account);
	return reply_ok(r);
}

/* --- control ------------------------------------------------------------ */

static int control_quota(struct request *r)
{
	const struct xenstore_quota *q = &r->view.xs->accounts.quota;
	char text[512];

	snprintf(text, sizeof(text),
		 "nodes: %u\nwatches: %u\ntransactions: %u\n"
		 "transaction-nodes: %u\nnode-size: %u\nnode-permissions: %u\n"
		 "path-max: %u\noutstanding: %u\nmemory (soft): %u\n"
		 "memory (hard): %u\nwrite-rate: %u\n",
		 q->nodes, q->watches, q->transactions, q->transaction_nodes,
		 q->node_size, q->node_permissions, q->path_max, q->outstanding,
		 q->memory_soft, q->memory_hard, q->write_rate);
	return reply_string(r, text);
}

static int control_check(struct request *r)
{
	char why[256];

	if (xenstore_check(r->view.xs, why, sizeof(why)))
		return reply_ok(r);
	return reply_string(r, why);
}

static int on_control(struct request *r)
{
	const char *arg[1];

	if (!xenstore_wire_strings(r->msg, arg, 1))
		return -EINVAL;
	if (!strcmp(arg[0], "help"))
		return reply_string(r, "check\nhelp\nquota\n");
	if (!strcmp(arg[0], "check"))
		return control_check(r);
	if (!strcmp(arg[0], "quota"))
		return control_quota(r);
	return -EINVAL;
}

/* --- all of them -------------------------------------------------------- */

enum { PRIVILEGED = 1, NO_TX = 2, WRITES = 4 };

static const struct {
	int (*serve)(struct request *r);
	unsigned flags;
} types[XS_TYPES] = {
	[XS_CONTROL] = { on_control, PRIVILEGED },
	[XS_DIRECTORY] = { on_directory, 0 },
	[XS_READ] = { on_read, 0 },
	[XS_GET_PERMS] = { on_get_perms, 0 },
	[XS_WATCH] = { on_watch, NO_TX },
	[XS_UNWATCH] = { on_unwatch, NO_TX },
	[XS_TRANSACTION_START] = { on_transaction_start, 0 },
	[XS_TRANSACTION_END] = { on_transaction_end, WRITES },
	[XS_INTRODUCE] = { on_introduce, PRIVILEGED },
	[XS_RELEASE] = { on_release, PRIVILEGED },
	[XS_GET_DOMAIN_PATH] = { on_get_domain_path, 0 },
	[XS_WRITE] = { on_write, WRITES },
	[XS_MKDIR] = { on_mkdir, WRITES },
	[XS_RM] = { on_rm, WRITES },
	[XS_SET_PERMS] = { on_set_perms, WRITES },
	[XS_IS_DOMAIN_INTRODUCED] = { on_is_domain_introduced, PRIVILEGED },
	[XS_RESUME] = { on_resume, PRIVILEGED },
	[XS_SET_TARGET] = { on_set_target, PRIVILEGED },
	[XS_RESET_WATCHES] = { on_reset_watches, 0 },
	[XS_DIRECTORY_PART] = { on_directory_part, 0 },
};

static int serve(struct request *r)
{
	uint32_t type = r->msg->type;

	if (type >= XS_TYPES || !types[type].serve)
		return -ENOSYS;
	if (types[type].flags & PRIVILEGED &&
	    !xenstore_conn_is_privileged(r->conn))
		return -EACCES;
	if (r->msg->tx_id && !(types[type].flags & NO_TX)) {
		r->view.tx = xenstore_tx_find(r->conn, r->msg->tx_id);
		if (!r->view.tx)
			return -ENOENT;
	}
	return types[type].serve(r);
}

/* One credit for each node that was made or removed, one at least; also for
 * what was refused. */
static void pay(const struct request *r)
{
	struct xenstore *xs = r->view.xs;

	if (r->msg->type < XS_TYPES && types[r->msg->type].flags & WRITES)
		xenstore_account_debit(&xs->accounts, r->conn->account,
				       xs->cost ? xs->cost : 1, r->now_ms);
}

int xenstore_request_serve(struct xenstore_conn *conn,
			   const struct xenstore_message *msg, uint64_t now_ms,
			   struct xenstore_watch **first)
{
	struct xenstore_facts *seen = &conn->account->seen;
	struct request r = {
		.view = { .xs = conn->xs, .conn = conn },
		.conn = conn,
		.msg = msg,
		.now_ms = now_ms,
	};
	int rc;

	conn->xs->reply_len = 0;
	conn->xs->cost = 0;
	rc = serve(&r);
	pay(&r);
	seen->requests++;
	seen->errors += rc < 0;
	if (rc == -ENOSPC || rc == -ENOMEM) {
		seen->quota_refusals++;
		if (r.view.tx)
			r.view.tx->failed = true;
	} else if (rc == -E2BIG && msg->type == XS_WATCH) {
		seen->quota_refusals++;
	}
	*first = rc ? NULL : r.first;
	return rc;
}
