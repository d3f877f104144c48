/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_tree.c: making trees, taking them up again, taking them down.
 *
 * A journal begins with a head: its version, the boot it is of, and for whose
 * uid the guest's socket is.  One of another boot is thrown away: the VM that
 * it was for died with that boot, and hypervisord makes another tree when it
 * starts it again.
 *
 * Paths are relative to the current folder, so that however deep a site lies,
 * our end of a socket's path fits into sun_path.
 */
#include "hypervisor/xenstored_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/daemon.h"
#include "base/log.h"
#include "hypervisor/xenstored_conn.h"
#include "hypervisor/xenstored_keep.h"

#define KEEP_VERSION "1"
#define KEEP_HEAD 0x80 /* no type of enum xenstore_record_type */
#define BACKLOG 64
#define ACCEPT_MAX 8 /* connections taken a callback */
#define GUEST_PAUSE_MS 100 /* after each that a guest makes */
#define TICK_S 5     /* what could not be done is tried again */
#define RETRY_MS 2500 /* and no sooner, so that a tick does it */

struct path {
	char text[XENSTORED_UUID_LEN + 16];
};

static struct path path_of(const char *uuid, const char *name)
{
	struct path p;

	snprintf(p.text, sizeof(p.text), "%s/%s", uuid, name);
	return p;
}

uint64_t xenstored_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool xenstored_uuid_ok(const char *uuid)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; shape[i]; i++) {
		if (shape[i] == '-' ? uuid[i] != '-' :
				      !isxdigit((unsigned char)uuid[i]) ||
					      isupper((unsigned char)uuid[i]))
			return false;
	}
	return !uuid[i];
}

struct xenstored_tree *xenstored_tree_find(struct xenstored *xd,
					   const char *uuid)
{
	struct xenstored_tree *tree;

	TAILQ_FOREACH(tree, &xd->trees, next)
		if (!strcmp(tree->uuid, uuid))
			return tree;
	return NULL;
}

/* ---- what the store says ------------------------------------------------- */

static void put_record(struct xenstored_tree *tree,
		       const struct xenstore_record *rec)
{
	struct keep_item item = { .type = rec->type };

	for (unsigned i = 0; i < KEEP_FIELDS; i++)
		item.field[i] = (struct keep_field){ rec->field[i].data,
						     rec->field[i].len };
	keep_put(tree->keep, &item);
}

static void on_record(void *ctx, const struct xenstore_record *rec)
{
	put_record(ctx, rec);
}

/* A relay that is not there is told nothing: see xenstored_conn.c. */
static void on_reply(void *ctx, struct xenstore_conn *conn,
		     const struct xenstore_message *msg)
{
	struct xenstored_sink *sink = xenstore_conn_user(conn);

	if (sink)
		sink->reply(sink, msg);
}

static void on_event(void *ctx, struct xenstore_conn *to,
		     struct xenstore_conn *cause,
		     const struct xenstore_message *msg)
{
	struct xenstored_sink *sink = xenstore_conn_user(to);

	if (sink)
		sink->event(sink, msg);
}

/* ---- the journal --------------------------------------------------------- */

static struct keep_field text_field(const char *text)
{
	return (struct keep_field){ text, strlen(text) };
}

static void put_head(struct xenstored_tree *tree)
{
	struct keep_item item = { .type = KEEP_HEAD };
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", (unsigned)tree->uid);
	item.field[0] = text_field(KEEP_VERSION);
	item.field[1] = text_field(tree->xd->boot_id);
	item.field[2] = text_field(uid);
	keep_put(tree->keep, &item);
}

static int save_record(void *ctx, const struct xenstore_record *rec)
{
	put_record(ctx, rec);
	return 0;
}

static int snapshot(struct xenstored_tree *tree)
{
	int rc = keep_snapshot_begin(tree->keep);

	if (rc)
		return rc;
	put_head(tree);
	rc = xenstore_save(tree->store, save_record, tree);
	return keep_snapshot_end(tree->keep, rc);
}

