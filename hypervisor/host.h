/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h: all domains of this host.
 *
 * A host holds the last accepted desired state and a run-time domain for each
 * domain in it; of one that is no longer in it until it has ended.  It owns
 * what domains are made of while they run: uids, open images on their way to
 * a process, sockets, trees in the store, files of suspended guests.  What
 * shall happen next to a domain is decided in domain.c, what runs it is
 * behind engine.h; here is where both meet the machine.
 *
 * Whatever fails leaves nothing half-made: a start either has all it needs or
 * gives everything back and says in words what was missing.
 *
 * One thread, that of the loop; nothing here waits, but for files on disk and
 * for xenstored, which has short deadlines (xenstore_client.h).
 */
#ifndef CAUSEWAY_HOST_H
#define CAUSEWAY_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <sys/types.h>

#include "hypervisor/domain.h"
#include "hypervisor/domain_conf.h"

struct event_base;
struct rpc_error;
struct host;
struct host_domain;

struct host_options {
	struct event_base *base;
	const char *run_dir; /* all borrowed for the host's life */
	const char *state_dir;
	const char *switchd; /* sockets */
	const char *xenstored;
	const char *consoled;
	gid_t switch_gid;  /* may connect to VIFs' sockets */
	uid_t console_uid; /* may connect to serial ports */
	gid_t console_gid;
	/* Something has changed; `event` is borrowed.  May be NULL. */
	void (*on_event)(const json_t *event, void *ctx);
	void *ctx;
};

/*
 * Load what was kept and take over what runs.  Says by itself what of it
 * cannot be used.  0, or -errno with words in *err: then nothing of the host
 * is there, and no domain was touched.
 */
int host_new(struct host **out, const struct host_options *options,
	     struct rpc_error *err);
/* Domains run on. */
void host_free(struct host *h);

/* --- desired state ----------------------------------------------------- */

/* The accepted one; owner "" before the first. */
const struct domain_conf *host_state(const struct host *h);
/* Devices that are not plugged as wanted, as far as is known, a line each. */
void host_problems(struct host *h, void (*say)(const char *text, void *arg),
		   void *arg);
/* Why the saved one could not be used when we started, or "". */
const char *host_refused(const struct host *h);
/*
 * Become `wanted`, which is taken when 0 is returned.  -EPERM, -ESTALE and
 * -EINVAL with errors filled in; -ENOMEM, -ENOSPC and others of keeping it.
 * `say` gets a line an action.
 */
int host_apply(struct host *h, struct domain_conf *wanted, bool force,
	       struct domain_conf_errors *errs,
	       void (*say)(const char *action, void *arg), void *arg);

/* --- domains ----------------------------------------------------------- */

/* By uuid or name; NULL: no such. */
struct host_domain *host_find(struct host *h, const char *name);
/* Call fn for each, in the order of the desired state. */
void host_each(struct host *h, void (*fn)(struct host_domain *hd, void *arg),
	       void *arg);
/*
 * A command (up to DOMAIN_EV_SUSPEND).  0 when it is under way, or -EINVAL
 * and *err says why it makes no sense now.
 */
int host_command(struct host_domain *hd, enum domain_event command,
		 struct rpc_error *err);
/* Nobody else runs it: see domain_keep.h.  0, or -ESTALE and *err. */
int host_confirm(struct host_domain *hd, uint64_t epoch,
		 struct rpc_error *err);
/*
 * Call fn once, when the domain has come to rest: its goal reached, or not to
 * be reached without help (`failed` says why, else NULL), or after wait_ms.
 */
typedef void (*host_rest_fn)(struct host_domain *hd, const char *failed,
			     void *arg);
int host_when_at_rest(struct host_domain *hd, unsigned wait_ms,
		      host_rest_fn fn, void *arg);

/*
 * Measure for some seconds (1 to 60) how much memory its guest writes: a fact
 * afterwards.  0 or -EINVAL with words.
 */
int host_measure_dirty(struct host_domain *hd, unsigned seconds,
		       struct rpc_error *err);

/*
 * All that is known of it, a new reference; docs/rpc.md has the keys.  With
 * `usage`, what its process has used until now is looked up as well.
 */
json_t *host_domain_json(struct host_domain *hd, bool usage);
json_t *host_json(const struct host *h);
const char *host_domain_name(const struct host_domain *hd);

#endif
