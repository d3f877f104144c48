/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crowd.c: many front ends in one process, two of which talk.
 *
 *	crowd DIR COUNT [BROADCASTS]
 *
 * Listens at DIR/p0, DIR/p1 and so on, waits for the switch at all of them,
 * says `ready`, and does what lines on its input say, one line of answer each:
 *
 *	talk	p0 and p1 send each other numbered frames from now on, each
 *		BROADCASTS-th of them to all (0: none); a window keeps what is
 *		under way below a ring, so that none need be lost
 *	forge	p0 also sends, one for one, frames in another's name to p1
 *	roam	p0 alone sends, and to all; p1 and p2 listen: each frame shall
 *		reach one of them, and only one
 *	report	how that goes, in one line
 *	quiet	no new frames; take those under way; report
 *	bounce N	N others, never the first three, hang up and come back
 *	probe N	each of the first N sends a frame to each of them and one to
 *		all; answers with a line for each sender: how many of its
 *		frames each got that were for it, that were for others, and
 *		that were for all, a digit each (9: nine or more)
 *
 * What is under way is known without a clock: the switch gives a descriptor back
 * when it has delivered the frame, so once it has given back all, each frame is
 * in the rings of its receivers or will never be.
 *
 * Ports that are told nothing stay silent.  One that the switch leaves waits
 * for it to come back, as QEMU does.  The end of input is the end.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/vhost_front.h"

#define RING	    64
#define RING_SILENT 16
#define WINDOW	    24 /* with a forged one each it still fits a ring */
#define PROBES_MAX  32
#define NUMBERS_MAX (8u << 20)
#define SETTLE_MS   60000 /* then the switch does not serve a ring */
#define TO_ALL	    0xffff
#define ETHERTYPE   0x0800
#define PROTOCOL    253 /* RFC 3692: experiments */
#define IP_BYTES    46	/* of each packet; the rest is padding */
#define VLAN_TPID   0x8100
#define FORGER	    0xee00 /* no port has this number's address */
#define FRAME_MIN   60
#define FRAME_MAX   1514

struct __attribute__((packed)) numbered {
	uint8_t to[6], from[6];
	uint16_t type;
	uint8_t ip[12];
	uint32_t ip_from, ip_to; /* 10.1.0.0 + port number */
	char magic[4];
	uint16_t sender, receiver; /* port numbers, or TO_ALL */
	uint16_t forged;
	uint32_t number;
};

struct talk { /* one direction */
	unsigned from, to;
	uint32_t sent, got;   /* each frame once */
	uint32_t written_off; /* taken for lost: the window forgets them */
	uint32_t duplicated, foreign, forged, forged_sent;
	uint8_t *seen; /* by number */
};

static struct vhost_front **port;
static unsigned count, broadcasts;
static int epoll_fd;
static struct talk talks[] = { { .from = 0, .to = 1 },
			       { .from = 1, .to = 0 },
			       { .from = 0, .to = TO_ALL } };
static enum { SILENT, TALK, ROAM, PROBE } mode;
static bool sending, forging;
static struct {
	uint8_t own, others, all;
} probed[PROBES_MAX][PROBES_MAX]; /* by sender and where it came out */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void die(const char *what, unsigned i, int rc)
{
	fprintf(stderr, "crowd: p%u: %s: %s\n", i, what, strerror(-rc));
	exit(2);
}

/* ---- ports -------------------------------------------------------------- */

static void watch(int fd, uint32_t events, unsigned i)
{
	struct epoll_event ev = { .events = events, .data.u32 = i };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll", i, -errno);
}

