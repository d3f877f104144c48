/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_open.c: taps and packet sockets, set up the way host_port polls them.
 *
 * Taps are always opened IFF_MULTI_QUEUE: the kernel refuses to change that
 * flag of an existing device, and with one queue it costs nothing.  A packet
 * socket is made with protocol 0 and bound last, so no frame of another
 * device or without virtio-net header ever gets into it.
 */
#include "base/netd_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
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

#define PACKET_BUFFER_BYTES (16 << 20) /* each way */

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

static int tap_set(int fd, uid_t owner, uint32_t *offload)
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
		rc = tap_set(fds[n], owner, offload);
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

int netd_open_packet(uint32_t ifindex, int *fd, uint32_t *offload)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = ifindex };
	int rc;

	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	rc = packet_set(*fd, ifindex);
	if (!rc && bind(*fd, (struct sockaddr *)&ll, sizeof(ll)))
		rc = -errno;
	if (rc) {
		close(*fd);
		return rc;
	}
	*offload = NETD_CSUM | NETD_TSO4 | NETD_TSO6 | NETD_TSO_ECN |
		   packet_uso();
	return 0;
}
