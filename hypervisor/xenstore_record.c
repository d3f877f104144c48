/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_record.c: what outlives a restart, as records.
 *
 * The same records are a journal's and a snapshot's: a node's holds all of it
 * but its children, and is right whether the node is new or changed.  Numbers
 * are decimal text.  What comes in may come from a damaged file: it is checked
 * like a request, though by no quota.
 */
#include "hypervisor/xenstore_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24

/* --- out ---------------------------------------------------------------- */

struct sink {
	int (*put)(void *ctx, const struct xenstore_record *rec);
	void *ctx;
};

static int put(const struct sink *sink, uint8_t type, const char *a,
	       size_t a_len, const char *b, size_t b_len, const char *c,
	       size_t c_len)
{
	struct xenstore_record rec = {
		.type = type,
		.field = { { a, a_len }, { b, b_len }, { c, c_len } },
	};

	return sink->put(sink->ctx, &rec);
}

static size_t number(char text[NUMBER_SIZE], uint64_t n)
{
	return snprintf(text, NUMBER_SIZE, "%llu", (unsigned long long)n);
}

static int put_node(const struct sink *sink, const char *path,
		    const struct xenstore_node *node)
{
	char perms[XENSTORE_PAYLOAD_MAX / 3 * XENSTORE_PERM_TEXT_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < node->perms->count; i++)
		len += xenstore_wire_perm_text(node->perms->entry[i],
					       perms + len) +
		       1;
	return put(sink, XENSTORE_RECORD_NODE, path, strlen(path), perms, len,
		   node->value ? node->value->bytes : "",
		   xenstore_value_len(node->value));
}

static int put_domain(const struct sink *sink,
		      const struct xenstore_account *account)
{
	char domid[NUMBER_SIZE], target[NUMBER_SIZE];
	size_t target_len = 0;

	if (account->target)
		target_len = number(target, account->target->domid);
	return put(sink, XENSTORE_RECORD_DOMAIN, domid,
		   number(domid, account->domid), target, target_len, "", 0);
}

static int put_conn(const struct sink *sink, const struct xenstore_conn *conn)
{
	char key[NUMBER_SIZE], domid[NUMBER_SIZE], incarnation[NUMBER_SIZE];

	return put(sink, XENSTORE_RECORD_CONN, key, number(key, conn->key),
		   domid, number(domid, conn->account->domid), incarnation,
		   number(incarnation, conn->incarnation));
}

static int put_watch(const struct sink *sink, uint8_t type,
		     const struct xenstore_conn *conn,
		     const struct xenstore_watch *watch)
{
	char key[NUMBER_SIZE];

	return put(sink, type, key, number(key, conn->key),
		   watch->path + watch->prefix, watch->path_len - watch->prefix,
		   watch->token, watch->token_len);
}

static int call_record(void *ctx, const struct xenstore_record *rec)
{
	struct xenstore *xs = ctx;

	xs->out.record(xs->out.ctx, rec);
	return 0;
}

static struct sink sink_of(struct xenstore *xs)
{
	return (struct sink){ call_record, xs };
}

void xenstore_record_node(struct xenstore *xs, const char *path,
			  const struct xenstore_node *node)
{
	struct sink sink = sink_of(xs);

	if (xs->out.record)
		put_node(&sink, path, node);
}

void xenstore_record_rm(struct xenstore *xs, const char *path)
{
	struct sink sink = sink_of(xs);

	if (xs->out.record)
		put(&sink, XENSTORE_RECORD_RM, path, strlen(path), "", 0, "",
		    0);
}

void xenstore_record_domain(struct xenstore *xs,
			    const struct xenstore_account *account)
{
	struct sink sink = sink_of(xs);

	if (xs->out.record)
		put_domain(&sink, account);
}

void xenstore_record_released(struct xenstore *xs, unsigned domid)
{
	struct sink sink = sink_of(xs);
	char text[NUMBER_SIZE];

	if (xs->out.record)
		put(&sink, XENSTORE_RECORD_RELEASED, text, number(text, domid),
		    "", 0, "", 0);
}

void xenstore_record_conn(struct xenstore *xs, const struct xenstore_conn *conn)
{
	struct sink sink = sink_of(xs);

	if (xs->out.record && conn->key)
		put_conn(&sink, conn);
}

void xenstore_record_closed(struct xenstore *xs,
			    const struct xenstore_conn *conn)
{
	struct sink sink = sink_of(xs);
	char key[NUMBER_SIZE];

	if (xs->out.record && conn->key)
		put(&sink, XENSTORE_RECORD_CLOSED, key, number(key, conn->key),
		    "", 0, "", 0);
}

void xenstore_record_watch(struct xenstore *xs,
			   const struct xenstore_conn *conn,
			   const struct xenstore_watch *watch, bool set)
{
	struct sink sink = sink_of(xs);

	if (xs->out.record && conn->key)
		put_watch(&sink,
			  set ? XENSTORE_RECORD_WATCH : XENSTORE_RECORD_UNWATCH,
			  conn, watch);
}

