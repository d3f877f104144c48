/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked.c: causeway-iked, which agrees on keys with peers (IKEv2, RFC 7296).
 *
 * It alone sees private keys and shared secrets, and it has no network socket:
 * IKE datagrams come from causeway-espd and go there, and so do the SAs that
 * come of them.  What parses bytes of strangers is libcharon, in this process,
 * which therefore may next to nothing: its own user, no capability, system
 * calls as listed below.
 *
 * libcharon's threads do IKE; the main thread has the RPC socket, a timer, and
 * the queue by which the others report.
 *
 * It may be killed at any time: SAs live on in espd to their hard limits, and
 * so does the protection of the peers' networks.  On SIGTERM too it leaves
 * without a word to peers or espd.
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
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/daemon.h"
#include "base/log.h"
#include "ipsec-migrate/charon.h"
#include "ipsec-migrate/charon_peers.h"
#include "ipsec-migrate/iked.h"
#include "ipsec-migrate/iked_rpc.h"

#define OPEN_FILES 1024
#define USER	   "causeway-ike"

static const char usage[] =
	"Usage: causeway-iked [OPTION]...\n"
	"Agrees on keys with the IPsec channel's peers (IKEv2).\n"
	"\n"
	"  --socket PATH       RPC socket (default "
	"/run/causeway/iked.sock)\n"
	"  --espd PATH         causeway-espd's socket (default\n"
	"                      /run/causeway/espd-ike.sock)\n"
	"  --state-dir DIR     keeps the accepted state (default\n"
	"                      /var/lib/causeway/iked)\n"
	"  --key-dir DIR       secrets, keys and certificates (default\n"
	"                      /var/lib/causeway/keys)\n"
	"  --user NAME|UID:GID become this user (default: " USER " when\n"
	"                      started as root)\n"
	"  --group NAME        may ask for facts besides root\n"
	"  --ike-port PORT     as causeway-espd has bound them (500)\n"
	"  --natt-port PORT    (4500)\n"
	"  --log-level LEVEL   err, warn, info or debug\n"
	"  --schema            print the keys of the state file, and exit\n"
	"  --version, --help\n"
	"\n"
	"See causeway-iked(8).\n";

struct options {
	const char *socket, *espd, *state_dir, *key_dir, *user, *group;
	struct charon_options charon;
};

struct loop {
	struct event_base *base;
	struct event *tick, *events;
	struct iked iked;
};

/* ---- options ------------------------------------------------------------- */

static int parse_level(const char *text)
{
	enum log_level level;

	if (log_parse_level(text, &level) < 0) {
		fprintf(stderr, "--log-level %s: err, warn, info or debug\n",
			text);
		return 2;
	}
	log_init("causeway-iked", level);
	return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end || !v || v > UINT16_MAX) {
		fprintf(stderr, "%s: no port\n", text);
		return 2;
	}
	*port = v;
	return 0;
}

static int parse_option(int c, struct options *o)
{
	switch (c) {
	case 's': o->socket = optarg; return 0;
	case 'e': o->espd = optarg; return 0;
	case 'd': o->state_dir = optarg; return 0;
	case 'k': o->key_dir = optarg; return 0;
	case 'u': o->user = optarg; return 0;
	case 'g': o->group = optarg; return 0;
	case 'i': return parse_port(optarg, &o->charon.ike_port);
	case 'n': return parse_port(optarg, &o->charon.natt_port);
	case 'l': return parse_level(optarg);
	case 'S': ipsec_conf_describe(stdout); exit(0);
	case 'V': puts("causeway-iked " CAUSEWAY_VERSION); exit(0);
	case 'h': fputs(usage, stdout); exit(0);
	default: return 2;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "espd", required_argument, NULL, 'e' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "key-dir", required_argument, NULL, 'k' },
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "ike-port", required_argument, NULL, 'i' },
		{ "natt-port", required_argument, NULL, 'n' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "schema", no_argument, NULL, 'S' },
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

static int choose_user(const struct options *o, uid_t *uid, gid_t *gid)
{
	const char *name = o->user ? o->user : USER;
	int rc;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (geteuid() != 0)
		return 0; /* it stays who it is */
	rc = daemon_lookup_user(name, uid, gid);
	if (rc < 0) {
		log_err("user %s: %s; create it (useradd --system %s) or name "
			"another with --user", name, strerror(-rc), name);
	} else if (!*uid) {
		log_err("--user %s: keys are not root's affair; leave it out "
			"for " USER ", or name another user", name);
		rc = -EPERM;
	}
	return rc;
}

static int make_dir(const char *path, uid_t uid, gid_t gid)
{
	int rc = daemon_make_dir(path, 0700, uid, gid);

	if (rc)
		log_err("%s: %s", path, strerror(-rc));
	return rc;
}

/* One process a state. */
static int lock_state(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	log_err("%s: %s", path,
		errno == EWOULDBLOCK ? "another causeway-iked uses this "
				       "--state-dir" : strerror(errno));
	return -EBUSY;
}

/* To espd again, when it has been started anew. */
static int allow_sockets(scmp_filter_ctx ctx, void *unused)
{
	const struct scmp_arg_cmp family = { 0, SCMP_CMP_EQ, AF_UNIX, 0 };

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket),
				      1, &family);
}

