/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypervisord.c: causeway-hypervisord, which starts, stops and watches over
 * domains and touches no byte of theirs.
 *
 * It must stay root, because it makes jails: namespaces, mounts, ids, device
 * nodes and cgroups are root's.  So it is kept small and stupid instead.  It
 * parses what root says (RPC), what domains' processes say (qmp.c: hostile)
 * and a few headers of images (disk.c: hostile); it keeps those capabilities
 * only that jail.h names and its own folders need; and of system calls those
 * that nobody here or in a jail has a use for are denied to it and all it
 * starts.  A list of what is allowed would have to allow all that a jail's
 * program needs, for filters are inherited: jails have that list
 * (jail_seccomp.h).
 *
 * One thread, one loop.  It may be killed at any time: domains run on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cap-ng.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/domain_conf.h"
#include "hypervisor/host.h"
#include "hypervisor/hypervisord_rpc.h"
#include "hypervisor/jail.h"

#define OPEN_FILES 65536
#define RUN_DIR "/run/causeway"
#define STATE_DIR "/var/lib/causeway/hypervisord"

static const char usage[] =
	"Usage: causeway-hypervisord [OPTION]...\n"
	"Starts, stops and watches over this host's domains.\n"
	"\n"
	"  --run-dir DIR       sockets of domains (default " RUN_DIR ")\n"
	"  --socket PATH       RPC socket (default RUN-DIR/hypervisord.sock)\n"
	"  --state-dir DIR     keeps the accepted state, domains' records and\n"
	"                      suspended guests (default " STATE_DIR ")\n"
	"  --switchd PATH      causeway-switchd's socket (default\n"
	"                      RUN-DIR/switchd.sock)\n"
	"  --xenstored PATH    causeway-xenstored's (RUN-DIR/xenstored.sock)\n"
	"  --consoled PATH     causeway-consoled's (RUN-DIR/consoled.sock)\n"
	"  --switch-user USER  as whom the switch runs (causeway-switch)\n"
	"  --console-user USER as whom consoled runs (causeway-console)\n"
	"  --group NAME        may ask for facts besides root\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --schema            print the keys of the state file, and exit\n"
	"  --version, --help\n"
	"\n"
	"See causeway-hypervisord(8), causeway-hypervisor.json(5).\n";

struct options {
	const char *run_dir, *socket, *state_dir, *group;
	const char *switchd, *xenstored, *consoled;
	const char *switch_user, *console_user;
};

/* --- options ----------------------------------------------------------- */

static int set_log_level(const char *word)
{
	enum log_level level;

	if (log_parse_level(word, &level) < 0) {
		fprintf(stderr, "--log-level %s: err, warn, info or debug\n",
			word);
		return 2;
	}
	log_init("causeway-hypervisord", level);
	return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "switchd", required_argument, NULL, 'w' },
		{ "xenstored", required_argument, NULL, 'x' },
		{ "consoled", required_argument, NULL, 'c' },
		{ "switch-user", required_argument, NULL, 'W' },
		{ "console-user", required_argument, NULL, 'C' },
		{ "group", required_argument, NULL, 'g' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "schema", no_argument, NULL, 'S' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'r': o->run_dir = optarg; break;
		case 's': o->socket = optarg; break;
		case 'd': o->state_dir = optarg; break;
		case 'w': o->switchd = optarg; break;
		case 'x': o->xenstored = optarg; break;
		case 'c': o->consoled = optarg; break;
		case 'W': o->switch_user = optarg; break;
		case 'C': o->console_user = optarg; break;
		case 'g': o->group = optarg; break;
		case 'l':
			if (set_log_level(optarg))
				return 2;
			break;
		case 'S': domain_conf_describe(stdout); exit(0);
		case 'V':
			puts("causeway-hypervisord " CAUSEWAY_VERSION);
			exit(0);
		case 'h': fputs(usage, stdout); exit(0);
		default: return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: no such argument; see --help\n",
			argv[optind]);
		return 2;
	}
	return 0;
}

