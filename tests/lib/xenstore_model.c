/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xenstore_model.c: see the header.  Nothing here is meant to be fast. */
#include "tests/lib/xenstore_model.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERMS 8
#define PATH 160
#define VALUE 160
#define TOKEN 32
#define WATCHES MODEL_WATCHES_MAX
#define TXS MODEL_TXS_MAX
#define DOMAINS 8

struct node {
	char path[PATH];
	char value[VALUE];
	unsigned len;
	struct xenstore_perm perm[PERMS];
	unsigned perms;
	unsigned long version;
};

struct tree {
	struct node *node;
	unsigned count;
};

struct touched {
	char path[PATH];
	unsigned long version; /* at the start; 0: not there */
	bool changed, removed, event;
};

struct tx {
	uint32_t id;
	bool failed;
	struct tree base, work;
	struct touched *touched;
	unsigned count;
};

struct watch {
	char path[PATH];
	char token[TOKEN];
	unsigned prefix;
};

struct conn {
	unsigned domid;
	struct watch watch[WATCHES];
	unsigned watches;
	struct tx tx[TXS];
	unsigned txs;
	uint32_t next_id;
};

struct model {
	struct xenstore_quota quota;
	struct tree tree;
	unsigned long version;
	struct conn conn[MODEL_CONNS];
	bool introduced[DOMAINS];
	unsigned target[DOMAINS]; /* 0: none */
	char *event[MODEL_EVENTS_MAX];
	unsigned events;
};

/* --- trees -------------------------------------------------------------- */

static struct tree copy_tree(const struct tree *of)
{
	struct tree t = { malloc((of->count + 1) * sizeof(struct node)),
			  of->count };

	assert(t.node);
	memcpy(t.node, of->node, of->count * sizeof(struct node));
	return t;
}

static struct node *find(const struct tree *t, const char *path)
{
	for (unsigned i = 0; i < t->count; i++)
		if (!strcmp(t->node[i].path, path))
			return &t->node[i];
	return NULL;
}

/* Of "/a/b" "/a", of "/a" "/"; false: there is none. */
static bool parent_path(const char *path, char out[PATH])
{
	char *slash;

	if (path[0] != '/' || !path[1])
		return false;
	memmove(out, path, strlen(path) + 1);
	slash = strrchr(out, '/');
	slash[slash == out] = '\0';
	return true;
}

static bool is_within(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (!strcmp(top, "/"))
		return path[0] == '/';
	return !strncmp(path, top, len) && (path[len] == '/' || !path[len]);
}

static struct node *parent_of(const struct tree *t, const char *path)
{
	char up[PATH];

	return parent_path(path, up) ? find(t, up) : NULL;
}

static struct node *add(struct tree *t, const char *path)
{
	struct node *node;

	t->node = realloc(t->node, (t->count + 1) * sizeof(*node));
	assert(t->node);
	node = &t->node[t->count++];
	memset(node, 0, sizeof(*node));
	strcpy(node->path, path);
	return node;
}

static void remove_all(struct tree *t, const char *path, unsigned long version)
{
	struct node *parent = parent_of(t, path);
	unsigned kept = 0;

	if (parent)
		parent->version = version;
	for (unsigned i = 0; i < t->count; i++)
		if (!is_within(t->node[i].path, path))
			t->node[kept++] = t->node[i];
	t->count = kept;
}

static unsigned owned(const struct tree *t, unsigned domid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->count; i++)
		n += t->node[i].perm[0].domid == domid;
	return n;
}

static const char *name_of(const struct node *node)
{
	return strrchr(node->path, '/') + 1;
}

static bool is_child(const struct node *node, const char *path)
{
	char up[PATH];

	return parent_path(node->path, up) && !strcmp(up, path);
}

static unsigned size_of(const struct tree *t, const struct node *node)
{
	unsigned size = node->len + 8 * node->perms;

	for (unsigned i = 0; i < t->count; i++)
		if (is_child(&t->node[i], node->path))
			size += strlen(name_of(&t->node[i])) + 1;
	return size;
}

/* --- who may ------------------------------------------------------------ */

enum { READ = 1, WRITE = 2, OWNER = 4 };