static void port_new(const char *dir, unsigned i)
{
	const struct vhost_front_conf conf = {
		.queues = 1,
		.ring_size = i < 3 || count <= PROBES_MAX ? RING
							       : RING_SILENT,
		.need_reply = true,
	};
	char path[200];
	int rc = vhost_front_new(&port[i], &conf);

	snprintf(path, sizeof(path), "%s/p%u", dir, i);
	if (!rc)
		rc = vhost_front_listen(port[i], path);
	if (!rc && chmod(path, 0666) < 0)
		rc = -errno;
	if (rc < 0)
		die(path, i, rc);
	watch(port[i]->listen_fd, EPOLLIN, i);
	watch(port[i]->ring[0].call_fd, EPOLLIN | EPOLLET, i);
}

/* The switch has come: shake hands.  It may go again in the middle. */
static void port_welcome(unsigned i)
{
	int rc = vhost_front_accept(port[i]);

	if (rc < 0)
		die("accept", i, rc);
	watch(port[i]->sock, EPOLLRDHUP, i);
	if (vhost_front_handshake(port[i]) < 0)
		vhost_front_hangup(port[i]);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void port_attend(unsigned i)
{
	if (port[i]->sock >= 0 && vhost_front_lost(port[i]))
		vhost_front_hangup(port[i]);
	if (port[i]->sock < 0 && is_readable(port[i]->listen_fd))
		port_welcome(i);
}

/* ---- frames ---------------------------------------------------------------- */

static void mac_of(uint8_t mac[6], unsigned i)
{
	const uint8_t m[6] = { 2, 0, 0, 1, i >> 8, i & 0xff };

	memcpy(mac, i == TO_ALL ? (const uint8_t *)"\377\377\377\377\377\377"
				: m, 6);
}

static struct numbered numbered(unsigned from, unsigned to, uint32_t number)
{
	struct numbered f = { .type = __builtin_bswap16(ETHERTYPE),
			      .ip = { 0x45, [3] = IP_BYTES, [8] = 64,
				      [9] = PROTOCOL },
			      .ip_from = __builtin_bswap32(0x0a010000 + from),
			      .ip_to = __builtin_bswap32(0x0a010000 + to),
			      .magic = "CROW",
			      .sender = from,
			      .receiver = to,
			      .number = number };

	mac_of(f.from, from);
	mac_of(f.to, to);
	return f;
}

/* Lengths go through all that an Ethernet frame may have. */
static size_t length_of(uint32_t number)
{
	return FRAME_MIN + number % (FRAME_MAX - FRAME_MIN + 1);
}

static bool frame_send(const struct numbered *f)
{
	static uint8_t bytes[FRAME_MAX];
	struct vhost_front *vf = port[f->sender];

	if (vf->sock < 0)
		return false;
	memcpy(bytes, f, sizeof(*f));
	if (vhost_front_tx(vf, 0, bytes, length_of(f->number)) < 0)
		return false;
	vhost_front_kick(vf, 1);
	return true;
}

static void talk_take(struct talk *t, const struct numbered *f, size_t n)
{
	if (f->forged) {
		t->forged++;
	} else if (f->sender != t->from || f->number >= t->sent ||
		   n != length_of(f->number)) {
		t->foreign++;
	} else if (t->seen[f->number]) {
		t->duplicated++;
	} else {
		t->seen[f->number] = 1;
		t->got++;
	}
}

static void probe_take(const struct numbered *f, unsigned at)
{
	if (f->receiver == TO_ALL)
		probed[f->sender][at].all++;
	else if (f->receiver == at)
		probed[f->sender][at].own++;
	else
		probed[f->sender][at].others++;
}

/* A frame has come out of port `at`; a trunk's has a tag. */
static void frame_take(unsigned at, uint8_t *bytes, size_t n)
{
	struct talk *t = mode == ROAM ? &talks[2] : &talks[!at];
	struct numbered f;

	if (n >= FRAME_MIN && bytes[12] == VLAN_TPID >> 8 &&
	    bytes[13] == (VLAN_TPID & 0xff)) {
		memmove(bytes + 4, bytes, 12);
		bytes += 4;
		n -= 4;
	}
	memcpy(&f, bytes, sizeof(f));
	if (n < FRAME_MIN || memcmp(f.magic, "CROW", 4))
		t->foreign++;
	else if (mode != PROBE)
		talk_take(t, &f, n);
	else if (f.sender < PROBES_MAX)
		probe_take(&f, at);
}

static bool port_drain(unsigned i)
{
	uint8_t bytes[2048];
	bool any = false;
	size_t n;

	vhost_front_calls(port[i], 0);
	while ((n = vhost_front_rx(port[i], 0, bytes, sizeof(bytes)))) {
		frame_take(i, bytes, n);
		any = true;
	}
	return any;
}

/* ---- talks ----------------------------------------------------------------- */

static void talk_forge(struct talk *t)
{
	struct numbered f = numbered(t->from, t->to, t->sent);

	f.forged = 1;
	mac_of(f.from, FORGER);
	t->forged_sent += frame_send(&f);
}

/* Whatever has come to those who listen. */
static bool listen_once(void)
{
	unsigned listening = mode == PROBE ? PROBES_MAX : mode == ROAM ? 3 : 2;
	bool any = false;
	unsigned i;

	for (i = mode == ROAM; i < listening && i < count; i++)
		any |= port_drain(i);
	return any;
}

static bool is_full(const struct talk *t)
{
	return (int32_t)(t->sent - t->got - t->written_off) >= WINDOW;
}

/*
 * When the switch has delivered all and some have not come, they are lost:
 * the window forgets them.
 */
static bool window_open(struct talk *t)
{
	if (!is_full(t))
		return true;
	if (vhost_front_tx_pending(port[t->from], 0))
		return false;
	listen_once();
	if (is_full(t))
		t->written_off = t->sent - t->got;
	return true;
}

static void talk_on(struct talk *t)
{
	unsigned budget = 16;

	while (budget-- && t->sent < NUMBERS_MAX && window_open(t)) {
		bool all = broadcasts && t->sent % broadcasts == 0;
		struct numbered f = numbered(t->from, all ? TO_ALL : t->to,
					     t->sent);

		if (!frame_send(&f))
			return;
		t->sent++;
		if (forging && t->from == 0)
			talk_forge(t);
	}
}

static void send_some(void)
{
	if (!sending)
		return;
	if (mode == ROAM) {
		talk_on(&talks[2]);
		return;
	}
	talk_on(&talks[0]);
	talk_on(&talks[1]);
}

/* Frames and visitors, once; waits a little if there is neither. */
static void turn(void)
{
	struct epoll_event ev[64];
	bool any = listen_once();
	int n;

	send_some();
	n = epoll_wait(epoll_fd, ev, 64, any ? 0 : 1);
	while (n-- > 0)
		if (ev[n].data.u32 < count)
			port_attend(ev[n].data.u32);
}

static bool is_under_way(void)
{
	unsigned i;

	for (i = 0; i < PROBES_MAX && i < count; i++)
		if (port[i]->sock >= 0 && vhost_front_tx_pending(port[i], 0))
			return true;
	return false;
}

/* Nothing new; what is under way arrives, or never will. */
static void settle(void)
{
	uint64_t end = now_ms() + SETTLE_MS;

	sending = false;
	while (is_under_way() && now_ms() < end)
		turn();
	while (listen_once())
		;
}

static void talk_begin(int as)
{
	struct talk *t;

	for (t = talks; t < talks + 3; t++) {
		memset(t->seen, 0, t->sent);
		t->sent = t->got = t->written_off = t->duplicated = 0;
		t->foreign = t->forged = t->forged_sent = 0;
	}
	mode = as;
	sending = true;
	forging = false;
}

static struct talk talks_sum(void)
{
	struct talk *t, sum = { 0 };

	for (t = talks; t < talks + 3; t++) {
		sum.sent += t->sent;
		sum.got += t->got;
		sum.duplicated += t->duplicated;
		sum.foreign += t->foreign;
		sum.forged += t->forged;
		sum.forged_sent += t->forged_sent;
	}
	return sum;
}

/* ---- commands ----------------------------------------------------------------- */

static void report(void)
{
	struct talk t = talks_sum();

	printf("sent %u got %u lost %u duplicated %u foreign %u forged %u of "
	       "%u\n",
	       t.sent, t.got, t.sent - t.got, t.duplicated, t.foreign,
	       t.forged, t.forged_sent);
}

static void quiet(void)
{
	settle();
	report();
}

static unsigned absent(void)
{
	unsigned i, n = 0;

	for (i = 0; i < count; i++)
		n += port[i]->sock < 0;
	return n;
}

static void all_present(void)
{
	while (absent())
		turn();
}

static void bounce(unsigned n)
{
	unsigned i, done = 0;

	while (done < n && count > 3) {
		i = 3 + (unsigned)rand() % (count - 3);
		if (port[i]->sock < 0)
			continue;
		vhost_front_hangup(port[i]);
		done++;
		if (done % 10 == 0)
			turn();
	}
	all_present();
	printf("bounced %u\n", done);
}

static char digit(unsigned n)
{
	return n < 9 ? '0' + (char)n : '9';
}

static void probe_print(unsigned n)
{
	unsigned i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++)
			putchar(digit(probed[i][k].own));
		putchar(' ');
		for (k = 0; k < n; k++)
			putchar(digit(probed[i][k].others));
		putchar(' ');
		for (k = 0; k < n; k++)
			putchar(digit(probed[i][k].all));
		putchar('\n');
	}
}

