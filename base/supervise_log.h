/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise_log.h: standard output and error into a file that stays bounded.
 */
#ifndef CAUSEWAY_SUPERVISE_LOG_H
#define CAUSEWAY_SUPERVISE_LOG_H

#define SUPERVISE_LOG_MAX (8u << 20) /* bytes; then it becomes FILE.1 */
#define SUPERVISE_LOG_LOOK_MS 10000 /* between two looks at it */

/* Append to it from now on, and so does what we start: 0 or -errno. */
int supervise_log_open(const char *path);
/* If it has grown too large: keep it as PATH.1 and begin anew. */
void supervise_log_bound(const char *path);

#endif
