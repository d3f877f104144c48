/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchd.c: causeway-switchd, the data path's process.
 *
 * It starts with whatever rights it is given, binds its RPC socket, makes its
 * state folder, and drops all ids and capabilities before DPDK starts the
 * first thread.  When the last thread exists, one seccomp filter covers them
 * all.  Interfaces come as descriptors from causeway-netd.
 *
 * Main thread: libevent, RPC, vhost-user messages, timers.  Workers: one EAL
 * thread a core, worker.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/netd_client.h"
#include "netback/doorbell.h"
#include "netback/guest_mem.h"
#include "vswitch/preflight.h"
#include "vswitch/switch.h"
#include "vswitch/switchd_eal.h"
#include "vswitch/switchd_rpc.h"

#define OPEN_FILES 65536

static const char usage[] =
	"Usage: causeway-switchd [OPTION]...\n"
	"The Causeway switch: polls guests' rings and forwards their frames.\n"
	"\n"
	"  --cores LIST        cores for workers, such as 1 or 2,4-5\n"
	"                      (default: the last one)\n"
	"  --device DEVICE     a NIC for ports of type nic, such as\n"
	"                      pci:0000:03:00.0; as often as there are NICs\n"
	"  --socket PATH       RPC socket (default /run/causeway/switchd.sock)\n"
	"  --netd PATH         causeway-netd's socket (default "
	"/run/causeway/netd.sock)\n"
	"  --state-dir DIR     keeps the accepted state (default "
	"/var/lib/causeway/switchd)\n"
	"  --user NAME|UID:GID become this user (default: causeway-switch when\n"
	"                      started as root and it exists)\n"
	"  --group NAME        may capture and mirror besides root\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --preflight         say what is missing on this machine, and exit\n"
	"  --schema            print the keys of the state file, and exit\n"
	"  --version, --help\n"
	"\n"
	"See causeway-switchd(8), causeway-switch.json(5), switchctl(1).\n";

struct options {
	const char *socket, *user, *group, *cores;
	struct preflight_paths paths;
	struct eal_devices devices;
	bool preflight;
};

static struct sw sw;

/* ---- options ------------------------------------------------------------ */

/* Each once: two workers on a core would take turns. */
static int add_core(unsigned cores[], int n, unsigned core)
{
	int i;

	if (n == WORKERS_MAX)
		return -E2BIG;
	for (i = 0; i < n; i++)
		if (cores[i] == core)
			return -EEXIST;
	cores[n] = core;
	return n + 1;
}

/* "1", "0,2-3" to core numbers; their count, -EINVAL, -E2BIG or -EEXIST. */
static int parse_cores(const char *text, unsigned cores[])
{
	int n = 0;

	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return -EINVAL;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return -EINVAL;
		}
		if (last < first || last >= CPU_SETSIZE ||
		    (*end && *end != ','))
			return -EINVAL;
		for (; first <= last; first++) {
			n = add_core(cores, n, first);
			if (n < 0)
				return n;
		}
		text = *end ? end + 1 : end;
	}
	return n ? n : -EINVAL;
}