static int save_nodes(const struct xenstore *xs, const struct sink *sink)
{
	struct xenstore_walk walk;
	struct xenstore_node *node;
	int rc;

	/* A new store has this; ours may have it no more. */
	rc = put(sink, XENSTORE_RECORD_RM, "/tool", 5, "", 0, "", 0);
	xenstore_walk_start(&walk, xs->top, "");
	xenstore_walk_next(&walk); /* the top itself */
	while (!rc && (node = xenstore_walk_next(&walk)))
		rc = put_node(sink, walk.path, node);
	return rc;
}

static int save_conn(const struct xenstore_conn *conn, const struct sink *sink)
{
	int rc;

	if (!conn->key)
		return 0;
	rc = put_conn(sink, conn);
	for (struct xenstore_watch *w = conn->watches; w && !rc; w = w->next)
		rc = put_watch(sink, XENSTORE_RECORD_WATCH, conn, w);
	return rc;
}

int xenstore_save(const struct xenstore *xs,
		  int (*to)(void *ctx, const struct xenstore_record *rec),
		  void *ctx)
{
	struct sink sink = { to, ctx };
	int rc = save_nodes(xs, &sink);

	for (uint32_t i = 0; i < xs->accounts.count && !rc; i++)
		if (xs->accounts.list[i]->introduced)
			rc = put_domain(&sink, xs->accounts.list[i]);
	for (struct xenstore_conn *c = xs->conns; c && !rc; c = c->next)
		rc = save_conn(c, &sink);
	return rc;
}

/* --- in ----------------------------------------------------------------- */

/* A field as a string, NULL if it is none or longer than max. */
static const char *text_of(const struct xenstore_record *rec, unsigned i,
			   char *buf, size_t max)
{
	size_t len = rec->field[i].len;

	if (len > max || (len && memchr(rec->field[i].data, '\0', len)))
		return NULL;
	if (len)
		memcpy(buf, rec->field[i].data, len);
	buf[len] = '\0';
	return buf;
}

static int number_of(const struct xenstore_record *rec, unsigned i,
		     uint64_t max, uint64_t *out)
{
	char buf[NUMBER_SIZE], *end;
	const char *text = text_of(rec, i, buf, sizeof(buf) - 1);

	if (!text || *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end || *out > max ? -EINVAL : 0;
}

static int path_of(const struct xenstore_record *rec,
		   char path[XENSTORE_PATH_SIZE])
{
	char buf[XENSTORE_PATH_SIZE];
	const char *text = text_of(rec, 0, buf, XENSTORE_ABS_PATH_MAX);

	if (!text || (text[0] != '/' && text[0] != '@'))
		return -EINVAL;
	return xenstore_path_canonical(text, 0, UINT32_MAX, true, path);
}

static int perms_of(const struct xenstore_record *rec,
		    struct xenstore_perm perm[], unsigned max, unsigned *count)
{
	struct xenstore_message list = { .payload = rec->field[1].data,
					 .len = rec->field[1].len };
	const char *text;
	unsigned n = xenstore_wire_strings(&list, &text, 1);

	if (!n || n > max || list.payload[list.len - 1])
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (xenstore_wire_perm_parse(text, &perm[i]))
			return -EINVAL;
		text += strlen(text) + 1;
	}
	*count = n;
	return 0;
}

/* Is there a node, or a parent for one? */
static bool has_place(const struct xenstore *xs, const char *path)
{
	struct xenstore_node *top = xs->top;

	return xenstore_tree_find(top, path, NULL, NULL) ||
	       xenstore_tree_parent(top, path);
}

static int restore_node(struct xenstore *xs, const struct xenstore_record *rec)
{
	struct xenstore_perm perm[XENSTORE_PAYLOAD_MAX / 3];
	struct xenstore_view view = { .xs = xs };
	char path[XENSTORE_PATH_SIZE];
	unsigned count;
	int rc;

	if (path_of(rec, path) ||
	    perms_of(rec, perm, XENSTORE_PAYLOAD_MAX / 3, &count) ||
	    rec->field[2].len > XENSTORE_PAYLOAD_MAX || !has_place(xs, path))
		return -EINVAL;
	rc = xenstore_edit_write(&view, path, rec->field[2].data,
				 rec->field[2].len);
	if (!rc)
		rc = xenstore_edit_set_perms(&view, path, perm, count);
	return rc;
}

static int restore_rm(struct xenstore *xs, const struct xenstore_record *rec)
{
	struct xenstore_view view = { .xs = xs };
	char path[XENSTORE_PATH_SIZE];

	if (path_of(rec, path) || !xenstore_tree_parent(xs->top, path))
		return -EINVAL;
	if (!xenstore_tree_find(xs->top, path, NULL, NULL))
		return 0; /* removed along with its parent */
	return xenstore_edit_rm(&view, path);
}

