/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_client.c: the blocking side of rpc.h.
 *
 * One call at a time.  What arrives while an answer is awaited and is not
 * that answer is a notification, and is kept for rpc_client_next(), the
 * oldest lost first when nobody fetches them.  Answers to calls given up on
 * cannot be told from the next one's and so a call that fails for any other
 * reason than a refusal ends the connection's use.
 */
#include "base/rpc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/un.h>

#include "base/rpc_wire.h"

#define NOTES_MAX 1024

struct rpc_client {
	int fd;
	json_int_t last_id;
	struct rpc_inbox in;
	json_t *notes; /* array of notifications not fetched yet */
	bool broken;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Ready for `events` before the deadline: 0, -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = now_ms();
		int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n && now >= deadline)
			return -ETIMEDOUT;
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int rpc_client_open(struct rpc_client **out, const char *path,
		    struct rpc_error *err)
{
	struct rpc_client *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (c)
		c->notes = json_array();
	if (c && c->notes)
		rc = c->fd = connect_to(path);
	if (rc >= 0) {
		*out = c;
		return 0;
	}
	rpc_error_set(err, 0, NULL, path,
		      rc == -EACCES ? "ask as root or as the daemon's user" :
				      "is the daemon running?",
		      "cannot connect to %s: %s", path, strerror(-rc));
	if (c)
		json_decref(c->notes);
	free(c);
	return rc;
}

void rpc_client_close(struct rpc_client *c)
{
	if (!c)
		return;
	close(c->fd);
	rpc_inbox_clear(&c->in);
	json_decref(c->notes);
	free(c);
}

int rpc_client_fd(const struct rpc_client *c)
{
	return c->fd;
}

static int send_call(struct rpc_client *c, const char *method, json_t *params,
		     const struct rpc_fds *fds, uint64_t deadline)
{
	json_t *msg = json_object();
	size_t len, off = 0;
	char *line;
	int rc;

	json_object_set_new(msg, "jsonrpc", json_string("2.0"));
	json_object_set_new(msg, "id", json_integer(++c->last_id));
	json_object_set_new(msg, "method", json_string(method));
	json_object_set_new(msg, "params", params ? params : json_object());
	line = rpc_wire_format(msg, &len);
	if (!line)
		return -EMSGSIZE;
	while ((rc = rpc_wire_send(c->fd, line, len, &off,
				   fds ? fds->send : NULL,
				   fds ? fds->send_count : 0)) == -EAGAIN) {
		rc = wait_for(c->fd, POLLOUT, deadline);
		if (rc)
			break;
	}
	free(line);
	return rc;
}

/* The next whole message, with its descriptors. */
static int recv_message(struct rpc_client *c, uint64_t deadline, json_t **msg,
			int fds[], unsigned *fd_count)
{
	struct rpc_error ignored;
	struct rpc_line line;
	bool excess;
	int rc;

	while (!rpc_inbox_line(&c->in, &line)) {
		rc = rpc_inbox_recv(&c->in, c->fd);
		if (rc == -EAGAIN)
			rc = wait_for(c->fd, POLLIN, deadline);
		else if (!rc)
			rc = -EPIPE;
		if (rc < 0)
			return rc;
	}
	*fd_count = rpc_inbox_take_fds(&c->in, &line, fds, &excess);
	*msg = rpc_wire_parse(line.text, line.len, &ignored);
	rpc_inbox_consume(&c->in, &line);
	if (*msg)
		return 0;
	rpc_close_fds(fds, *fd_count);
	return -EPROTO;
}

/* Notifications carry no descriptors; msg is taken. */
static void keep_note(struct rpc_client *c, json_t *msg, const int *fds,
		      unsigned fd_count)
{
	rpc_close_fds(fds, fd_count);
	if (json_array_size(c->notes) >= NOTES_MAX)
		json_array_remove(c->notes, 0);
	json_array_append_new(c->notes, msg);
}

/* Wait for the answer to the last call. */
static int recv_answer(struct rpc_client *c, uint64_t deadline, json_t **msg,
		       int fds[], unsigned *fd_count)
{
	for (;;) {
		int rc = recv_message(c, deadline, msg, fds, fd_count);
		json_t *id;

		if (rc)
			return rc;
		if (json_object_get(*msg, "method")) {
			keep_note(c, *msg, fds, *fd_count);
			continue;
		}
		id = json_object_get(*msg, "id");
		/* Turned away at the door: an error without an id. */
		if (json_integer_value(id) == c->last_id || json_is_null(id))
			return 0;
		rpc_close_fds(fds, *fd_count);
		json_decref(*msg);
		return -EPROTO;
	}
}

/* The answer to what the caller gets; fds are taken. */
static int unpack(const json_t *msg, struct rpc_fds *want, const int *fds,
		  unsigned fd_count, json_t **result, struct rpc_error *err)
{
	const json_t *error = json_object_get(msg, "error");

	if (error) {
		rpc_close_fds(fds, fd_count);
		rpc_error_from_json(err, error);
		return -EREMOTEIO;
	}
	if (want) {
		want->received_count = fd_count;
		memcpy(want->received, fds, fd_count * sizeof(fds[0]));
	} else {
		rpc_close_fds(fds, fd_count);
	}
	if (result)
		*result = json_incref(json_object_get(msg, "result"));
	return 0;
}

int rpc_call(struct rpc_client *c, const char *method, json_t *params,
	     struct rpc_fds *fds, int timeout_ms, json_t **result,
	     struct rpc_error *err)
{
	uint64_t deadline = now_ms() + timeout_ms;
	int received[RPC_FDS_MAX];
	unsigned fd_count = 0;
	json_t *msg = NULL;
	int rc = -EPIPE;

	if (fds)
		fds->received_count = 0;
	if (c->broken)
		json_decref(params);
	else
		rc = send_call(c, method, params, fds, deadline);
	/* -EPIPE: it closed, but may have said why before that. */
	if (!c->broken && (!rc || rc == -EPIPE || rc == -ECONNRESET))
		rc = recv_answer(c, deadline, &msg, received, &fd_count);
	if (rc) {
		c->broken = true;
		rpc_error_set(err, 0, "method", method,
			      "is the daemon still running?", "%s: %s", method,
			      rc == -EPIPE || rc == -ECONNRESET ?
				      "the daemon closed the connection" :
				      strerror(-rc));
		return rc;
	}
	rc = unpack(msg, fds, received, fd_count, result, err);
	json_decref(msg);
	return rc;
}

int rpc_client_next(struct rpc_client *c, int timeout_ms, char **method,
		    json_t **params)
{
	uint64_t deadline = now_ms() + timeout_ms;
	int fds[RPC_FDS_MAX];
	unsigned fd_count;
	json_t *note;

	while (!json_array_size(c->notes)) {
		int rc = c->broken ? -EPIPE :
				     recv_message(c, deadline, &note, fds,
						  &fd_count);

		if (rc == -ETIMEDOUT)
			return 0;
		if (rc) {
			c->broken = true;
			return rc;
		}
		keep_note(c, note, fds, fd_count);
	}
	note = json_array_get(c->notes, 0);
	*method = strdup(json_string_value(json_object_get(note, "method")) ?:
				 "");
	*params = json_incref(json_object_get(note, "params"));
	json_array_remove(c->notes, 0);
	return *method ? 1 : -ENOMEM;
}