static unsigned rights(const struct model *m, unsigned domid,
		       const struct node *node)
{
	unsigned target = domid < DOMAINS ? m->target[domid] : 0;

	for (unsigned i = 0; i < node->perms; i++) {
		unsigned id = node->perm[i].domid;

		if (!domid || id == domid || (target && id == target))
			return i && domid ? node->perm[i].bits :
					    READ | WRITE | OWNER;
	}
	return node->perm[0].bits;
}

static bool readable(const struct model *m, unsigned domid,
		     const struct node *node)
{
	return node && rights(m, domid, node) & READ;
}

static bool may_know(const struct model *m, unsigned domid,
		     const struct tree *t, const char *path)
{
	struct node *node = find(t, path);

	return node && (readable(m, domid, node) ||
			readable(m, domid, parent_of(t, path)));
}

/* --- events ------------------------------------------------------------- */

static void tell(struct model *m, unsigned i, const struct watch *w,
		 const char *path)
{
	assert(m->events < MODEL_EVENTS_MAX);
	assert(asprintf(&m->event[m->events++], "%u:%s=%s", i, path + w->prefix,
			w->token) > 0);
}

static void tell_watch(struct model *m, unsigned i, const struct watch *w,
		       const struct tree *before, const char *path,
		       bool removed)
{
	unsigned domid = m->conn[i].domid;

	if (is_within(path, w->path)) {
		if (may_know(m, domid, before, path) ||
		    may_know(m, domid, &m->tree, path))
			tell(m, i, w, path);
	} else if (removed && is_within(w->path, path) &&
		   may_know(m, domid, before, w->path) &&
		   !find(&m->tree, w->path)) {
		tell(m, i, w, w->path);
	}
}

static void fire(struct model *m, const struct tree *before, const char *path,
		 bool removed)
{
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		for (unsigned j = 0; j < m->conn[i].watches; j++)
			tell_watch(m, i, &m->conn[i].watch[j], before, path,
				   removed);
}

static void fire_special(struct model *m, const char *name)
{
	struct node *node = find(&m->tree, name);

	for (unsigned i = 0; i < MODEL_CONNS; i++)
		for (unsigned j = 0; j < m->conn[i].watches; j++)
			if (!strcmp(m->conn[i].watch[j].path, name) &&
			    readable(m, m->conn[i].domid, node))
				tell(m, i, &m->conn[i].watch[j], name);
}

unsigned model_events(struct model *m, const char *events[MODEL_EVENTS_MAX])
{
	static char *kept[MODEL_EVENTS_MAX];
	static unsigned count;
	unsigned n = m->events;

	while (count)
		free(kept[--count]);
	for (; count < n; count++)
		events[count] = kept[count] = m->event[count];
	m->events = 0;
	return n;
}

/* --- a request ---------------------------------------------------------- */

struct ask {
	struct model *m;
	struct conn *conn;
	unsigned i;
	const struct xenstore_message *msg;
	struct tx *tx;
	struct tree *tree;
	const char *arg[64]; /* the strings */
	unsigned args;
	bool exact;	  /* the payload ends with the last string */
	char path[PATH];
	char *reply;
	int len;
};

static void put(struct ask *a, const void *bytes, size_t len)
{
	if (a->len < 0 || a->len + len > XENSTORE_PAYLOAD_MAX) {
		a->len = -E2BIG;
		return;
	}
	memcpy(a->reply + a->len, bytes, len);
	a->len += len;
}

static int ok(struct ask *a)
{
	put(a, "OK", 3);
	return 0;
}

static void split(struct ask *a)
{
	unsigned start = 0;

	a->exact = false;
	for (unsigned i = 0; i < a->msg->len; i++) {
		if (a->msg->payload[i])
			continue;
		if (a->args < 64)
			a->arg[a->args] = a->msg->payload + start;
		a->args++;
		start = i + 1;
		a->exact = start == a->msg->len;
	}
}

static bool is_privileged(const struct ask *a)
{
	return !a->conn->domid;
}

static int canonical(struct ask *a, const char *path, bool special)
{
	size_t len = strlen(path), from = 0;
	unsigned domid;
	int n = 0;

	for (const char *p = path; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || strchr("-/_@", *p)))
			return -EINVAL;
	if (!len || (path[0] == '@' && !special) || strstr(path, "//") ||
	    (len > 1 && path[len - 1] == '/'))
		return -EINVAL;
	if (path[0] == '/' || path[0] == '@')
		snprintf(a->path, PATH, "%s", path);
	else
		snprintf(a->path, PATH, "/local/domain/%u/%s", a->conn->domid,
			 path);
	if (sscanf(a->path, "/local/domain/%5u/%n", &domid, &n) == 1 && n > 0)
		from = n;
	if (!is_privileged(a) &&
	    strlen(a->path) - from > a->m->quota.path_max)
		return -EINVAL;
	return 0;
}

