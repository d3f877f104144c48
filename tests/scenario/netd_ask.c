/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_ask.c: asks causeway-netd from a shell script, through netd's client.
 *
 *	netd-ask SOCKET get IF
 *	netd-ask SOCKET release IF
 *	netd-ask SOCKET packet IF MTU TAGS FORCE
 *	netd-ask SOCKET control IF
 *	netd-ask SOCKET tap NAME MTU QUEUES
 *	netd-ask SOCKET configure NAME MAC|- GATEWAY|- IPV6_GATEWAY|- ADDRESS...
 *	netd-ask SOCKET set IF MTU TAGS PROMISCUOUS
 *	netd-ask SOCKET ethtool IF [SETTING=VALUE]...
 *	netd-ask SOCKET watch IF
 *	netd-ask SOCKET tun NAME MTU ADDRESS...
 *	netd-ask SOCKET udp ADDRESS PORT SOCKETS
 *	netd-ask SOCKET esp ADDRESS
 *	netd-ask SOCKET protect TUN NETWORK...
 *
 * packet, control, tap, tun, udp and esp hold what they got until standard input ends; each
 * line read from it is answered by the number of frames received so far, and
 * the line "send" sends an empty slow protocols frame before.  watch prints
 * the device's events until then.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/netd_client.h"

static void print_link(const struct netd_link *l)
{
	static const char *const duplexes[] = { "unknown", "half", "full" };

	printf("%s ifindex=%u mtu=%u mac=%02x:%02x:%02x:%02x:%02x:%02x "
	       "speed=%u duplex=%s offload=%#x %s %s %s %s\n",
	       l->ifname, l->ifindex, l->mtu, l->mac[0], l->mac[1], l->mac[2],
	       l->mac[3], l->mac[4], l->mac[5], l->speed_mbps,
	       duplexes[l->duplex], l->offload,
	       l->present ? "present" : "gone", l->up ? "up" : "down",
	       l->carrier ? "carrier" : "no-carrier",
	       l->taken ? "taken" : "not-taken");
	fflush(stdout);
}

static int complain(const struct rpc_error *e)
{
	fprintf(stderr, "refused: %s [%s]\n", e->message, e->hint);
	return 1;
}

static unsigned drain(const int *fds, unsigned n)
{
	static char frame[70000];
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		while (read(fds[i], frame, sizeof(frame)) > 0)
			count++;
	return count;
}

static void send_slow(int fd)
{
	static const uint8_t frame[60] = { 0x01, 0x80, 0xc2, 0, 0, 2,
					   0x02, 0, 0, 0, 0, 1, 0x88, 0x09 };

	if (write(fd, frame, sizeof(frame)) != sizeof(frame))
		perror("send");
}

static int hold(const int *fds, unsigned n)
{
	unsigned long frames = 0;
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "send\n"))
			send_slow(fds[0]);
		frames += drain(fds, n);
		printf("%lu\n", frames);
		fflush(stdout);
	}
	return 0;
}

static int watch(struct netd_client *c, const char *ifname)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = netd_client_fd(c), .events = POLLIN } };
	struct netd_link event;
	int rc = 0;

	for (;;) {
		while ((rc = netd_client_next(c, &event)) == 1)
			if (!strcmp(event.ifname, ifname))
				print_link(&event);
		if (rc < 0 || poll(p, 2, -1) < 0)
			return 1;
		if (p[0].revents)
			return 0;
	}
}

static int ask_packet(struct netd_client *c, char **a)
{
	struct netd_packet_conf conf = { .ifname = a[0], .mtu = atoi(a[1]),
					 .want_tags = atoi(a[2]),
					 .force = atoi(a[3]) };
	struct netd_link link;
	struct rpc_error e;
	int fd;

	if (netd_packet_open(c, &conf, &fd, &link, &e))
		return complain(&e);
	print_link(&link);
	return hold(&fd, 1);
}

/* Says "unlocked" first when the filter can be taken off. */
static int ask_control(struct netd_client *c, const char *ifname)
{
	struct netd_link link;
	struct rpc_error e;
	int fd, none = 0;

	if (netd_control_open(c, ifname, &fd, &link, &e))
		return complain(&e);
	if (!setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none,
			sizeof(none)) || errno != EPERM)
		printf("unlocked ");
	print_link(&link);
	return hold(&fd, 1);
}

static int ask_tap(struct netd_client *c, char **a)
{
	unsigned queues = atoi(a[2]);
	int fds[NETD_QUEUES_MAX];
	struct netd_link link;
	struct rpc_error e;

	if (netd_tap_open(c, a[0], atoi(a[1]), queues, fds, &link, &e))
		return complain(&e);
	print_link(&link);
	return hold(fds, queues);
}

static int ask_tun(struct netd_client *c, int n, char **a)
{
	struct netd_tun_conf conf = { .name = a[0], .mtu = atoi(a[1]),
				      .queues = 1,
				      .addresses = (const char **)a + 2,
				      .address_count = n - 2 };
	struct netd_link link;
	struct rpc_error e;
	int fd;

	if (netd_tun_open(c, &conf, &fd, &link, &e))
		return complain(&e);
	print_link(&link);
	return hold(&fd, 1);
}

static struct sockaddr_storage local_address(const char *text, int port)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
	}
	return ss;
}

