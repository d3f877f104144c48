/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_keep.h: a tree's journal, from which a xenstored that was started
 * anew has the tree again.
 *
 * A step is what happens at once or not at all: one request, one transaction.
 * It is some items, and becomes one record with its length and CRC-32C; a
 * record that is cut off or damaged ends the journal, as if what follows had
 * never been.  A step is in the file before anybody is told that it happened.
 *
 * There is no fsync.  The journal has to survive the process, not the host: it
 * belongs into the run folder, on a tmpfs, and a guest that writes all day
 * makes no disk work.  It is at most some times as large as the tree: then a
 * snapshot takes its place, by rename.
 *
 * What items mean is their writer's affair: a type and three strings of
 * bytes.  One thread.
 */
#ifndef CAUSEWAY_XENSTORED_KEEP_H
#define CAUSEWAY_XENSTORED_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_RECORD_MAX (8u << 20) /* bytes of a step */
#define KEEP_SLACK (1u << 20) /* a journal may be that much + 2 snapshots */
#define KEEP_FIELDS 3

struct keep_field {
	const void *data;
	uint32_t len;
};

struct keep_item {
	uint8_t type;
	struct keep_field field[KEEP_FIELDS];
};

struct keep;

/*
 * Read a journal and call fn for each item of each whole step.  0, also when
 * its end is damaged (logged); -ENOENT; -EBADMSG: not one step is whole; what
 * fn returned if that is not 0; or another -errno.
 */
int keep_load(const char *path, int (*fn)(const struct keep_item *, void *),
	      void *ctx);

/*
 * A journal that does not exist until the first snapshot: until then what is
 * put is forgotten.  0 or -ENOMEM.
 */
int keep_new(struct keep **out, const char *path);
void keep_free(struct keep *keep); /* the file stays; NULL: nothing */

/* Add to the step, or to the snapshot, that is under way. */
void keep_put(struct keep *keep, const struct keep_item *item);
/* Is there a step that has not been written? */
bool keep_pending(const struct keep *keep);
/*
 * The step is whole: write it.  -errno: this and all that follows is lost
 * until a snapshot has been written.
 */
int keep_step(struct keep *keep);

/* Is it time for a snapshot: the journal is long, or broken? */
bool keep_wants_snapshot(const struct keep *keep);
/* Steps can be lost at the moment. */
bool keep_broken(const struct keep *keep);
/*
 * Between these two put everything there is.  The old journal is in force
 * until _end has returned 0; else the journal is broken, and -errno.  `error`:
 * 0, or the -errno for which not everything could be put.
 */
int keep_snapshot_begin(struct keep *keep);
int keep_snapshot_end(struct keep *keep, int error);

uint64_t keep_bytes(const struct keep *keep); /* of the file */

#endif
