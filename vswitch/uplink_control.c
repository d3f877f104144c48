/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink_control.c: one filtered packet socket, read when it is readable.
 *
 * A partner sends a LACPDU a second, and a few when something changes.  One
 * that sends many more is either broken or means harm; it may keep this
 * thread busy for READ_BUDGET frames in READ_PERIOD_MS, then its socket is
 * left alone until the period is over and the kernel drops what does not fit.
 */
#include "vswitch/uplink_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vswitch/clock_ms.h"

#define READ_BUDGET 32
#define READ_PERIOD_MS 100
#define TYPE_SLOW 0x8809
#define TYPE_LLDP 0x88cc

struct uplink_control {
	struct uplink_conf conf;
	struct event *readable, *resume, *timer;
	struct lldp *lldp;
	struct uplink_facts facts;
	uint64_t period_ms; /* when the budget was last filled */
	unsigned budget;
};

/* ---- sending -------------------------------------------------------------- */

int uplink_control_send(struct uplink_control *uc, const uint8_t *frame,
			size_t len)
{
	ssize_t n = send(uc->conf.fd, frame, len, MSG_DONTWAIT);

	if (n == (ssize_t)len) {
		uc->facts.tx++;
		return 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
		uc->facts.tx_full++;
		return -EAGAIN;
	}
	uc->facts.tx_failed++;
	return n < 0 ? -errno : -EIO;
}

static void send_lldp(void *ctx, const uint8_t *frame, size_t len)
{
	uplink_control_send(ctx, frame, len);
}

/* ---- LLDP ----------------------------------------------------------------- */

static void run_lldp(struct uplink_control *uc)
{
	uint64_t now = clock_ms();
	uint64_t due = lldp_run(uc->lldp, now, send_lldp, uc);
	struct timeval tv = clock_ms_until(due, now);

	if (due == UINT64_MAX)
		event_del(uc->timer);
	else
		event_add(uc->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	run_lldp(ctx);
}

void uplink_control_lldp(struct uplink_control *uc,
			 const struct lldp_local *local, bool tx, bool rx)
{
	uc->conf.lldp = *local;
	uc->conf.lldp_tx = tx;
	uc->conf.lldp_rx = rx;
	lldp_reconfigure(uc->lldp, local, tx, rx, clock_ms());
	run_lldp(uc);
}

void uplink_control_link(struct uplink_control *uc, bool up)
{
	lldp_link(uc->lldp, up, clock_ms());
	run_lldp(uc);
}

bool uplink_control_carrier(const struct uplink_control *uc)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	struct ifreq ifr = { .ifr_data = (char *)&value };

	if (!uc->conf.ifname[0])
		return true;
	memcpy(ifr.ifr_name, uc->conf.ifname, sizeof(uc->conf.ifname));
	return ioctl(uc->conf.fd, SIOCETHTOOL, &ifr) < 0 || value.data;
}

/* ---- receiving ------------------------------------------------------------ */

static void judge(struct uplink_control *uc, const uint8_t *frame, size_t len)
{
	unsigned type = len < 14 ? 0 : frame[12] << 8 | frame[13];

	if (type == TYPE_SLOW) {
		uc->facts.rx_slow++;
		if (uc->conf.slow)
			uc->conf.slow(uc->conf.ctx, frame, len);
	} else if (type == TYPE_LLDP) {
		uc->facts.rx_lldp++;
		lldp_input(uc->lldp, frame, len, clock_ms());
		run_lldp(uc);
	} else {
		uc->facts.rx_other++;
	}
}

/* Enough for this period: the rest waits, or is lost. */
static void pause_reading(struct uplink_control *uc)
{
	const struct timeval tv = { .tv_usec = READ_PERIOD_MS * 1000 };

	uc->facts.rx_limited++;
	event_del(uc->readable);
	event_add(uc->resume, &tv);
}

static void on_resume(evutil_socket_t fd, short what, void *ctx)
{
	struct uplink_control *uc = ctx;

	event_add(uc->readable, NULL);
}

static void fill_budget(struct uplink_control *uc)
{
	uint64_t now = clock_ms();

	if (now - uc->period_ms < READ_PERIOD_MS)
		return;
	uc->period_ms = now;
	uc->budget = READ_BUDGET;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct uplink_control *uc = ctx;
	uint8_t frame[LLDP_FRAME_MAX];
	ssize_t n;

	fill_budget(uc);
	while (uc->budget) {
		n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
		if (!n)
			event_del(uc->readable); /* a NIC's pair: it is closed */
		/* ENETDOWN comes once, when the interface goes down */
		if (n <= 0)
			return;
		uc->budget--;
		if (n > (ssize_t)sizeof(frame))
			uc->facts.rx_other++;
		else
			judge(uc, frame, (size_t)n);
	}
	pause_reading(uc);
}

/* ---- set-up ---------------------------------------------------------------- */

static void drop(struct uplink_control *uc)
{
	if (uc->readable)
		event_free(uc->readable);
	if (uc->resume)
		event_free(uc->resume);
	if (uc->timer)
		event_free(uc->timer);
	lldp_free(uc->lldp);
	free(uc);
}

int uplink_control_new(struct uplink_control **out,
		       const struct uplink_conf *conf)
{
	struct uplink_control *uc = calloc(1, sizeof(*uc));

	if (!uc)
		return -ENOMEM;
	uc->conf = *conf;
	uc->budget = READ_BUDGET;
	uc->period_ms = clock_ms();
	uc->readable = event_new(conf->base, conf->fd, EV_READ | EV_PERSIST,
				 on_readable, uc);
	uc->resume = evtimer_new(conf->base, on_resume, uc);
	uc->timer = evtimer_new(conf->base, on_timer, uc);
	if (!uc->readable || !uc->resume || !uc->timer ||
	    lldp_new(&uc->lldp, &conf->lldp, conf->lldp_tx, conf->lldp_rx,
		     clock_ms()) < 0) {
		drop(uc);
		return -ENOMEM;
	}
	event_add(uc->readable, NULL);
	*out = uc;
	return 0;
}

void uplink_control_free(struct uplink_control *uc)
{
	uint8_t frame[LLDP_FRAME_MAX];
	size_t len;

	if (!uc)
		return;
	len = uc->conf.lldp_tx ? lldp_shutdown_frame(uc->lldp, frame) : 0;
	if (len)
		uplink_control_send(uc, frame, len);
	close(uc->conf.fd);
	uc->conf.fd = -1;
	drop(uc);
}

/* ---- facts ----------------------------------------------------------------- */

void uplink_control_facts(const struct uplink_control *uc,
			  struct uplink_facts *facts)
{
	*facts = uc->facts;
	facts->lldp_tx = uc->conf.lldp_tx;
	facts->lldp_rx = uc->conf.lldp_rx;
	lldp_facts(uc->lldp, &facts->lldp);
}

const struct lldp *uplink_control_neighbours(const struct uplink_control *uc)
{
	return uc->lldp;
}