static int ask_udp(struct netd_client *c, char **a)
{
	struct sockaddr_storage ss = local_address(a[0], atoi(a[1]));
	unsigned sockets = atoi(a[2]);
	struct rpc_error e;
	int fds[2];

	if (netd_udp_bind(c, (struct sockaddr *)&ss, sockets, fds, &e))
		return complain(&e);
	printf("bound\n");
	fflush(stdout);
	/* Of two, only the second one counts: it is IKE's. */
	return hold(fds + sockets - 1, 1);
}

static int ask_esp(struct netd_client *c, char **a)
{
	struct sockaddr_storage ss = local_address(a[0], 0);
	struct rpc_error e;
	int fd;

	if (netd_esp_open(c, (struct sockaddr *)&ss, &fd, &e))
		return complain(&e);
	printf("open\n");
	fflush(stdout);
	return hold(&fd, 1);
}

static int ask_protect(struct netd_client *c, int n, char **a)
{
	struct netd_protection conf = { .tun = a[0],
					.networks = (const char **)a + 1,
					.network_count = n - 1 };
	struct rpc_error e;

	return netd_protect_set(c, &conf, &e) ? complain(&e) : 0;
}

static const char *given(const char *word)
{
	return strcmp(word, "-") ? word : NULL;
}

static int ask_configure(struct netd_client *c, int n, char **a)
{
	struct netd_tap_conf conf = { .name = a[0], .gateway = given(a[2]),
				      .ipv6_gateway = given(a[3]),
				      .addresses = (const char **)a + 4,
				      .address_count = n - 4 };
	struct netd_link link;
	struct rpc_error e;
	uint8_t mac[6];

	if (sscanf(a[1], "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == 6)
		conf.mac = mac;
	if (netd_tap_configure(c, &conf, &link, &e))
		return complain(&e);
	print_link(&link);
	return 0;
}

static int ask_set(struct netd_client *c, char **a)
{
	struct netd_link_conf conf = { .ifname = a[0], .mtu = atoi(a[1]),
				       .want_tags = atoi(a[2]),
				       .promiscuous = atoi(a[3]) };
	struct netd_link link;
	struct rpc_error e;

	if (netd_link_set(c, &conf, &link, &e))
		return complain(&e);
	print_link(&link);
	return 0;
}

static void parse_setting(struct netd_ethtool *want, const char *word)
{
	const char *value = strchr(word, '=') + 1;

	for (uint32_t bit = 1; netd_setting_name(bit); bit <<= 1) {
		const char *name = netd_setting_name(bit);

		if (strncmp(word, name, strlen(name)) ||
		    word[strlen(name)] != '=')
			continue;
		want->given |= bit;
		want->on |= strcmp(value, "on") ? 0 : bit;
		if (bit == NETD_ADVERTISE)
			want->advertise = strtoul(value, NULL, 0);
		if (bit == NETD_SPEED)
			want->speed_mbps = atoi(value);
		if (bit == NETD_DUPLEX)
			want->duplex = strcmp(value, "half") ?
					       NETD_DUPLEX_FULL :
					       NETD_DUPLEX_HALF;
	}
}

static int ask_ethtool(struct netd_client *c, int n, char **a)
{
	struct netd_ethtool want = { .given = 0 };
	uint32_t unsupported;
	struct rpc_error e;

	for (int i = 1; i < n; i++)
		parse_setting(&want, a[i]);
	if (netd_link_ethtool(c, a[0], &want, &unsupported, &e))
		return complain(&e);
	printf("unsupported:");
	for (uint32_t bit = 1; netd_setting_name(bit); bit <<= 1)
		if (unsupported & bit)
			printf(" %s", netd_setting_name(bit));
	putchar('\n');
	return 0;
}

static int ask(struct netd_client *c, const char *verb, int n, char **a)
{
	struct netd_link link;
	struct rpc_error e;

	if (!strcmp(verb, "get")) {
		if (netd_link_get(c, a[0], &link, &e))
			return complain(&e);
		print_link(&link);
		return 0;
	}
	if (!strcmp(verb, "release"))
		return netd_release(c, a[0], &e) ? complain(&e) : 0;
	if (!strcmp(verb, "watch"))
		return netd_link_watch(c, &e) ? complain(&e) : watch(c, a[0]);
	if (!strcmp(verb, "control"))
		return ask_control(c, a[0]);
	if (!strcmp(verb, "packet") && n == 4)
		return ask_packet(c, a);
	if (!strcmp(verb, "set") && n == 4)
		return ask_set(c, a);
	if (!strcmp(verb, "ethtool"))
		return ask_ethtool(c, n, a);
	if (!strcmp(verb, "configure") && n >= 4)
		return ask_configure(c, n, a);
	if (!strcmp(verb, "tun") && n >= 2)
		return ask_tun(c, n, a);
	if (!strcmp(verb, "udp") && n == 3)
		return ask_udp(c, a);
	if (!strcmp(verb, "esp"))
		return ask_esp(c, a);
	if (!strcmp(verb, "protect"))
		return ask_protect(c, n, a);
	if (!strcmp(verb, "tap") && n == 3)
		return ask_tap(c, a);
	return 2;
}

int main(int argc, char **argv)
{
	struct netd_client *c;
	struct rpc_error e;
	int rc;

	if (argc < 4)
		return 2;
	if (netd_client_open(&c, argv[1], &e))
		return complain(&e);
	rc = ask(c, argv[2], argc - 3, argv + 3);
	netd_client_close(c);
	return rc;
}