/* System calls beyond daemon_seccomp()'s own. */
static int confine(void)
{
	static const int allowed[] = {
		DAEMON_SECCOMP_FILES,  /* state; keys, certificates, CRLs */
		SCMP_SYS(connect),     /* espd */
		SCMP_SYS(rt_sigaction), /* pthread_cancel(), at the end */
		SCMP_SYS(select),      /* libstrongswan's watcher */
		SCMP_SYS(pselect6),
	};

	/* No debugger, no core file: there are keys in here. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return daemon_seccomp(allowed, sizeof(allowed) / sizeof(allowed[0]),
			      allow_sockets, NULL);
}

/* ---- espd's thread reports ----------------------------------------------- */

static void on_datagram(const struct ike_msg_datagram *d, void *arg)
{
	charon_datagram(d);
}

static void on_espd_event(const struct ike_msg *msg, void *arg)
{
	struct charon_event ev = { .kind = CHARON_EV_ACQUIRE };

	if (msg->type == IKE_MSG_ACQUIRE) {
		ev.group = msg->u.group.group;
		charon_watch_put(&ev);
	}
	charon_espd_event(msg);
}

static void on_held(const struct ike_msg_held *h, void *arg)
{
	struct charon_event ev = { .kind = CHARON_EV_HELD };

	snprintf(ev.peer, sizeof(ev.peer), "%s", h->name);
	charon_peers_keep_number(h->name, h->id.peer);
	charon_watch_put(&ev);
}

static void on_espd_up(void *arg)
{
	const struct charon_event ev = { .kind = CHARON_EV_ESPD_UP };

	charon_watch_put(&ev);
}

static void on_espd_down(void *arg)
{
	const struct charon_event ev = { .kind = CHARON_EV_ESPD_DOWN };

	charon_watch_put(&ev);
}

static const struct espd_link_ops espd_ops = {
	.datagram = on_datagram,
	.event = on_espd_event,
	.held = on_held,
	.up = on_espd_up,
	.down = on_espd_down,
};

/* ---- the loop ------------------------------------------------------------ */

static void on_events(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct charon_event ev;

	while (charon_watch_next(&ev)) {
		if (ev.peer[0])
			log_info("%s: %s%s%s", ev.peer,
				 charon_event_name(ev.kind),
				 ev.text[0] ? ": " : "", ev.text);
		iked_event(&l->iked, &ev);
		iked_rpc_event(&ev);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	iked_tick(&l->iked);
}

static int start_events(struct loop *l)
{
	const struct timeval second = { .tv_sec = 1 };

	l->events = event_new(l->base, charon_watch_fd(), EV_READ | EV_PERSIST,
			      on_events, l);
	l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
	if (!l->events || !l->tick || event_add(l->events, NULL) ||
	    event_add(l->tick, &second))
		return -ENOMEM;
	return 0;
}

/* ---- main ---------------------------------------------------------------- */

/* While we are root, if we are. */
static int open_all(struct loop *l, const struct options *o, uid_t uid,
		    gid_t gid)
{
	int rc = iked_rpc_start(l->base, o->socket, uid, o->group, &l->iked);

	if (!rc)
		rc = make_dir(o->state_dir, uid, gid);
	if (!rc)
		rc = make_dir(o->key_dir, uid, gid);
	if (!rc)
		rc = lock_state(o->state_dir);
	if (!rc)
		rc = charon_watch_init();
	if (!rc)
		rc = charon_load(&o->charon);
	return rc;
}

static int start(struct loop *l, const struct options *o)
{
	uid_t uid;
	gid_t gid;
	int rc = choose_user(o, &uid, &gid);

	if (!rc)
		rc = open_all(l, o, uid, gid);
	if (!rc)
		rc = daemon_rlimits(OPEN_FILES, false);
	if (!rc)
		rc = daemon_drop(uid, gid, 0);
	if (!rc)
		rc = daemon_stop_on_signals(l->base, NULL, NULL, NULL);
	if (rc)
		return rc;
	charon_peers_init(o->key_dir);
	rc = iked_init(&l->iked, o->state_dir);
	if (!rc)
		rc = espd_link_new(&l->iked.link, o->espd, -1, &espd_ops, NULL);
	if (rc)
		return rc;
	charon_run(l->iked.link);
	rc = start_events(l);
	return rc ? rc : confine();
}

static void stop(struct loop *l)
{
	iked_rpc_stop();
	if (l->iked.link) {
		charon_mute();
		charon_peers_fini();
		charon_leave();
	}
	espd_link_free(l->iked.link);
	iked_fini(&l->iked);
	if (l->events)
		event_free(l->events);
	if (l->tick)
		event_free(l->tick);
	daemon_signals_free();
	event_base_free(l->base);
}

int main(int argc, char **argv)
{
	struct options o = { .socket = "/run/causeway/iked.sock",
			     .espd = "/run/causeway/espd-ike.sock",
			     .state_dir = "/var/lib/causeway/iked",
			     .key_dir = "/var/lib/causeway/keys",
			     .charon = { .ike_port = 500, .natt_port = 4500 } };
	struct loop l = { .tick = NULL };
	int rc;

	log_init("causeway-iked", LOG_LEVEL_INFO);
	rc = parse_options(argc, argv, &o);
	if (rc)
		return rc;
	daemon_block_signals();
	daemon_ready_prepare();
	l.base = event_base_new();
	if (!l.base)
		return 1;
	TAILQ_INIT(&l.iked.peers);
	rc = start(&l, &o);
	if (!rc) {
		log_info("%u peers", l.iked.conf->peer_count);
		daemon_ready();
		event_base_dispatch(l.base);
	} else {
		log_err("cannot go on: %s", strerror(-rc));
	}
	stop(&l);
	return rc < 0;
}
