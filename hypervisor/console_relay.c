/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_relay.c: see console_relay.h.
 *
 * Output: what the guest says is copied once into a ring that all clients
 * share; `head` counts all bytes ever put there, a client's `at` those it has
 * been sent.  So a client costs a number, however slow it is, and a ring is
 * there only while there are clients.
 *
 * Input: the typist's bytes wait in `input` until the domain takes them.  When
 * that is full the typist is not read from, so its own socket fills, and it
 * waits: the only one who can is the one who types too fast.  Input of anybody
 * else is read and dropped, so that its end is seen.
 *
 * The end of a client that is not read from, or has closed only its sending
 * side, is not seen by reading: CHECK_MS apart such clients are looked at.
 */
#include "hypervisor/console_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>

#define READ_BYTES 16384  /* of one domain in one turn of the loop */
#define CHECK_MS 1000	  /* between looks at clients that are not read */
#define RATE_PAUSE_MS 20  /* a guest that floods is read again after */
#define RATE_LEAST 4096	  /* credit that is worth a read */
#define SETTLED_MS 1000	  /* a connection that lasted so long was one */
#define NEVER UINT64_MAX

struct client {
	struct client *next;
	struct console_relay *relay;
	int fd;
	struct event *readable, *writable;
	enum console_mode mode;
	bool silent; /* has closed its sending side */
	bool told;   /* that its typing goes nowhere */
	bool dead;   /* to be freed when nobody looks at the list */
	char *first;
	size_t first_len, first_at;
	char note[256];
	size_t note_len, note_at;
	uint64_t at;
	struct console_client_facts facts;
};

struct console_relay {
	struct console_relay_conf conf;
	struct event *timer;

	char path[CONSOLE_PATH_MAX]; /* "": nowhere */
	int fd;			     /* -1: not connected */
	struct event *readable, *writable;
	uint64_t connected_at, retry_at, retry_ms;
	uint64_t credit, credit_at, resume_at; /* of the guest's rate */

	struct client *clients; /* in order of their coming */
	unsigned client_count;
	struct client *typist;
	uint64_t check_at;
	uint8_t *ring; /* NULL: no clients */
	uint64_t head;
	char input[CONSOLE_INPUT_BYTES];
	size_t input_len;

	struct console_relay_facts facts;
};

static void arm(struct console_relay *r);

/* ---- output to clients -------------------------------------------------- */

/* A line to one client, of ours. */
__attribute__((format(printf, 2, 3))) static void
note(struct client *c, const char *fmt, ...)
{
	char text[160];
	va_list ap;
	size_t room;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	room = sizeof(c->note) - c->note_len;
	n = snprintf(c->note + c->note_len, room, "\r\n[causeway: %s]\r\n",
		     text);
	if (n > 0 && (size_t)n < room) /* else there is much to read already */
		c->note_len += n;
}

/* Too slow by more than the ring: half of it is new to this client again. */
static void skip_ahead(struct client *c)
{
	struct console_relay *r = c->relay;
	uint64_t to = r->head - CONSOLE_RING_BYTES / 2;
	uint64_t missed = to - c->at;

	c->at = to;
	c->facts.skipped += missed;
	r->facts.skipped_bytes += missed;
	note(c, "%llu bytes skipped", (unsigned long long)missed);
}

/* What is to be sent next: its length, 0 if there is nothing. */
static size_t next_bytes(struct client *c, const void **data)
{
	struct console_relay *r = c->relay;
	size_t begin, len;

	if (c->first_at < c->first_len) {
		*data = c->first + c->first_at;
		return c->first_len - c->first_at;
	}
	if (!c->note_len && r->head - c->at > CONSOLE_RING_BYTES)
		skip_ahead(c);
	if (c->note_len) {
		*data = c->note + c->note_at;
		return c->note_len - c->note_at;
	}
	begin = c->at % CONSOLE_RING_BYTES;
	len = r->head - c->at;
	*data = r->ring + begin;
	return len < CONSOLE_RING_BYTES - begin ? len
						: CONSOLE_RING_BYTES - begin;
}

static void sent(struct client *c, size_t n)
{
	if (c->first_at < c->first_len) {
		c->first_at += n;
		if (c->first_at == c->first_len) {
			free(c->first);
			c->first = NULL;
		}
	} else if (c->note_len) {
		c->note_at += n;
		if (c->note_at == c->note_len)
			c->note_at = c->note_len = 0;
	} else {
		c->at += n;
	}
	c->facts.shown += n;
}

static void flush(struct client *c)
{
	const void *data;
	ssize_t n;
	size_t len;

	while (!c->dead && (len = next_bytes(c, &data))) {
		n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent(c, n);
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			event_add(c->writable, NULL);
			return;
		} else {
			c->dead = true;
		}
	}
}

