/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_nic.c: what netd does for packet ports, done here for NICs.
 *
 * DPDK's drivers speak of the link by an interrupt or only when asked, and
 * have no socket.  So that bonds and LLDP need not know, a NIC's link changes
 * are told as those of an interface are, and its link protocols come out of a
 * socket pair: one more copy of a few frames a second.
 */
#include "vswitch/switch_nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "base/log.h"
#include "vswitch/switch_uplink.h"

struct sw_nic {
	struct nic_port *np;
	struct sw_port *sp;
	struct event *ready;	/* the driver's */
	struct event *timer;	/* for what the driver does not tell */
	struct event *outgoing; /* something to send on `control` */
	int control;		/* our end of the pair, or -1 */
};

/* ---- link protocols --------------------------------------------------------- */

/* Nobody listens: they are read all the same, or they would be in the way. */
static void pass_in(struct sw_nic *sn)
{
	uint8_t frame[NIC_CONTROL_MAX];
	unsigned len;

	while ((len = nic_port_receive(sn->np, frame, sizeof(frame))))
		if (sn->control >= 0)
			send(sn->control, frame, len, MSG_DONTWAIT);
}

/* What the NIC does not take is lost, as on a wire. */
static void on_outgoing(evutil_socket_t fd, short what, void *ctx)
{
	uint8_t frame[NIC_CONTROL_MAX];
	struct sw_nic *sn = ctx;
	ssize_t n;

	while ((n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		nic_port_send(sn->np, frame, n);
	if (!n)
		event_del(sn->outgoing); /* the other end is closed */
}

static void close_control(struct sw_nic *sn)
{
	if (sn->outgoing)
		event_free(sn->outgoing);
	if (sn->control >= 0)
		close(sn->control);
	sn->outgoing = NULL;
	sn->control = -1;
}

int switch_nic_control(struct sw_nic *sn)
{
	int pair[2];

	close_control(sn);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		return -errno;
	sn->control = pair[0];
	sn->outgoing = event_new(sn->sp->sw->base, pair[0],
				 EV_READ | EV_PERSIST, on_outgoing, sn);
	if (sn->outgoing && !event_add(sn->outgoing, NULL))
		return pair[1];
	close_control(sn);
	close(pair[1]);
	return -ENOMEM;
}

/* ---- events ------------------------------------------------------------------- */

static void take_facts(struct sw_nic *sn)
{
	struct nic_port_facts f;

	nic_port_facts(sn->np, &f);
	memcpy(sn->sp->mac, f.mac, sizeof(sn->sp->mac));
	sn->sp->speed_mbps = f.speed_mbps;
	sn->sp->full_duplex = f.full_duplex;
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct sw_nic *sn = ctx;
	unsigned found = nic_port_poll(sn->np);

	if (found & NIC_PORT_LINK) {
		take_facts(sn);
		switch_uplink_changed(sn->sp);
		log_info("port %s: its link is %s", sn->sp->name,
			 sn->sp->port->link ? "up" : "down");
	}
	if (found & NIC_PORT_CONTROL)
		pass_in(sn);
}

static int listen_to(struct sw_nic *sn)
{
	struct event_base *base = sn->sp->sw->base;
	unsigned ms = nic_port_period_ms(sn->np);
	const struct timeval period = { .tv_sec = ms / 1000,
					.tv_usec = ms % 1000 * 1000 };

	sn->ready = event_new(base, nic_port_event_fd(sn->np),
			      EV_READ | EV_PERSIST, on_event, sn);
	if (!sn->ready || event_add(sn->ready, NULL) < 0)
		return -ENOMEM;
	if (!ms)
		return 0;
	sn->timer = event_new(base, -1, EV_PERSIST, on_event, sn);
	return sn->timer && !event_add(sn->timer, &period) ? 0 : -ENOMEM;
}

/* ---- life ------------------------------------------------------------------------ */

static uint32_t offload_of(const struct conf_port *conf)
{
	if (!conf->csum)
		return 0;
	return PORT_TX_CSUM | (conf->tso ? PORT_TX_TSO4 | PORT_TX_TSO6 : 0);
}

static void say_what_there_is(const struct sw_nic *sn)
{
	struct nic_port_facts f;

	nic_port_facts(sn->np, &f);
	log_info("port %s: driver %s, %u queue%s, interrupts: %s link, %s "
		 "receive; link protocols %s; offload %#x",
		 sn->sp->name, f.driver, sn->sp->port->rx_queues,
		 sn->sp->port->rx_queues == 1 ? "" : "s",
		 f.link_interrupts ? "for the" : "none for the",
		 f.rx_interrupts ? "to" : "none to",
		 f.control_queue ? "have a queue" : "share the queues",
		 sn->sp->port->offload);
	if (!f.tags_fit)
		log_warn("port %s: the NIC has no room for two tags above an "
			 "MTU of %u: it will drop full frames that have them",
			 sn->sp->name, sn->sp->port->mtu);
}

static struct nic_port_conf nic_conf(const struct conf_port *conf,
				     unsigned workers)
{
	return (struct nic_port_conf){ .name = conf->name,
				       .device = conf->device,
				       .queues = conf->queues,
				       .workers = workers,
				       .mtu = conf->mtu,
				       .offload = offload_of(conf) };
}

int switch_nic_check(const struct conf_port *conf, char *why, size_t size)
{
	const struct nic_port_conf nc = nic_conf(conf, 1);

	return nic_port_check(&nc, why, size);
}

int switch_nic_open(struct sw_port *sp, const struct conf_port *conf,
		    char *why, size_t size)
{
	const struct nic_port_conf nc = nic_conf(conf, sp->sw->workers.count);
	struct sw_nic *sn = calloc(1, sizeof(*sn));
	int rc;

	snprintf(why, size, "out of memory");
	if (!sn)
		return -ENOMEM;
	sn->sp = sp;
	sn->control = -1;
	rc = nic_port_new(&sn->np, &nc, why, size);
	if (!rc)
		rc = listen_to(sn);
	if (rc < 0) {
		switch_nic_close(sn);
		return rc;
	}
	sp->nic = sn;
	sp->port = nic_port_port(sn->np);
	sp->port->id = sp->id;
	take_facts(sn);
	say_what_there_is(sn);
	return 0;
}

void switch_nic_close(struct sw_nic *sn)
{
	if (!sn)
		return;
	close_control(sn);
	if (sn->timer)
		event_free(sn->timer);
	if (sn->ready)
		event_free(sn->ready);
	nic_port_free(sn->np);
	free(sn);
}

struct nic_port *switch_nic_port(const struct sw_nic *sn)
{
	return sn->np;
}
