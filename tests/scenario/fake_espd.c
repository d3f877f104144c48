/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_espd.c: plays causeway-espd's part towards causeway-iked, so that IKE
 * can be tried without an ESP engine.
 *
 *	fake-espd SOCKET ADDRESS [UID]
 *
 * Binds UDP 500 and 4500 at the address, carries IKE datagrams both ways, and
 * keeps books of what iked orders instead of doing it; what it is told is
 * printed, a line each.  ESP that comes is counted and thrown away.  Lines of
 * standard input order it about:
 *
 *	list			SAs and policies that there are, then "."
 *	esp			how many ESP packets have come
 *	soft SPI | hard SPI	that inbound SA has reached its limit
 *	acquire			a packet wants an SA of the newest policy
 *	deaf | hear		datagrams of the peer are thrown away, or not
 *
 * It goes on when iked goes, and shows the next one what there is.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "ipsec-migrate/ike_msg.h"

#define SAS_MAX	     256
#define POLICIES_MAX 256
#define MARKER	     4

struct policy {
	struct ike_msg_policy p;
	bool held;
};

struct book_sa {
	struct ike_msg_sa_add add; /* without its key */
	bool reserved, held;	   /* by GET_SPI; from an iked before */
};

static struct book_sa sas[SAS_MAX];
static unsigned book_count;
static struct policy policies[POLICIES_MAX];
static unsigned policy_count;
static struct ike_msg_peer peers[64];
static unsigned peer_count, peer_news;
static unsigned long esp_count;
static struct ike_msg msg;
static struct sockaddr_in at;
static int iked = -1, udp[2];
static uint32_t last_spi = 0x10000000;
static bool deaf;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the books ----------------------------------------------------------- */

static struct book_sa *find_sa(const struct ike_msg_sa_id *id)
{
	for (unsigned i = 0; i < book_count; i++)
		if (sas[i].add.id.spi == id->spi &&
		    sas[i].add.id.inbound == id->inbound &&
		    (id->inbound || sas[i].add.id.peer == id->peer))
			return &sas[i];
	return NULL;
}

static void remove_sa(struct book_sa *sa)
{
	*sa = sas[--book_count];
}

static int add_sa(const struct ike_msg_sa_add *a)
{
	struct book_sa *sa = find_sa(&a->id);

	if (sa && !sa->reserved)
		return -EEXIST;
	if (!sa) {
		if (book_count == SAS_MAX)
			return -ENOSPC;
		sa = &sas[book_count++];
	}
	*sa = (struct book_sa){ .add = *a };
	explicit_bzero(sa->add.key, sizeof(sa->add.key));
	printf("sa-add %s %08x peer %u group %u replaces %08x alg %u esn %u "
	       "udp %u window %u selectors %u soft %lu hard %lu\n",
	       a->id.inbound ? "in" : "out", ntohl(a->id.spi), a->id.peer,
	       a->group, ntohl(a->replaces), a->alg, a->esn, a->path.udp,
	       a->replay_window, a->selector_count,
	       (unsigned long)a->soft.ms / 1000,
	       (unsigned long)a->hard.ms / 1000);
	return 0;
}

static int get_spi(const struct ike_msg_get_spi *g, struct ike_msg *answer)
{
	struct ike_msg_sa_id id = { .spi = htonl(++last_spi), .inbound = 1,
				    .peer = g->peer };

	if (book_count == SAS_MAX)
		return -ENOSPC;
	sas[book_count++] = (struct book_sa){ .add.id = id, .reserved = true };
	answer->u.answer.spi = id.spi;
	return 0;
}

static int delete_sa(const struct ike_msg_sa_id *id)
{
	struct book_sa *sa = find_sa(id);

	if (!sa)
		return -ENOENT;
	printf("sa-delete %s %08x\n", id->inbound ? "in" : "out",
	       ntohl(id->spi));
	remove_sa(sa);
	return 0;
}

static int update_sa(const struct ike_msg_sa_update *u)
{
	struct book_sa *sa = find_sa(&u->id);
	char ip[INET_ADDRSTRLEN];

	if (!sa)
		return -ENOENT;
	sa->add.path = u->path;
	inet_ntop(AF_INET, u->path.remote.addr, ip, sizeof(ip));
	printf("sa-update %s %08x remote %s:%u\n", u->id.inbound ? "in" : "out",
	       ntohl(u->id.spi), ip, u->path.remote.port);
	return 0;
}

static int query_sa(const struct ike_msg_sa_id *id, struct ike_msg *answer)
{
	answer->u.answer.idle_ms = UINT64_MAX;
	return find_sa(id) ? 0 : -ENOENT;
}