static int default_cores(unsigned cores[])
{
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	for (i = CPU_SETSIZE - 1; i >= 0; i--) {
		if (CPU_ISSET(i, &set)) {
			cores[0] = i;
			return 1;
		}
	}
	return -ENODEV;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "cores", required_argument, NULL, 'c' },
		{ "device", required_argument, NULL, 'D' },
		{ "socket", required_argument, NULL, 's' },
		{ "netd", required_argument, NULL, 'n' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "preflight", no_argument, NULL, 'p' },
		{ "schema", no_argument, NULL, 'S' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	enum log_level level;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->cores = optarg; break;
		case 'D':
			if (eal_device_add(&o->devices, optarg) < 0) {
				fprintf(stderr, "--device %s: such as "
						"pci:0000:03:00.0 or "
						"net_memif0,socket=PATH, each "
						"once, at most %d\n",
					optarg, EAL_DEVICES_MAX);
				return 2;
			}
			break;
		case 's': o->socket = optarg; break;
		case 'n': o->paths.netd = optarg; break;
		case 'd': o->paths.state_dir = optarg; break;
		case 'u': o->user = optarg; break;
		case 'g': o->group = optarg; break;
		case 'p': o->preflight = true; break;
		case 'l':
			if (log_parse_level(optarg, &level) < 0) {
				fprintf(stderr, "--log-level %s: err, warn, "
						"info or debug\n", optarg);
				return 2;
			}
			log_init("causeway-switchd", level);
			break;
		case 'S': switch_conf_describe(stdout); exit(0);
		case 'V': puts("causeway-switchd " CAUSEWAY_VERSION); exit(0);
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

/* ---- rights --------------------------------------------------------------- */

/* Another id than root's is the first of all confinement. */
static int look_up_user(const char *name, uid_t *uid, gid_t *gid)
{
	int rc = daemon_lookup_user(name, uid, gid);

	if (rc < 0) {
		log_err("user %s: %s; create it (useradd --system %s) or name "
			"another with --user", name, strerror(-rc), name);
	} else if (!*uid) {
		log_err("--user %s: the switch does not run as root; leave it "
			"out for causeway-switch, or name another user", name);
		rc = -EPERM;
	}
	return rc;
}

static int choose_user(const struct options *o, uid_t *uid, gid_t *gid)
{
	int rc = 0;

	if (o->user || !geteuid())
		rc = look_up_user(o->user ? o->user : "causeway-switch", uid,
				  gid);
	if (geteuid() != 0) { /* it stays who it is */
		*uid = (uid_t)-1;
		*gid = (gid_t)-1;
	}
	return rc;
}

/* Sockets: only Unix ones may be made; packet sockets come from netd. */
static int allow_unix_sockets(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp family = { 0, SCMP_CMP_EQ, AF_UNIX, 0 };

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket),
				      1, &family);
}

static int allow_more(scmp_filter_ctx ctx, void *devices)
{
	int rc = allow_unix_sockets(ctx);

	return rc ? rc : eal_allow_calls(ctx, devices);
}

/* System calls beyond daemon_seccomp()'s own, and who needs them. */
static int confine(struct eal_devices *devices)
{
	static const int allowed[] = {
		DAEMON_SECCOMP_FILES,		  /* the state file */
		SCMP_SYS(connect),		  /* vhost-user, netd */
		SCMP_SYS(socketpair),		  /* NICs' link protocols */
		SCMP_SYS(bind), SCMP_SYS(listen), /* vhost-user servers */
		SCMP_SYS(stat), SCMP_SYS(lstat),
		SCMP_SYS(ioctl),		  /* tap */
		SCMP_SYS(preadv2),		  /* kicks */
		SCMP_SYS(io_setup), SCMP_SYS(io_submit), /* calls */
		SCMP_SYS(mbind),		  /* the fdb's node */
		SCMP_SYS(get_mempolicy),	  /* guests' nodes */
	};

	return daemon_seccomp(allowed, sizeof(allowed) / sizeof(allowed[0]),
			      allow_more, devices);
}

/* ---- workers ------------------------------------------------------------------ */

static int worker_thread(void *arg)
{
	worker_run(arg);
	return 0;
}

static const char *served_port(const struct worker *w)
{
	uint16_t id = atomic_load(&w->serving);

	return id < PORT_ID_MAX && sw.ports[id] ? sw.ports[id]->name : "none";
}

/*
 * Nothing can be changed any more, and the port's queues are dead: a new
 * process is better than this one.  Guests reconnect to it.
 */
static void on_stuck(const struct worker *w, unsigned ms)
{
	log_err("worker %u (core %u, thread %d) hangs: no answer for %u ms; "
		"it was serving port %s.  The switch ends, to be started again",
		w->index, w->core, w->tid, ms, served_port(w));
	abort();
}

static int start_workers(void)
{
	unsigned i;

	for (i = 0; i < sw.workers.count; i++)
		if (rte_eal_remote_launch(worker_thread, sw.workers.worker[i],
					  i + 1) < 0)
			return -EBUSY;
	sw.workers.stuck = on_stuck;
	/* threads exist only once they have begun a round */
	workers_sync(&sw.workers);
	return 0;
}

/* ---- watchdog ------------------------------------------------------------------ */

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	uint32_t ms = sw.running->settings.watchdog_ms;
	const struct worker *w = workers_check(&sw.workers,
					       ms / WORKER_CHECK_MS);

	if (w)
		log_limited(LOG_LEVEL_ERR, w->index,
			    "worker %u (core %u, thread %d) has not moved for "
			    "%u ms; it was serving port %s",
			    w->index, w->core, w->tid, ms, served_port(w));
}

