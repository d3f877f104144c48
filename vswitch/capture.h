/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h: sessions in which somebody looks at other people's traffic:
 * captures into a file or pipe, and mirrors to a port.
 *
 * A session has an owner (the connection that asked, unless `keep`), a reason,
 * and an end.  Both are logged.  It watches ports and networks by name, so it
 * follows them through changes of the desired state, of which it is no part.
 *
 * Control thread only.
 */
#ifndef CAUSEWAY_CAPTURE_H
#define CAUSEWAY_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rpc.h"
#include "vswitch/switch.h"
#include "vswitch/switch_view.h"

#define CAPTURE_SESSIONS_MAX 16
#define CAPTURE_PLACES_MAX 64 /* ports and networks of one session */

int capture_init(struct sw *sw);
void capture_fini(struct sw *sw); /* ends all, writes what is left */

/*
 * What the sessions watch in a switch that shall become `conf`, for
 * switch_view_new().  *taps is malloc()ed, the mirrors are not.
 */
int capture_taps(struct sw *sw, const struct switch_conf *conf,
		 const struct view_tap **taps, unsigned *count);

/* The methods of docs/rpc.md; ctx is the switch. */
void capture_rpc_start(struct rpc_request *req, void *ctx);
void capture_rpc_stop(struct rpc_request *req, void *ctx);
void mirror_rpc_add(struct rpc_request *req, void *ctx);
void mirror_rpc_list(struct rpc_request *req, void *ctx);
void mirror_rpc_del(struct rpc_request *req, void *ctx);
/* A client is gone: its sessions end. */
void capture_conn_closed(struct sw *sw, struct rpc_conn *conn);

#endif