static struct touched *touch(struct ask *a, const char *path)
{
	static struct touched nowhere;
	struct touched *t;
	struct node *node;

	if (!a->tx)
		return &nowhere;
	for (unsigned i = 0; i < a->tx->count; i++)
		if (!strcmp(a->tx->touched[i].path, path))
			return &a->tx->touched[i];
	if (!is_privileged(a) && a->tx->count >= a->m->quota.transaction_nodes)
		return NULL;
	a->tx->touched = realloc(a->tx->touched,
				 (a->tx->count + 1) * sizeof(*t));
	assert(a->tx->touched);
	t = &a->tx->touched[a->tx->count++];
	memset(t, 0, sizeof(*t));
	strcpy(t->path, path);
	node = find(&a->tx->base, path);
	t->version = node ? node->version : 0;
	return t;
}

/* The node at a->path, if the connection has these rights. */
static int get(struct ask *a, unsigned want, struct node **out)
{
	struct node *node = find(a->tree, a->path), *near = node;
	char path[PATH];
	unsigned has;

	*out = node;
	for (strcpy(path, a->path); !near && parent_path(path, path);)
		near = find(a->tree, path);
	if (!near) /* special, and not there */
		return is_privileged(a) ? -ENOENT : -EACCES;
	has = rights(a->m, a->conn->domid, near);
	if (node ? (has & want) != want : !(has & want))
		return -EACCES;
	if (!touch(a, a->path))
		return -ENOSPC;
	return node ? 0 : -ENOENT;
}

