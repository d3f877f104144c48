/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_creds.h: a peer's credentials, from files of the key folder into
 * libcharon's objects.  Private to charon*.c.
 *
 * Files with secrets must be ours and nobody else's to read.  What is read is
 * wiped once libcharon has it.
 */
#ifndef CAUSEWAY_CHARON_CREDS_H
#define CAUSEWAY_CHARON_CREDS_H

#include "ipsec-migrate/charon_lib.h"
#include "ipsec-migrate/ipsec_conf.h"

#include <credentials/sets/mem_cred.h>

#define CHARON_SECRET_MIN 16 /* bytes of a PSK or PPK */

/* `folder` is kept, not copied. */
void charon_creds_init(const char *folder);

/*
 * All that `p` names, in a set of its own, and what follows from it for both
 * sides' rules.  0, or -errno with words in `why`.
 */
int charon_creds_load(const struct iconf_peer *p, mem_cred_t **set,
		      auth_cfg_t *local, auth_cfg_t *remote, char *why,
		      size_t size);

#endif
