/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc_wire.h: what both ends of rpc.h's wire share.  Private to base/rpc*.c
 * and their tests; hypervisor/json_lines.c, which speaks others' dialects,
 * sends and parses with the same functions.
 *
 * An inbox collects bytes and descriptors from a socket and gives them back
 * as lines.  Descriptors come out of a stream at a known place: the kernel
 * ends a read behind the send that carried them.  A sender that puts one
 * message into one send therefore has its descriptors arrive with a read
 * whose last byte is of that message, and this is the rule used here.
 */
#ifndef CAUSEWAY_RPC_WIRE_H
#define CAUSEWAY_RPC_WIRE_H

#include "base/rpc.h"

struct rpc_inbox_fd {
	int fd;
	size_t at; /* it belongs to the line that holds this byte */
};

struct rpc_inbox {
	char *buf;
	size_t len;	/* bytes in buf */
	size_t cap;
	size_t scanned; /* no newline before this one */
	struct rpc_inbox_fd fds[RPC_FDS_MAX];
	unsigned fd_count;
	size_t excess_at; /* a descriptor too many came here, and was closed */
	bool excess;
};

struct rpc_line {
	const char *text; /* valid until rpc_inbox_consume() */
	size_t len;	  /* without the newline */
};

/* Buffer and descriptors go; the inbox is empty and usable afterwards. */
void rpc_inbox_clear(struct rpc_inbox *in);
/*
 * One recvmsg().  1: something came; 0: end of stream; -EAGAIN; -EMSGSIZE:
 * a line longer than RPC_MESSAGE_MAX; or another -errno.
 */
int rpc_inbox_recv(struct rpc_inbox *in, int fd);
/* The first complete line, if there is one. */
bool rpc_inbox_line(struct rpc_inbox *in, struct rpc_line *line);
/*
 * Take the descriptors of that line: to fds[RPC_FDS_MAX], returns how many;
 * *excess: there were more.
 */
unsigned rpc_inbox_take_fds(struct rpc_inbox *in, const struct rpc_line *line,
			    int fds[], bool *excess);
/* Done with that line. */
void rpc_inbox_consume(struct rpc_inbox *in, const struct rpc_line *line);

/*
 * One sendmsg() of [*off, len), descriptors with byte 0.  0: all is out,
 * -EAGAIN: some is left; or another -errno.
 */
int rpc_wire_send(int fd, const char *data, size_t len, size_t *off,
		  const int *fds, unsigned fd_count);

/* Text to JSON under the limits of rpc.h: NULL and words in *err. */
json_t *rpc_wire_parse(const char *text, size_t len, struct rpc_error *err);
/* A message as one line with its newline, malloc()ed; NULL: no memory or
 * over RPC_MESSAGE_MAX.  `msg` is taken. */
char *rpc_wire_format(json_t *msg, size_t *len);

json_t *rpc_error_to_json(const struct rpc_error *err);
void rpc_error_from_json(struct rpc_error *err, const json_t *error);

void rpc_close_fds(const int *fds, unsigned n);

#endif
