/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forge: send frames a guest has no right to send, or any other.
 *
 *	forge [-i eth0] [-n count] [-w usec] [-s smac] [-d dmac] [-v vid]...
 *		arp SENDER_IP TARGET_IP | icmp SRC_IP DST_IP | hex BYTES
 *
 * It builds the whole frame itself and hands it to a packet socket, so
 * neither the guest's address nor its neighbour table has a say.  Without
 * -s the interface's own MAC is used, without -d broadcast; -v puts a tag in
 * front, the first one outermost.  `arp` is a request, which every neighbour
 * believes; `icmp` is an echo request; `hex` is what follows the addresses,
 * from the EtherType on.  Count 0 sends until killed.
 *
 * Linked statically: it runs in guests that have no C library.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FRAME_MAX 2048
#define FRAME_MIN 60
#define TAGS_MAX 8
#define ICMP_DATA_BYTES 32

struct forge {
	const char *interface;
	long count;
	unsigned wait_us;
	uint8_t smac[ETH_ALEN];
	uint8_t dmac[ETH_ALEN];
	bool has_smac;
	uint16_t vids[TAGS_MAX];
	unsigned vid_count;
	uint8_t frame[FRAME_MAX];
	size_t len;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "forge: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void usage(void)
{
	fputs("usage: forge [-i interface] [-n count] [-w usec] [-s smac] "
	      "[-d dmac] [-v vid]...\n"
	      "\tarp SENDER_IP TARGET_IP | icmp SRC_IP DST_IP | hex BYTES\n",
	      stderr);
	exit(2);
}

static void put(struct forge *f, const void *data, size_t len)
{
	if (len > FRAME_MAX - f->len) {
		errno = EMSGSIZE;
		die("frame");
	}
	memcpy(f->frame + f->len, data, len);
	f->len += len;
}

static void put_be16(struct forge *f, unsigned value)
{
	uint16_t be = htons(value);

	put(f, &be, sizeof(be));
}

static void put_ip(struct forge *f, const char *text)
{
	struct in_addr ip;

	if (inet_pton(AF_INET, text, &ip) != 1)
		usage();
	put(f, &ip, sizeof(ip));
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static void build_arp(struct forge *f, char **arg)
{
	static const uint8_t nobody[ETH_ALEN];

	put_be16(f, ETHERTYPE_ARP);
	put_be16(f, ARPHRD_ETHER);
	put_be16(f, ETHERTYPE_IP);
	put_be16(f, ETH_ALEN << 8 | sizeof(struct in_addr));
	put_be16(f, ARPOP_REQUEST);
	put(f, f->smac, ETH_ALEN);
	put_ip(f, arg[0]);
	put(f, nobody, ETH_ALEN);
	put_ip(f, arg[1]);
}

static void build_icmp(struct forge *f, char **arg)
{
	struct {
		struct icmphdr icmp;
		uint8_t data[ICMP_DATA_BYTES];
	} echo = { .icmp.type = ICMP_ECHO };
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(sizeof(ip) + sizeof(echo)),
		.ttl = 64,
		.protocol = IPPROTO_ICMP,
	};

	if (inet_pton(AF_INET, arg[0], &ip.saddr) != 1 ||
	    inet_pton(AF_INET, arg[1], &ip.daddr) != 1)
		usage();
	ip.check = checksum(&ip, sizeof(ip));
	echo.icmp.un.echo.id = htons(getpid() & 0xffff);
	echo.icmp.checksum = checksum(&echo, sizeof(echo));
	put_be16(f, ETHERTYPE_IP);
	put(f, &ip, sizeof(ip));
	put(f, &echo, sizeof(echo));
}

static void build_hex(struct forge *f, char **arg)
{
	const char *text = arg[0];
	unsigned byte;
	uint8_t octet;
	int used;

	for (; *text; text += used) {
		if (sscanf(text, " %2x%n", &byte, &used) != 1)
			usage();
		octet = byte;
		put(f, &octet, 1);
	}
}

static const struct kind {
	const char *name;
	int args;
	void (*build)(struct forge *f, char **arg);
} kinds[] = {
	{ "arp", 2, build_arp },
	{ "icmp", 2, build_icmp },
	{ "hex", 1, build_hex },
};

static void build(struct forge *f, int argc, char **argv)
{
	unsigned i;

	put(f, f->dmac, ETH_ALEN);
	put(f, f->smac, ETH_ALEN);
	for (i = 0; i < f->vid_count; i++) {
		put_be16(f, ETHERTYPE_VLAN);
		put_be16(f, f->vids[i]);
	}
	for (i = 0; argc > 0 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(argv[0], kinds[i].name) || argc != 1 + kinds[i].args)
			continue;
		kinds[i].build(f, argv + 1);
		if (f->len < FRAME_MIN)
			f->len = FRAME_MIN;
		return;
	}
	usage();
}

static void parse_mac(uint8_t mac[ETH_ALEN], const char *text)
{
	int end = 0;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5], &end) != ETH_ALEN ||
	    text[end])
		usage();
}

static void parse_options(struct forge *f, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+i:n:w:s:d:v:")) != -1) {
		if (c == 'i') {
			f->interface = optarg;
		} else if (c == 'n') {
			f->count = atol(optarg);
		} else if (c == 'w') {
			f->wait_us = atoi(optarg);
		} else if (c == 's') {
			parse_mac(f->smac, optarg);
			f->has_smac = true;
		} else if (c == 'd') {
			parse_mac(f->dmac, optarg);
		} else if (c == 'v' && f->vid_count < TAGS_MAX) {
			f->vids[f->vid_count++] = atoi(optarg);
		} else {
			usage();
		}
	}
}

static int open_interface(struct forge *f)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq req = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		die("packet socket");
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", f->interface);
	to.sll_ifindex = if_nametoindex(f->interface);
	if (!to.sll_ifindex || ioctl(fd, SIOCGIFHWADDR, &req) < 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(f->interface);
	if (!f->has_smac)
		memcpy(f->smac, req.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

int main(int argc, char **argv)
{
	struct forge f = { .interface = "eth0", .count = 1 };
	long sent = 0;
	int fd;

	memset(f.dmac, 0xff, ETH_ALEN);
	parse_options(&f, argc, argv);
	fd = open_interface(&f);
	build(&f, argc - optind, argv + optind);
	while (!f.count || sent < f.count) {
		if (write(fd, f.frame, f.len) < 0 && errno != ENOBUFS)
			die("send");
		sent++;
		if (f.wait_us)
			usleep(f.wait_us);
	}
	printf("sent %ld\n", sent);
	return 0;
}