/* In the run folder, unless named. */
static int default_path(const char **path, const struct options *o,
			const char *name)
{
	char *made;

	if (*path)
		return 0;
	if (asprintf(&made, "%s/%s", o->run_dir, name) < 0)
		return -ENOMEM;
	*path = made; /* for as long as we live */
	return 0;
}

static int default_paths(struct options *o)
{
	int rc = default_path(&o->socket, o, "hypervisord.sock");

	if (!rc)
		rc = default_path(&o->switchd, o, "switchd.sock");
	if (!rc)
		rc = default_path(&o->xenstored, o, "xenstored.sock");
	if (!rc)
		rc = default_path(&o->consoled, o, "consoled.sock");
	return rc;
}

/* Whoever is not there cannot be let in: then it is root alone. */
static void look_up(const char *user, uid_t *uid, gid_t *gid)
{
	int rc = daemon_lookup_user(user, uid, gid);

	if (!rc)
		return;
	log_warn("user %s: %s; only root will get at its sockets", user,
		 strerror(-rc));
	*uid = 0;
	*gid = 0;
}

/* --- rights ------------------------------------------------------------ */

/* A container may lack some: what needs them will say so. */
static uint64_t held(uint64_t wanted)
{
	uint64_t have = 0;

	capng_get_caps_process();
	for (unsigned cap = 0; cap < 64; cap++)
		if (wanted & (1ull << cap) &&
		    capng_have_capability(CAPNG_PERMITTED, cap))
			have |= 1ull << cap;
	if (have != wanted)
		log_warn("some of root's rights are not there: %llx",
			 (unsigned long long)(wanted & ~have));
	return have;
}

static int drop(void)
{
	const uint64_t keep =
		1ull << CAP_SYS_ADMIN |	   /* jails: namespaces, mounts */
		1ull << CAP_SETUID |	   /* a domain's uid */
		1ull << CAP_SETGID |
		1ull << CAP_SETPCAP |	   /* a jail has no capabilities */
		1ull << CAP_MKNOD |	   /* its /dev/null, /dev/kvm */
		1ull << CAP_CHOWN |	   /* sockets for switch and consoled */
		1ull << CAP_FOWNER |
		1ull << CAP_DAC_OVERRIDE | /* images, whoever owns them */
		1ull << CAP_KILL |	   /* domains have other uids */
		1ull << CAP_SYS_RESOURCE | /* their limits */
		1ull << CAP_SYS_RAWIO |	   /* one page: see jail_child.c */
		1ull << CAP_SYS_PTRACE;	   /* /proc of domains: accounting */

	return daemon_drop((uid_t)-1, (gid_t)-1, held(keep));
}

/* Inherited by every process started here. */
static int deny_calls(void)
{
	static const int denied[] = {
		SCMP_SYS(kexec_load),	   SCMP_SYS(kexec_file_load),
		SCMP_SYS(init_module),	   SCMP_SYS(finit_module),
		SCMP_SYS(delete_module),   SCMP_SYS(reboot),
		SCMP_SYS(swapon),	   SCMP_SYS(swapoff),
		SCMP_SYS(bpf),		   SCMP_SYS(perf_event_open),
		SCMP_SYS(ptrace),	   SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev), SCMP_SYS(add_key),
		SCMP_SYS(request_key),	   SCMP_SYS(settimeofday),
		SCMP_SYS(clock_settime),
		SCMP_SYS(adjtimex),	   SCMP_SYS(clock_adjtime),
		SCMP_SYS(acct),		   SCMP_SYS(quotactl),
		SCMP_SYS(ioperm),	   SCMP_SYS(userfaultfd),
		SCMP_SYS(io_uring_setup),  SCMP_SYS(open_by_handle_at),
	};
	const char *how = getenv("CAUSEWAY_SECCOMP");
	scmp_filter_ctx ctx;
	int rc = 0;

	if (how && !strcmp(how, "off"))
		return 0;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < sizeof(denied) / sizeof(denied[0]); i++) {
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
		if (rc == -EDOM) /* a call this architecture does not have */
			rc = 0;
	}
	/* no network: daemons are reached over Unix sockets only */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT),
				      SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0));
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