static void put_into_ring(struct console_relay *r, const char *data, size_t len)
{
	while (len) {
		size_t at = r->head % CONSOLE_RING_BYTES;
		size_t n = CONSOLE_RING_BYTES - at;

		if (n > len)
			n = len;
		memcpy(r->ring + at, data, n);
		r->head += n;
		data += n;
		len -= n;
	}
}

static void show(struct console_relay *r, const char *data, size_t len)
{
	struct client *c;

	if (!r->ring)
		return;
	put_into_ring(r, data, len);
	for (c = r->clients; c; c = c->next)
		flush(c);
}

static void note_all(struct console_relay *r, const char *text)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "\r\n[causeway: %s]\r\n", text);

	show(r, line, n);
}

/* ---- who types, who is read from ---------------------------------------- */

/* Its bytes are taken, and there is no room for more. */
static bool must_wait(const struct client *c)
{
	const struct console_relay *r = c->relay;

	return c == r->typist && r->fd >= 0 &&
	       r->input_len == sizeof(r->input);
}

static void choose_readers(struct console_relay *r)
{
	struct client *c;

	for (c = r->clients; c; c = c->next) {
		if (c->dead || c->silent || must_wait(c))
			event_del(c->readable);
		else
			event_add(c->readable, NULL);
	}
}

static void choose_typist(struct console_relay *r, bool say)
{
	struct client *c;

	for (c = r->clients; c && !r->typist; c = c->next)
		if (!c->dead && !c->silent && c->mode != CONSOLE_WATCH)
			r->typist = c;
	if (say && r->typist) {
		r->typist->told = false;
		note(r->typist, "you type now");
		flush(r->typist);
	}
}

static void stop_typing(struct client *c)
{
	struct console_relay *r = c->relay;

	if (r->typist != c)
		return;
	r->typist = NULL;
	choose_typist(r, true);
}

static void free_client(struct client *c)
{
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	close(c->fd);
	free(c->first);
	free(c);
}

/* The dead leave the list; everything that depends on who is there follows. */
static void reap(struct console_relay *r)
{
	struct client **at = &r->clients, *c;

	while ((c = *at)) {
		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		r->client_count--;
		stop_typing(c); /* may find others dead: further down, too */
		if (r->conf.on_client_gone)
			r->conf.on_client_gone(r->conf.ctx, &c->facts);
		free_client(c);
		at = &r->clients;
	}
	if (!r->clients) {
		free(r->ring);
		r->ring = NULL;
	}
	choose_readers(r);
	arm(r);
}

/* ---- input to the domain ------------------------------------------------ */

static void lose_domain(struct console_relay *r, int error);

static void flush_input(struct console_relay *r)
{
	ssize_t n;

	while (r->input_len) {
		n = send(r->fd, r->input, r->input_len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			event_add(r->writable, NULL);
			return;
		}
		if (n < 0) {
			lose_domain(r, -errno);
			return;
		}
		r->facts.input_bytes += n;
		r->input_len -= n;
		memmove(r->input, r->input + n, r->input_len);
	}
}

static void say_why_dropped(struct client *c)
{
	const struct client *t = c->relay->typist;

	if (c->told)
		return;
	c->told = true;
	if (c == t)
		note(c, "the domain does not run: input is dropped");
	else if (t)
		note(c, "uid %u (pid %d) types here; you look on",
		     t->facts.who.uid, (int)t->facts.who.pid);
	else
		note(c, "you only look on");
	flush(c);
}

/* Bytes of a client; 0: its sending side is closed; -errno. */
static ssize_t take_input(struct client *c)
{
	struct console_relay *r = c->relay;
	bool types = c == r->typist && r->fd >= 0;
	char dropped[CONSOLE_INPUT_BYTES];
	char *to = types ? r->input + r->input_len : dropped;
	size_t room = types ? sizeof(r->input) - r->input_len : sizeof(dropped);
	ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n && types) {
		r->input_len += n;
		c->facts.typed += n;
		flush_input(r);
	} else if (n) {
		say_why_dropped(c);
	}
	return n;
}

static bool has_hung_up(const struct client *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void on_client_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct console_relay *r = c->relay;
	ssize_t n;

	if (must_wait(c)) {
		choose_readers(r);
		arm(r);
		return;
	}
	n = take_input(c);
	if (n < 0 && n != -EAGAIN && n != -EINTR) {
		c->dead = true;
	} else if (!n) {
		c->dead = has_hung_up(c);
		c->silent = true;
		stop_typing(c);
	}
	reap(r);
}

static void on_client_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct console_relay *r = c->relay;

	flush(c);
	reap(r);
}

static void check_clients(struct console_relay *r)
{
	struct client *c;

	for (c = r->clients; c; c = c->next)
		if ((c->silent || must_wait(c)) && has_hung_up(c))
			c->dead = true;
}