static int one_path(struct ask *a, bool special)
{
	if (a->args != 1 || !a->exact)
		return -EINVAL;
	return canonical(a, a->arg[0], special);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Names of children, sorted, each with its NUL; returns the length. */
static unsigned list(struct ask *a, const char *path, char *out)
{
	const char **names = calloc(a->tree->count, sizeof(*names));
	unsigned n = 0, len = 0;

	for (unsigned i = 0; i < a->tree->count; i++)
		if (is_child(&a->tree->node[i], path))
			names[n++] = name_of(&a->tree->node[i]);
	qsort(names, n, sizeof(*names), by_name);
	for (unsigned i = 0; i < n; i++) {
		strcpy(out + len, names[i]);
		len += strlen(names[i]) + 1;
	}
	free(names);
	return len;
}

static int on_read(struct ask *a)
{
	struct node *node;
	int rc = one_path(a, false);

	rc = rc ? rc : get(a, READ, &node);
	if (!rc)
		put(a, node->value, node->len);
	return rc;
}

static int on_directory(struct ask *a)
{
	char *names = malloc(a->tree->count * PATH);
	struct node *node;
	int rc = one_path(a, false);

	rc = rc ? rc : get(a, READ, &node);
	if (!rc)
		put(a, names, list(a, a->path, names));
	free(names);
	return rc;
}

/* Without the generation, which is the store's own affair; small lists. */
static int on_directory_part(struct ask *a)
{
	char *names, *end;
	struct node *node;
	unsigned long offset;
	unsigned len;
	int rc;

	if (a->args != 2 || !*a->arg[1])
		return -EINVAL;
	offset = strtoul(a->arg[1], &end, 10);
	if (*end || a->arg[1][0] < '0' || a->arg[1][0] > '9' ||
	    offset > UINT32_MAX)
		return -EINVAL;
	rc = canonical(a, a->arg[0], false);
	rc = rc ? rc : get(a, READ, &node);
	if (rc)
		return rc;
	names = malloc(a->tree->count * PATH);
	len = list(a, a->path, names);
	if (offset < len)
		put(a, names + offset, len - offset);
	put(a, "", 1);
	free(names);
	return 0;
}

static int on_get_perms(struct ask *a)
{
	struct node *node;
	char text[16];
	int rc = one_path(a, true);

	rc = rc ? rc : get(a, READ, &node);
	for (unsigned i = 0; !rc && i < node->perms; i++)
		put(a, text,
		    sprintf(text, "%c%u", "nrwb"[node->perm[i].bits],
			    node->perm[i].domid) +
			    1);
	return rc;
}

/* --- changes ------------------------------------------------------------ */

static int change(struct ask *a, struct node *node, const char *value,
		  unsigned len)
{
	struct touched *t;

	if (!is_privileged(a) && size_of(a->tree, node) - node->len + len >
					 a->m->quota.node_size)
		return -ENOSPC;
	t = touch(a, a->path);
	t->changed = t->event = true;
	assert(len <= VALUE);
	memcpy(node->value, value, len);
	node->len = len;
	node->version = ++a->m->version;
	return 0;
}

/* Paths of the closest node there is and of those that are missing. */
static unsigned missing(const struct ask *a, char path[][PATH])
{
	unsigned n = 1;

	strcpy(path[0], a->path);
	while (!find(a->tree, path[n - 1])) {
		parent_path(path[n - 1], path[n]);
		n++;
	}
	return n;
}

static bool new_nodes_fit(struct ask *a, char path[][PATH], unsigned n,
			  unsigned len)
{
	struct node *near = find(a->tree, path[n - 1]);
	long count = owned(&a->m->tree, a->conn->domid) + n - 1;
	unsigned size = size_of(a->tree, near);

	if (a->tx)
		count += (long)owned(&a->tx->work, a->conn->domid) -
			 (long)owned(&a->tx->base, a->conn->domid);
	if (count > (long)a->m->quota.nodes)
		return false;
	for (unsigned i = n - 1; i > 0; i--) {
		size += strlen(strrchr(path[i - 1], '/') + 1) + 1;
		if (size > a->m->quota.node_size)
			return false;
		size = near->perms * 8;
	}
	return size + len <= a->m->quota.node_size;
}

static int create(struct ask *a, const char *value, unsigned len)
{
	char path[PATH / 2][PATH];
	unsigned n = missing(a, path);
	unsigned long version = ++a->m->version;
	struct touched *t;
	struct node *leaf;

	if (!is_privileged(a) && !new_nodes_fit(a, path, n, len))
		return -ENOSPC;
	for (unsigned i = n; i > 0; i--) {
		t = touch(a, path[i - 1]);
		if (!t)
			return -ENOSPC;
		t->changed = true;
		t->event |= i == 1;
	}
	for (unsigned i = n - 1; i > 0; i--) {
		struct node *node = add(a->tree, path[i - 1]);
		struct node *parent = find(a->tree, path[i]);

		assert(parent);
		memcpy(node->perm, parent->perm, sizeof(node->perm));
		node->perms = parent->perms;
		if (!is_privileged(a))
			node->perm[0].domid = a->conn->domid;
		node->version = parent->version = version;
	}
	leaf = find(a->tree, a->path);
	assert(leaf && len <= VALUE);
	memcpy(leaf->value, value, len);
	leaf->len = len;
	return 0;
}

/* Do it, and outside of transactions tell what came of it. */
static int edit(struct ask *a, int (*fn)(struct ask *a, struct node *node,
					 const char *value, unsigned len),
		struct node *node, const char *value, unsigned len,
		bool removed)
{
	struct tree before = copy_tree(a->tree);
	int rc = fn(a, node, value, len);

	if (!rc && !a->tx)
		fire(a->m, &before, a->path, removed);
	free(before.node);
	return rc ? rc : ok(a);
}

static int do_write(struct ask *a, struct node *node, const char *value,
		    unsigned len)
{
	return node ? change(a, node, value, len) : create(a, value, len);
}

static int on_write(struct ask *a)
{
	struct node *node;
	unsigned size;
	int rc;

	if (!a->args)
		return -EINVAL;
	size = strlen(a->arg[0]) + 1;
	rc = canonical(a, a->arg[0], false);
	rc = rc ? rc : get(a, WRITE, &node);
	if (rc && rc != -ENOENT)
		return rc;
	return edit(a, do_write, node, a->arg[0] + size, a->msg->len - size,
		    false);
}

static int on_mkdir(struct ask *a)
{
	struct node *node;
	int rc = one_path(a, false);

	rc = rc ? rc : get(a, WRITE, &node);
	if (!rc)
		return ok(a);
	return rc == -ENOENT ? edit(a, do_write, NULL, "", 0, false) : rc;
}

static int do_rm(struct ask *a, struct node *node, const char *value,
		 unsigned len)
{
	struct touched *t;
	char up[PATH];

	parent_path(a->path, up);
	t = touch(a, up);
	if (!t)
		return -ENOSPC;
	t->changed = true;
	t = touch(a, a->path);
	t->changed = t->removed = t->event = true;
	remove_all(a->tree, a->path, ++a->m->version);
	return 0;
}

static int on_rm(struct ask *a)
{
	struct node *node;
	int rc = one_path(a, false);

	rc = rc ? rc : get(a, WRITE, &node);
	if (rc == -ENOENT)
		return parent_of(a->tree, a->path) ? ok(a) : -ENOENT;
	if (!rc && !strcmp(a->path, "/"))
		return -EINVAL;
	return rc ? rc : edit(a, do_rm, node, NULL, 0, true);
}

static int parse_perm(const char *text, struct xenstore_perm *perm)
{
	static const char letters[] = "nrwb";
	unsigned long id;
	char *end;

	if (!*text || !strchr(letters, *text) || text[1] < '0' || text[1] > '9')
		return -EINVAL;
	id = strtoul(text + 1, &end, 10);
	if (*end || id > 65535)
		return -EINVAL;
	perm->domid = id;
	perm->bits = strchr(letters, *text) - letters;
	return 0;
}

static int do_set_perms(struct ask *a, struct node *node, const char *value,
			unsigned len)
{
	struct touched *t;

	if (!is_privileged(a) &&
	    size_of(a->tree, node) - 8 * node->perms + 8 * (a->args - 1) >
		    a->m->quota.node_size)
		return -ENOSPC;
	t = touch(a, a->path);
	t->changed = t->event = true;
	node->perms = a->args - 1;
	for (unsigned i = 1; i < a->args; i++)
		parse_perm(a->arg[i], &node->perm[i - 1]);
	node->version = ++a->m->version;
	return 0;
}

static int on_set_perms(struct ask *a)
{
	struct xenstore_perm perm[PERMS];
	struct node *node;
	int rc;

	if (a->args < 2)
		return -EINVAL;
	if (!is_privileged(a) && a->args - 1 > a->m->quota.node_permissions)
		return -ENOSPC;
	for (unsigned i = 1; i < a->args && i < 64; i++)
		if (parse_perm(a->arg[i], &perm[i % PERMS]))
			return -EINVAL;
	assert(a->args - 1 <= PERMS);
	rc = canonical(a, a->arg[0], true);
	rc = rc ? rc : get(a, WRITE | OWNER, &node);
	if (rc)
		return rc;
	if (!is_privileged(a) && perm[1].domid != node->perm[0].domid)
		return -EPERM;
	return edit(a, do_set_perms, node, NULL, 0, false);
}

/* --- watches ------------------------------------------------------------ */

static unsigned watches_of(const struct model *m, unsigned domid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_CONNS; i++)
		if (m->conn[i].domid == domid)
			n += m->conn[i].watches;
	return n;
}

