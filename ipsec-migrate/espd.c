/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd.c: causeway-espd, the ESP engine's process.
 *
 * It reads what comes from the wire, so it has no rights: its own user, no
 * capability, seccomp.  The TUN and all sockets are opened by causeway-netd;
 * SAs come from causeway-iked, which alone knows who they are for.
 *
 * Control thread: libevent, RPC, iked's connection, IKE datagrams, netd.
 * Worker: packets.  When espd ends, SAs end with it: a sequence number is
 * never used twice.  What is protected stays protected.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "ipsec-migrate/espd_iked.h"
#include "ipsec-migrate/espd_peers.h"
#include "ipsec-migrate/espd_rpc.h"
#include "ipsec-migrate/espd_worker.h"

#define OPEN_FILES 1024
#define USER	   "causeway-espd"
#define IKED_USER  "causeway-iked"

static const char usage[] =
	"Usage: causeway-espd [OPTION]...\n"
	"The ESP engine of Causeway's IPsec channel.\n"
	"\n"
	"  --tun NAME          the channel's device (causeway-ipsec)\n"
	"  --mtu N             its MTU (1438: an Internet path of 1500)\n"
	"  --address ADDR/LEN  of this host, on it; as often as there are any\n"
	"  --core N            for the packets' thread (any)\n"
	"  --cipher NAME       ipsec-mb or openssl (the better one there is)\n"
	"  --socket PATH       RPC socket (/run/causeway/espd.sock)\n"
	"  --ike-socket PATH   for causeway-iked (/run/causeway/espd-ike.sock)\n"
	"  --netd PATH         causeway-netd's socket (" NETD_IPSEC_SOCKET
	")\n"
	"  --user NAME|UID:GID become this user (" USER ", when started\n"
	"                      as root and it exists)\n"
	"  --iked-user NAME    who may connect as iked besides root (" IKED_USER
	",\n"
	"                      if it exists)\n"
	"  --group NAME        may ask for facts besides root\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --version, --help\n"
	"\n"
	"See causeway-espd(8).\n";

struct espd {
	const char *socket, *user, *iked_user, *group;
	struct peers_conf peers_conf;
	struct worker_conf worker_conf;
	struct iked_link_conf iked_conf;
	struct event_base *base;
	struct worker *worker;
	struct peers *peers;
	struct iked_link *iked;
	struct espd_rpc rpc;
};

/* --- command line --------------------------------------------------------- */

