/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_hand.c: plays causeway-iked for causeway-espd: SAs by hand, no IKE.
 *
 *	esp-hand SOCKET
 *
 * reads a command a line from standard input, and prints a line for each:
 * "ok" or "error ERRNO-TEXT", with what the answer says.  Words are KEY=VALUE:
 *
 *	hello
 *	peer n= name= local= remote= mtu= lnet= rnet= raw=
 *	end
 *	sa dir=in|out spi= n= group= local= remote= rport= udp= alg= key=
 *	   lnet= rnet= esn= window= replaces= soft_packets= hard_packets=
 *	   soft_ms= hard_ms=
 *	update dir= spi= n= local= remote= rport= udp=
 *	delete dir= spi= n=
 *	query dir= spi= n=
 *	policy n= group= lnet= rnet=
 *	unpolicy n= group= lnet= rnet=
 *	drop n=
 *	again group=
 *	send local= remote= port= rport= text=
 *	wait ms=
 *
 * What espd tells by itself is printed as it comes: "expire soft out SPI" and
 * so on.  Numbers: SPIs in hexadecimal.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipsec-migrate/ike_msg.h"

static int fd;
static struct ike_msg out, in;
static uint32_t last_id;
static char *words[64];
static unsigned word_count;

/* --- words ---------------------------------------------------------------- */

static const char *word(const char *key, const char *none)
{
	size_t len = strlen(key);

	for (unsigned i = 1; i < word_count; i++)
		if (!strncmp(words[i], key, len) && words[i][len] == '=')
			return words[i] + len + 1;
	return none;
}

static uint64_t number(const char *key, uint64_t none)
{
	const char *text = word(key, NULL);

	return text ? strtoull(text, NULL, 0) : none;
}

static uint8_t parse_ip(const char *text, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (inet_pton(AF_INET, text, addr) == 1)
		return 4;
	return inet_pton(AF_INET6, text, addr) == 1 ? 6 : 0;
}

static struct ike_msg_addr address(const char *key, uint16_t port)
{
	struct ike_msg_addr a = { .port = port };

	a.family = parse_ip(word(key, ""), a.addr);
	return a;
}

static void network(const char *key, struct ike_msg_network *net)
{
	char text[64];
	char *slash;

	snprintf(text, sizeof(text), "%s", word(key, ""));
	slash = strchr(text, '/');
	if (!slash)
		return;
	*slash = 0;
	net->family = parse_ip(text, net->addr);
	net->prefix = atoi(slash + 1);
}

static void range(const char *key, struct selector_end *end, uint8_t *family)
{
	struct ike_msg_network net = { .family = 0 };
	unsigned bits;

	network(key, &net);
	*family = net.family;
	bits = net.family == 4 ? 32 : 128;
	memcpy(end->lo, net.addr, 16);
	memcpy(end->hi, net.addr, 16);
	for (unsigned i = net.prefix; i < bits; i++) {
		end->lo[i / 8] &= ~(0x80 >> i % 8);
		end->hi[i / 8] |= 0x80 >> i % 8;
	}
	end->port_hi = 65535;
}

static struct selector selector(void)
{
	struct selector s = { .proto = 0 };

	range("lnet", &s.local, &s.family);
	range("rnet", &s.remote, &s.family);
	return s;
}

static uint32_t spi(const char *key)
{
	return htonl(strtoul(word(key, "0"), NULL, 16));
}

static struct ike_msg_sa_id sa_id(void)
{
	return (struct ike_msg_sa_id){
		.spi = spi("spi"),
		.peer = number("n", 1),
		.inbound = !strcmp(word("dir", "in"), "in"),
	};
}

static struct ike_msg_path path(void)
{
	return (struct ike_msg_path){
		.local = address("local", 4500),
		.remote = address("remote", number("rport", 4500)),
		.udp = number("udp", 1),
	};
}

/* --- messages ------------------------------------------------------------- */

static void print_event(const struct ike_msg *m)
{
	char text[INET6_ADDRSTRLEN];

	switch (m->type) {
	case IKE_MSG_HELD:
		printf("held %s %08x %s\n", m->u.held.id.inbound ? "in" : "out",
		       ntohl(m->u.held.id.spi), m->u.held.name);
		break;
	case IKE_MSG_EXPIRE:
		printf("expire %s %s %08x\n",
		       m->u.expire.hard ? "hard" : "soft",
		       m->u.expire.id.inbound ? "in" : "out",
		       ntohl(m->u.expire.id.spi));
		break;
	case IKE_MSG_ACQUIRE: printf("acquire %u\n", m->u.group.group); break;
	case IKE_MSG_MAPPING:
		inet_ntop(m->u.mapping.remote.family == 4 ? AF_INET : AF_INET6,
			  m->u.mapping.remote.addr, text, sizeof(text));
		printf("mapping %08x %s %u\n", ntohl(m->u.mapping.id.spi), text,
		       m->u.mapping.remote.port);
		break;
	case IKE_MSG_DATAGRAM:
		printf("datagram %u %.*s\n", m->u.datagram.local.port,
		       (int)m->u.datagram.len, m->u.datagram.data);
		break;
	default: printf("%s\n", ike_msg_type_name(m->type)); break;
	}
	fflush(stdout);
}

/* False: the connection is over. */
static bool receive(void)
{
	int rc = ike_msg_recv(fd, &in, 0);

	if (!rc)
		return true;
	printf("closed %s\n", strerror(-rc));
	exit(1);
}

static void await(enum ike_msg_type type)
{
	for (;;) {
		receive();
		if (in.type == type && in.id == last_id)
			return;
		print_event(&in);
	}
}

