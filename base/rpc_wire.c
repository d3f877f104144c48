/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_wire.c: bytes and descriptors in and out, JSON under limits, errors.
 *
 * Everything here may come from somebody hostile.  A small scanner counts
 * values and nesting before the JSON library allocates anything: 4 MiB of
 * "[[],[],..." would otherwise become hundreds of megabytes.
 */
#include "base/rpc_wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INBOX_STEP (16u << 10)
#define INBOX_MAX (RPC_MESSAGE_MAX + 1) /* with its newline */
#define INBOX_KEEP (64u << 10)		/* an empty buffer this big is kept */
#define CMSG_FDS_MAX 253		/* SCM_MAX_FD: none is ever cut off */

/* --- errors ----------------------------------------------------------- */

static void copy_text(char *to, size_t room, const char *text)
{
	snprintf(to, room, "%s", text ? text : "");
}

static void error_fill(struct rpc_error *e, int code, const char *path,
		       const char *value, const char *hint, const char *fmt,
		       va_list ap)
{
	e->code = code;
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	copy_text(e->path, sizeof(e->path), path);
	copy_text(e->value, sizeof(e->value), value);
	copy_text(e->hint, sizeof(e->hint), hint);
}

int rpc_error_set(struct rpc_error *e, int code, const char *path,
		  const char *value, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_fill(e, code, path, value, hint, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int rpc_error_json(struct rpc_error *e, int code, const char *path,
		   const json_t *value, const char *hint, const char *fmt, ...)
{
	char text[sizeof(e->value)] = "";
	va_list ap;

	if (value) {
		size_t n = json_dumpb(value, text, sizeof(text) - 1,
				      JSON_ENCODE_ANY | JSON_COMPACT);

		text[n < sizeof(text) ? n : sizeof(text) - 1] = '\0';
	}
	va_start(ap, fmt);
	error_fill(e, code, path, text, hint, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	/* Texts were cut to fit, perhaps inside a UTF-8 sequence. */
	if (text[0] && json_object_set_new(object, key, json_string(text)))
		json_object_set_new(object, key, json_string("?"));
}

json_t *rpc_error_to_json(const struct rpc_error *err)
{
	json_t *data = json_object();
	json_t *error = json_object();

	json_object_set_new(error, "code", json_integer(err->code));
	set_text(error, "message", err->message);
	set_text(data, "path", err->path);
	set_text(data, "value", err->value);
	set_text(data, "hint", err->hint);
	if (json_object_size(data))
		json_object_set(error, "data", data);
	json_decref(data);
	return error;
}

void rpc_error_from_json(struct rpc_error *err, const json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *message =
		json_string_value(json_object_get(error, "message"));

	memset(err, 0, sizeof(*err));
	err->code = json_integer_value(json_object_get(error, "code"));
	if (!err->code)
		err->code = RPC_INTERNAL_ERROR;
	copy_text(err->message, sizeof(err->message),
		  message ? message : "refused without a reason");
	copy_text(err->path, sizeof(err->path),
		  json_string_value(json_object_get(data, "path")));
	copy_text(err->value, sizeof(err->value),
		  json_string_value(json_object_get(data, "value")));
	copy_text(err->hint, sizeof(err->hint),
		  json_string_value(json_object_get(data, "hint")));
}

/* --- inbox ------------------------------------------------------------ */

void rpc_close_fds(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void rpc_inbox_clear(struct rpc_inbox *in)
{
	for (unsigned i = 0; i < in->fd_count; i++)
		close(in->fds[i].fd);
	free(in->buf);
	memset(in, 0, sizeof(*in));
}

static int inbox_grow(struct rpc_inbox *in)
{
	size_t cap = in->cap ? in->cap * 2 : INBOX_STEP;
	char *buf;

	if (in->cap - in->len >= INBOX_STEP / 4)
		return 0;
	if (in->cap >= INBOX_MAX)
		return in->len < in->cap ? 0 : -EMSGSIZE;
	if (cap > INBOX_MAX)
		cap = INBOX_MAX;
	buf = realloc(in->buf, cap);
	if (!buf)
		return -ENOMEM;
	in->buf = buf;
	in->cap = cap;
	return 0;
}

static void inbox_add_fd(struct rpc_inbox *in, int fd)
{
	size_t at = in->len - 1;

	if (in->fd_count < RPC_FDS_MAX) {
		in->fds[in->fd_count++] = (struct rpc_inbox_fd){ fd, at };
		return;
	}
	close(fd);
	in->excess = true;
	in->excess_at = at;
}

/* Called when the read's bytes are counted in len. */
static void inbox_add_fds(struct rpc_inbox *in, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <=
				   c->cmsg_len; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			inbox_add_fd(in, fd);
		}
	}
	/* We are out of descriptors ourselves: some did not come through. */
	if (msg->msg_flags & MSG_CTRUNC) {
		in->excess = true;
		in->excess_at = in->len - 1;
	}
}

int rpc_inbox_recv(struct rpc_inbox *in, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(CMSG_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;
	int rc = inbox_grow(in);

	if (rc)
		return rc;
	iov.iov_base = in->buf + in->len;
	iov.iov_len = in->cap - in->len;
	do {
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return 0;
	in->len += n;
	inbox_add_fds(in, &msg);
	return 1;
}

bool rpc_inbox_line(struct rpc_inbox *in, struct rpc_line *line)
{
	char *end = NULL;

	if (in->len > in->scanned)
		end = memchr(in->buf + in->scanned, '\n',
			     in->len - in->scanned);
	if (!end) {
		in->scanned = in->len;
		return false;
	}
	in->scanned = end - in->buf;
	line->text = in->buf;
	line->len = in->scanned;
	return true;
}

unsigned rpc_inbox_take_fds(struct rpc_inbox *in, const struct rpc_line *line,
			    int fds[], bool *excess)
{
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < in->fd_count; i++) {
		if (in->fds[i].at <= line->len)
			fds[n++] = in->fds[i].fd;
		else
			in->fds[kept++] = in->fds[i];
	}
	in->fd_count = kept;
	*excess = in->excess && in->excess_at <= line->len;
	if (*excess)
		in->excess = false;
	return n;
}

void rpc_inbox_consume(struct rpc_inbox *in, const struct rpc_line *line)
{
	size_t used = line->len + 1;

	in->len -= used;
	in->scanned = 0;
	in->excess_at -= in->excess ? used : 0;
	for (unsigned i = 0; i < in->fd_count; i++)
		in->fds[i].at -= used;
	if (in->len) {
		memmove(in->buf, in->buf + used, in->len);
	} else if (in->cap > INBOX_KEEP) {
		free(in->buf);
		in->buf = NULL;
		in->cap = 0;
	}
}

/* --- sending ---------------------------------------------------------- */

static void attach_fds(struct msghdr *msg, void *control, const int *fds,
		       unsigned n)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

int rpc_wire_send(int fd, const char *data, size_t len, size_t *off,
		  const int *fds, unsigned fd_count)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(RPC_FDS_MAX * sizeof(int))];
	} control = { .buf = "" };
	struct iovec iov = { (void *)(data + *off), len - *off };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (!*off && fd_count)
		attach_fds(&msg, &control, fds, fd_count);
	do {
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*off += n;
	return *off == len ? 0 : -EAGAIN;
}

/* --- JSON ------------------------------------------------------------- */

struct scan {
	size_t values;
	unsigned depth;
	bool in_string;
	bool escaped;
};

static void scan_string(struct scan *s, char c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
}

static void scan_char(struct scan *s, char c)
{
	switch (c) {
	case '"':
		s->in_string = true;
		break;
	case '{':
	case '[':
		s->depth++;
		s->values++;
		break;
	case '}':
	case ']':
		s->depth -= s->depth > 0;
		break;
	case ',':
		s->values++;
		break;
	}
}

/* Would this cost too much to parse?  Whether it is JSON comes later. */
static bool scan_fits(const char *text, size_t len)
{
	struct scan s = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (s.in_string)
			scan_string(&s, text[i]);
		else
			scan_char(&s, text[i]);
		if (s.depth > RPC_DEPTH_MAX || s.values > RPC_VALUES_MAX)
			return false;
	}
	return true;
}

json_t *rpc_wire_parse(const char *text, size_t len, struct rpc_error *err)
{
	json_error_t je;
	json_t *json;

	if (!scan_fits(text, len)) {
		rpc_error_set(err, RPC_PARSE_ERROR, NULL, NULL,
			      "send less in one message",
			      "more than %u values or %u levels in a message",
			      RPC_VALUES_MAX, RPC_DEPTH_MAX);
		return NULL;
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!json)
		rpc_error_set(err, RPC_PARSE_ERROR, NULL, NULL, NULL,
			      "not JSON: %s at byte %d", je.text, je.position);
	return json;
}

char *rpc_wire_format(json_t *msg, size_t *len)
{
	char *line = NULL;
	size_t n = json_dumpb(msg, NULL, 0, JSON_COMPACT);

	if (n && n <= RPC_MESSAGE_MAX)
		line = malloc(n + 1);
	if (line) {
		json_dumpb(msg, line, n, JSON_COMPACT);
		line[n] = '\n';
		*len = n + 1;
	}
	json_decref(msg);
	return line;
}