static int add_policy(const struct ike_msg_policy *p)
{
	unsigned i;

	for (i = 0; i < policy_count; i++)
		if (selector_same(&policies[i].p.selector, &p->selector))
			break;
	if (i < policy_count && !policies[i].held)
		return -EEXIST;
	if (i == POLICIES_MAX)
		return -ENOSPC;
	if (i == policy_count)
		policy_count++;
	policies[i] = (struct policy){ .p = *p };
	printf("policy-add peer %u group %u\n", p->peer, p->group);
	return 0;
}

static int delete_policy(const struct ike_msg_policy *p)
{
	for (unsigned i = 0; i < policy_count; i++) {
		if (policies[i].p.group != p->group ||
		    !selector_same(&policies[i].p.selector, &p->selector))
			continue;
		policies[i] = policies[--policy_count];
		printf("policy-delete group %u\n", p->group);
		return 0;
	}
	return -ENOENT;
}

static void drop_held(uint32_t peer)
{
	for (unsigned i = 0; i < book_count;)
		if (sas[i].held && (!peer || sas[i].add.id.peer == peer))
			delete_sa(&sas[i].add.id);
		else
			i++;
	for (unsigned i = 0; i < policy_count;)
		if (policies[i].held && (!peer || policies[i].p.peer == peer))
			policies[i] = policies[--policy_count];
		else
			i++;
}

static void take_peer(const struct ike_msg_peer *p)
{
	if (peer_news < 64)
		peers[peer_news++] = *p;
}

static int end_peers(void)
{
	peer_count = peer_news;
	peer_news = 0;
	printf("peers");
	for (unsigned i = 0; i < peer_count; i++)
		printf(" %s=%u", peers[i].name, peers[i].peer);
	printf("\n");
	return 0;
}

/* ---- iked ---------------------------------------------------------------- */

static void say(const struct ike_msg *m)
{
	if (iked >= 0 && ike_msg_send(iked, m, 0))
		fprintf(stderr, "iked does not listen\n");
}

static const char *peer_name(uint32_t number)
{
	for (unsigned i = 0; i < peer_count; i++)
		if (peers[i].peer == number)
			return peers[i].name;
	return "unknown";
}

static void show_held(void)
{
	struct ike_msg m;

	for (unsigned i = 0; i < book_count;)
		if (sas[i].reserved)
			remove_sa(&sas[i]);
		else
			sas[i++].held = true;
	for (unsigned i = 0; i < policy_count; i++)
		policies[i].held = true;
	for (unsigned i = 0; i < book_count; i++) {
		ike_msg_init(&m, IKE_MSG_HELD, 0);
		m.u.held.id = sas[i].add.id;
		m.u.held.group = sas[i].add.group;
		m.u.held.path = sas[i].add.path;
		strcpy(m.u.held.name, peer_name(sas[i].add.id.peer));
		m.u.held.left_ms = UINT64_MAX;
		say(&m);
	}
	ike_msg_init(&m, IKE_MSG_HELD_END, 0);
	say(&m);
	printf("hello, %u held\n", book_count);
}

static void send_datagram(const struct ike_msg_datagram *d)
{
	static uint8_t data[MARKER + IKE_MSG_DATA_MAX];
	bool natt = d->local.port == 4500;
	struct sockaddr_storage to;

	ike_msg_to_sockaddr(&d->remote, &to);
	memcpy(data + MARKER, d->data, d->len);
	if (sendto(udp[natt], natt ? data : data + MARKER,
		   d->len + (natt ? MARKER : 0), 0, (struct sockaddr *)&to,
		   sizeof(struct sockaddr_in)) < 0)
		perror("sendto");
}

static void answer(const struct ike_msg *q)
{
	struct ike_msg a;
	int rc = 0;

	ike_msg_init(&a, IKE_MSG_ANSWER, q->id);
	switch (q->type) {
	case IKE_MSG_PEER: take_peer(&q->u.peer); break;
	case IKE_MSG_PEERS_END: rc = end_peers(); break;
	case IKE_MSG_GET_SPI: rc = get_spi(&q->u.get_spi, &a); break;
	case IKE_MSG_SA_ADD: rc = add_sa(&q->u.sa_add); break;
	case IKE_MSG_SA_UPDATE: rc = update_sa(&q->u.sa_update); break;
	case IKE_MSG_SA_DELETE: rc = delete_sa(&q->u.sa_id); break;
	case IKE_MSG_SA_QUERY: rc = query_sa(&q->u.sa_id, &a); break;
	case IKE_MSG_POLICY_ADD: rc = add_policy(&q->u.policy); break;
	case IKE_MSG_POLICY_DELETE: rc = delete_policy(&q->u.policy); break;
	case IKE_MSG_HELD_DROP: drop_held(q->u.held_drop.peer); break;
	case IKE_MSG_ACQUIRE_AGAIN: printf("acquire-again\n"); break;
	default: rc = -EBADMSG; break;
	}
	a.u.answer.rc = rc;
	say(&a);
}

