/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc.h: JSON-RPC 2.0 over a Unix stream socket, one JSON text a line, with
 * passed file descriptors and checked peer credentials.  How all of
 * Causeway's processes and tools talk.
 *
 * The server runs inside a libevent loop; everything of one server happens on
 * the thread of that loop.  The client blocks, with a deadline, and belongs to
 * one thread.
 *
 * The wire.  Request {"jsonrpc":"2.0","id":1,"method":"a.b","params":{...}},
 * answered by "result" or by "error" {"code","message","data":{"path",
 * "value","hint"}}; without "id" it is a notification.  Params are an object.
 * A request whose client has hung up before its turn came is not carried out.
 * Descriptors travel with the message's first byte, and one sendmsg() carries
 * bytes of one message only.  Batches are refused.
 *
 * Nothing a peer sends can make the server exit or grow without bound: see
 * the limits below.  A peer over a limit gets an error if it can be told, and
 * is disconnected.
 */
#ifndef CAUSEWAY_RPC_H
#define CAUSEWAY_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <sys/socket.h>
#include <sys/types.h>

struct event_base;

#define RPC_MESSAGE_MAX (4u << 20)  /* bytes of one message */
#define RPC_VALUES_MAX (256u << 10) /* JSON values in one message */
#define RPC_DEPTH_MAX 64	    /* nesting in one message */
#define RPC_CONNS_MAX 64	    /* connections of one server... */
#define RPC_CONNS_RESERVED 8	    /* ...of which these are root's and ours */
#define RPC_PENDING_MAX 16	    /* unanswered requests of a connection */
#define RPC_FDS_MAX 16		    /* descriptors with one message */
#define RPC_BACKLOG_MAX (1u << 20)  /* output bytes before notes are refused */
#define RPC_DEADLINE_MS 10000	    /* first message; rest of a begun one */
#define RPC_GROUPS_MAX 64	    /* supplementary groups looked at */

/* JSON-RPC's codes, then ours. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_DENIED = -32001,	/* the caller may not */
	RPC_BUSY = -32002,	/* a limit of ours; later it may work */
	RPC_REFUSED = -32003,	/* understood, but what is asked is not right */
	RPC_NOT_FOUND = -32004, /* names something that does not exist */
	RPC_FAILED = -32005,	/* the system would not do it */
};

/* Why something was refused, in words for the person who asked. */
struct rpc_error {
	int code; /* enum rpc_code; 0: the call did not get that far */
	char message[256];
	char path[256];	 /* JSON path of the offending value, or "" */
	char value[256]; /* that value as JSON, or "" */
	char hint[512];	 /* what would be valid, what to type; or "" */
};

/*
 * Fill *e.  path, value and hint may be NULL; longer texts are cut.  Returns
 * -EINVAL, so that a parser can `return rpc_error_set(...)`.
 */