/* ---- the domain --------------------------------------------------------- */

static void drop_connection(struct console_relay *r)
{
	event_free(r->readable);
	event_free(r->writable);
	r->readable = r->writable = NULL;
	close(r->fd);
	r->fd = -1;
	r->input_len = 0;
	r->facts.connected = false;
}

static void forget_told(struct console_relay *r)
{
	struct client *c;

	for (c = r->clients; c; c = c->next)
		c->told = false;
}

static void lose_domain(struct console_relay *r, int error)
{
	uint64_t now = r->conf.now_ms();

	if (now - r->connected_at >= SETTLED_MS)
		r->retry_ms = CONSOLE_RETRY_MIN_MS;
	drop_connection(r);
	r->facts.error = error;
	r->retry_at = now + r->retry_ms;
	forget_told(r);
	note_all(r, "the domain has closed its console");
	if (r->conf.on_connection)
		r->conf.on_connection(r->conf.ctx, false);
}

static void refill_credit(struct console_relay *r, uint64_t now)
{
	uint64_t more = (now - r->credit_at) * CONSOLE_RATE / 1000;

	if (!more)
		return;
	r->credit = more < CONSOLE_RATE_BURST - r->credit ? r->credit + more
							  : CONSOLE_RATE_BURST;
	r->credit_at = now;
}

static void pause_reading(struct console_relay *r, uint64_t now)
{
	event_del(r->readable);
	r->resume_at = now + RATE_PAUSE_MS;
	arm(r);
}

static void on_domain_readable(evutil_socket_t fd, short what, void *arg)
{
	struct console_relay *r = arg;
	uint64_t now = r->conf.now_ms();
	char data[READ_BYTES];
	ssize_t n;

	refill_credit(r, now);
	if (r->credit < RATE_LEAST) {
		pause_reading(r, now);
		return;
	}
	n = recv(r->fd, data, r->credit < sizeof(data) ? r->credit
						       : sizeof(data),
		 MSG_DONTWAIT);
	if (n > 0) {
		r->credit -= n;
		r->facts.output_bytes += n;
		r->conf.on_output(r->conf.ctx, data, n);
		show(r, data, n);
	} else if (!n || (errno != EAGAIN && errno != EINTR)) {
		lose_domain(r, n ? -errno : -ECONNRESET);
	}
	reap(r);
}

static void on_domain_writable(evutil_socket_t fd, short what, void *arg)
{
	struct console_relay *r = arg;

	flush_input(r);
	reap(r);
}

