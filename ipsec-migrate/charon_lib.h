/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_lib.h: libcharon's own headers, and what our parts of it say to each
 * other.  Private to charon*.c.
 */
#ifndef CAUSEWAY_CHARON_LIB_H
#define CAUSEWAY_CHARON_LIB_H

#include <library.h>
#include <daemon.h>

#include "ipsec-migrate/espd_link.h"

/* Constructors that libcharon calls when it loads our features. */
kernel_ipsec_t *charon_ipsec_create(void);
kernel_net_t *charon_net_create(void);
socket_t *charon_socket_create(void);

void charon_socket_set_ports(uint16_t ike_port, uint16_t natt_port);
/* Before libcharon's threads start. */
void charon_ipsec_set_link(struct espd_link *link);
void charon_socket_set_link(struct espd_link *link);
/* No further message to espd. */
void charon_ipsec_mute(void);
void charon_socket_mute(void);

/* espd's reading thread. */
void charon_socket_datagram(const struct ike_msg_datagram *d);
void charon_ipsec_event(const struct ike_msg *msg);

host_t *charon_host(const struct ike_msg_addr *a);
void charon_addr(host_t *host, struct ike_msg_addr *a);
/* "192.0.2.1", or with the port "192.0.2.1:4500", "[2001:db8::1]:4500". */
void charon_host_text(host_t *host, bool port, char *text, size_t size);

#endif