/* A full disk is not asked in vain at every turn. */
static void snapshot_if_due(struct xenstored_tree *tree)
{
	uint64_t now = xenstored_now_ms();

	if (!keep_wants_snapshot(tree->keep) || now < tree->next_snapshot_ms)
		return;
	if (snapshot(tree))
		tree->next_snapshot_ms = now + RETRY_MS;
}

void xenstored_tree_end_turn(struct xenstored_tree *tree)
{
	keep_step(tree->keep);
	snapshot_if_due(tree);
	xenstored_conns_settle(tree);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct xenstored *xd = arg;
	struct xenstored_tree *tree;

	TAILQ_FOREACH(tree, &xd->trees, next) {
		snapshot_if_due(tree);
		event_add(tree->control_event, NULL);
		event_add(tree->guest_event, NULL);
	}
}

static bool field_is(const struct keep_field *f, const char *text)
{
	return f->len == strlen(text) && !memcmp(f->data, text, f->len);
}

static int read_head(struct xenstored_tree *tree, const struct keep_item *item)
{
	uint32_t uid;
	char text[16];

	if (!field_is(&item->field[0], KEEP_VERSION) ||
	    item->field[2].len >= sizeof(text))
		return -EPROTO;
	if (!field_is(&item->field[1], tree->xd->boot_id))
		return -ESTALE;
	memcpy(text, item->field[2].data, item->field[2].len);
	text[item->field[2].len] = '\0';
	if (xenstore_wire_number(text, UINT32_MAX - 1, &uid))
		return -EPROTO;
	tree->uid = uid;
	return 0;
}

struct loading {
	struct xenstored_tree *tree;
	bool head;
};

static int load_item(const struct keep_item *item, void *ctx)
{
	struct xenstore_record rec = { .type = item->type };
	struct loading *l = ctx;
	int rc;

	if (item->type == KEEP_HEAD) {
		l->head = true;
		return read_head(l->tree, item);
	}
	if (!l->head)
		return -EPROTO;
	for (unsigned i = 0; i < KEEP_FIELDS; i++) {
		rec.field[i].data = item->field[i].data;
		rec.field[i].len = item->field[i].len;
	}
	rc = xenstore_restore(l->tree->store, &rec);
	return rc == -EINVAL ? -EPROTO : rc;
}

static void find_relay(struct xenstored_tree *tree)
{
	struct xenstore_conn *conn = NULL;

	while ((conn = xenstore_conn_next(tree->store, conn)))
		if (xenstore_conn_key(conn) == XENSTORED_RELAY_KEY)
			tree->relay = conn;
}

static int load_journal(struct xenstored_tree *tree)
{
	struct path path = path_of(tree->uuid, "journal");
	struct loading l = { .tree = tree };
	int rc = keep_load(path.text, load_item, &l);

	if (!rc)
		find_relay(tree);
	return rc;
}

/* ---- sockets ------------------------------------------------------------- */

/* Has he become a client? */
static bool accept_one(struct xenstored_tree *tree, int fd, bool guest)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return xenstored_conn_take(tree, fd, peer.uid, guest);
	close(fd);
	return false;
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct xenstored_tree *tree = arg;

	event_add(tree->guest_event, NULL);
}

/* Each client of a guest's costs us the state of all its watches. */
static void pause_guest(struct xenstored_tree *tree)
{
	const struct timeval tv = { .tv_usec = GUEST_PAUSE_MS * 1000 };

	event_del(tree->guest_event);
	event_add(tree->pause, &tv);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct xenstored_tree *tree = arg;
	bool guest = fd == tree->guest_fd;

	for (unsigned i = 0; i < ACCEPT_MAX; i++) {
		int client = accept4(fd, NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);

		/* When there are no more descriptors, it waits for a tick. */
		if (client < 0 && (errno == EMFILE || errno == ENFILE))
			event_del(guest ? tree->guest_event :
					  tree->control_event);
		if (client < 0)
			return;
		if (accept_one(tree, client, guest) && guest) {
			pause_guest(tree);
			return;
		}
	}
}

