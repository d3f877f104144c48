/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_sas.h: the IKE SAs and child SAs that there are: told, ended, renewed.
 *
 * Main thread.  What acts is queued for libcharon's threads.
 */
#ifndef CAUSEWAY_CHARON_SAS_H
#define CAUSEWAY_CHARON_SAS_H

#include <stdbool.h>

#include <jansson.h>

/* Of one peer, as a list of IKE SAs with their child SAs. */
json_t *charon_sas_json(const char *peer);
/*
 * End those of a peer, or all (NULL).  `now`: do not wait for the peer to say
 * that it has heard.  Returns how many IKE SAs.
 */
unsigned charon_sas_end(const char *peer, bool now);
/* A successor for each child SA, and for the IKE SA if `ike`; how many. */
unsigned charon_sas_rekey(const char *peer, bool ike);

#endif