static int watch_args(struct ask *a, int *index)
{
	int rc;

	if (a->args != 2)
		return -EINVAL;
	rc = canonical(a, a->arg[0], true);
	*index = -1;
	for (unsigned i = 0; i < a->conn->watches; i++)
		if (!strcmp(a->conn->watch[i].path, a->path) &&
		    !strcmp(a->conn->watch[i].token, a->arg[1]))
			*index = i;
	return rc;
}

static int on_watch(struct ask *a)
{
	struct watch *w;
	int at, rc = watch_args(a, &at);

	if (rc)
		return rc;
	if (at >= 0)
		return -EEXIST;
	if (!is_privileged(a) &&
	    watches_of(a->m, a->conn->domid) >= a->m->quota.watches)
		return -E2BIG;
	assert(a->conn->watches < WATCHES);
	w = &a->conn->watch[a->conn->watches++];
	strcpy(w->path, a->path);
	snprintf(w->token, TOKEN, "%s", a->arg[1]);
	w->prefix = strlen(a->path) - strlen(a->arg[0]);
	tell(a->m, a->i, w, w->path);
	return ok(a);
}

static int on_unwatch(struct ask *a)
{
	int at, rc = watch_args(a, &at);

	if (rc)
		return rc;
	if (at < 0)
		return -ENOENT;
	a->conn->watches--;
	memmove(&a->conn->watch[at], &a->conn->watch[at + 1],
		(a->conn->watches - at) * sizeof(struct watch));
	return ok(a);
}

