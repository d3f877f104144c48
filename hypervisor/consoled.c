/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consoled.c: causeway-consoled, the one process that may open a domain's
 * consoles.
 *
 * Started as root it makes its history folder, binds its RPC socket, and
 * becomes a user of its own without capabilities; its seccomp filter knows
 * Unix sockets only.  The folders of the domains' serial sockets belong to
 * that user, so nobody else but root can connect to them.
 *
 * One thread, one loop.  It may be killed at any time: what consoles there are
 * hypervisord says again, and histories are appended to.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "hypervisor/console_table.h"
#include "hypervisor/consoled_rpc.h"

#define OPEN_FILES 16384 /* consoles: two each, and their clients */
#define DEFAULT_USER "causeway-console"
#define LOG_SIZE_MIN 4096
#define LOG_SIZE_MAX (1u << 30)

static const char usage[] =
	"Usage: causeway-consoled [OPTION]...\n"
	"The console proxy: opens domains' consoles for those who may.\n"
	"\n"
	"  --socket PATH       RPC socket (default "
	"/run/causeway/consoled.sock)\n"
	"  --log-dir DIR       keeps the consoles' histories (default\n"
	"                      /var/log/causeway/console)\n"
	"  --log-size BYTES    of one file of a history (default 262144)\n"
	"  --log-files N       files of a history, 1 to 100 (default 4)\n"
	"  --user NAME|UID:GID become this user (default: " DEFAULT_USER "\n"
	"                      when started as root)\n"
	"  --group NAME        may open consoles besides root\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --version, --help\n"
	"\n"
	"See causeway-consoled(8).\n";

struct options {
	const char *socket, *log_dir, *user, *group;
	struct console_log_conf log;
};

/* ---- options ------------------------------------------------------------ */

static int bad_value(const char *option, const char *value, const char *valid)
{
	fprintf(stderr, "%s %s: %s\n", option, value, valid);
	return 2;
}

static bool read_number(const char *text, unsigned long min, unsigned long max,
			unsigned long *n)
{
	char *end;

	errno = 0;
	*n = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *n >= min &&
	       *n <= max;
}

static int take_option(int c, struct options *o)
{
	enum log_level level;
	unsigned long n;

	switch (c) {
	case 's': o->socket = optarg; return 0;
	case 'd': o->log_dir = optarg; return 0;
	case 'u': o->user = optarg; return 0;
	case 'g': o->group = optarg; return 0;
	case 'z':
		if (!read_number(optarg, LOG_SIZE_MIN, LOG_SIZE_MAX, &n))
			return bad_value("--log-size", optarg,
					 "4096 to 1073741824");
		o->log.file_bytes = n;
		return 0;
	case 'n':
		if (!read_number(optarg, 1, CONSOLE_LOG_FILES_MAX, &n))
			return bad_value("--log-files", optarg, "1 to 100");
		o->log.files = n;
		return 0;
	case 'l':
		if (log_parse_level(optarg, &level) < 0)
			return bad_value("--log-level", optarg,
					 "err, warn, info or debug");
		log_init("causeway-consoled", level);
		return 0;
	case 'V': puts("causeway-consoled " CAUSEWAY_VERSION); exit(0);
	case 'h': fputs(usage, stdout); exit(0);
	default: return 2;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "log-dir", required_argument, NULL, 'd' },
		{ "log-size", required_argument, NULL, 'z' },
		{ "log-files", required_argument, NULL, 'n' },
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		rc = take_option(c, o);
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: no such argument; see --help\n",
			argv[optind]);
		return 2;
	}
	return 0;
}

/* ---- rights ------------------------------------------------------------- */

static int choose_user(const struct options *o, uid_t *uid, gid_t *gid)
{
	const char *name = o->user ? o->user : DEFAULT_USER;
	int rc;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (geteuid()) /* it stays who it is */
		return 0;
	rc = daemon_lookup_user(name, uid, gid);
	if (rc < 0) {
		log_err("user %s: %s; create it (useradd --system %s) or name "
			"another with --user", name, strerror(-rc), name);
	} else if (!*uid) {
		log_err("--user %s: consoled does not run as root; leave it "
			"out for " DEFAULT_USER ", or name another user", name);
		rc = -EPERM;
	}
	return rc;
}

/* Histories have one writer. */
static int open_log_dir(struct options *o, uid_t uid, gid_t gid)
{
	int rc = daemon_make_dir(o->log_dir, 0700, uid, gid);
	int fd = rc < 0 ? -1 : open(o->log_dir,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!rc && fd < 0)
		rc = -errno;
	if (!rc && flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = -errno;
	if (rc < 0) {
		log_err("%s: %s; choose another with --log-dir", o->log_dir,
			rc == -EWOULDBLOCK ? "another causeway-consoled uses it"
					   : strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	o->log.dir_fd = fd;
	return 0;
}

static int allow_unix_sockets(scmp_filter_ctx ctx, void *arg)
{
	static const int calls[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };
	const struct scmp_arg_cmp family = { 0, SCMP_CMP_EQ, AF_UNIX, 0 };
	int rc = 0;
	size_t i;

	for (i = 0; i < 2 && !rc; i++)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i], 1,
					    &family);
	return rc;
}

/* System calls beyond daemon_seccomp()'s own, and who needs them. */
static int confine(void)
{
	static const int allowed[] = {
		DAEMON_SECCOMP_FILES,	/* histories */
		SCMP_SYS(unlinkat), SCMP_SYS(getdents64), /* old ones */
		SCMP_SYS(connect),	/* domains */
	};

	return daemon_seccomp(allowed, sizeof(allowed) / sizeof(allowed[0]),
			      allow_unix_sockets, NULL);
}

/* ---- main --------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int start(struct options *o, struct event_base *base,
		 struct console_table **table)
{
	struct console_table_conf conf = { .base = base, .now_ms = now_ms };
	uid_t uid;
	gid_t gid;
	int rc = choose_user(o, &uid, &gid);

	if (!rc)
		rc = open_log_dir(o, uid, gid);
	conf.log = o->log;
	if (!rc)
		rc = console_table_new(table, &conf);
	if (!rc)
		rc = consoled_rpc_start(base, *table, o->socket, o->group, uid);
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	if (!rc)
		rc = daemon_drop(uid, gid, 0);
	if (!rc)
		rc = daemon_stop_on_signals(base, NULL, NULL, NULL);
	tzset(); /* reads its file now */
	return rc ? rc : confine();
}

int main(int argc, char **argv)
{
	struct options o = { .socket = "/run/causeway/consoled.sock",
			     .log_dir = "/var/log/causeway/console",
			     .log = { -1, 256 << 10, 4 } };
	struct console_table *table = NULL;
	struct event_base *base;
	int rc;

	log_init("causeway-consoled", LOG_LEVEL_INFO);
	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc;
	daemon_block_signals();
	daemon_ready_prepare();
	base = event_base_new();
	rc = base ? start(&o, base, &table) : -ENOMEM;
	if (!rc) {
		log_info("ready on %s", o.socket);
		daemon_ready();
		event_base_dispatch(base);
	} else {
		log_err("cannot go on: %s", strerror(-rc));
	}
	consoled_rpc_stop();
	console_table_free(table);
	daemon_signals_free();
	if (base)
		event_base_free(base);
	return rc < 0;
}
