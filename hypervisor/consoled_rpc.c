/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consoled_rpc.c: see docs/console.md, which is what this file does.
 *
 * A VNC client's request stays unanswered while hypervisord is asked for a
 * connection: a `wait`, with a time limit.  Whatever comes first ends it:
 * hypervisord's answer, the limit, or the end of either connection.
 */
#include "hypervisor/consoled_rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/console_table.h"
#include "hypervisor/guest_text.h"

#define HISTORY_FIRST_MAX (256 << 10) /* before a stream */
#define HISTORY_TEXT_MAX (512 << 10)  /* as text */
#define HISTORY_TEXT_DEFAULT (64 << 10)
#define VNC_WAITS_MAX 64
#define VNC_WAIT_S 5

struct wait {
	struct wait *next;
	uint64_t id;
	struct rpc_request *req;
	struct event *limit;
	char uuid[CONSOLE_UUID_LEN + 1];
	char name[CONSOLE_NAME_MAX];
};

static struct {
	struct event_base *base;
	struct console_table *table;
	struct rpc_server *server;
	struct rpc_conn *hypervisord; /* who last called consoles.set */
	struct wait *waits;
	unsigned wait_count;
	uint64_t last_id;
} me;

/* ---- parameters --------------------------------------------------------- */

static void refuse_params(struct rpc_request *req, const char *why,
			  const char *example)
{
	rpc_refuse(req, RPC_INVALID_PARAMS, "params", NULL, example, "%s: %s",
		   req->method, why);
}

/* hypervisord is root; a test's is whoever the daemon is. */
static bool is_hypervisord(struct rpc_request *req)
{
	if (!req->peer->uid || req->peer->uid == geteuid())
		return true;
	log_warn("%s refused to uid %u, pid %d", req->method, req->peer->uid,
		 (int)req->peer->pid);
	rpc_refuse(req, RPC_DENIED, NULL, NULL, "this is for hypervisord",
		   "only root may say what consoles there are");
	return false;
}

/* The console that `name` or `uuid` names; else the request is refused. */
static struct console *find_console(struct rpc_request *req, const char *name,
				    const char *uuid)
{
	const char *key = uuid ? uuid : name;
	struct console *c = key ? console_table_find(me.table, key) : NULL;

	if (!key)
		refuse_params(req, "no name", "{\"name\":\"web\"}");
	else if (!c)
		rpc_refuse(req, RPC_NOT_FOUND, uuid ? "uuid" : "name", key,
			   me.hypervisord ? "see `causeway vm list`"
					  : "hypervisord is not connected; it "
					    "will name them when it is",
			   "there is no console %s", key);
	return c;
}

/* ---- consoles.set ------------------------------------------------------- */

/* Texts stay the request's. */
static bool read_wants(struct rpc_request *req, json_t *list,
		       struct console_want *want)
{
	json_t *item, *serial;
	json_error_t je;
	size_t i;
	int vnc;

	json_array_foreach(list, i, item) {
		vnc = 0;
		serial = NULL;
		if (json_unpack_ex(item, &je, 0, "{s:s, s:s, s?o, s?b}",
				   "uuid", &want[i].uuid, "name",
				   &want[i].name, "serial", &serial, "vnc",
				   &vnc) ||
		    (serial && !json_is_string(serial) &&
		     !json_is_null(serial))) {
			refuse_params(req, "not a console",
				      "{\"uuid\":\"...\",\"name\":\"web\","
				      "\"serial\":\"/...\",\"vnc\":false}");
			return false;
		}
		want[i].serial = json_string_value(serial);
		want[i].vnc = vnc;
	}
	return true;
}

static void set_consoles(struct rpc_request *req,
			 const struct console_want *want, size_t count)
{
	struct rpc_error err = { 0 };

	if (console_table_set(me.table, want, count, &err)) {
		log_warn("consoles.set: %s %s: %s", err.path, err.value,
			 err.message);
		rpc_reply_error(req, &err);
		return;
	}
	if (me.hypervisord != req->conn)
		log_info("hypervisord is pid %d: %zu consoles",
			 (int)req->peer->pid, count);
	me.hypervisord = req->conn;
	rpc_reply(req, json_pack("{s:I}", "consoles", (json_int_t)count));
}

static void consoles_set(struct rpc_request *req, void *ctx)
{
	json_t *list = json_object_get(req->params, "consoles");
	struct console_want *want;

	if (!is_hypervisord(req))
		return;
	if (!json_is_array(list)) {
		refuse_params(req, "no list of consoles", "{\"consoles\":[]}");
		return;
	}
	want = calloc(json_array_size(list) + 1, sizeof(*want));
	if (!want)
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL, "out of memory");
	else if (read_wants(req, list, want))
		set_consoles(req, want, json_array_size(list));
	free(want);
}