/* --- start ------------------------------------------------------------- */

/* One state, one hypervisor.  The lock lives as long as the process. */
static int lock_state(const char *dir)
{
	char path[4096];
	int fd, rc = daemon_make_dir(dir, 0700, (uid_t)-1, (gid_t)-1);

	if (rc < 0) {
		log_err("%s: %s; choose another with --state-dir", dir,
			strerror(-rc));
		return rc;
	}
	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	rc = -errno;
	log_err("%s: %s", path,
		rc == -EWOULDBLOCK ? "another causeway-hypervisord uses this "
				     "--state-dir" :
				     strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Two sites, two folders of cgroups. */
static int init_jails(const struct options *o)
{
	struct rpc_error err = { .code = 0 };
	char name[64] = "causeway";
	uint32_t h = 2166136261u;
	int rc;

	if (strcmp(o->run_dir, RUN_DIR)) {
		for (const char *p = o->run_dir; *p; p++)
			h = (h ^ (unsigned char)*p) * 16777619u;
		snprintf(name, sizeof(name), "causeway-%08x", h);
	}
	rc = jail_init(name, &err);
	if (rc < 0)
		log_err("%s%s%s", err.message, err.hint[0] ? "; " : "",
			err.hint);
	else
		log_info("cgroups of domains are in %s", name);
	return rc;
}

static int start(const struct options *o, struct event_base *base,
		 struct host **host)
{
	struct host_options ho = {
		.base = base,
		.run_dir = o->run_dir,
		.state_dir = o->state_dir,
		.switchd = o->switchd,
		.xenstored = o->xenstored,
		.consoled = o->consoled,
		.on_event = hypervisord_rpc_event,
	};
	struct rpc_error err = { .code = 0 };
	uid_t unused;
	int rc = lock_state(o->state_dir);

	if (rc < 0)
		return rc;
	look_up(o->switch_user, &unused, &ho.switch_gid);
	look_up(o->console_user, &ho.console_uid, &ho.console_gid);
	/* it may be others' too, with a mode of its own */
	rc = access(o->run_dir, F_OK) ?
		     daemon_make_dir(o->run_dir, 0755, (uid_t)-1, (gid_t)-1) :
		     0;
	if (!rc)
		rc = hypervisord_rpc_start(base, o->socket, o->group);
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	if (!rc)
		rc = drop();
	if (!rc)
		rc = deny_calls();
	if (!rc)
		rc = init_jails(o);
	if (rc < 0)
		return rc;
	rc = host_new(host, &ho, &err);
	if (rc < 0)
		log_err("%s", err.message);
	else
		hypervisord_rpc_serve(*host);
	return rc;
}

int main(int argc, char **argv)
{
	static struct options o = {
		.run_dir = RUN_DIR,
		.state_dir = STATE_DIR,
		.switch_user = "causeway-switch",
		.console_user = "causeway-console",
	};
	struct event_base *base;
	struct host *host = NULL;
	int rc;

	log_init("causeway-hypervisord", LOG_LEVEL_INFO);
	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc;
	if (geteuid() != 0) {
		log_err("only root can make jails; run it as root");
		return 1;
	}
	daemon_block_signals();
	daemon_ready_prepare();
	base = event_base_new();
	rc = base ? default_paths(&o) : -ENOMEM;
	if (!rc)
		rc = start(&o, base, &host);
	if (!rc)
		rc = daemon_stop_on_signals(base, NULL, NULL, NULL);
	if (!rc) {
		daemon_ready();
		event_base_dispatch(base);
	} else {
		log_err("cannot go on: %s", strerror(-rc));
	}
	host_free(host); /* answers those who wait, so before the server */
	jail_fini();
	hypervisord_rpc_stop();
	daemon_signals_free();
	if (base)
		event_base_free(base);
	return rc < 0;
}
