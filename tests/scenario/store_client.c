/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store-client SOCKET VERB SECONDS PATH [N]: a client of the store as no
 * well-behaved guest would be one, and a stopwatch for those that suffer.
 *
 *	probe S PATH [N]	a read and a write in turn, every millisecond; how
 *			long answers take: "N p50 p99 max" in microseconds
 *	look S PATH [N]	the same, reads only
 *	write S PATH [N]	numbers to PATH, one after another, as fast as they
 *			are answered, until the connection ends; the last
 *			number answered, and the first at once
 *	flood S PATH	reads and writes of PATH, 16 under way at a time; those
 *			answered
 *	storm S PATH	128 watches on one node that it writes all the time;
 *			writes and events
 *	conflict S PATH	10 transactions at a time that write the same node;
 *			those committed and those in conflict
 *	deaf S PATH	reads of PATH without ever reading an answer: bytes
 *			that it got rid of, and whether it was hung up on
 *	fill S PATH	nodes below PATH until refused or 2000; how many
 *	full S PATH	the same, all removed, again; the most there were, and
 *			the times
 *	relay S PATH	watches PATH; each event a line; comes back when hung
 *			up on, saying "again", without setting its watch anew
 *
 * Each ends after S seconds, with SIGTERM, or, if N is given, when it has had
 * that many answers.  What it says is its last line; flood, storm and conflict
 * say it after every round, so that one can wait for them to get somewhere.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hypervisor/xenstore_wire.h"

#define SAMPLES_MAX 100000

static const char *socket_path;
static int fd;
static uint64_t end_us;
static unsigned long wanted; /* answers; 0: as many as come */
static volatile sig_atomic_t told_to_end;
static unsigned long events;
static char in[2 * XENSTORE_MESSAGE_MAX];
static size_t in_len;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool time_left(void)
{
	return !told_to_end && now_us() < end_us;
}

static bool wants_more(unsigned long answered)
{
	return time_left() && (!wanted || answered < wanted);
}

static void on_term(int signal)
{
	told_to_end = 1;
}

static int try_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	in_len = 0;
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return 0;
	close(fd);
	return -errno;
}

/* ---- messages ------------------------------------------------------------ */

static int send_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int ask(enum xenstore_type type, uint32_t tx_id, const char *payload,
	       size_t len)
{
	const struct xenstore_message msg = { .type = type,
					      .tx_id = tx_id,
					      .len = len,
					      .payload = payload };
	char bytes[XENSTORE_MESSAGE_MAX];

	return send_all(bytes, xenstore_wire_build(bytes, &msg));
}

/* The next message; its payload is valid until the next call. */
static int take(struct xenstore_message *msg)
{
	static int taken;

	if (in_len) {
		in_len -= taken;
		memmove(in, in + taken, in_len);
	}
	taken = 0;
	for (;;) {
		ssize_t n;

		taken = xenstore_wire_take(in, in_len, msg);
		if (taken > 0)
			return 0;
		taken = 0;
		n = recv(fd, in + in_len, sizeof(in) - in_len, 0);
		if (n <= 0)
			return n ? -errno : -EPIPE;
		in_len += n;
	}
}

/* The answer: 0, the error that it names, or that of the connection. */
static int answer(struct xenstore_message *msg)
{
	int rc;

	while (!(rc = take(msg)) && msg->type == XS_WATCH_EVENT)
		events++;
	if (!rc && msg->type == XS_ERROR)
		rc = -xenstore_wire_error_number(msg->payload, msg->len);
	return rc;
}

static int call(enum xenstore_type type, uint32_t tx_id, const char *payload,
		size_t len, struct xenstore_message *msg)
{
	struct xenstore_message ignored;
	int rc = ask(type, tx_id, payload, len);

	return rc ? rc : answer(msg ? msg : &ignored);
}

static int write_node(uint32_t tx_id, const char *path, const char *value)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0,
			      value);

	return call(XS_WRITE, tx_id, payload, len, NULL);
}

static int transaction(uint32_t *tx_id)
{
	struct xenstore_message msg;
	int rc = call(XS_TRANSACTION_START, 0, "", 1, &msg);

	return rc ? rc : xenstore_wire_number(msg.payload, UINT32_MAX, tx_id);
}

static int set_watch(const char *path, const char *token)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0,
			      token);

	return call(XS_WATCH, 0, payload, len + 1, NULL);
}

