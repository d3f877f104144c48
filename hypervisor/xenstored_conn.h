/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_conn.h: one client on a socket of a tree, speaking Xen's protocol.
 *
 * Three kinds.  Control: domain 0.  Relay: domain 1, the VM's process that
 * passes its guest's ring on; there is one, and the newest takes the place of
 * the one before it, with its watches and transactions, also across a restart
 * of ours.  Handle: domain 1 too, but a connection like any other, whose
 * watches go with it: what root gets on the guest's socket.
 *
 * Fairness.  A turn of a guest's is a few requests, of a control client's
 * some more, and control clients' turns come first.  A guest without credit
 * for its next write, and any client that leaves too much unread, is not read
 * from; nobody else notices.
 *
 * Events for one who does not read are dropped beyond a limit; when he has
 * read, each of his watches fires once, as when it was set.  A guest that
 * reads nothing at all for XENSTORED_STALL_S is disconnected.
 */
#ifndef CAUSEWAY_XENSTORED_CONN_H
#define CAUSEWAY_XENSTORED_CONN_H

#include "hypervisor/xenstored_tree.h"

#define XENSTORED_STALL_S 20 /* Xen's watch-event timeout */
#define XENSTORED_RELAY_KEY 1 /* the relay's name in the store */

/*
 * Serve a new client, whose uid the kernel says: owns fd from here.  Who may
 * not, or is one too many, is hung up on, and false.
 */
bool xenstored_conn_take(struct xenstored_tree *tree, int fd, uid_t uid,
			 bool guest);
/* Send what is due, go on or end: the last part of a turn, for all of them. */
void xenstored_conns_settle(struct xenstored_tree *tree);
/* All, at once. */
void xenstored_conns_free(struct xenstored_tree *tree);
/* Is the relay connected? */
bool xenstored_conn_has_relay(const struct xenstored_tree *tree);

#endif
