/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_open.c: taps and packet sockets, set up the way host_port polls them.
 *
 * Taps are always opened IFF_MULTI_QUEUE: the kernel refuses to change that
 * flag of an existing device, and with one queue it costs nothing.  A packet
 * socket is made with protocol 0 and bound last, so no frame of another
 * device or without virtio-net header ever gets into it.
 *
 * The control socket asks for all protocols and filters, rather than for the
 * two that it wants: sockets of one protocol are served behind the ingress
 * hook, where netd_nft drops everything.  Its filter runs before a frame is
 * queued, so data never uses up its buffer.
 */
#include "base/netd_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/netd_client.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#ifndef ETH_P_LLDP /* Linux 5.7 */
#define ETH_P_LLDP 0x88cc
#endif

#define PACKET_BUFFER_BYTES (16 << 20) /* each way */
#define CONTROL_BUFFER_BYTES (256 << 10)
#define PRIORITY_CONTROL 7 /* TC_PRIO_CONTROL: the queue's first band */

static int tap_attach(const char *name, int *fd)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					  IFF_MULTI_QUEUE };
	int rc;

	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (!ioctl(*fd, TUNSETIFF, &ifr))
		return 0;
	rc = -errno;
	close(*fd);
	return rc;
}

static int tap_offload(int fd, uint32_t *offload)
{
	const unsigned basic = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
			       TUN_F_TSO_ECN;

	*offload = NETD_CSUM | NETD_TSO4 | NETD_TSO6 | NETD_TSO_ECN;
	if (!ioctl(fd, TUNSETOFFLOAD, basic | TUN_F_USO4 | TUN_F_USO6)) {
		*offload |= NETD_USO;
		return 0;
	}
	return ioctl(fd, TUNSETOFFLOAD, basic) ? -errno : 0;
}

int netd_open_tap_set(int fd, uid_t owner, uint32_t *offload)
{
	int hdr = NETD_VNET_HDR_LEN;

	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr) || ioctl(fd, TUNSETOWNER, owner))
		return -errno;
	return tap_offload(fd, offload);
}

int netd_open_tap(const char *name, uid_t owner, unsigned queues, int fds[],
		  uint32_t *offload)
{
	unsigned n;
	int rc = 0;

	for (n = 0; n < queues && !rc; n++) {
		rc = tap_attach(name, &fds[n]);
		if (rc)
			break;
		rc = netd_open_tap_set(fds[n], owner, offload);
	}
	if (rc)
		while (n-- > 0)
			close(fds[n]);
	return rc;
}

int netd_open_tap_persist(int fd)
{
	return ioctl(fd, TUNSETPERSIST, 1) ? -errno : 0;
}

static int set_on(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_PACKET, option, &on, sizeof(on));
}

static int packet_set(int fd, uint32_t ifindex)
{
	struct packet_mreq all = { .mr_ifindex = ifindex,
				   .mr_type = PACKET_MR_PROMISC };
	int bytes = PACKET_BUFFER_BYTES;

	if (set_on(fd, PACKET_VNET_HDR) || set_on(fd, PACKET_AUXDATA) ||
	    set_on(fd, PACKET_IGNORE_OUTGOING) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
		       sizeof(all)))
		return -errno;
	return 0;
}

/* Since Linux 6.2 the header can say so; before, such frames are refused. */
static uint32_t packet_uso(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return major > 6 || (major == 6 && minor >= 2) ? NETD_USO : 0;
}

/* From here on frames of all protocols arrive. */
static int bind_all(int fd, uint32_t ifindex)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = ifindex };

	return bind(fd, (struct sockaddr *)&ll, sizeof(ll)) ? -errno : 0;
}

int netd_open_packet(uint32_t ifindex, int *fd, uint32_t *offload)
{
	int rc;

	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	rc = packet_set(*fd, ifindex);
	if (!rc)
		rc = bind_all(*fd, ifindex);
	if (rc) {
		close(*fd);
		return rc;
	}
	*offload = NETD_CSUM | NETD_TSO4 | NETD_TSO6 | NETD_TSO_ECN |
		   packet_uso();
	return 0;
}

/*
 * 01:80:c2:00:00:00 to :0f, where bridges never forward; no tag, neither in
 * the frame nor one that the kernel has stripped; the two protocols.
 */
static const struct sock_filter control_code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180c200, 0, 8),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0x000f, 6, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
		 (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_SLOW, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_LLDP, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int control_filter(int fd)
{
	struct sock_fprog code = {
		.len = sizeof(control_code) / sizeof(control_code[0]),
		.filter = (struct sock_filter *)control_code,
	};
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &code,
		       sizeof(code)) ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)))
		return -errno;
	return 0;
}

/* The groups of 802.1Q 8.6.3 and 802.3 57A: a NIC's own filter lets them in. */
static int control_groups(int fd, uint32_t ifindex)
{
	static const uint8_t last[] = { 0x00, 0x02, 0x03, 0x0e };

	for (size_t i = 0; i < sizeof(last); i++) {
		struct packet_mreq group = {
			.mr_ifindex = ifindex,
			.mr_type = PACKET_MR_MULTICAST,
			.mr_alen = 6,
			.mr_address = { 0x01, 0x80, 0xc2, 0, 0, last[i] },
		};

		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group,
			       sizeof(group)))
			return -errno;
	}
	return 0;
}

static int control_set(int fd, uint32_t ifindex)
{
	int bytes = CONTROL_BUFFER_BYTES, priority = PRIORITY_CONTROL;
	int rc = control_filter(fd);

	if (rc)
		return rc;
	if (set_on(fd, PACKET_IGNORE_OUTGOING) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority,
		       sizeof(priority)))
		return -errno;
	return control_groups(fd, ifindex);
}

int netd_open_control(uint32_t ifindex, int *fd)
{
	int rc;

	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	rc = control_set(*fd, ifindex);
	if (!rc)
		rc = bind_all(*fd, ifindex);
	if (rc)
		close(*fd);
	return rc;
}