static int restore_domain(struct xenstore *xs,
			  const struct xenstore_record *rec)
{
	struct xenstore_account *account, *target = NULL;
	uint64_t domid, other = 0;
	int rc;

	if (number_of(rec, 0, XENSTORE_DOMID_MAX, &domid) ||
	    (rec->field[1].len &&
	     number_of(rec, 1, XENSTORE_DOMID_MAX, &other)))
		return -EINVAL;
	rc = xenstore_introduce(xs, domid, 0);
	if (!rc && other) {
		target = xenstore_account_get(&xs->accounts, other);
		rc = target ? 0 : -ENOMEM;
	}
	account = xenstore_account_find(&xs->accounts, domid);
	if (!rc)
		account->target = target;
	return rc;
}

static int restore_released(struct xenstore *xs,
			    const struct xenstore_record *rec)
{
	uint64_t domid;

	if (number_of(rec, 0, XENSTORE_DOMID_MAX, &domid))
		return -EINVAL;
	/* Its nodes have records of their own; some may be gone already. */
	return xenstore_release(xs, domid);
}

static struct xenstore_conn *conn_of(const struct xenstore *xs, uint64_t key)
{
	struct xenstore_conn *conn = xs->conns;

	while (conn && conn->key != key)
		conn = conn->next;
	return key ? conn : NULL;
}

static int restore_conn(struct xenstore *xs, const struct xenstore_record *rec)
{
	uint64_t key, domid, incarnation;
	struct xenstore_conn *conn;
	int rc;

	if (number_of(rec, 0, UINT64_MAX, &key) || !key ||
	    number_of(rec, 1, XENSTORE_DOMID_MAX, &domid) ||
	    number_of(rec, 2, UINT32_MAX, &incarnation))
		return -EINVAL;
	rc = xenstore_open(xs, &conn, domid, key, 0);
	if (rc)
		return rc;
	conn->incarnation = (incarnation + 1) & 0xff;
	if (!conn->incarnation)
		conn->incarnation = 1; /* 0 is: never restarted */
	return 0;
}

static int restore_closed(struct xenstore *xs,
			  const struct xenstore_record *rec)
{
	struct xenstore_conn *conn;
	uint64_t key;

	if (number_of(rec, 0, UINT64_MAX, &key))
		return -EINVAL;
	conn = conn_of(xs, key);
	xenstore_close(conn);
	return conn ? 0 : -EINVAL;
}

static int restore_watch(struct xenstore *xs, const struct xenstore_record *rec)
{
	char given[XENSTORE_PATH_SIZE], path[XENSTORE_PATH_SIZE];
	char local[XENSTORE_LOCAL_SIZE], token[XENSTORE_PAYLOAD_MAX];
	struct xenstore_watch *watch;
	struct xenstore_conn *conn;
	uint32_t prefix = 0;
	uint64_t key;
	unsigned domid;

	if (number_of(rec, 0, UINT64_MAX, &key) || !(conn = conn_of(xs, key)) ||
	    !text_of(rec, 1, given, sizeof(given) - 1) ||
	    !text_of(rec, 2, token, sizeof(token) - 1))
		return -EINVAL;
	domid = conn->account->domid;
	if (xenstore_path_canonical(given, domid, UINT32_MAX, true, path))
		return -EINVAL;
	if (given[0] != '/' && given[0] != '@')
		prefix = xenstore_path_local(domid, local) + 1;
	if (rec->type == XENSTORE_RECORD_UNWATCH)
		return xenstore_watch_remove(conn, path, token) ? -EINVAL : 0;
	return xenstore_watch_add(conn, path, prefix, token, &watch);
}

static int restore(struct xenstore *xs, const struct xenstore_record *rec)
{
	switch ((enum xenstore_record_type)rec->type) {
	case XENSTORE_RECORD_NODE:
		return restore_node(xs, rec);
	case XENSTORE_RECORD_RM:
		return restore_rm(xs, rec);
	case XENSTORE_RECORD_DOMAIN:
		return restore_domain(xs, rec);
	case XENSTORE_RECORD_RELEASED:
		return restore_released(xs, rec);
	case XENSTORE_RECORD_CONN:
		return restore_conn(xs, rec);
	case XENSTORE_RECORD_CLOSED:
		return restore_closed(xs, rec);
	case XENSTORE_RECORD_WATCH:
	case XENSTORE_RECORD_UNWATCH:
		return restore_watch(xs, rec);
	}
	return -EINVAL;
}

int xenstore_restore(struct xenstore *xs, const struct xenstore_record *rec)
{
	struct xenstore_quota *quota = &xs->accounts.quota;
	uint32_t watches = quota->watches, memory = quota->memory_hard;
	struct xenstore_out out = xs->out;
	int rc;

	memset(&xs->out, 0, sizeof(xs->out)); /* tells nobody */
	quota->watches = quota->memory_hard = UINT32_MAX; /* had been granted */
	rc = restore(xs, rec);
	xs->out = out;
	quota->watches = watches;
	quota->memory_hard = memory;
	return rc && rc != -ENOMEM ? -EINVAL : rc;
}