static int open_connection(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	memcpy(sun.sun_path, path, strlen(path));
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int watch_connection(struct console_relay *r, int fd)
{
	r->readable = event_new(r->conf.base, fd, EV_READ | EV_PERSIST,
				on_domain_readable, r);
	r->writable = event_new(r->conf.base, fd, EV_WRITE, on_domain_writable,
				r);
	if (r->readable && r->writable && !event_add(r->readable, NULL))
		return 0;
	if (r->readable)
		event_free(r->readable);
	if (r->writable)
		event_free(r->writable);
	r->readable = r->writable = NULL;
	return -ENOMEM;
}

static int connect_domain(struct console_relay *r)
{
	int fd = open_connection(r->path);
	int rc = fd < 0 ? fd : watch_connection(r, fd);

	if (rc < 0 && fd >= 0)
		close(fd);
	if (rc < 0)
		return rc;
	r->fd = fd;
	return 0;
}

static void try_connect(struct console_relay *r, uint64_t now)
{
	int rc = connect_domain(r);

	r->facts.error = rc;
	/* Also of one that will end at once: each try costs longer. */
	r->retry_at = now + r->retry_ms;
	r->retry_ms = r->retry_ms * 2 < CONSOLE_RETRY_MAX_MS
			      ? r->retry_ms * 2
			      : CONSOLE_RETRY_MAX_MS;
	if (rc < 0)
		return;
	r->connected_at = now;
	r->facts.connected = true;
	r->facts.connects++;
	forget_told(r);
	note_all(r, "connected to the domain's console");
	if (r->conf.on_connection)
		r->conf.on_connection(r->conf.ctx, true);
}

/* ---- time --------------------------------------------------------------- */

static bool somebody_needs_looks(const struct console_relay *r)
{
	const struct client *c;

	for (c = r->clients; c; c = c->next)
		if (c->silent || must_wait(c))
			return true;
	return false;
}

static uint64_t due(struct console_relay *r, uint64_t now)
{
	uint64_t at = NEVER;

	if (r->fd < 0 && r->path[0])
		at = r->retry_at;
	if (r->fd >= 0 && r->resume_at < at)
		at = r->resume_at;
	if (!somebody_needs_looks(r))
		r->check_at = NEVER;
	else if (r->check_at == NEVER)
		r->check_at = now + CHECK_MS;
	return r->check_at < at ? r->check_at : at;
}

static void arm(struct console_relay *r)
{
	uint64_t now = r->conf.now_ms(), at = due(r, now);
	struct timeval tv;

	if (at == NEVER) {
		event_del(r->timer);
		return;
	}
	at = at > now ? at - now : 0;
	tv.tv_sec = (time_t)(at / 1000);
	tv.tv_usec = (suseconds_t)(at % 1000 * 1000);
	event_add(r->timer, &tv);
}

void console_relay_run(struct console_relay *r)
{
	uint64_t now = r->conf.now_ms();

	if (r->fd < 0 && r->path[0] && now >= r->retry_at)
		try_connect(r, now);
	if (now >= r->resume_at) {
		r->resume_at = NEVER;
		if (r->fd >= 0)
			event_add(r->readable, NULL);
	}
	if (now >= r->check_at) {
		r->check_at = NEVER;
		check_clients(r);
	}
	reap(r);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	console_relay_run(arg);
}

/* ---- life --------------------------------------------------------------- */

int console_relay_new(struct console_relay **out,
		      const struct console_relay_conf *conf)
{
	struct console_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->conf = *conf;
	r->fd = -1;
	r->retry_ms = CONSOLE_RETRY_MIN_MS;
	r->credit = CONSOLE_RATE_BURST;
	r->credit_at = conf->now_ms();
	r->resume_at = r->check_at = NEVER;
	r->timer = event_new(conf->base, -1, 0, on_timer, r);
	if (!r->timer) {
		free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void console_relay_free(struct console_relay *r)
{
	struct client *c;

	if (!r)
		return;
	r->path[0] = '\0';
	r->typist = NULL;
	for (c = r->clients; c; c = c->next)
		c->dead = true;
	reap(r);
	if (r->fd >= 0)
		drop_connection(r);
	event_free(r->timer);
	free(r);
}

int console_relay_set_path(struct console_relay *r, const char *path)
{
	if (path && strlen(path) >= sizeof(r->path))
		return -ENAMETOOLONG;
	if (strcmp(path ? path : "", r->path)) {
		if (r->fd >= 0)
			lose_domain(r, 0);
		strcpy(r->path, path ? path : "");
	}
	r->facts.error = r->path[0] ? r->facts.error : 0;
	if (r->fd < 0) {
		r->retry_ms = CONSOLE_RETRY_MIN_MS;
		r->retry_at = r->conf.now_ms();
	}
	console_relay_run(r);
	return 0;
}

static bool watch_client(struct client *c)
{
	struct event_base *base = c->relay->conf.base;

	c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST,
				on_client_readable, c);
	c->writable = event_new(base, c->fd, EV_WRITE, on_client_writable, c);
	return c->readable && c->writable;
}

static bool have_ring(struct console_relay *r)
{
	if (!r->ring)
		r->ring = malloc(CONSOLE_RING_BYTES);
	return r->ring;
}

static void append(struct console_relay *r, struct client *c)
{
	struct client **at = &r->clients;

	while (*at)
		at = &(*at)->next;
	*at = c;
	r->client_count++;
}

/* The new one takes the keyboard from whoever has it. */
static void take_over(struct console_relay *r, struct client *c)
{
	struct client *before = r->typist;

	r->typist = c;
	if (!before)
		return;
	before->told = false;
	note(before, "uid %u (pid %d) types now; you look on",
	     c->facts.who.uid, (int)c->facts.who.pid);
	flush(before);
}

int console_relay_add_take(struct console_relay *r, int fd,
			   enum console_mode mode,
			   const struct console_who *who, char *first,
			   size_t first_len, bool *types)
{
	bool room = r->client_count < CONSOLE_CLIENTS_MAX;
	struct client *c = room ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
		free(first);
		return room ? -ENOMEM : -EBUSY;
	}
	*c = (struct client){ .relay = r, .fd = fd, .mode = mode,
			      .first = first, .first_len = first_len,
			      .at = r->head, .facts.who = *who };
	if (!have_ring(r) || !watch_client(c)) {
		free_client(c);
		reap(r);
		return -ENOMEM;
	}
	append(r, c);
	if (mode == CONSOLE_TAKE)
		take_over(r, c);
	choose_typist(r, false);
	*types = r->typist == c;
	flush(c);
	reap(r);
	return 0;
}

void console_relay_facts(const struct console_relay *r,
			 struct console_relay_facts *f)
{
	*f = r->facts;
	f->has_path = r->path[0];
	f->clients = r->client_count;
	f->has_typist = r->typist;
	if (r->typist)
		f->typist = r->typist->facts.who;
}
