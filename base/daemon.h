/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h: what a Causeway daemon does besides its job: stop on signals,
 * tell its supervisor that it is ready, drop its rights, keep a state file.
 *
 * The order in every main():
 *
 *	log_init(); daemon_block_signals();	before any thread exists
 *	open what needs rights
 *	daemon_rlimits(); daemon_drop();	before any thread exists
 *	start threads, daemon_stop_on_signals()
 *	daemon_seccomp();			after the last thread exists
 *	daemon_ready(); event_base_dispatch()
 */
#ifndef CAUSEWAY_DAEMON_H
#define CAUSEWAY_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <seccomp.h>
#include <sys/types.h>

struct event_base;

/* --- life cycle --------------------------------------------------------- */

/*
 * Block SIGTERM, SIGINT and SIGHUP, which the loop then reads from a
 * descriptor, and ignore SIGPIPE.  Threads started later inherit it: no
 * signal ever interrupts a worker.
 */
void daemon_block_signals(void);
/*
 * On SIGTERM or SIGINT: call on_stop (may be NULL) and leave the loop.  A
 * second one leaves at once.  On SIGHUP call on_hup if there is one.  Once a
 * process.  0 or -errno.
 */
int daemon_stop_on_signals(struct event_base *base, void (*on_stop)(void *),
			   void (*on_hup)(void *), void *arg);
/* Frees what daemon_stop_on_signals() made, before event_base_free(). */
void daemon_signals_free(void);

/*
 * Say "ready" to whoever started us: sd_notify(3)'s READY=1 to
 * $NOTIFY_SOCKET, and a line READY=1 to descriptor $CAUSEWAY_READY_FD.  Does
 * nothing when neither is set.  Both are opened or checked here, so call
 * daemon_ready_prepare() before the jail.
 */
void daemon_ready_prepare(void);
void daemon_ready(void);
/* sd_notify(3)'s STATUS=: one line for `systemctl status`. */
void daemon_status(const char *text);

/* --- rights ----------------------------------------------------------- */

/* "name", "uid" or "uid:gid" to ids: 0, -ENOENT or -EINVAL. */
int daemon_lookup_user(const char *spec, uid_t *uid, gid_t *gid);
/* Group name or number: 0, -ENOENT or -EINVAL. */
int daemon_lookup_group(const char *spec, gid_t *gid);

/*
 * Become uid and gid without supplementary groups ((uid_t)-1: stay who we
 * are), keep only the capabilities in keep_caps (bit n = capability n; 0:
 * none) in the permitted and effective sets, empty the bounding, inheritable
 * and ambient sets, and set no_new_privs.  Calling thread only: no other may
 * exist yet.  0 or -errno; on error the caller must exit.
 */
int daemon_drop(uid_t uid, gid_t gid, uint64_t keep_caps);

/* Open files up to `nofile` (hard and soft); core dumps only if `core`. */
int daemon_rlimits(unsigned nofile, bool core);

/*
 * System calls for a state file (daemon_save_file, daemon_read_file), to be
 * put into an allowed list.
 */
#define DAEMON_SECCOMP_FILES                                                  \
	SCMP_SYS(openat), SCMP_SYS(rename), SCMP_SYS(renameat),               \
		SCMP_SYS(fsync), SCMP_SYS(unlink), SCMP_SYS(fchmod)

/*
 * Confine every thread of the process (TSYNC) to: memory without PROT_EXEC,
 * threads' own affairs, time, reading and writing what is open, sockets that
 * exist, epoll; plus allowed[0..n).  `extra` (may be NULL) adds rules with
 * conditions to the filter and returns 0 or -errno.  A violation kills the
 * process; with CAUSEWAY_SECCOMP=log in the environment it is only logged,
 * with CAUSEWAY_SECCOMP=off (sanitizer builds) nothing is done.  0 or -errno.
 */
int daemon_seccomp(const int *allowed, size_t n,
		   int (*extra)(scmp_filter_ctx ctx, void *arg), void *arg);

/* --- files ------------------------------------------------------------ */

/*
 * Create the folder (and parents with 0755) with mode and owner ((uid_t)-1:
 * as it is).  One that exists already must be a folder; its mode and owner
 * are set.  0 or -errno.
 */
int daemon_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid);
/*
 * Replace a file so that after a crash there is the old one or the new one,
 * never half of one: temporary file, fsync, rename, fsync of the folder.
 */
int daemon_save_file(const char *path, const void *data, size_t len,
		     mode_t mode);
/*
 * Read a whole regular file of at most `max` bytes; *data is malloc()ed and
 * has a NUL behind its *len bytes.  -EFBIG when larger.
 */
int daemon_read_file(const char *path, size_t max, char **data, size_t *len);

#endif
