/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_client.h: asking causeway-xenstored, as the control domain.
 *
 * One client serves all trees: each call names its tree by the VM's uuid.  In
 * a tree the guest is domain 1 and whoever asks here is domain 0, whom no
 * permission and no quota holds back.  Paths are absolute.
 *
 * Calls block for up to XENSTORE_TIMEOUT_MS; a client belongs to one thread.
 * It connects by itself, and again when xenstored was started anew, and then
 * watches again what it watched: nobody who uses it needs to know.  A call
 * that is not answered in time makes the calls of the next
 * XENSTORE_SILENT_MS fail at once, so a xenstored that hangs costs its callers
 * little.
 *
 * Calls return 0, or -errno with words in *err: -EREMOTEIO when xenstored has
 * refused (err->code says how: RPC_NOT_FOUND for a tree or a path that is not
 * there), -ETIMEDOUT and others when it cannot be asked now.
 */
#ifndef CAUSEWAY_XENSTORE_CLIENT_H
#define CAUSEWAY_XENSTORE_CLIENT_H

#include <stdbool.h>

#include <sys/types.h>

#include "base/rpc.h"

#define XENSTORED_SOCKET "/run/causeway/xenstored.sock"
#define XENSTORE_TIMEOUT_MS 2000
#define XENSTORE_SILENT_MS 5000

struct event_base;
struct xenstore_client;

/*
 * Something at or below `watch` may have changed; `path` is what (of a whole
 * subtree removed above it, the watch itself).  As in Xen there is one such
 * call without any change when a watch begins, and when xenstored was started
 * anew.  It may use the client, but not free it.
 */
typedef void (*xenstore_event_fn)(const char *uuid, const char *watch,
				  const char *path, void *ctx);

/*
 * path NULL: XENSTORED_SOCKET.  With `base` events are told from its loop;
 * without (NULL, NULL, NULL) there are no watches.  Connects when needed.
 * 0 or -ENOMEM.
 */
int xenstore_client_new(struct xenstore_client **out, const char *path,
			struct event_base *base, xenstore_event_fn on_event,
			void *ctx);
void xenstore_client_free(struct xenstore_client *c); /* NULL: nothing */

/*
 * Have a tree for this VM whose restricted socket is for `uid` (and root).  A
 * tree that is there already stays as it is, but for the uid, and *created is
 * false (it may be NULL): for a VM that starts anew, destroy first.
 */
int xenstore_client_create(struct xenstore_client *c, const char *uuid,
			   uid_t uid, bool *created, struct rpc_error *err);
/* Nothing of it remains; its watches end.  Of one that is not there: fine. */
int xenstore_client_destroy(struct xenstore_client *c, const char *uuid,
			    struct rpc_error *err);
/*
 * One transaction: all of it or nothing.  values: {path: text, ...}, parents
 * are made; perms (may be NULL): {path: "n0,r1", ...}, set after the values,
 * first the owner and what all others may, then one each: n, r, w or b.
 * Both are taken.
 */
int xenstore_client_write(struct xenstore_client *c, const char *uuid,
			  json_t *values, json_t *perms,
			  struct rpc_error *err);
/*
 * *out, the caller's: {"value": text, "perms": "n0,r1", "children": [...]};
 * "hex" instead of "value" for what is not UTF-8 text.
 */
int xenstore_client_read(struct xenstore_client *c, const char *uuid,
			 const char *path, json_t **out,
			 struct rpc_error *err);
/* With all below it.  Of what is not there: fine. */
int xenstore_client_rm(struct xenstore_client *c, const char *uuid,
		       const char *path, struct rpc_error *err);
/*
 * Tell changes at and below path, or of @releaseDomain and its like, until
 * unwatched or the tree is destroyed.  0 also when xenstored cannot be asked
 * now: it is watched as soon as it can.  -EEXIST: watched already.
 */
int xenstore_client_watch(struct xenstore_client *c, const char *uuid,
			  const char *path, struct rpc_error *err);
int xenstore_client_unwatch(struct xenstore_client *c, const char *uuid,
			    const char *path, struct rpc_error *err);
/* store.stats, the caller's. */
int xenstore_client_stats(struct xenstore_client *c, json_t **out,
			  struct rpc_error *err);

#endif
