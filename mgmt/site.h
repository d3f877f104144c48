/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site.h: one host as one file, and where its daemons live.
 *
 * A site is a folder: site.json, and beneath it run/ (sockets; gone after a
 * reboot), state/ and log/.  The site without a folder of its own is the
 * machine's: /etc/causeway/site.json, /run/causeway, /var/lib/causeway and
 * /var/log/causeway.  Every path that a daemon gets is made here, so two sites
 * never meet.
 *
 * The file is read into struct site and validated whole, with the parsers that
 * the daemons themselves use and with what only both parts together can show:
 * that a VIF's port exists.  Nothing is started on a file that is not valid.
 * causeway-site.json(5) has the keys.
 */
#ifndef CAUSEWAY_SITE_H
#define CAUSEWAY_SITE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#define SITE_FOLDER "/etc/causeway" /* the machine's own site */
#define SITE_RUN_MAX 50	 /* bytes of run/: sockets beneath must fit */
#define SITE_NAME_MAX 64 /* with the NUL */
#define SITE_DEVICES_MAX 16
#define SITE_ERRORS_MAX 16
#define SITE_ARGS_MAX 64
#define SITE_TEXT_MAX (6u << 20) /* bytes of the file */

/* In the order they start; they stop in the other one. */
enum site_daemon {
	SITE_NETD,
	SITE_SWITCHD,
	SITE_XENSTORED,
	SITE_CONSOLED,
	SITE_HYPERVISORD,
	SITE_DAEMONS,
};

struct site_paths {
	bool is_default; /* the machine's own */
	char file[PATH_MAX]; /* site.json */
	char run[PATH_MAX];
	char state[PATH_MAX];
	char log[PATH_MAX];
};

/* What the file's "daemons" says of one; "" and 0: nothing. */
struct site_options {
	char user[SITE_NAME_MAX];
	char group[SITE_NAME_MAX];
	char cores[SITE_NAME_MAX];
	char log_level[SITE_NAME_MAX];
	unsigned device_count;
	char *devices[SITE_DEVICES_MAX];
};

struct site {
	struct site_paths paths;
	char owner[SITE_NAME_MAX];
	uint64_t generation;
	char netns[SITE_NAME_MAX]; /* network namespace; "": ours */
	json_t *switch_state;	  /* whole, as causeway-switchd takes it */
	json_t *hypervisor_state; /* NULL: this host has no domains */
	struct site_options options[SITE_DAEMONS];
};

struct site_error {
	char path[192];
	char value[128];
	char expected[256];
};

struct site_errors {
	unsigned count; /* the first SITE_ERRORS_MAX are kept */
	struct site_error error[SITE_ERRORS_MAX];
};

/* Where the site of this folder lives (NULL: the machine's).  0, -ENOENT... */
int site_find(const char *folder, struct site_paths *out,
	      struct site_errors *errs);
/*
 * Read and validate.  0 and a value to be freed, or -errno with at least one
 * error filled in.  Touches nothing but the file.
 */
int site_load(const struct site_paths *paths, struct site **out,
	      struct site_errors *errs);
/*
 * Does it fit this machine: are its users, groups, processors, NICs and its
 * network namespace there, and does nobody share an id?  0, or -EINVAL with
 * errors.  What only may be wrong is in *warnings.
 */
int site_check_host(const struct site *site, struct site_errors *errs,
		    struct site_errors *warnings);
void site_free(struct site *site); /* NULL does nothing */

/* Does this site have that daemon? */
bool site_has(const struct site *site, enum site_daemon d);

/* --- daemons ---------------------------------------------------------- */

/* "switchd", "causeway-switchd" */
const char *site_daemon_name(enum site_daemon d);
const char *site_daemon_program(enum site_daemon d);
/* By either name; SITE_DAEMONS: there is no such. */
enum site_daemon site_daemon_find(const char *name);
/* Who it runs as, by the file or by default; NULL: root. */
const char *site_user(const struct site *site, enum site_daemon d);
/* Its RPC socket: at most 107 bytes. */
void site_socket(const struct site_paths *paths, enum site_daemon d,
		 char path[PATH_MAX]);

/* A command line; texts are malloc()ed. */
struct site_args {
	unsigned count;
	char *arg[SITE_ARGS_MAX + 1]; /* NULL behind the last */
};

/*
 * The options that a daemon of this site gets, without its name.  Without
 * `paths` only what the file's "daemons" says: the rest is where the daemon
 * has its defaults, which is so for the machine's own site.  0 or -ENOMEM;
 * _fini in any case.
 *
 *	netd        --socket --state --allow-user
 *	switchd     --socket --netd --state-dir --user [--group --cores
 *		    --device]
 *	xenstored   --socket --run-dir RUN/xenstore --user
 *	consoled    --socket --log-dir LOG/console --user [--group]
 *	hypervisord --socket --run-dir RUN --state-dir --switchd --xenstored
 *		    --consoled --switch-user --console-user [--group]
 *
 * and --log-level where the file has one.
 */
int site_args(const struct site *site, enum site_daemon d, bool paths,
	      struct site_args *out);
void site_args_fini(struct site_args *args);

#endif