int rpc_error_set(struct rpc_error *e, int code, const char *path,
		  const char *value, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* The same with a JSON value (borrowed, may be NULL). */
int rpc_error_json(struct rpc_error *e, int code, const char *path,
		   const json_t *value, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* Who is at the other end, as the kernel saw it connect. */
struct rpc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	unsigned group_count;
	gid_t groups[RPC_GROUPS_MAX];
};

/* Primary or supplementary group. */
bool rpc_peer_in_group(const struct rpc_peer *peer, gid_t gid);
/* Read the peer of a connected Unix socket: 0 or -errno. */
int rpc_peer_read(int fd, struct rpc_peer *peer);

/* --- server ----------------------------------------------------------- */

struct rpc_server;
struct rpc_conn;

/*
 * One request.  Lives until it is answered by exactly one of rpc_reply,
 * rpc_reply_fds or rpc_reply_error, during the handler or later; if the
 * connection is gone by then, the answer is dropped.  A request without id is
 * answered in the same way, and nothing is sent.
 */
struct rpc_request {
	struct rpc_conn *conn;
	const struct rpc_peer *peer;
	const char *method;
	json_t *params;	     /* an object, {} if none came; borrowed */
	unsigned fd_count;   /* as the method's flags allow */
	int fds[RPC_FDS_MAX]; /* closed with the request; rpc_take_fd() */
};

enum rpc_flags {
	/* Only root, the server's own uid and members of conf.admin_gid. */
	RPC_ADMIN = 1 << 0,
	/* .fds descriptors or none; without this flag exactly .fds. */
	RPC_FDS_OPTIONAL = 1 << 1,
};

struct rpc_method {
	const char *name; /* NULL ends a table */
	void (*handler)(struct rpc_request *req, void *ctx);
	unsigned flags; /* enum rpc_flags */
	unsigned fds;	/* descriptors that come with it */
};

struct rpc_server_conf {
	const char *path;	/* of the socket; its folder must exist */
	mode_t mode;		/* of the socket; 0: 0600 */
	uid_t uid;		/* owner of the socket, (uid_t)-1: as it is */
	gid_t gid;		/* group of the socket, (gid_t)-1: as it is */
	gid_t admin_gid;	/* see RPC_ADMIN; (gid_t)-1: nobody */
	const struct rpc_method *methods;
	void *ctx;		/* given to handlers and hooks */
	/* May this peer connect?  NULL: whoever the file's mode lets. */
	bool (*admit)(const struct rpc_peer *peer, void *ctx);
	/* A connection is gone; `user` as set by rpc_conn_set_user(). */
	void (*on_close)(struct rpc_conn *conn, void *user, void *ctx);
	unsigned deadline_ms;	/* 0: RPC_DEADLINE_MS */
};

#define RPC_SERVER_CONF_INIT                                                  \
	{                                                                     \
		.uid = (uid_t)-1, .gid = (gid_t)-1, .admin_gid = (gid_t)-1    \
	}

/*
 * Listen.  A socket file nobody listens on is replaced; -EADDRINUSE when
 * somebody does, -EEXIST when the path is not a socket, else 0 or -errno.
 * conf and what it points to (but for path) must outlive the server.
 */
int rpc_server_new(struct rpc_server **out, struct event_base *base,
		   const struct rpc_server_conf *conf);
/*
 * Closes all connections (on_close is called) and removes the socket file.
 * Not from within a handler.
 */
void rpc_server_free(struct rpc_server *srv);
/*
 * Serve a socket that is connected already: owns fd from here, closes it on
 * failure.  -EMFILE: too many connections; -EACCES: not admitted.
 */
int rpc_server_adopt_take(struct rpc_server *srv, int fd);
unsigned rpc_server_conn_count(const struct rpc_server *srv);

/* Answer; `result` is taken (NULL: null). */
void rpc_reply(struct rpc_request *req, json_t *result);
/* Answer with descriptors (at most RPC_FDS_MAX), which are taken. */
void rpc_reply_fds(struct rpc_request *req, json_t *result, const int *fds,
		   unsigned fd_count);
void rpc_reply_error(struct rpc_request *req, const struct rpc_error *e);
/* rpc_error_set() and rpc_reply_error() in one. */
void rpc_refuse(struct rpc_request *req, int code, const char *path,
		const char *value, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* Descriptor i (below fd_count) is the caller's from here. */
int rpc_take_fd(struct rpc_request *req, unsigned i);

/*
 * Tell a client something it did not ask for; `params` is taken.  0, or
 * -ENOBUFS when it reads too slowly and this one is lost.
 */
int rpc_notify(struct rpc_conn *conn, const char *method, json_t *params);
/* Something of the caller's that lives as long as the connection. */
void rpc_conn_set_user(struct rpc_conn *conn, void *user);
void *rpc_conn_user(const struct rpc_conn *conn);
const struct rpc_peer *rpc_conn_peer(const struct rpc_conn *conn);
/* Disconnect, from the loop's next turn on; on_close is called then. */
void rpc_conn_close(struct rpc_conn *conn);
/* Call fn for each open connection; fn must not free the server. */
void rpc_server_each(struct rpc_server *srv,
		     void (*fn)(struct rpc_conn *conn, void *arg), void *arg);

/* --- client ----------------------------------------------------------- */

struct rpc_client;

/*
 * Connect.  0, or -errno with words in *err: -ENOENT and -ECONNREFUSED when
 * nobody serves, -EACCES when we may not.
 */
int rpc_client_open(struct rpc_client **out, const char *path,
		    struct rpc_error *err);
void rpc_client_close(struct rpc_client *c);
/* Readable when rpc_client_next(c, 0, ...) may have something. */
int rpc_client_fd(const struct rpc_client *c);

/* Descriptors to send with a call and to receive with its answer. */
struct rpc_fds {
	const int *send; /* borrowed */
	unsigned send_count;
	int received[RPC_FDS_MAX]; /* the caller's after a result */
	unsigned received_count;
};

/*
 * Call and wait up to timeout_ms.  `params` is taken (NULL: none); fds may be
 * NULL: descriptors that come back are closed then.  0: *result is the
 * caller's (result may be NULL).  -EREMOTEIO: refused, *err says why.
 * -ETIMEDOUT, -EPIPE and others: the connection is of no more use, *err
 * has words and code 0.
 */
int rpc_call(struct rpc_client *c, const char *method, json_t *params,
	     struct rpc_fds *fds, int timeout_ms, json_t **result,
	     struct rpc_error *err);
/*
 * Wait up to timeout_ms for a notification: 1 with *method and *params the
 * caller's (free() and json_decref()), 0 if none came, -errno when the
 * connection is lost.
 */
int rpc_client_next(struct rpc_client *c, int timeout_ms, char **method,
		    json_t **params);

#endif
