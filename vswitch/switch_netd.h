/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_netd.h: conversations with netd that do not hold up the switch when
 * netd hangs.
 *
 * netd's verbs block.  So each conversation begins with a question that a netd
 * which lives answers at once.  When the answer is not there in
 * SWITCH_NETD_WAIT_MS, netd counts as silent: nobody waits for it any more, and
 * everything that needs it fails at once, until the answer has come.
 *
 * Part of switch.c's work; control thread only.
 */
#ifndef CAUSEWAY_SWITCH_NETD_H
#define CAUSEWAY_SWITCH_NETD_H

#include "base/netd_client.h"
#include "vswitch/switch.h"

#define SWITCH_NETD_WAIT_MS 1000

/*
 * A client whose calls are about to be made.  0, -ETIMEDOUT: netd is silent, or
 * as netd_client_open(); with words in *err.
 */
int switch_netd_open(struct sw *sw, struct netd_client **out,
		     struct rpc_error *err);
/*
 * What netd has not answered by now it need not do any more; and if a call was
 * given up on, netd is silent from here on.  NULL does nothing.
 */
void switch_netd_close(struct sw *sw, struct netd_client *netd);
void switch_netd_fini(struct sw *sw); /* at the end */

#endif