static struct ike_msg *begin(enum ike_msg_type type)
{
	ike_msg_init(&out, type, ++last_id);
	return &out;
}

static void ask(void)
{
	const struct ike_msg_answer *a = &in.u.answer;
	int rc = ike_msg_send(fd, &out, 0);

	if (rc) {
		printf("closed %s\n", strerror(-rc));
		exit(1);
	}
	await(IKE_MSG_ANSWER);
	if (a->rc)
		printf("error %s\n", strerror(-a->rc));
	else if (out.type == IKE_MSG_SA_QUERY)
		printf("ok packets %lu bytes %lu\n", a->packets, a->bytes);
	else
		printf("ok\n");
}

/* --- commands ------------------------------------------------------------- */

static void hello(void)
{
	begin(IKE_MSG_HELLO)->u.hello.pid = getpid();
	last_id = 0;
	out.id = 0;
	ike_msg_send(fd, &out, 0);
	await(IKE_MSG_HELD_END);
	printf("ok\n");
}

static void peer(void)
{
	struct ike_msg_peer *p = &begin(IKE_MSG_PEER)->u.peer;

	p->peer = number("n", 1);
	snprintf(p->name, sizeof(p->name), "%s", word("name", "peer"));
	p->local = address("local", 0);
	p->remote = address("remote", 0);
	p->mtu = number("mtu", 0);
	p->raw_esp = number("raw", 0);
	network("lnet", &p->local_net[0]);
	network("rnet", &p->remote_net[0]);
	network("rnet2", &p->remote_net[1]);
	ask();
}

static struct ike_msg_limit limit(const char *packets, const char *ms)
{
	return (struct ike_msg_limit){ .packets = number(packets, 0),
				       .ms = number(ms, 0) };
}

static void sa(void)
{
	struct ike_msg_sa_add *a = &begin(IKE_MSG_SA_ADD)->u.sa_add;
	uint8_t fill = number("key", 1);

	a->id = sa_id();
	a->group = number("group", 1);
	a->replaces = spi("replaces");
	a->path = path();
	a->alg = number("alg", CIPHER_AES_GCM_256);
	a->key_len = cipher_key_len(a->alg);
	memset(a->key, fill, a->key_len);
	a->esn = number("esn", 1);
	a->replay_window = number("window", 4096);
	a->soft = limit("soft_packets", "soft_ms");
	a->hard = limit("hard_packets", "hard_ms");
	a->selector[a->selector_count++] = selector();
	ask();
	ike_msg_wipe(&out);
}

static void policy(enum ike_msg_type type)
{
	struct ike_msg_policy *p = &begin(type)->u.policy;

	p->peer = number("n", 1);
	p->group = number("group", 1);
	p->selector = selector();
	ask();
}

static void send_ike(void)
{
	struct ike_msg_datagram *d = &begin(IKE_MSG_DATAGRAM)->u.datagram;
	const char *text = word("text", "x");

	d->local = address("local", number("port", 4500));
	d->remote = address("remote", number("rport", 4500));
	d->len = strlen(text);
	memcpy(d->data, text, d->len);
	out.id = 0;
	ike_msg_send(fd, &out, 0);
	printf("ok\n");
}

static void wait_ms(int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, ms) == 1) {
		receive();
		print_event(&in);
	}
	printf("ok\n");
}

static void simple(enum ike_msg_type type)
{
	begin(type);
	if (type == IKE_MSG_SA_DELETE || type == IKE_MSG_SA_QUERY)
		out.u.sa_id = sa_id();
	else if (type == IKE_MSG_HELD_DROP)
		out.u.held_drop.peer = number("n", 0);
	else if (type == IKE_MSG_ACQUIRE_AGAIN)
		out.u.group.group = number("group", 1);
	ask();
}

static void obey(const char *verb)
{
	if (!strcmp(verb, "hello"))
		hello();
	else if (!strcmp(verb, "peer"))
		peer();
	else if (!strcmp(verb, "end"))
		simple(IKE_MSG_PEERS_END);
	else if (!strcmp(verb, "sa"))
		sa();
	else if (!strcmp(verb, "update")) {
		begin(IKE_MSG_SA_UPDATE);
		out.u.sa_update.id = sa_id();
		out.u.sa_update.path = path();
		ask();
	} else if (!strcmp(verb, "delete"))
		simple(IKE_MSG_SA_DELETE);
	else if (!strcmp(verb, "query"))
		simple(IKE_MSG_SA_QUERY);
	else if (!strcmp(verb, "policy"))
		policy(IKE_MSG_POLICY_ADD);
	else if (!strcmp(verb, "unpolicy"))
		policy(IKE_MSG_POLICY_DELETE);
	else if (!strcmp(verb, "drop"))
		simple(IKE_MSG_HELD_DROP);
	else if (!strcmp(verb, "again"))
		simple(IKE_MSG_ACQUIRE_AGAIN);
	else if (!strcmp(verb, "send"))
		send_ike();
	else if (!strcmp(verb, "wait"))
		wait_ms(number("ms", 0));
	else
		printf("error no such command: %s\n", verb);
	fflush(stdout);
}

static int connect_to(const char *file)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", file);
	return connect(s, (struct sockaddr *)&un, sizeof(un)) ? -1 : s;
}

int main(int argc, char **argv)
{
	char line[1024];

	fd = argc == 2 ? connect_to(argv[1]) : -1;
	if (fd < 0) {
		perror("esp-hand");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		word_count = 0;
		for (char *w = strtok(line, " \t\n"); w && word_count < 64;
		     w = strtok(NULL, " \t\n"))
			words[word_count++] = w;
		if (word_count && words[0][0] != '#')
			obey(words[0]);
	}
	return 0;
}
