/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_console.c: what causeway-consoled has to know (docs/console.md), and
 * the VNC connections that it asks for.
 *
 * consoled gets the whole list after each change and each time it is new.  A
 * guest that is new runs only when consoled has answered, or is not there: by
 * then it is at the serial port, and the first bytes of a boot are kept.
 * Somebody who wants a domain's screen gets one end of a socket pair; the
 * other one goes to the engine, which answers whether it serves it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/rpc_link.h"
#include "hypervisor/host_domain.h"

#define CALL_MS 2000 /* for so long a consoled that hangs delays a start */
#define LATER_MS 20 /* many changes in a row are one message */

static json_t *console_json(const struct host_domain *hd)
{
	char path[HOST_SOCKET_MAX];
	bool serial = hd->want->serial && hd->engine;

	host_serial_socket(hd, path);
	return json_pack("{s:s, s:s, s:o, s:b}", "uuid", hd->uuid, "name",
			 hd->name, "serial",
			 serial ? json_string(path) : json_null(), "vnc",
			 hd->want->vnc && hd->engine);
}

static void on_set(const json_t *result, const struct rpc_error *err,
		   void *arg)
{
	if (!result)
		log_warn("consoled: %s", err->message);
}

static void go_on(struct host_domain *hd, void *unused)
{
	bool is_new = hd->life.state == DOMAIN_STARTING ||
		      hd->life.state == DOMAIN_RESUMING;

	if (hd->stands && is_new)
		host_send(hd, DOMAIN_EV_STARTED, NULL);
	hd->stands = false;
}

static void on_told(const json_t *result, const struct rpc_error *err,
		    void *arg)
{
	struct host *h = arg;

	on_set(result, err, arg);
	h->consoles_asked--;
	if (!host_console_is_asked(h))
		host_each(h, go_on, NULL);
}

static void tell_all(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;
	const struct host_domain *hd;
	json_t *list;

	if (!rpc_link_is_up(h->consoled)) {
		host_each(h, go_on, NULL);
		return;
	}
	list = json_array();
	TAILQ_FOREACH(hd, &h->domains, next)
		if (hd->want)
			json_array_append_new(list, console_json(hd));
	if (!rpc_link_call(h->consoled, "consoles.set",
			   json_pack("{s:o}", "consoles", list), -1, on_told,
			   h))
		h->consoles_asked++;
	else
		host_each(h, go_on, NULL);
}

bool host_console_is_asked(const struct host *h)
{
	return h->consoles_asked ||
	       (h->consoles && event_pending(h->consoles, EV_TIMEOUT, NULL));
}

void host_console_changed(struct host *h)
{
	const struct timeval tv = { .tv_usec = LATER_MS * 1000 };

	if (h->consoles)
		event_add(h->consoles, &tv);
}

/* --- VNC --------------------------------------------------------------- */

static void give(struct host *h, const json_t *id, int fd, const char *error)
{
	json_t *params = json_object();

	json_object_set(params, "id", (json_t *)id);
	if (error)
		json_object_set_new(params, "error", json_string(error));
	rpc_link_call(h->consoled, "vnc.give", params, fd, on_set, h);
}

static void wanted(struct host *h, const json_t *id, const char *uuid)
{
	struct host_domain *hd = uuid ? host_find_uuid(h, uuid) : NULL;
	int pair[2], rc;

	if (!hd || !hd->engine || !hd->want || !hd->want->vnc) {
		give(h, id, -1, "the domain does not run, or has no screen");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		give(h, id, -1, strerror(errno));
		return;
	}
	rc = engine_vnc(hd->engine, pair[0]);
	/* what the engine refuses later, it closes: the client sees that */
	give(h, id, rc < 0 ? -1 : pair[1], rc < 0 ? strerror(-rc) : NULL);
	close(pair[0]);
	close(pair[1]);
}

static void on_note(const char *method, const json_t *params, void *ctx)
{
	if (!strcmp(method, "vnc.wanted"))
		wanted(ctx, json_object_get(params, "id"),
		       json_string_value(json_object_get(params, "uuid")));
}

static void on_up(void *ctx)
{
	host_console_changed(ctx);
}

/* --- interface --------------------------------------------------------- */

int host_console_init(struct host *h)
{
	const struct rpc_link_conf conf = {
		.base = h->opt.base,
		.path = h->opt.consoled,
		.call_ms = CALL_MS,
		.on_up = on_up,
		.on_note = on_note,
		.ctx = h,
	};

	h->consoles = event_new(h->opt.base, -1, 0, tell_all, h);
	return h->consoles ? rpc_link_new(&h->consoled, &conf) : -ENOMEM;
}

void host_console_fini(struct host *h)
{
	rpc_link_free(h->consoled);
	if (h->consoles)
		event_free(h->consoles);
}