/* ---- console.open: serial ----------------------------------------------- */

struct open_params {
	const char *name, *uuid, *kind;
	enum console_mode mode;
	json_int_t history;
};

static bool read_mode(const char *word, enum console_mode *mode)
{
	static const char *const words[] = { "share", "take", "watch" };
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (!strcmp(word, words[i])) {
			*mode = (enum console_mode)i;
			return true;
		}
	}
	return false;
}

static bool read_open(struct rpc_request *req, struct open_params *p)
{
	static const char example[] =
		"{\"name\":\"web\",\"kind\":\"serial\" or \"vnc\",\"mode\":"
		"\"share\", \"take\" or \"watch\",\"history\":4096}";
	const char *mode = "share";
	json_error_t je;

	*p = (struct open_params){ .kind = "serial" };
	if (json_unpack_ex(req->params, &je, JSON_STRICT,
			   "{s?s, s?s, s?s, s?s, s?I}", "name", &p->name,
			   "uuid", &p->uuid, "kind", &p->kind, "mode", &mode,
			   "history", &p->history)) {
		refuse_params(req, je.text, example);
		return false;
	}
	if ((strcmp(p->kind, "serial") && strcmp(p->kind, "vnc")) ||
	    !read_mode(mode, &p->mode) || p->history < 0) {
		refuse_params(req, "no such kind, mode or history", example);
		return false;
	}
	if (p->history > HISTORY_FIRST_MAX)
		p->history = HISTORY_FIRST_MAX;
	return true;
}

static char *read_history(const struct console *c, size_t max, size_t *len)
{
	char *text = max ? malloc(max) : NULL;

	*len = text ? console_log_tail(c->log, text, max) : 0;
	return text;
}

static json_t *typist_json(const struct console_relay_facts *f)
{
	if (!f->has_typist)
		return json_null();
	return json_pack("{s:I, s:I}", "uid", (json_int_t)f->typist.uid, "pid",
			 (json_int_t)f->typist.pid);
}

static void reply_opened(struct rpc_request *req, const struct console *c,
			 const char *kind, bool types, int fd)
{
	struct console_relay_facts f;

	console_relay_facts(c->relay, &f);
	rpc_reply_fds(req,
		      json_pack("{s:s, s:s, s:s, s:b, s:b, s:o}", "uuid",
				c->uuid, "name", c->name, "kind", kind,
				"connected", f.connected, "writer", types,
				"typist",
				types ? json_null() : typist_json(&f)),
		      &fd, 1);
}

static void refuse_open(struct rpc_request *req, const struct console *c,
			int rc)
{
	log_warn("console %s: serial refused to uid %u, pid %d: %s", c->name,
		 req->peer->uid, (int)req->peer->pid, strerror(-rc));
	if (rc == -EBUSY)
		rpc_refuse(req, RPC_BUSY, "name", c->name,
			   "one of them has to leave",
			   "16 clients are at this console already");
	else
		rpc_refuse(req, RPC_FAILED, "name", c->name, NULL, "%s",
			   strerror(-rc));
}

static void open_serial(struct rpc_request *req, struct console *c,
			const struct open_params *p)
{
	const struct console_who who = { req->peer->uid, req->peer->pid };
	bool types = false;
	size_t first_len;
	char *first;
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		refuse_open(req, c, -errno);
		return;
	}
	first = read_history(c, p->history, &first_len);
	rc = console_relay_add_take(c->relay, pair[0], p->mode, &who, first,
				    first_len, &types);
	if (rc) {
		close(pair[1]);
		refuse_open(req, c, rc);
		return;
	}
	log_info("console %s (%s): serial opened by uid %u, pid %d, who %s",
		 c->name, c->uuid, who.uid, (int)who.pid,
		 types ? "types" : "looks on");
	reply_opened(req, c, "serial", types, pair[1]);
}

/* ---- console.open: vnc -------------------------------------------------- */

static struct wait *take_wait(uint64_t id)
{
	struct wait **at, *w;

	for (at = &me.waits; (w = *at); at = &w->next) {
		if (w->id != id)
			continue;
		*at = w->next;
		me.wait_count--;
		return w;
	}
	return NULL;
}

/* Its request has been answered. */
static void free_wait(struct wait *w)
{
	event_free(w->limit);
	free(w);
}

static void fail_wait(struct wait *w, const char *why)
{
	log_warn("console %s (%s): no vnc for uid %u, pid %d: %s", w->name,
		 w->uuid, w->req->peer->uid, (int)w->req->peer->pid, why);
	rpc_refuse(w->req, RPC_FAILED, "name", w->name, NULL, "%s", why);
	free_wait(w);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct wait *w = arg;

	fail_wait(take_wait(w->id), "hypervisord did not answer in time");
}