static void on_iked(void)
{
	int rc = ike_msg_recv(iked, &msg, MSG_DONTWAIT);

	if (rc == -EAGAIN)
		return;
	if (rc) {
		printf("iked is gone\n");
		close(iked);
		iked = -1;
	} else if (msg.type == IKE_MSG_HELLO) {
		show_held();
	} else if (msg.type == IKE_MSG_DATAGRAM) {
		send_datagram(&msg.u.datagram);
	} else {
		answer(&msg);
	}
	ike_msg_wipe(&msg);
}

/* ---- the peer ------------------------------------------------------------ */

static void on_udp(bool natt)
{
	struct ike_msg_datagram *d = &msg.u.datagram;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint32_t first = 0;
	ssize_t n;

	ike_msg_init(&msg, IKE_MSG_DATAGRAM, 0);
	n = recvfrom(udp[natt], d->data, sizeof(d->data), 0,
		     (struct sockaddr *)&from, &len);
	if (n <= 0 || deaf)
		return;
	if (natt) {
		if (n < MARKER)
			return;
		memcpy(&first, d->data, sizeof(first));
		if (first) {
			esp_count++;
			return;
		}
		n -= MARKER;
		memmove(d->data, d->data + MARKER, n);
	}
	d->len = n;
	at.sin_port = htons(natt ? 4500 : 500);
	ike_msg_from_sockaddr((struct sockaddr *)&at, &d->local);
	ike_msg_from_sockaddr((struct sockaddr *)&from, &d->remote);
	if (n > 0)
		say(&msg);
}

/* ---- orders -------------------------------------------------------------- */

static void list(void)
{
	for (unsigned i = 0; i < book_count; i++)
		if (!sas[i].reserved)
			printf("sa %s %08x peer %u group %u%s\n",
			       sas[i].add.id.inbound ? "in" : "out",
			       ntohl(sas[i].add.id.spi), sas[i].add.id.peer,
			       sas[i].add.group, sas[i].held ? " held" : "");
	for (unsigned i = 0; i < policy_count; i++)
		printf("policy peer %u group %u%s\n", policies[i].p.peer,
		       policies[i].p.group, policies[i].held ? " held" : "");
	printf(".\n");
}

static void expire(uint32_t spi, bool hard)
{
	struct ike_msg_sa_id id = { .spi = htonl(spi), .inbound = 1 };
	struct book_sa *sa = find_sa(&id);
	struct ike_msg m;

	if (!sa) {
		printf("no such SA\n");
		return;
	}
	ike_msg_init(&m, IKE_MSG_EXPIRE, 0);
	m.u.expire.id = sa->add.id;
	m.u.expire.hard = hard;
	say(&m);
}

static void acquire(void)
{
	struct ike_msg m;

	if (!policy_count) {
		printf("no policy\n");
		return;
	}
	ike_msg_init(&m, IKE_MSG_ACQUIRE, 0);
	m.u.group.group = policies[policy_count - 1].p.group;
	say(&m);
}

static bool on_order(void)
{
	char line[128];
	unsigned spi;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (!strcmp(line, "list\n"))
		list();
	else if (!strcmp(line, "esp\n"))
		printf("%lu\n", esp_count);
	else if (!strcmp(line, "acquire\n"))
		acquire();
	else if (!strcmp(line, "deaf\n") || !strcmp(line, "hear\n"))
		deaf = line[0] == 'd';
	else if (sscanf(line, "soft %x", &spi) == 1)
		expire(spi, false);
	else if (sscanf(line, "hard %x", &spi) == 1)
		expire(spi, true);
	return true;
}

/* ---- sockets ------------------------------------------------------------- */

static int bind_udp(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	at.sin_port = htons(port);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("bind");
	return fd;
}

static int listen_at(const char *path, const char *uid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    chmod(path, 0600) || listen(fd, 1))
		die(path);
	if (uid && chown(path, atoi(uid), -1))
		die("chown");
	return fd;
}

static void serve(int listener)
{
	bool orders = true;

	for (;;) {
		struct pollfd p[5] = { { .fd = listener }, { .fd = iked },
				       { .fd = udp[0] }, { .fd = udp[1] },
				       { .fd = orders ? 0 : -1 } };

		for (int i = 0; i < 5; i++)
			p[i].events = POLLIN;
		if (poll(p, 5, -1) < 0)
			die("poll");
		if (p[1].revents)
			on_iked();
		if (p[0].revents && iked < 0)
			iked = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (p[2].revents)
			on_udp(false);
		if (p[3].revents)
			on_udp(true);
		if (p[4].revents)
			orders = on_order();
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "fake-espd SOCKET ADDRESS [UID]\n");
		return 2;
	}
	setlinebuf(stdout);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see all of it */
	at.sin_family = AF_INET;
	if (inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		die(argv[2]);
	udp[0] = bind_udp(500);
	udp[1] = bind_udp(4500);
	serve(listen_at(argv[1], argc > 3 ? argv[3] : NULL));
}