/* --- transactions ------------------------------------------------------- */

static void drop_tx(struct conn *conn, struct tx *tx)
{
	free(tx->base.node);
	free(tx->work.node);
	free(tx->touched);
	*tx = conn->tx[--conn->txs];
}

static void reset(struct conn *conn)
{
	conn->watches = 0;
	while (conn->txs)
		drop_tx(conn, &conn->tx[0]);
}

static struct tx *find_tx(struct conn *conn, uint32_t id)
{
	for (unsigned i = 0; i < conn->txs; i++)
		if (conn->tx[i].id == id)
			return &conn->tx[i];
	return NULL;
}

static unsigned txs_of(const struct model *m, unsigned domid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_CONNS; i++)
		if (m->conn[i].domid == domid)
			n += m->conn[i].txs;
	return n;
}

static int on_start(struct ask *a)
{
	struct conn *conn = a->conn;
	struct tx *tx;
	char text[16];

	if (a->tx)
		return -EBUSY;
	conn->next_id++; /* also of one that is refused */
	if (!is_privileged(a) &&
	    txs_of(a->m, conn->domid) >= a->m->quota.transactions)
		return -ENOSPC;
	assert(conn->txs < TXS);
	tx = &conn->tx[conn->txs++];
	memset(tx, 0, sizeof(*tx));
	tx->id = conn->next_id;
	tx->base = copy_tree(&a->m->tree);
	tx->work = copy_tree(&a->m->tree);
	put(a, text, sprintf(text, "%u", tx->id) + 1);
	return 0;
}

static bool same_below(const struct tree *x, const struct tree *y,
		       const char *path)
{
	for (unsigned i = 0; i < x->count; i++) {
		struct node *node = find(y, x->node[i].path);

		if (is_within(x->node[i].path, path) &&
		    (!node || node->version != x->node[i].version))
			return false;
	}
	return true;
}

static bool conflicts(const struct model *m, const struct tx *tx)
{
	for (unsigned i = 0; i < tx->count; i++) {
		const struct touched *t = &tx->touched[i];
		struct node *node = find(&m->tree, t->path);

		if (t->version != (node ? node->version : 0))
			return true;
		if (t->removed &&
		    (!same_below(&tx->base, &m->tree, t->path) ||
		     !same_below(&m->tree, &tx->base, t->path)))
			return true;
	}
	return false;
}

static int by_path(const void *x, const void *y)
{
	return strcmp(((const struct touched *)x)->path,
		      ((const struct touched *)y)->path);
}

static void merge(struct model *m, struct tree *to, const struct touched *t,
		  const struct node *of)
{
	unsigned long version = ++m->version;
	struct node *node = find(to, t->path);

	if (node && (!of || t->removed))
		remove_all(to, t->path, version);
	if (!of)
		return;
	node = find(to, t->path);
	if (!node) {
		node = add(to, t->path);
		parent_of(to, t->path)->version = version;
	}
	*node = *of;
	node->version = version;
}

static int commit(struct ask *a, struct tx *tx)
{
	unsigned was = owned(&a->m->tree, a->conn->domid), is;
	struct tree before = a->m->tree, merged;

	if (tx->failed)
		return -ENOMEM;
	if (conflicts(a->m, tx))
		return -EAGAIN;
	merged = copy_tree(&before);
	if (tx->count)
		qsort(tx->touched, tx->count, sizeof(*tx->touched), by_path);
	for (unsigned i = 0; i < tx->count; i++)
		if (tx->touched[i].changed)
			merge(a->m, &merged, &tx->touched[i],
			      find(&tx->work, tx->touched[i].path));
	is = owned(&merged, a->conn->domid);
	if (!is_privileged(a) && is > was && is > a->m->quota.nodes) {
		free(merged.node);
		return -ENOSPC;
	}
	a->m->tree = merged;
	for (unsigned i = 0; i < tx->count; i++)
		if (tx->touched[i].event)
			fire(a->m, &before, tx->touched[i].path,
			     tx->touched[i].removed);
	free(before.node);
	return 0;
}

static int on_end(struct ask *a)
{
	struct tx *tx = a->tx;
	int rc = 0;

	if (a->args != 1 || !a->exact ||
	    (strcmp(a->arg[0], "T") && strcmp(a->arg[0], "F")))
		return -EINVAL;
	if (!tx)
		return -ENOENT;
	if (a->arg[0][0] == 'T')
		rc = commit(a, tx);
	drop_tx(a->conn, tx);
	a->tx = NULL;
	return rc ? rc : ok(a);
}