/* Ask; 0 or why not. */
static const char *ask_for_vnc(struct rpc_request *req,
			       const struct console *c)
{
	const struct timeval limit = { .tv_sec = VNC_WAIT_S };
	struct wait *w = calloc(1, sizeof(*w));

	if (!w)
		return "out of memory";
	w->id = ++me.last_id;
	w->req = req;
	strcpy(w->uuid, c->uuid);
	strcpy(w->name, c->name);
	w->limit = event_new(me.base, -1, 0, on_limit, w);
	if (!w->limit || event_add(w->limit, &limit) ||
	    rpc_notify(me.hypervisord, "vnc.wanted",
		       json_pack("{s:I, s:s}", "id", (json_int_t)w->id,
				 "uuid", c->uuid))) {
		if (w->limit)
			event_free(w->limit);
		free(w);
		return "hypervisord cannot be asked now";
	}
	w->next = me.waits;
	me.waits = w;
	me.wait_count++;
	return NULL;
}

static void open_vnc(struct rpc_request *req, const struct console *c)
{
	const char *why = "hypervisord is not connected";

	if (!c->vnc) {
		rpc_refuse(req, RPC_REFUSED, "name", c->name,
			   "\"console\": {\"vnc\": true} in its state",
			   "%s has no VNC console", c->name);
		return;
	}
	if (me.wait_count == VNC_WAITS_MAX)
		why = "too many are waiting";
	else if (me.hypervisord)
		why = ask_for_vnc(req, c);
	if (!why)
		return;
	log_warn("console %s (%s): no vnc for uid %u, pid %d: %s", c->name,
		 c->uuid, req->peer->uid, (int)req->peer->pid, why);
	rpc_refuse(req, RPC_FAILED, "name", c->name, "try again", "%s", why);
}

static void console_open(struct rpc_request *req, void *ctx)
{
	struct open_params p;
	struct console *c;

	if (!read_open(req, &p))
		return;
	c = find_console(req, p.name, p.uuid);
	if (!c)
		return;
	if (!strcmp(p.kind, "vnc"))
		open_vnc(req, c);
	else
		open_serial(req, c, &p);
}

static void give_vnc(struct rpc_request *req, struct wait *w)
{
	int fd = rpc_take_fd(req, 0);

	log_info("console %s (%s): vnc opened by uid %u, pid %d", w->name,
		 w->uuid, w->req->peer->uid, (int)w->req->peer->pid);
	rpc_reply_fds(w->req,
		      json_pack("{s:s, s:s, s:s, s:b, s:b, s:n}", "uuid",
				w->uuid, "name", w->name, "kind", "vnc",
				"connected", 1, "writer", 1, "typist"),
		      &fd, 1);
	free_wait(w);
}

static void vnc_give(struct rpc_request *req, void *ctx)
{
	const char *why = "hypervisord gave no connection";
	json_error_t je;
	json_int_t id;
	struct wait *w;

	if (!is_hypervisord(req))
		return;
	if (json_unpack_ex(req->params, &je, 0, "{s:I, s?s}", "id", &id,
			   "error", &why)) {
		refuse_params(req, je.text, "{\"id\":1} and a descriptor");
		return;
	}
	w = take_wait(id);
	if (!w) {
		rpc_refuse(req, RPC_NOT_FOUND, "id", NULL, NULL,
			   "nobody waits for it any more");
		return;
	}
	if (req->fd_count)
		give_vnc(req, w);
	else
		fail_wait(w, why);
	rpc_reply(req, NULL);
}

/* ---- history and facts -------------------------------------------------- */

static json_t *history_json(const struct console *c, size_t max)
{
	struct console_log_facts f;
	json_t *o = NULL;
	size_t len;
	char *raw = read_history(c, max, &len);
	char *text = malloc(GUEST_TEXT_GROWTH * len + 1);

	if (raw && text) {
		len = guest_text(raw, len, text);
		console_log_facts(c->log, &f);
		o = json_pack("{s:s, s:s, s:s%, s:I}", "uuid", c->uuid, "name",
			      c->name, "text", text, len, "lost_bytes",
			      (json_int_t)f.lost);
	}
	free(text);
	free(raw);
	return o;
}

static void console_history(struct rpc_request *req, void *ctx)
{
	const char *name = NULL, *uuid = NULL;
	json_int_t bytes = HISTORY_TEXT_DEFAULT;
	const struct console *c;
	json_error_t je;
	json_t *o;

	if (json_unpack_ex(req->params, &je, JSON_STRICT, "{s?s, s?s, s?I}",
			   "name", &name, "uuid", &uuid, "bytes", &bytes) ||
	    bytes < 1) {
		refuse_params(req, "not understood",
			      "{\"name\":\"web\",\"bytes\":65536}");
		return;
	}
	c = find_console(req, name, uuid);
	if (!c)
		return;
	o = history_json(c, bytes < HISTORY_TEXT_MAX ? bytes
						     : HISTORY_TEXT_MAX);
	if (!o) {
		rpc_refuse(req, RPC_FAILED, NULL, NULL, NULL, "out of memory");
		return;
	}
	log_info("console %s (%s): history read by uid %u, pid %d", c->name,
		 c->uuid, req->peer->uid, (int)req->peer->pid);
	rpc_reply(req, o);
}

