/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uid_range.h: user ids for domains' processes, one each, gids the same.
 *
 * An id is not given out while someone here holds it, nor while any process
 * of the machine runs under it, be it a forgotten child or a zombie: whoever
 * shares a uid may signal and trace.  Ids are handed out in turn, so one that
 * was given back rests as long as possible.
 *
 * Belongs to one thread.
 */
#ifndef CAUSEWAY_UID_RANGE_H
#define CAUSEWAY_UID_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#define UID_RANGE_HELD_MAX 1024

struct uid_range;

/* `proc` is where processes are looked up: "/proc", borrowed. */
int uid_range_new(struct uid_range **out, uid_t first, uid_t last,
		  const char *proc); /* 0, -EINVAL or -ENOMEM */
void uid_range_free(struct uid_range *r); /* NULL does nothing */
/* Another range from now on; ids that are held stay so.  0 or -EINVAL. */
int uid_range_set(struct uid_range *r, uid_t first, uid_t last);

/*
 * 0 with a uid that is the caller's until given back; -ENOSPC with words in
 * `text` ("all 4 uids from 200000 to 200003 are in use: 3 by domains, ...");
 * -errno when processes cannot be looked up.
 */
int uid_range_take(struct uid_range *r, uid_t *uid, char *text, size_t size);
/*
 * A domain that was found again has this one, within the range or not.  0,
 * -EBUSY (held already) or -ENOSPC.
 */
int uid_range_claim(struct uid_range *r, uid_t uid);
/* Not held: nothing. */
void uid_range_give(struct uid_range *r, uid_t uid);
unsigned uid_range_held(const struct uid_range *r);

#endif