static int on_reset(struct ask *a)
{
	reset(a->conn);
	a->tx = NULL;
	return ok(a);
}

/* --- domains ------------------------------------------------------------ */

static int domid_arg(struct ask *a, unsigned arg, unsigned *domid)
{
	char *end;

	if (a->args <= arg || a->arg[arg][0] < '0' || a->arg[arg][0] > '9')
		return -EINVAL;
	*domid = strtoul(a->arg[arg], &end, 10);
	return *end || *domid > 65535 ? -EINVAL : 0;
}

static int one_domid(struct ask *a, unsigned *domid)
{
	if (a->args != 1 || !a->exact)
		return -EINVAL;
	return domid_arg(a, 0, domid);
}

static bool is_introduced(const struct model *m, unsigned domid)
{
	return !domid || (domid < DOMAINS && m->introduced[domid]);
}

static int on_domain_path(struct ask *a)
{
	unsigned domid;
	char text[32];

	if (one_domid(a, &domid))
		return -EINVAL;
	put(a, text, sprintf(text, "/local/domain/%u", domid) + 1);
	return 0;
}

static int on_is_introduced(struct ask *a)
{
	unsigned domid;

	if (one_domid(a, &domid))
		return -EINVAL;
	put(a, is_introduced(a->m, domid) ? "T" : "F", 2);
	return 0;
}

static int on_introduce(struct ask *a)
{
	unsigned domid;

	if (a->args < 3 || domid_arg(a, 0, &domid) || !domid)
		return -EINVAL;
	assert(domid < DOMAINS);
	if (!a->m->introduced[domid]) {
		a->m->introduced[domid] = true;
		fire_special(a->m, "@introduceDomain");
	}
	return ok(a);
}

/* One node of the tree as it was, when this domain goes. */
static void forget(struct model *m, const char *path, unsigned domid)
{
	struct tree before = copy_tree(&m->tree);
	struct node *node = find(&m->tree, path);
	unsigned kept = 0;

	if (!node) {
		free(before.node);
		return; /* gone with its parent */
	}
	if (node->perm[0].domid == domid && parent_of(&m->tree, path)) {
		remove_all(&m->tree, path, ++m->version);
		fire(m, &before, path, true);
	} else if (node->perm[0].domid == domid) {
		node->perms = 1;
		node->perm[0] = (struct xenstore_perm){ 0, 0 };
		node->version = ++m->version;
		fire(m, &before, path, false);
	} else {
		for (unsigned i = 0; i < node->perms; i++)
			if (node->perm[i].domid != domid)
				node->perm[kept++] = node->perm[i];
		if (kept < node->perms) {
			node->perms = kept;
			node->version = ++m->version;
			fire(m, &before, path, false);
		}
	}
	free(before.node);
}

static int by_node_path(const void *x, const void *y)
{
	return strcmp(((const struct node *)x)->path,
		      ((const struct node *)y)->path);
}

static int on_release(struct ask *a)
{
	struct model *m = a->m;
	struct tree all;
	unsigned domid;

	if (one_domid(a, &domid) || !domid)
		return -EINVAL;
	if (!is_introduced(m, domid))
		return -ENOENT;
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		if (m->conn[i].domid == domid)
			reset(&m->conn[i]);
	all = copy_tree(&m->tree);
	qsort(all.node, all.count, sizeof(*all.node), by_node_path);
	for (unsigned i = 0; i < all.count; i++)
		forget(m, all.node[i].path, domid);
	free(all.node);
	m->introduced[domid] = false;
	m->target[domid] = 0;
	for (unsigned i = 0; i < DOMAINS; i++)
		if (m->target[i] == domid)
			m->target[i] = 0;
	fire_special(m, "@releaseDomain");
	return ok(a);
}

static int on_resume(struct ask *a)
{
	unsigned domid;

	if (one_domid(a, &domid))
		return -EINVAL;
	return is_introduced(a->m, domid) ? ok(a) : -ENOENT;
}

static int on_set_target(struct ask *a)
{
	unsigned domid, other;

	if (a->args < 2 || domid_arg(a, 0, &domid) || domid_arg(a, 1, &other))
		return -EINVAL;
	if (!domid || !other || !is_introduced(a->m, domid) ||
	    !is_introduced(a->m, other))
		return -ENOENT;
	a->m->target[domid] = other;
	return ok(a);
}

