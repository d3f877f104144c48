/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_log.c: a FIFO, lines of it, and a rest after each read. */
#include "hypervisor/qemu_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/stat.h>

#include "hypervisor/json_lines.h"

#define READ_BYTES 4096
#define REST_MS 50
#define FIFO_BYTES (64u << 10) /* pipe(7) */
#define DRAIN_READS 32

struct qemu_log {
	int fd;
	struct event *read_event;
	struct event *rest_event;
	char line[QEMU_LOG_LINE_MAX];
	size_t len;
	void (*on_line)(const char *line, void *ctx);
	void *ctx;
};

int qemu_log_make(const char *path)
{
	int fd;

	if (unlink(path) && errno != ENOENT)
		return -errno;
	if (mkfifo(path, 0600))
		return -errno;
	/* O_NONBLOCK is the open file's: QEMU's writes have it too. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static void line_end(struct qemu_log *log)
{
	char text[QEMU_LOG_LINE_MAX];

	if (!log->len)
		return;
	log->line[log->len] = '\0';
	log->len = 0;
	json_lines_printable(text, sizeof(text), log->line);
	log->on_line(text, log->ctx);
}

/* How many bytes there were; 0: none now; below 0: none ever. */
static ssize_t read_some(struct qemu_log *log)
{
	char buf[READ_BYTES];
	ssize_t n = read(log->fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!n)
		return -1;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n')
			line_end(log);
		else if (buf[i] && buf[i] != '\r' &&
			 log->len < sizeof(log->line) - 1)
			log->line[log->len++] = buf[i];
	}
	return n;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct timeval rest = { .tv_usec = REST_MS * 1000 };
	struct qemu_log *log = arg;

	event_add(log->rest_event, &rest);
	if (read_some(log) < 0)
		event_del(log->rest_event); /* no writer is left */
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_log *log = arg;

	event_add(log->read_event, NULL);
}

bool qemu_log_drain(struct qemu_log *log)
{
	size_t total = 0;
	ssize_t n;

	for (int i = 0; i < DRAIN_READS; i++) {
		n = read_some(log);
		if (n <= 0)
			break;
		total += n;
	}
	/* A line that did not fit was refused whole. */
	return total > FIFO_BYTES - READ_BYTES;
}

int qemu_log_open(struct qemu_log **out, struct event_base *base,
		  const char *path,
		  void (*on_line)(const char *line, void *ctx), void *ctx)
{
	struct qemu_log *log = calloc(1, sizeof(*log));
	int rc = -ENOMEM;

	if (!log)
		return rc;
	log->on_line = on_line;
	log->ctx = ctx;
	log->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (log->fd < 0) {
		rc = -errno;
		goto free_log;
	}
	log->read_event = event_new(base, log->fd, EV_READ, on_readable, log);
	log->rest_event = event_new(base, -1, 0, on_rested, log);
	if (!log->read_event || !log->rest_event ||
	    event_add(log->read_event, NULL))
		goto free_log;
	*out = log;
	return 0;
free_log:
	qemu_log_free(log);
	return rc;
}

bool qemu_log_is_chatter(const char *line)
{
	/* after the program's name and perhaps an option */
	return strstr(line, ": info: QEMU waiting for connection on") ||
	       strstr(line, ": warning: TCG doesn't support requested feature");
}

void qemu_log_free(struct qemu_log *log)
{
	if (!log)
		return;
	if (log->read_event)
		event_free(log->read_event);
	if (log->rest_event)
		event_free(log->rest_event);
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}