/* ---- verbs --------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int take_times(const char *path, bool writes)
{
	static uint32_t us[SAMPLES_MAX];
	size_t n = 0;
	char value[101];
	int rc;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	rc = write_node(0, path, value);
	while (!rc && wants_more(n) && n < SAMPLES_MAX) {
		uint64_t began = now_us();

		rc = writes && n & 1 ?
			     write_node(0, path, value) :
			     call(XS_READ, 0, path, strlen(path) + 1, NULL);
		us[n++] = now_us() - began;
		usleep(1000);
	}
	call(XS_RM, 0, path, strlen(path) + 1, NULL);
	qsort(us, n, sizeof(us[0]), compare);
	if (n)
		printf("%zu %u %u %u\n", n, us[n / 2], us[n * 99 / 100],
		       us[n - 1]);
	return rc;
}

static int probe(const char *path)
{
	return take_times(path, true);
}

static int look(const char *path)
{
	return take_times(path, false);
}

static int write_numbers(const char *path)
{
	unsigned long i = 0;
	char number[24];
	int rc = 0;

	while (!rc && wants_more(i)) {
		snprintf(number, sizeof(number), "%lu", i + 1);
		rc = write_node(0, path, number);
		if (!rc && ++i == 1)
			puts(number);
	}
	printf("%lu\n", i);
	return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

#define UNDER_WAY 16

static int flood(const char *path)
{
	struct xenstore_message msg;
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t len = snprintf(payload, sizeof(payload), "%s%cx", path, 0);
	unsigned long answered = 0;
	int rc = write_node(0, path, "");

	while (!rc && time_left()) {
		for (unsigned i = 0; i < UNDER_WAY && !rc; i++)
			rc = i & 1 ? ask(XS_WRITE, 0, payload, len) :
				     ask(XS_READ, 0, payload, len - 1);
		for (unsigned i = 0; i < UNDER_WAY && !rc; i++, answered++)
			rc = answer(&msg);
		printf("%lu\n", answered);
	}
	return rc;
}

static int storm(const char *path)
{
	unsigned long writes = 0;
	char token[16];
	int rc = 0;

	write_node(0, path, "");
	for (unsigned i = 0; i < 128 && !rc; i++) {
		snprintf(token, sizeof(token), "%u", i);
		rc = set_watch(path, token);
	}
	while (!rc && time_left()) {
		rc = write_node(0, path, "x");
		printf("%lu %lu\n", ++writes, events);
	}
	return rc;
}

static int conflict(const char *path)
{
	unsigned long committed = 0, conflicts = 0;
	uint32_t tx[10];
	int rc = 0;

	while (time_left() && !rc) {
		for (unsigned i = 0; i < 10 && !rc; i++)
			rc = transaction(&tx[i]);
		for (unsigned i = 0; i < 10 && !rc; i++)
			rc = write_node(tx[i], path, "x");
		for (unsigned i = 0; i < 10 && !rc; i++) {
			rc = call(XS_TRANSACTION_END, tx[i], "T", 2, NULL);
			if (!rc)
				committed++;
			else if (rc == -EAGAIN)
				conflicts++;
			if (rc == -EAGAIN)
				rc = 0;
		}
		printf("%lu %lu\n", committed, conflicts);
	}
	return rc;
}

static int deaf(const char *path)
{
	const struct xenstore_message msg = { .type = XS_READ,
					      .len = strlen(path) + 1,
					      .payload = path };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	char bytes[XENSTORE_MESSAGE_MAX];
	size_t len = xenstore_wire_build(bytes, &msg), off = 0;
	unsigned long sent = 0;
	bool hung_up = false;

	while (!hung_up && time_left()) {
		ssize_t n = send(fd, bytes + off, len - off,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			sent += n;
			off = (off + n) % len;
		} else if (errno == EAGAIN) {
			poll(&p, 1, 100);
		} else {
			hung_up = true;
		}
	}
	printf("%lu %s\n", sent, hung_up ? "hung up on" : "connected");
	return 0;
}

#define FILL_MAX 2000

/* Below nodes of their own: one has no room for so many names. */
static int make_nodes(const char *path, unsigned *nodes)
{
	char node[XENSTORE_ABS_PATH_MAX];
	int rc = 0;

	for (*nodes = 0; *nodes < FILL_MAX && time_left(); ++*nodes) {
		snprintf(node, sizeof(node), "%s/%u/%u", path, *nodes / 100,
			 *nodes % 100);
		rc = write_node(0, node, "x");
		if (rc)
			break;
	}
	return rc == -ENOSPC ? 0 : rc;
}

static int fill(const char *path)
{
	unsigned nodes;
	int rc = make_nodes(path, &nodes);

	printf("%u\n", nodes);
	return rc;
}

static int full(const char *path)
{
	unsigned nodes, most = 0, times = 0;
	int rc = 0;

	while (!rc && time_left()) {
		rc = make_nodes(path, &nodes);
		if (nodes > most)
			most = nodes;
		if (!rc)
			rc = call(XS_RM, 0, path, strlen(path) + 1, NULL);
		times++;
	}
	printf("%u %u\n", most, times);
	return rc;
}

static int come_back(void)
{
	while (time_left()) {
		if (!try_connect()) {
			puts("again");
			return 0;
		}
		usleep(10000);
	}
	return -ETIMEDOUT;
}

static int relay(const char *path)
{
	struct xenstore_message msg;
	const char *strings[2];
	int rc = set_watch(path, "relay");

	if (rc)
		return rc;
	while (time_left()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (!in_len && poll(&p, 1, 100) <= 0)
			continue;
		rc = take(&msg);
		if (rc && come_back())
			return rc;
		if (rc)
			continue;
		if (msg.type == XS_WATCH_EVENT &&
		    xenstore_wire_strings(&msg, strings, 2) == 2)
			printf("%s %s\n", strings[0], strings[1]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const char *argument);
	} verbs[] = {
		{ "probe", probe },	{ "look", look },
		{ "write", write_numbers },
		{ "flood", flood },	{ "storm", storm },
		{ "conflict", conflict }, { "deaf", deaf },
		{ "fill", fill },	{ "full", full },
		{ "relay", relay },
	};
	int rc = -EINVAL;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "store-client SOCKET VERB SECONDS PATH [N]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_term); /* a call under way goes on to its end */
	socket_path = argv[1];
	end_us = now_us() + strtoul(argv[3], NULL, 10) * 1000000;
	wanted = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
	rc = try_connect();
	for (unsigned i = 0; !rc && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[2], verbs[i].name))
			rc = verbs[i].run(argv[4]);
	if (rc)
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-rc));
	return rc != 0;
}