static const struct option options[] = {
	{ "tun", required_argument, NULL, 't' },
	{ "mtu", required_argument, NULL, 'm' },
	{ "address", required_argument, NULL, 'a' },
	{ "core", required_argument, NULL, 'c' },
	{ "cipher", required_argument, NULL, 'C' },
	{ "socket", required_argument, NULL, 's' },
	{ "ike-socket", required_argument, NULL, 'i' },
	{ "netd", required_argument, NULL, 'n' },
	{ "user", required_argument, NULL, 'u' },
	{ "iked-user", required_argument, NULL, 'k' },
	{ "group", required_argument, NULL, 'g' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int complain(const char *option, const char *hint)
{
	fprintf(stderr, "causeway-espd: --%s %s: %s\n", option, optarg, hint);
	return 2;
}

static bool parse_number(const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return end != text && !*end && !errno && *out >= min && *out <= max;
}

static bool parse_cipher(const char *name, enum cipher_backend *out)
{
	if (!strcmp(name, "ipsec-mb"))
		*out = CIPHER_IPSEC_MB;
	else if (!strcmp(name, "openssl"))
		*out = CIPHER_OPENSSL;
	else
		return false;
	return true;
}

static int set_log_level(void)
{
	enum log_level level;

	if (log_parse_level(optarg, &level))
		return complain("log-level", "err, warn, info or debug");
	log_init("causeway-espd", level);
	return 0;
}

/* Options with a value that must be right: 0 or the exit status. */
static int take_checked(struct espd *d, int c)
{
	struct peers_conf *p = &d->peers_conf;
	long n;

	switch (c) {
	case 'm':
		if (!parse_number(optarg, 576, 65521, &n))
			return complain("mtu", "576 to 65521");
		p->tun_mtu = (uint32_t)n;
		return 0;
	case 'a':
		if (p->address_count == NETD_ADDRESSES_MAX)
			return complain("address", "at most 16");
		p->addresses[p->address_count++] = optarg;
		return 0;
	case 'c':
		if (!parse_number(optarg, 0, 1023, &n))
			return complain("core", "a number of lscpu -e");
		d->worker_conf.core = (int)n;
		return 0;
	case 'C':
		if (!parse_cipher(optarg, &d->worker_conf.backend))
			return complain("cipher", "ipsec-mb or openssl");
		return 0;
	case 'l': return set_log_level();
	default: return 2;
	}
}

static int take_option(struct espd *d, int c)
{
	switch (c) {
	case 't': d->peers_conf.tun = optarg; return 0;
	case 's': d->socket = optarg; return 0;
	case 'i': d->iked_conf.path = optarg; return 0;
	case 'n': d->peers_conf.netd = optarg; return 0;
	case 'u': d->user = optarg; return 0;
	case 'k': d->iked_user = optarg; return 0;
	case 'g': d->group = optarg; return 0;
	case 'V': puts("causeway-espd " CAUSEWAY_VERSION); exit(0);
	case 'h': fputs(usage, stdout); exit(0);
	default: return take_checked(d, c);
	}
}

/* --- rights --------------------------------------------------------------- */

static int look_up(const char *option, const char *name, bool optional,
		   uid_t *uid, gid_t *gid)
{
	int rc = daemon_lookup_user(name, uid, gid);

	if (!rc)
		return 0;
	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (optional)
		return 0;
	log_err("%s %s: there is no such user; type: useradd --system "
		"--no-create-home %s", option, name, name);
	return rc;
}

static int choose_users(struct espd *d, uid_t *uid, gid_t *gid, gid_t *group)
{
	gid_t unused;
	int rc;

	*uid = (uid_t)-1;
	*gid = *group = (gid_t)-1;
	rc = look_up("--iked-user", d->iked_user ? d->iked_user : IKED_USER,
		     !d->iked_user, &d->iked_conf.uid, &unused);
	if (!rc && !geteuid())
		rc = look_up("--user", d->user ? d->user : USER, false, uid,
			     gid);
	if (!rc && d->group) {
		rc = daemon_lookup_group(d->group, group);
		if (rc)
			log_err("--group %s: there is no such group",
				d->group);
	}
	if (!rc && !*uid) {
		log_err("--user: espd does not run as root");
		rc = -EPERM;
	}
	return rc;
}

static int unix_sockets(scmp_filter_ctx ctx, void *unused)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
}

/* netd is connected to anew when it was started again. */
static int confine(void)
{
	static const int allowed[] = { SCMP_SYS(connect), SCMP_SYS(unlink) };

	return daemon_seccomp(allowed, sizeof(allowed) / sizeof(allowed[0]),
			      unix_sockets, NULL);
}

/* --- start and stop ------------------------------------------------------- */

static int open_sockets(struct espd *d, uid_t uid, gid_t group)
{
	int rc = iked_link_new(&d->iked, &d->iked_conf);

	if (rc) {
		log_err("%s: %s", d->iked_conf.path, strerror(-rc));
		return rc;
	}
	d->rpc.tun = d->peers_conf.tun;
	return espd_rpc_start(&d->rpc, d->base, d->socket, uid, group);
}

static int start_parts(struct espd *d)
{
	bool uso;
	int tun, rc;

	d->peers_conf.on_ike = iked_link_relay;
	d->peers_conf.arg = d->iked;
	rc = worker_new(&d->worker, &d->worker_conf);
	if (!rc)
		rc = peers_new(&d->peers, d->base, d->worker, &d->peers_conf);
	if (rc) {
		log_err("starting: %s", strerror(-rc));
		return rc;
	}
	d->rpc.worker = d->worker;
	d->rpc.peers = d->peers;
	d->rpc.iked = d->iked;
	rc = peers_open_tun(d->peers, &tun, &uso);
	if (!rc)
		rc = worker_start(d->worker, tun, uso);
	if (!rc)
		rc = iked_link_start(d->iked, d->base, d->worker, d->peers);
	return rc;
}

static int serve(struct espd *d)
{
	uid_t uid;
	gid_t gid, group;
	int rc;

	daemon_block_signals();
	daemon_ready_prepare();
	d->base = event_base_new();
	rc = d->base ? choose_users(d, &uid, &gid, &group) : -ENOMEM;
	if (!rc)
		rc = open_sockets(d, uid, group);
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	if (!rc)
		rc = daemon_drop(uid, gid, 0);
	if (!rc)
		rc = start_parts(d);
	if (!rc)
		rc = daemon_stop_on_signals(d->base, NULL, NULL, NULL);
	if (!rc)
		rc = confine();
	if (rc)
		return rc;
	log_info("ready: TUN %s", d->peers_conf.tun);
	daemon_ready();
	event_base_dispatch(d->base);
	return 0;
}

static void stop(struct espd *d)
{
	espd_rpc_stop(&d->rpc);
	iked_link_free(d->iked);
	peers_free(d->peers);
	worker_free(d->worker);
	daemon_signals_free();
	if (d->base)
		event_base_free(d->base);
}

int main(int argc, char **argv)
{
	static struct espd d = {
		.socket = "/run/causeway/espd.sock",
		.peers_conf = { .netd = NETD_IPSEC_SOCKET,
				.tun = "causeway-ipsec",
				.tun_mtu = 1438 },
		.worker_conf = { .backend = CIPHER_BEST, .core = -1 },
		.iked_conf = { .path = "/run/causeway/espd-ike.sock" },
	};
	int c, rc;

	log_init("causeway-espd", LOG_LEVEL_INFO);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		rc = take_option(&d, c);
		if (rc)
			return rc;
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	rc = serve(&d);
	stop(&d);
	return rc ? 1 : 0;
}
