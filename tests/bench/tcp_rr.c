/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_rr.c: one byte there, one byte back, again and again, over one TCP
 * connection: what netperf calls TCP_RR.
 *
 *	tcp-rr serve ADDRESS PORT            one connection, then exit
 *	tcp-rr ask ADDRESS PORT SECONDS      prints JSON: turns a second and
 *	                                     the time of one, in microseconds
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define TURNS_MAX (4u << 20)

static float took_us[TURNS_MAX];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int no_delay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int serve(int fd, const struct sockaddr_in *at)
{
	int on = 1, peer;
	char byte;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const void *)at, sizeof(*at)) < 0 || listen(fd, 1) < 0)
		return fail("listen");
	peer = accept(fd, NULL, NULL);
	if (peer < 0 || no_delay(peer) < 0)
		return fail("accept");
	while (read(peer, &byte, 1) == 1)
		if (write(peer, &byte, 1) != 1)
			return fail("write");
	return 0;
}

static int compare_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int ask(int fd, const struct sockaddr_in *at, double seconds)
{
	double begin, before, now, end;
	unsigned n = 0;
	char byte = 'x';

	if (connect(fd, (const void *)at, sizeof(*at)) < 0 || no_delay(fd) < 0)
		return fail("connect");
	begin = before = now = now_s();
	end = begin + seconds;
	while (now < end && n < TURNS_MAX) {
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			return fail("turn");
		now = now_s();
		took_us[n++] = (float)(1e6 * (now - before));
		before = now;
	}
	if (!n)
		return 1;
	qsort(took_us, n, sizeof(took_us[0]), compare_float);
	printf("{\"per_second\":%.0f,\"mean_us\":%.2f,\"p50_us\":%.2f,"
	       "\"p99_us\":%.2f}\n", n / (now - begin),
	       1e6 * (now - begin) / n, took_us[n / 2],
	       took_us[(uint64_t)(n - 1) * 99 / 100]);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	bool asks = argc == 5 && !strcmp(argv[1], "ask");
	int fd;

	if (!asks && !(argc == 4 && !strcmp(argv[1], "serve"))) {
		fprintf(stderr, "usage: tcp-rr serve ADDRESS PORT | "
				"tcp-rr ask ADDRESS PORT SECONDS\n");
		return 2;
	}
	at.sin_port = htons((uint16_t)atoi(argv[3]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || !inet_aton(argv[2], &at.sin_addr))
		return fail(argv[2]);
	return asks ? ask(fd, &at, atof(argv[4])) : serve(fd, &at);
}