/* --- all of it ---------------------------------------------------------- */

static int serve(struct ask *a)
{
	bool privileged = is_privileged(a);

	switch (a->msg->type) {
	case XS_DIRECTORY:
		return on_directory(a);
	case XS_READ:
		return on_read(a);
	case XS_GET_PERMS:
		return on_get_perms(a);
	case XS_WATCH:
		return on_watch(a);
	case XS_UNWATCH:
		return on_unwatch(a);
	case XS_TRANSACTION_START:
		return on_start(a);
	case XS_TRANSACTION_END:
		return on_end(a);
	case XS_GET_DOMAIN_PATH:
		return on_domain_path(a);
	case XS_WRITE:
		return on_write(a);
	case XS_MKDIR:
		return on_mkdir(a);
	case XS_RM:
		return on_rm(a);
	case XS_SET_PERMS:
		return on_set_perms(a);
	case XS_RESET_WATCHES:
		return on_reset(a);
	case XS_DIRECTORY_PART:
		return on_directory_part(a);
	case XS_INTRODUCE:
		return privileged ? on_introduce(a) : -EACCES;
	case XS_RELEASE:
		return privileged ? on_release(a) : -EACCES;
	case XS_IS_DOMAIN_INTRODUCED:
		return privileged ? on_is_introduced(a) : -EACCES;
	case XS_RESUME:
		return privileged ? on_resume(a) : -EACCES;
	case XS_SET_TARGET:
		return privileged ? on_set_target(a) : -EACCES;
	default:
		return -ENOSYS;
	}
}

static bool takes_tx(uint32_t type)
{
	return type != XS_WATCH && type != XS_UNWATCH;
}

static bool is_refused_anyway(const struct ask *a)
{
	switch (a->msg->type) {
	case XS_CONTROL:
	case XS_WATCH_EVENT:
	case XS_ERROR:
	case 20:
		return true;
	case XS_INTRODUCE:
	case XS_RELEASE:
	case XS_IS_DOMAIN_INTRODUCED:
	case XS_RESUME:
	case XS_SET_TARGET:
		return !is_privileged(a);
	default:
		return a->msg->type >= XS_TYPES;
	}
}

int model_request(struct model *m, unsigned i,
		  const struct xenstore_message *msg, char *reply)
{
	struct ask a = { .m = m, .conn = &m->conn[i], .i = i, .msg = msg,
			 .tree = &m->tree, .reply = reply };
	int rc;

	split(&a);
	if (msg->tx_id && takes_tx(msg->type) && !is_refused_anyway(&a)) {
		a.tx = find_tx(a.conn, msg->tx_id);
		if (!a.tx)
			return -ENOENT;
		a.tree = &a.tx->work;
	}
	rc = serve(&a);
	if ((rc == -ENOSPC || rc == -ENOMEM) && a.tx)
		a.tx->failed = true;
	return rc ? rc : a.len;
}

uint32_t model_tx_id(const struct model *m, unsigned i, unsigned which)
{
	const struct conn *conn = &m->conn[i];

	if (!conn->txs || which >= TXS)
		return which;
	return conn->tx[which % conn->txs].id;
}

void model_counts(const struct model *m, unsigned domid, uint32_t *nodes,
		  uint32_t *watches, uint32_t *transactions)
{
	*nodes = owned(&m->tree, domid);
	*watches = watches_of(m, domid);
	*transactions = txs_of(m, domid);
}

struct model *model_new(const struct xenstore_quota *quota,
			const unsigned domid[MODEL_CONNS])
{
	static const char *const first[] = { "/", "/tool", "/tool/xenstored",
					     "@introduceDomain",
					     "@releaseDomain" };
	struct model *m = calloc(1, sizeof(*m));

	assert(m);
	m->quota = *quota;
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		m->conn[i].domid = domid[i];
	for (unsigned i = 0; i < 5; i++) {
		struct node *node = add(&m->tree, first[i]);

		node->perms = 1;
		node->version = ++m->version;
	}
	return m;
}

void model_free(struct model *m)
{
	const char *rest[MODEL_EVENTS_MAX];

	model_events(m, rest);
	model_events(m, rest);
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		reset(&m->conn[i]);
	free(m->tree.node);
	free(m);
}