static const char *trouble(const struct console_relay_facts *rf,
			   const struct console_log_facts *lf)
{
	if (lf->error)
		return strerror(-lf->error);
	return rf->has_path && !rf->connected && rf->error
		       ? strerror(-rf->error)
		       : "";
}

static json_t *console_json(const struct console *c)
{
	struct console_relay_facts rf;
	struct console_log_facts lf;
	const char *serial = "none";

	console_relay_facts(c->relay, &rf);
	console_log_facts(c->log, &lf);
	if (rf.has_path)
		serial = rf.connected ? "connected" : "waiting";
	return json_pack(
		"{s:s, s:s, s:s, s:b, s:i, s:o, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:s}",
		"uuid", c->uuid, "name", c->name, "serial", serial, "vnc",
		c->vnc, "clients", rf.clients, "typist", typist_json(&rf),
		"output_bytes", (json_int_t)rf.output_bytes, "input_bytes",
		(json_int_t)rf.input_bytes, "log_bytes", (json_int_t)lf.bytes,
		"lost_bytes", (json_int_t)lf.lost, "skipped_bytes",
		(json_int_t)rf.skipped_bytes, "connects",
		(json_int_t)rf.connects, "last_error", trouble(&rf, &lf));
}

static void consoles_list(struct rpc_request *req, void *ctx)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < console_table_count(me.table); i++)
		json_array_append_new(
			list, console_json(console_table_at(me.table, i)));
	rpc_reply(req, json_pack("{s:o, s:b}", "consoles", list, "hypervisord",
				 me.hypervisord != NULL));
}

static void version(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, json_pack("{s:s, s:i}", "version", CAUSEWAY_VERSION,
				 "pid", (int)getpid()));
}

static const struct rpc_method methods[] = {
	{ "consoles.set", consoles_set, 0, 0 },
	{ "vnc.give", vnc_give, RPC_FDS_OPTIONAL, 1 },
	{ "console.open", console_open, RPC_ADMIN, 0 },
	{ "console.history", console_history, RPC_ADMIN, 0 },
	{ "consoles.list", consoles_list, RPC_ADMIN, 0 },
	{ "version", version, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

/* ---- connections -------------------------------------------------------- */

static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;

static bool admit(const struct rpc_peer *peer, void *ctx)
{
	if (!peer->uid || peer->uid == geteuid() ||
	    (conf.admin_gid != (gid_t)-1 &&
	     rpc_peer_in_group(peer, conf.admin_gid)))
		return true;
	log_limited(LOG_LEVEL_WARN, peer->uid,
		    "uid %u, pid %d is not admitted", peer->uid,
		    (int)peer->pid);
	return false;
}

/* Whose request waits, or who was to answer it. */
static void on_close(struct rpc_conn *conn, void *user, void *ctx)
{
	struct wait *w = me.waits, *next;
	bool was_hypervisord = conn == me.hypervisord;

	if (was_hypervisord) {
		me.hypervisord = NULL;
		log_warn("hypervisord's connection is gone; consoles go on");
	}
	for (; w; w = next) {
		next = w->next;
		if (was_hypervisord || w->req->conn == conn)
			fail_wait(take_wait(w->id),
				  was_hypervisord ? "hypervisord has gone"
						  : "its client has gone");
	}
}

int consoled_rpc_start(struct event_base *base, struct console_table *table,
		       const char *path, const char *group, uid_t owner)
{
	int rc = 0;

	me.base = base;
	me.table = table;
	conf.path = path;
	conf.mode = group ? 0660 : 0600;
	conf.uid = owner;
	conf.methods = methods;
	conf.admit = admit;
	conf.on_close = on_close;
	if (group) {
		rc = daemon_lookup_group(group, &conf.admin_gid);
		conf.gid = conf.admin_gid;
		if (rc < 0) {
			log_err("group %s: %s", group, strerror(-rc));
			return rc;
		}
	}
	rc = rpc_server_new(&me.server, base, &conf);
	if (rc < 0)
		log_err("%s: %s%s", path, strerror(-rc),
			rc == -EADDRINUSE ? " (is another consoled running?)"
					  : "");
	return rc;
}

void consoled_rpc_stop(void)
{
	if (me.server)
		rpc_server_free(me.server);
	me.server = NULL;
}
