/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon.h: libcharon as the IKEv2 engine in causeway-iked: started without a
 * configuration file of its own, with our kernel_ipsec, kernel_net and socket
 * in place of its plugins.
 *
 * The library's structures depend on how Debian has configured it, so its
 * version is compared with that of the headers before anything is called.
 * Ours are static features: libcharon asks for SAs, policies, addresses and
 * sockets, and gets them from charon_ipsec.c, charon_net.c and
 * charon_socket.c.
 *
 * Threads: libcharon has its own, and calls us in them.
 */
#ifndef CAUSEWAY_CHARON_H
#define CAUSEWAY_CHARON_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/espd_link.h"

struct charon_options {
	uint16_t ike_port, natt_port; /* as espd has bound them */
};

/*
 * Load the library and its plugins, before the jail.  0, -ENOTSUP: another
 * version, or -EIO; the log says what.
 */
int charon_load(const struct charon_options *o);
/* Start its threads; `link` must outlive charon_leave(). */
void charon_run(struct espd_link *link);
/*
 * From here on nothing that libcharon does reaches espd or a peer: SAs live on
 * in espd, and the peer hears nothing of our end.
 */
void charon_mute(void);
/* End it all; what it knows is wiped. */
void charon_leave(void);

/* What espd sends: called by espd_link's thread. */
void charon_datagram(const struct ike_msg_datagram *d);
void charon_espd_event(const struct ike_msg *msg);

/* "aes256gcm16-..." without what this library cannot do in IKE. */
void charon_filter_proposal(const char *text, char *out, size_t size);

#endif
