/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored.c: causeway-xenstored, the store of every VM.
 *
 * One process, one thread, one tree a VM.  It starts as root, makes its run
 * folder, binds its RPC socket, becomes its own user without a capability, and
 * confines itself; then it takes up the trees that were there before.  It
 * never sees a guest's memory: the VM's process passes its guest's ring on to
 * a socket.
 *
 * Who comes first is the loop's affair: control clients and RPC have a priority
 * before all guests, and the loop looks for them after each turn of a guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "hypervisor/xenstored_rpc.h"
#include "hypervisor/xenstored_tree.h"

#define OPEN_FILES 65536
#define MEMORY_MIB 1024

static const char usage[] =
	"Usage: causeway-xenstored [OPTION]...\n"
	"The Xenstore of every VM, each with a tree of its own.\n"
	"\n"
	"  --socket PATH       RPC socket (default "
	"/run/causeway/xenstored.sock)\n"
	"  --run-dir DIR       VMs' sockets and journals (default "
	"/run/causeway/xenstore)\n"
	"  --memory MIB        more than that is refused (default 1024; 0: no\n"
	"                      limit)\n"
	"  --user NAME|UID:GID become this user (default: causeway-store when\n"
	"                      started as root)\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --version, --help\n"
	"\n"
	"See causeway-xenstored(8).\n";

struct options {
	const char *socket, *run_dir, *user;
	unsigned memory_mib;
};

/* ---- options ------------------------------------------------------------- */

static int parse_memory(const char *text, unsigned *mib)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end || v > 1u << 20) {
		fprintf(stderr, "--memory %s: a number of MiB\n", text);
		return 2;
	}
	*mib = v;
	return 0;
}

static int parse_level(const char *text)
{
	enum log_level level;

	if (log_parse_level(text, &level) < 0) {
		fprintf(stderr, "--log-level %s: err, warn, info or debug\n",
			text);
		return 2;
	}
	log_init("causeway-xenstored", level);
	return 0;
}

/* The current folder changes. */
static int parse_path(const char *text, const char **path)
{
	if (*text != '/') {
		fprintf(stderr, "%s: not an absolute path\n", text);
		return 2;
	}
	*path = text;
	return 0;
}

static int parse_option(int c, struct options *o)
{
	switch (c) {
	case 's': return parse_path(optarg, &o->socket);
	case 'r': return parse_path(optarg, &o->run_dir);
	case 'm': return parse_memory(optarg, &o->memory_mib);
	case 'u': o->user = optarg; return 0;
	case 'l': return parse_level(optarg);
	case 'V': puts("causeway-xenstored " CAUSEWAY_VERSION); exit(0);
	case 'h': fputs(usage, stdout); exit(0);
	default: return 2;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "memory", required_argument, NULL, 'm' },
		{ "user", required_argument, NULL, 'u' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc = 0;

	while (!rc && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		rc = parse_option(c, o);
	if (!rc && optind < argc) {
		fprintf(stderr, "%s: no such argument; see --help\n",
			argv[optind]);
		rc = 2;
	}
	return rc;
}

/* ---- rights -------------------------------------------------------------- */

static int look_up_user(const char *name, uid_t *uid, gid_t *gid)
{
	int rc = daemon_lookup_user(name, uid, gid);

	if (rc < 0) {
		log_err("user %s: %s; create it (useradd --system %s) or name "
			"another with --user", name, strerror(-rc), name);
	} else if (!*uid) {
		log_err("--user %s: the store does not run as root; leave it "
			"out for causeway-store, or name another user", name);
		rc = -EPERM;
	}
	return rc;
}

static int choose_user(const struct options *o, uid_t *uid, gid_t *gid)
{
	int rc = 0;

	if (o->user || !geteuid())
		rc = look_up_user(o->user ? o->user : "causeway-store", uid,
				  gid);
	if (geteuid() != 0) { /* it stays who it is */
		*uid = (uid_t)-1;
		*gid = (gid_t)-1;
	}
	return rc;
}

/* The trees of one folder belong to one process. */
static int lock_run_dir(const char *dir)
{
	int fd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	log_err("%s/lock: %s", dir,
		errno == EWOULDBLOCK ? "another causeway-xenstored uses this "
				       "--run-dir"
				     : strerror(errno));
	return -EBUSY;
}

/* All may pass through to their own socket; none may look around. */
static int enter_run_dir(const char *dir, uid_t uid, gid_t gid)
{
	int rc = daemon_make_dir(dir, 0711, uid, gid);

	if (!rc && chdir(dir))
		rc = -errno;
	if (rc) {
		log_err("%s: %s; choose another with --run-dir", dir,
			strerror(-rc));
		return rc;
	}
	return lock_run_dir(dir);
}

static int limit_memory(unsigned mib)
{
	const rlim_t bytes = (rlim_t)mib << 20;
	const struct rlimit rl = { bytes, bytes };

	return mib && setrlimit(RLIMIT_AS, &rl) ? -errno : 0;
}

static int allow_unix_sockets(scmp_filter_ctx ctx, void *unused)
{
	const struct scmp_arg_cmp family = { 0, SCMP_CMP_EQ, AF_UNIX, 0 };

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket),
				      1, &family);
}

/* System calls beyond daemon_seccomp()'s own: trees come and go. */
static int confine(void)
{
	static const int allowed[] = {
		DAEMON_SECCOMP_FILES, /* journals */
		SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(chmod),
		SCMP_SYS(mkdir), SCMP_SYS(rmdir),
	};

	return daemon_seccomp(allowed, sizeof(allowed) / sizeof(allowed[0]),
			      allow_unix_sockets, NULL);
}

/* ---- main ---------------------------------------------------------------- */

/* One callback of a guest's, then the others are looked for. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && !event_config_set_max_dispatch_interval(
			      config, NULL, 1, XENSTORED_GUESTS))
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	if (base && event_base_priority_init(base, XENSTORED_PRIORITIES)) {
		event_base_free(base);
		base = NULL;
	}
	return base;
}

static int start(struct xenstored *xd, const struct options *o)
{
	uid_t uid;
	gid_t gid;
	int rc = choose_user(o, &uid, &gid);

	if (!rc)
		rc = xenstored_rpc_start(xd, o->socket, uid);
	if (!rc)
		rc = enter_run_dir(o->run_dir, uid, gid);
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	if (!rc)
		rc = limit_memory(o->memory_mib);
	if (!rc)
		rc = daemon_drop(uid, gid, 0);
	if (!rc)
		rc = daemon_stop_on_signals(xd->base, NULL, NULL, NULL);
	if (!rc)
		rc = xenstored_trees_load(xd);
	if (!rc)
		rc = confine();
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .socket = "/run/causeway/xenstored.sock",
			     .run_dir = "/run/causeway/xenstore",
			     .memory_mib = MEMORY_MIB };
	struct xenstored xd = { .tree_count = 0 };
	int rc;

	log_init("causeway-xenstored", LOG_LEVEL_INFO);
	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc;
	daemon_block_signals();
	daemon_ready_prepare();
	TAILQ_INIT(&xd.trees);
	xd.base = new_base();
	rc = xd.base ? start(&xd, &o) : -ENOMEM;
	if (!rc) {
		log_info("%u trees", xd.tree_count);
		daemon_ready();
		event_base_dispatch(xd.base);
	} else {
		log_err("cannot go on: %s", strerror(-rc));
	}
	xenstored_rpc_stop();
	xenstored_trees_free(&xd);
	daemon_signals_free();
	if (xd.base)
		event_base_free(xd.base);
	return rc < 0;
}
