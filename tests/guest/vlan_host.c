/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vlan-host: give a network namespace VLAN interfaces on a kernel that has
 * no 8021q, so that it can play the host behind a trunk.
 *
 *	vlan-host TRUNK VID:TAP...
 *
 * Each TAP is created and carries, untagged, the frames that cross TRUNK
 * with tag VID; VID 0 stands for untagged ones.  The namespace's own stack
 * then speaks on the taps: addresses, ping, iperf3, all of it.  Frames of
 * other VIDs are left alone.  It prints `ready` once the taps exist, and runs
 * until killed.
 *
 * Both sides use virtio-net headers, so TSO frames pass whole and checksums
 * stay partial; only csum_start and hdr_len move by the tag's four bytes.
 * The kernel hands a received tag over beside the frame (packet(7),
 * auxdata).
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VLANS_MAX 64
#define FRAME_MAX (1 << 17)
#define TAG_BYTES 4

struct vlan {
	uint16_t vid;
	int tap;
};

struct host {
	int trunk;
	unsigned count;
	struct vlan vlans[VLANS_MAX];
};

/* As it lies in the sending buffer: what one write or send takes. */
struct packet {
	struct virtio_net_hdr vnet;
	uint8_t frame[FRAME_MAX];
} __attribute__((packed));

static struct packet packet;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "vlan-host: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_trunk(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(name),
	};
	int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || !at.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(name);
	return fd;
}

static int open_tap(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, offload) < 0)
		die(name);
	return fd;
}

/* VID of a received frame; 0: it had no tag. */
static uint16_t received_vid(struct msghdr *msg)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			return aux.tp_vlan_tci & 0xfff;
	}
	return 0;
}

static void trunk_to_tap(const struct host *host)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { &packet, sizeof(packet) };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(host->trunk, &msg, 0);
	uint16_t vid = received_vid(&msg);
	unsigned i;

	if (len < 0 || from.sll_pkttype == PACKET_OUTGOING)
		return;
	for (i = 0; i < host->count; i++)
		if (host->vlans[i].vid == vid &&
		    write(host->vlans[i].tap, &packet, len) < 0 &&
		    errno != EIO) /* EIO: down, the frame is lost */
			perror("vlan-host: tap");
}

/* Move the addresses apart for a tag; the frame gets longer by it. */
static ssize_t put_tag(ssize_t len, uint16_t vid)
{
	uint16_t tag[2] = { htons(ETHERTYPE_VLAN), htons(vid) };
	uint8_t *at = packet.frame + 2 * ETH_ALEN;

	memmove(at + TAG_BYTES, at,
		len - offsetof(struct packet, frame) - 2 * ETH_ALEN);
	memcpy(at, tag, TAG_BYTES);
	if (packet.vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		packet.vnet.csum_start += TAG_BYTES;
	if (packet.vnet.hdr_len)
		packet.vnet.hdr_len += TAG_BYTES;
	return len + TAG_BYTES;
}

static void tap_to_trunk(const struct host *host, const struct vlan *vlan)
{
	ssize_t len = read(vlan->tap, &packet, sizeof(packet) - TAG_BYTES);

	if (len < (ssize_t)sizeof(packet.vnet) + ETH_HLEN)
		return;
	if (vlan->vid)
		len = put_tag(len, vlan->vid);
	if (send(host->trunk, &packet, len, 0) < 0)
		perror("vlan-host: trunk");
}

static void run(const struct host *host)
{
	struct pollfd pfds[1 + VLANS_MAX];
	unsigned i;

	pfds[host->count] =
		(struct pollfd){ .fd = host->trunk, .events = POLLIN };
	for (i = 0; i < host->count; i++)
		pfds[i] = (struct pollfd){ .fd = host->vlans[i].tap,
					   .events = POLLIN };
	while (poll(pfds, host->count + 1, -1) >= 0) {
		if (pfds[host->count].revents)
			trunk_to_tap(host);
		for (i = 0; i < host->count; i++)
			if (pfds[i].revents)
				tap_to_trunk(host, &host->vlans[i]);
	}
}

int main(int argc, char **argv)
{
	struct host host = { 0 };
	char *colon;
	int i;

	if (argc < 3 || argc > 2 + VLANS_MAX) {
		fputs("usage: vlan-host TRUNK VID:TAP...\n", stderr);
		return 2;
	}
	host.trunk = open_trunk(argv[1]);
	for (i = 2; i < argc; i++) {
		colon = strchr(argv[i], ':');
		if (!colon)
			return 2;
		host.vlans[host.count++] = (struct vlan){
			.vid = atoi(argv[i]), .tap = open_tap(colon + 1)
		};
	}
	puts("ready");
	fflush(stdout);
	run(&host);
	die("poll");
}
