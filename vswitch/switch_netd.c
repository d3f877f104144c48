/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_netd.c: while netd is silent there is one question that it has not
 * answered, `sw->asked`, and libevent waits for its descriptor.  Whatever is to
 * be read from it then, an answer or the end of the connection, is news: the
 * next conversation finds out which.
 */
#include "vswitch/switch_netd.h"

#include <errno.h>

#include <event2/event.h>

#include "base/log.h"

static void forget(struct sw *sw)
{
	if (sw->answered)
		event_free(sw->answered);
	netd_client_close(sw->asked);
	sw->answered = NULL;
	sw->asked = NULL;
}

static void on_answer(evutil_socket_t fd, short what, void *ctx)
{
	log_info("causeway-netd has come back to us");
	forget(ctx);
}

/* Takes a client whose ping has not been answered. */
static void wait_for_answer(struct sw *sw, struct netd_client *netd)
{
	forget(sw);
	sw->asked = netd;
	sw->answered = event_new(sw->base, netd_client_fd(netd), EV_READ,
				 on_answer, sw);
	if (!sw->answered) /* no memory: whoever is next asks again */
		return forget(sw);
	event_add(sw->answered, NULL);
	log_warn("causeway-netd does not answer; what needs it has to wait");
}

static int say_silent(struct rpc_error *err)
{
	rpc_error_set(err, 0, NULL, NULL,
		      "it is stopped, or busy for long; kill -9 makes its "
		      "supervisor start another",
		      "causeway-netd does not answer");
	return -ETIMEDOUT;
}

int switch_netd_open(struct sw *sw, struct netd_client **out,
		     struct rpc_error *err)
{
	struct netd_client *netd;
	int rc;

	if (sw->asked)
		return say_silent(err);
	rc = netd_client_open(&netd, sw->netd_path, err);
	if (rc < 0)
		return rc;
	rc = netd_ping(netd, SWITCH_NETD_WAIT_MS, err);
	if (rc == -ETIMEDOUT) {
		wait_for_answer(sw, netd);
		return say_silent(err);
	}
	if (rc < 0 && rc != -EREMOTEIO) {
		netd_client_close(netd);
		return rc;
	}
	*out = netd;
	return 0;
}

/*
 * The client itself is closed all the same: netd does not begin what was asked
 * by somebody who has hung up.
 */
static void ask_for_life(struct sw *sw)
{
	struct netd_client *netd;
	struct rpc_error err;

	if (sw->asked || netd_client_open(&netd, sw->netd_path, &err) < 0)
		return;
	if (netd_ping(netd, 0, &err) == -ETIMEDOUT)
		wait_for_answer(sw, netd);
	else
		netd_client_close(netd);
}

void switch_netd_close(struct sw *sw, struct netd_client *netd)
{
	bool timed_out = netd && netd_client_timed_out(netd);

	netd_client_close(netd);
	if (timed_out)
		ask_for_life(sw);
}

void switch_netd_fini(struct sw *sw)
{
	forget(sw);
}
