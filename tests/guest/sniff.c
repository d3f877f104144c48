/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sniff: say what arrives on an interface, promiscuously, one line a frame.
 *
 *	sniff [-i eth0] [-t seconds] [-n count]
 *
 *	SMAC > DMAC [vlan VID]... arp SENDER_IP TARGET_IP
 *	                          ip SRC_IP DST_IP PROTO [icmp TYPE]
 *	                          0xTYPE
 *
 * and at the end `frames N`.  Frames the interface sends itself are left
 * out.  Tags that the kernel took off are put back (packet(7), auxdata).
 * Linked statically: it runs in guests that have no C library.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SNAP_BYTES 2048
#define ETHERTYPE_QINQ 0x88a8

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sniff: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void print_mac(const uint8_t *mac, const char *after)
{
	printf("%02x:%02x:%02x:%02x:%02x:%02x%s", mac[0], mac[1], mac[2],
	       mac[3], mac[4], mac[5], after);
}

static void print_ip(const uint8_t *ip)
{
	printf(" %u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

/* What follows the addresses and the kernel's tag: p to end. */
static void print_payload(const uint8_t *p, const uint8_t *end)
{
	unsigned type;

	while (end - p >= 4 &&
	       (be16(p) == ETHERTYPE_VLAN || be16(p) == ETHERTYPE_QINQ)) {
		printf(" vlan %u", be16(p + 2) & 0xfff);
		p += 4;
	}
	type = end - p >= 2 ? be16(p) : 0;
	p += 2;
	if (type == ETHERTYPE_ARP && end - p >= 28) {
		printf(" arp");
		print_ip(p + 14);
		print_ip(p + 24);
	} else if (type == ETHERTYPE_IP && end - p >= 21) {
		printf(" ip");
		print_ip(p + 12);
		print_ip(p + 16);
		printf(" %u", p[9]);
		if (p[9] == IPPROTO_ICMP)
			printf(" icmp %u", p[20]);
	} else {
		printf(" 0x%04x", type);
	}
	putchar('\n');
}

static void print_kernel_tag(struct msghdr *msg)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			printf(" vlan %u", aux.tp_vlan_tci & 0xfff);
	}
}

/* 1 if a frame came in and was printed, 0 if it was one of our own. */
static int print_frame(int fd)
{
	uint8_t frame[SNAP_BYTES];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { frame, sizeof(frame) };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &msg, 0);

	if (len < ETH_HLEN || from.sll_pkttype == PACKET_OUTGOING)
		return 0;
	print_mac(frame + ETH_ALEN, " > ");
	print_mac(frame, "");
	print_kernel_tag(&msg);
	print_payload(frame + 2 * ETH_ALEN, frame + len);
	return 1;
}

static int open_interface(const char *interface)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(interface),
	};
	struct packet_mreq promisc = {
		.mr_ifindex = at.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		die("packet socket");
	if (!at.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc,
		       sizeof(promisc)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(interface);
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	const char *interface = "eth0";
	int64_t left_ms = INT64_MAX / 2;
	long count = 0;
	long seen = 0;
	int64_t end;
	struct pollfd pfd = { .events = POLLIN };
	int c;

	while ((c = getopt(argc, argv, "i:t:n:")) != -1) {
		if (c == 'i')
			interface = optarg;
		else if (c == 't')
			left_ms = atof(optarg) * 1000;
		else if (c == 'n')
			count = atol(optarg);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	pfd.fd = open_interface(interface);
	end = now_ms() + left_ms;
	while ((left_ms = end - now_ms()) > 0 && (!count || seen < count)) {
		if (poll(&pfd, 1, left_ms < 1000 ? (int)left_ms : 1000) > 0)
			seen += print_frame(pfd.fd);
	}
	printf("frames %ld\n", seen);
	return 0;
}
