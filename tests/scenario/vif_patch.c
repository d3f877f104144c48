/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif_patch.c: a hub of vifs, for trying netback/ alone against real peers.
 *
 *	vif_patch [-s] [-t] [-q PAIRS] [-n SECONDS] [-f FRAMES] SOCKET SOCKET...
 *
 * -s: listen (testpmd connects); else connect (QEMU listens).  -t: trusted.
 * It ends after SECONDS, or when each port has given FRAMES.  What comes in at one port goes out at all others.  One thread does it all:
 * it polls the ports, and turns the event loop every thousand rounds.  Log
 * lines go to standard error; at the end, facts of all vifs go to standard
 * output.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/drop.h"
#include "netback/vif.h"

#define ROUNDS_A_TURN 1000
#define SIDES_MAX     8

struct side {
	struct vif *vif;
	struct port *port;
	uint64_t rx, tx, dropped;
};

static volatile sig_atomic_t stop;
static struct burst burst;

static void on_signal(int sig)
{
	stop = 1;
}

static void quiesce(void *ctx)
{
	/* one thread: nobody else is in there */
}

static void changed(void *ctx, struct vif *vif)
{
	struct port *p = vif_port(vif);

	fprintf(stderr, "%s: link %d, queues %u/%u, offload %#x\n", p->name,
		p->link, p->rx_queues, p->tx_queues, p->offload);
}

static void say(void *ctx, struct vif *vif, const char *line)
{
	fprintf(stderr, "%s: %s\n", vif_port(vif)->name, line);
}

static void deliver(struct side *to, unsigned q)
{
	struct frame *f[BURST_MAX];
	uint8_t why[BURST_MAX];
	unsigned i, n = 0, sent;

	for (i = 0; i < burst.count; i++)
		if (!burst.frames[i].verdict)
			f[n++] = &burst.frames[i];
	q %= to->port->tx_queues;
	sent = to->port->ops->tx(to->port, q, f, n, why);
	to->port->ops->tx_flush(to->port, q);
	to->tx += sent;
	to->dropped += n - sent;
}

/* Queue q of side `at` to all others. */
static void move(struct side *side, unsigned count, unsigned at, unsigned q)
{
	struct port *p = side[at].port;
	unsigned i;

	burst_reset(&burst, BURST_BYTES_MAX);
	if (!p->ops->rx(p, q, &burst))
		return;
	side[at].rx += burst.count;
	for (i = 0; i < count; i++)
		if (i != at)
			deliver(&side[i], q);
	p->ops->rx_done(p, q, &burst);
}

static bool all_gave(const struct side *side, unsigned count, uint64_t frames)
{
	while (count && side[count - 1].rx >= frames)
		count--;
	return !count;
}

static void facts(const struct side *s)
{
	struct vif_facts v;

	vif_facts(s->vif, &v);
	printf("%s: %s, rx %llu tx %llu dropped %llu, %u queues, "
	       "%llu MB in %u regions, ring %u, kicks %llu, "
	       "%llu connections, %llu refusals\n  %s\n  %s\n",
	       s->port->name, v.state_name, (unsigned long long)s->rx,
	       (unsigned long long)s->tx, (unsigned long long)s->dropped,
	       v.queues, (unsigned long long)v.memory_bytes >> 20, v.regions,
	       v.ring[0].size, (unsigned long long)v.ring[0].kicks,
	       (unsigned long long)v.connections,
	       (unsigned long long)v.refusals, v.feature_names, v.last_error);
}

int main(int argc, char **argv)
{
	struct vif_conf conf = { .peer_uid = VIF_PEER_ANY,
				 .queues = 1,
				 .mtu = 1500,
				 .offload = PORT_TX_CSUM | PORT_TX_TSO4 |
					    PORT_TX_TSO6 | PORT_TX_TSO_ECN };
	struct vif_host host = { .quiesce = quiesce,
				 .changed = changed,
				 .log = say };
	struct side side[SIDES_MAX] = { { 0 } };
	unsigned seconds = 3600, count, turn, i, q;
	uint64_t frames = UINT64_MAX;
	time_t end;
	int opt, rc;

	while ((opt = getopt(argc, argv, "stq:n:f:")) != -1) {
		switch (opt) {
		case 's':
			conf.server = true;
			break;
		case 't':
			conf.trusted = true;
			break;
		case 'q':
			conf.queues = (uint16_t)atoi(optarg);
			break;
		case 'n':
			seconds = (unsigned)atoi(optarg);
			break;
		case 'f':
			frames = strtoull(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	count = (unsigned)(argc - optind);
	if (count < 2 || count > SIDES_MAX)
		return 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	host.base = event_base_new();
	for (i = 0; i < count; i++) {
		snprintf(conf.name, sizeof(conf.name), "port%u", i);
		snprintf(conf.socket, sizeof(conf.socket), "%s",
			 argv[optind + (int)i]);
		rc = vif_new(&side[i].vif, &conf, &host);
		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", conf.socket,
				strerror(-rc));
			return 1;
		}
		side[i].port = vif_port(side[i].vif);
	}
	end = time(NULL) + seconds;
	while (!stop && time(NULL) < end && !all_gave(side, count, frames)) {
		for (turn = 0; turn < ROUNDS_A_TURN; turn++)
			for (i = 0; i < count; i++)
				for (q = 0; q < conf.queues; q++)
					move(side, count, i, q);
		event_base_loop(host.base, EVLOOP_NONBLOCK);
	}
	for (i = 0; i < count; i++)
		facts(&side[i]);
	for (i = 0; i < count; i++)
		vif_free(side[i].vif);
	event_base_free(host.base);
	return 0;
}
