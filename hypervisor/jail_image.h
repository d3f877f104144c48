/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_image.h: a file that is open here, as a mount that can be put into a
 * jail (struct jail_image).
 */
#ifndef CAUSEWAY_JAIL_IMAGE_H
#define CAUSEWAY_JAIL_IMAGE_H

#include "hypervisor/jail.h"

/* A detached mount of the file, owned by uid and gid inside; or -errno. */
int jail_image_mount(const struct jail_image *image, uid_t uid, gid_t gid,
		     struct rpc_error *err);

#endif