static struct event *start_watchdog(void)
{
	const struct timeval tv = { .tv_usec = WORKER_CHECK_MS * 1000 };
	struct event *ev = event_new(sw.base, -1, EV_PERSIST, on_watchdog,
				     NULL);

	if (ev)
		event_add(ev, &tv);
	return ev;
}

/* ---- main ------------------------------------------------------------------------ */

/* One state, one switch.  The lock lives as long as the process. */
static int lock_state(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int rc = -errno;

		log_err("%s: %s", path,
			rc == -EWOULDBLOCK ? "another causeway-switchd uses "
					     "this --state-dir"
					   : strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return 0;
}

static int prepare_state(const struct options *o, uid_t uid, gid_t gid)
{
	static char path[4096];
	int rc = daemon_make_dir(o->paths.state_dir, 0700, uid, gid);

	if (rc < 0) {
		log_err("%s: %s; choose another with --state-dir",
			o->paths.state_dir, strerror(-rc));
		return rc;
	}
	rc = lock_state(o->paths.state_dir);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/state.json", o->paths.state_dir);
	sw.state_path = path;
	/* DPDK wants a folder of its own, even for nothing */
	setenv("RUNTIME_DIRECTORY", o->paths.state_dir, 1);
	return 0;
}

static int start(const struct options *o, const unsigned cores[],
		 unsigned count)
{
	uid_t uid;
	gid_t gid;
	unsigned i;
	int rc = choose_user(o, &uid, &gid);

	if (!rc)
		rc = prepare_state(o, uid, gid);
	if (!rc)
		rc = switchd_rpc_start(&sw, o->socket, o->group, uid);
	if (!rc)
		rc = guest_mem_catch_sigbus();
	if (!rc)
		rc = doorbell_init();
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	eal_allow_dma(&o->devices);
	if (!rc)
		rc = daemon_drop(uid, gid, 0);
	if (rc < 0)
		return rc;
	rc = eal_start(cores, count, &o->devices);
	if (rc < 0) {
		log_err("DPDK does not start; try --preflight");
		return rc;
	}
	sw.tsc_hz = rte_get_tsc_hz();
	rc = workers_init(&sw.workers, &sw.bridge, count, cores, sw.tsc_hz);
	for (i = 0; !rc && i < count; i++)
		sw.workers.worker[i]->node = rte_lcore_to_socket_id(i + 1);
	if (!rc)
		rc = switch_init(&sw);
	if (!rc)
		rc = start_workers();
	return rc;
}

static int serve(struct options *o)
{
	struct event *watchdog;
	int rc;

	switch_load(&sw); /* says by itself what is wrong with it */
	rc = daemon_stop_on_signals(sw.base, NULL, NULL, NULL);
	if (!rc)
		rc = confine(&o->devices);
	if (rc < 0)
		return rc;
	watchdog = start_watchdog();
	log_info("%u worker%s, %u ports", sw.workers.count,
		 sw.workers.count == 1 ? "" : "s", sw.running->port_count);
	daemon_ready();
	event_base_dispatch(sw.base);
	if (watchdog)
		event_free(watchdog);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .socket = "/run/causeway/switchd.sock",
			     .paths = { NETD_SOCKET,
					"/var/lib/causeway/switchd" } };
	unsigned cores[WORKERS_MAX] = { 0 };
	int n, rc;

	log_init("causeway-switchd", LOG_LEVEL_INFO);
	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc;
	n = o.cores ? parse_cores(o.cores, cores) : default_cores(cores);
	if (n < 0) {
		fprintf(stderr, "--cores %s: such as 1 or 2,4-5, each once, "
				"at most %d\n", o.cores ? o.cores : "",
			WORKERS_MAX);
		return 2;
	}
	if (o.preflight)
		return preflight(cores, n, &o.paths);
	if (!preflight_cores(cores, n))
		return 2;
	daemon_block_signals();
	daemon_ready_prepare();
	sw.netd_path = o.paths.netd;
	sw.base = event_base_new();
	rc = sw.base ? start(&o, cores, n) : -ENOMEM;
	if (!rc)
		rc = serve(&o);
	if (rc < 0)
		log_err("cannot go on: %s", strerror(-rc));
	workers_stop(&sw.workers);
	if (sw.workers.count)
		rte_eal_mp_wait_lcore();
	switchd_rpc_stop();
	switch_fini(&sw);
	workers_fini(&sw.workers);
	daemon_signals_free();
	if (sw.base)
		event_base_free(sw.base);
	return rc < 0;
}