static int bind_to(const char *path, mode_t mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	strcpy(sun.sun_path, path);
	unlink(path); /* of a process that is no more: we hold the lock */
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
	    chmod(path, mode) || listen(fd, BACKLOG)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int listen_at(struct xenstored_tree *tree, const char *name,
		     mode_t mode, int *fd, struct event **event)
{
	struct path path = path_of(tree->uuid, name);

	*fd = bind_to(path.text, mode);
	if (*fd < 0)
		return *fd;
	*event = event_new(tree->xd->base, *fd, EV_READ | EV_PERSIST,
			   on_accept, tree);
	return *event ? 0 : -ENOMEM;
}

/*
 * Root passes any mode.  Who else may use the guest's socket is asked of the
 * kernel at each connection, because we have no right to give files away.
 */
static int listen_both(struct xenstored_tree *tree)
{
	int rc = listen_at(tree, "socket", 0600, &tree->control_fd,
			   &tree->control_event);

	if (!rc)
		rc = listen_at(tree, "guest", 0666, &tree->guest_fd,
			       &tree->guest_event);
	if (rc)
		return rc;
	event_priority_set(tree->guest_event, XENSTORED_GUESTS);
	tree->pause = event_new(tree->xd->base, -1, 0, on_pause_over, tree);
	if (!tree->pause || event_add(tree->control_event, NULL) ||
	    event_add(tree->guest_event, NULL))
		return -ENOMEM;
	return 0;
}

/* ---- coming and going ---------------------------------------------------- */

static void tree_free(struct xenstored_tree *tree)
{
	xenstored_conns_free(tree);
	if (tree->control_event)
		event_free(tree->control_event);
	if (tree->guest_event)
		event_free(tree->guest_event);
	if (tree->pause)
		event_free(tree->pause);
	if (tree->control_fd >= 0)
		close(tree->control_fd);
	if (tree->guest_fd >= 0)
		close(tree->guest_fd);
	xenstore_free(tree->store);
	keep_free(tree->keep);
	free(tree);
}

static struct xenstored_tree *tree_alloc(struct xenstored *xd,
					 const char *uuid)
{
	struct xenstored_tree *tree = calloc(1, sizeof(*tree));
	const struct xenstore_out to = { on_record, on_reply, on_event, tree };
	struct path path = path_of(uuid, "journal");

	if (!tree)
		return NULL;
	tree->xd = xd;
	snprintf(tree->uuid, sizeof(tree->uuid), "%s", uuid);
	tree->control_fd = tree->guest_fd = -1;
	TAILQ_INIT(&tree->conns);
	TAILQ_INIT(&tree->dirty);
	if (!keep_new(&tree->keep, path.text) &&
	    !xenstore_new(&tree->store, NULL, &to))
		return tree;
	tree_free(tree);
	return NULL;
}

/* What makes a tree with a store in it one that serves. */
static int tree_start(struct xenstored_tree *tree)
{
	struct xenstored *xd = tree->xd;
	int rc = xenstore_open(tree->store, &tree->self, 0, 0,
			       xenstored_now_ms());

	if (!rc)
		rc = listen_both(tree);
	if (rc)
		return rc;
	TAILQ_INSERT_TAIL(&xd->trees, tree, next);
	xd->tree_count++;
	return 0;
}

static void remove_files(const char *uuid)
{
	static const char *const names[] = { "socket", "guest", "journal",
					     "journal.new" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct path path = path_of(uuid, names[i]);

		unlink(path.text);
	}
	if (rmdir(uuid) && errno != ENOENT)
		log_warn("%s: %s", uuid, strerror(errno));
}

int xenstored_tree_create(struct xenstored *xd, const char *uuid, uid_t uid,
			  struct xenstored_tree **out)
{
	struct xenstored_tree *tree;
	int rc;

	if (xd->tree_count >= XENSTORED_TREES_MAX)
		return -ENFILE;
	if (mkdir(uuid, 0711) && errno != EEXIST)
		return -errno;
	tree = tree_alloc(xd, uuid);
	if (!tree)
		return -ENOMEM;
	tree->uid = uid;
	rc = xenstore_introduce(tree->store, XENSTORED_GUEST,
				xenstored_now_ms());
	if (!rc)
		rc = snapshot(tree);
	if (!rc)
		rc = tree_start(tree);
	if (rc) {
		tree_free(tree);
		remove_files(uuid);
		return rc;
	}
	*out = tree;
	return 0;
}

void xenstored_tree_set_uid(struct xenstored_tree *tree, uid_t uid)
{
	if (tree->uid == uid)
		return;
	tree->uid = uid;
	put_head(tree);
	xenstored_tree_end_turn(tree);
}

void xenstored_tree_destroy(struct xenstored_tree *tree)
{
	struct xenstored *xd = tree->xd;

	/* Control clients that watch for it are told. */
	xenstore_release(tree->store, XENSTORED_GUEST);
	xenstored_tree_end_turn(tree);
	TAILQ_REMOVE(&xd->trees, tree, next);
	xd->tree_count--;
	remove_files(tree->uuid);
	tree_free(tree);
}

/* ---- all of them --------------------------------------------------------- */

/* Files that are of no use go; those of a tree that may be there next time, as
 * without memory now, stay. */
static void not_loaded(const char *uuid, int rc)
{
	if (rc == -ESTALE || rc == -ENOENT) {
		log_info("%s: is of another boot, or was never whole: removed",
			 uuid);
	} else if (rc == -EBADMSG || rc == -EPROTO) {
		log_err("%s: its journal is damaged: the tree is lost", uuid);
	} else {
		log_err("%s: %s; this tree is not served", uuid,
			strerror(-rc));
		return;
	}
	remove_files(uuid);
}

static void load_tree(struct xenstored *xd, const char *uuid)
{
	struct xenstored_tree *tree = tree_alloc(xd, uuid);
	int rc = tree ? load_journal(tree) : -ENOMEM;

	if (!rc) {
		snapshot(tree); /* if it cannot be, later */
		rc = tree_start(tree);
	}
	if (!rc)
		return;
	if (tree)
		tree_free(tree);
	not_loaded(uuid, rc);
}

static int load_all(struct xenstored *xd)
{
	DIR *dir = opendir(".");
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		if (xenstored_uuid_ok(e->d_name))
			load_tree(xd, e->d_name);
	closedir(dir);
	return 0;
}

static int read_boot_id(struct xenstored *xd)
{
	char *text;
	size_t len;
	int rc = daemon_read_file("/proc/sys/kernel/random/boot_id", 128,
				  &text, &len);

	if (rc)
		return rc;
	snprintf(xd->boot_id, sizeof(xd->boot_id), "%.*s",
		 (int)strcspn(text, "\n"), text);
	free(text);
	return 0;
}

int xenstored_trees_load(struct xenstored *xd)
{
	const struct timeval tv = { .tv_sec = TICK_S };
	int rc;

	TAILQ_INIT(&xd->trees);
	rc = read_boot_id(xd);
	if (rc)
		return rc;
	xd->tick = event_new(xd->base, -1, EV_PERSIST, on_tick, xd);
	if (!xd->tick || event_add(xd->tick, &tv))
		return -ENOMEM;
	return load_all(xd);
}

void xenstored_trees_free(struct xenstored *xd)
{
	struct xenstored_tree *tree;

	while ((tree = TAILQ_FIRST(&xd->trees))) {
		TAILQ_REMOVE(&xd->trees, tree, next);
		tree_free(tree);
	}
	if (xd->tick)
		event_free(xd->tick);
	xd->tick = NULL;
}
