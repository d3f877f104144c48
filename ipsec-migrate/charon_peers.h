/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_peers.h: the peers of the desired state as libcharon has them: their
 * configurations and credentials, and their numbers with espd.
 *
 * Changed by the main thread only; read by all.  Names are the identity: that
 * of a peer is its IKE SAs' name, and its child SAs are "<name>-0" and so on.
 */
#ifndef CAUSEWAY_CHARON_PEERS_H
#define CAUSEWAY_CHARON_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipsec-migrate/ike_msg.h"
#include "ipsec-migrate/ipsec_conf.h"
#include "ipsec-migrate/selector.h"

/* After charon_load(): secrets are read beneath this folder. */
void charon_peers_init(const char *key_folder);
void charon_peers_fini(void); /* before charon_leave() */

/*
 * Could charon_peers_set() do it?  Its files are read and forgotten.  0; or
 * -errno with words in `why` for the person who asked.
 */
int charon_peers_try(const struct iconf_peer *p, char *why, size_t size);
/*
 * Make libcharon's configuration of a peer, or make it anew.  Files are read
 * now.  If that fails the peer is there all the same, so that espd protects
 * its networks, but nothing can begin: -errno and words in `why`.
 */
int charon_peers_set(const struct iconf_peer *p, char *why, size_t size);
/* It is forgotten; what it has established lives on until it is ended. */
void charon_peers_remove(const char *name);

/* Begin a child SA, with an IKE SA if there is none.  0 or -ENOENT. */
int charon_peers_initiate(const char *name, unsigned stream);
/* A packet shall begin one; or no longer. */
int charon_peers_trap(const char *name, bool on);

/* The number espd knows it by, 0: no such peer. */
uint32_t charon_peers_number(const char *name);
/* The peer with that `remote`; false: none, or it may come from anywhere. */
bool charon_peers_by_address(const char *address, char name[ICONF_NAME_MAX]);
/* By what it protects, for policies. */
uint32_t charon_peers_number_of(const struct selector *s);
/* espd holds SAs of a peer with this number: keep it for that name. */
void charon_peers_keep_number(const char *name, uint32_t number);

/* Tell espd of all peers: PEER..., PEERS_END.  0 or -errno. */
struct espd_link;
int charon_peers_tell(struct espd_link *link);

#endif