static void probe(unsigned n)
{
	unsigned i, k;

	if (n > PROBES_MAX || n > count)
		n = 0;
	settle();
	memset(probed, 0, sizeof(probed));
	mode = PROBE;
	for (i = 0; i < n; i++) {
		for (k = 0; k <= n; k++) {
			struct numbered f =
				numbered(i, k < n ? k : TO_ALL, k);

			if (k != i)
				frame_send(&f);
		}
		settle(); /* or the rings of listeners would not do */
	}
	mode = SILENT;
	probe_print(n);
}

static void obey(const char *line)
{
	unsigned n = 0;

	if (!strcmp(line, "talk\n"))
		talk_begin(TALK);
	else if (!strcmp(line, "roam\n"))
		talk_begin(ROAM);
	else if (!strcmp(line, "forge\n"))
		forging = true;
	else if (!strcmp(line, "report\n"))
		report();
	else if (!strcmp(line, "quiet\n"))
		quiet();
	else if (sscanf(line, "bounce %u", &n) == 1)
		bounce(n);
	else if (sscanf(line, "probe %u", &n) == 1)
		probe(n);
	else
		puts("what?");
	if (!strcmp(line, "talk\n") || !strcmp(line, "roam\n") ||
	    !strcmp(line, "forge\n"))
		puts("yes");
	fflush(stdout);
}

static void prepare(const char *dir)
{
	const struct rlimit files = { 65536, 65536 };
	unsigned i;

	setrlimit(RLIMIT_NOFILE, &files);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	port = calloc(count, sizeof(*port));
	for (i = 0; i < 3; i++)
		talks[i].seen = calloc(1, NUMBERS_MAX);
	if (!port || !talks[2].seen || epoll_fd < 0)
		die("memory", 0, -ENOMEM);
	for (i = 0; i < count; i++)
		port_new(dir, i);
}

int main(int argc, char **argv)
{
	char line[100];

	if (argc < 3 || (count = strtoul(argv[2], NULL, 0)) < 2) {
		fprintf(stderr, "usage: crowd DIR COUNT [BROADCASTS]\n");
		return 2;
	}
	broadcasts = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	setvbuf(stdin, NULL, _IONBF, 0);
	prepare(argv[1]);
	puts("listening");
	fflush(stdout);
	all_present();
	puts("ready");
	fflush(stdout);
	for (;;) {
		turn();
		if (!is_readable(0))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		obey(line);
	}
}
