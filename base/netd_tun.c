/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_tun.c: a TUN that takes segments whole, and sockets that do.
 *
 * Two sockets may share a port.  A filter gives the second one what begins
 * with four zero bytes, which at port 4500 is IKE (RFC 3948 2.2), and the
 * first one all the rest.  So a flood of ESP fills a buffer that IKE is not
 * in.  (Packets that the kernel merged are judged by the first: readers look
 * at each again.)
 */
#include "base/netd_tun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/in6.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>

#include "base/netd_client.h"
#include "base/netd_open.h"
#include "base/netd_protect.h"

#define BUFFER_BYTES (7 << 20) /* each way: 5 ms of 10 Gb/s */

/* --- TUN ------------------------------------------------------------------ */

static int attach(const char *name, int *fd)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR |
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

int netd_tun_attach(const char *name, uid_t owner, unsigned queues, int fds[],
		    uint32_t *offload)
{
	unsigned n;
	int rc = 0;

	for (n = 0; n < queues; n++) {
		rc = attach(name, &fds[n]);
		if (rc)
			break;
		rc = netd_open_tap_set(fds[n], owner, offload);
		if (rc) {
			n++;
			break;
		}
	}
	if (rc)
		while (n-- > 0)
			close(fds[n]);
	return rc;
}

/* --- sockets -------------------------------------------------------------- */

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno
								    : 0;
}

/*
 * What UDP and ESP have in common.  DF is set and the kernel's own opinion of
 * the path's MTU is not asked: the engine has one, from the messages in the
 * error queue.
 */
static int set_common(int fd, int family)
{
	bool v4 = family == AF_INET;
	int rc = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);

	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);
	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_MARK, (int)NETD_PROTECT_MARK);
	if (!rc && !v4)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!rc)
		rc = v4 ? set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
			: set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			      IPV6_PMTUDISC_PROBE);
	if (!rc)
		rc = v4 ? set(fd, IPPROTO_IP, IP_RECVERR, 1)
			: set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	if (!rc)
		rc = v4 ? set(fd, IPPROTO_IP, IP_RECVTOS, 1)
			: set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (!rc)
		rc = v4 ? set(fd, IPPROTO_IP, IP_PKTINFO, 1)
			: set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return rc;
}

static int bind_to(int fd, const struct sockaddr_storage *local)
{
	socklen_t len = local->ss_family == AF_INET
				? sizeof(struct sockaddr_in)
				: sizeof(struct sockaddr_in6);

	return bind(fd, (const struct sockaddr *)local, len) ? -errno : 0;
}

static int open_udp(const struct sockaddr_storage *local, bool shared,
		    int *fd)
{
	int rc;

	*fd = socket(local->ss_family,
		     SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	rc = set_common(*fd, local->ss_family);
	if (!rc)
		rc = set(*fd, IPPROTO_UDP, UDP_GRO, 1);
	if (!rc && shared)
		rc = set(*fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!rc)
		rc = bind_to(*fd, local);
	if (rc)
		close(*fd);
	return rc;
}

/* The socket's number in the order of binding; a runt ends it with 0. */
static const struct sock_filter which_code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int tell_apart(int fd)
{
	struct sock_fprog code = {
		.len = sizeof(which_code) / sizeof(which_code[0]),
		.filter = (struct sock_filter *)which_code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &code,
			  sizeof(code)) ? -errno : 0;
}

int netd_tun_udp(const struct sockaddr_storage *local, unsigned sockets,
		 int fds[])
{
	unsigned n = 0;
	int rc = 0;

	while (n < sockets && !rc) {
		rc = open_udp(local, sockets > 1, &fds[n]);
		if (!rc)
			n++;
	}
	if (!rc && sockets > 1)
		rc = tell_apart(fds[0]);
	if (rc)
		while (n-- > 0)
			close(fds[n]);
	return rc;
}

int netd_tun_esp(const struct sockaddr_storage *local, int *fd)
{
	struct sockaddr_storage without_port = *local;
	int rc;

	*fd = socket(local->ss_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		     IPPROTO_ESP);
	if (*fd < 0)
		return -errno;
	if (local->ss_family == AF_INET)
		((struct sockaddr_in *)&without_port)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&without_port)->sin6_port = 0;
	rc = set_common(*fd, local->ss_family);
	if (!rc)
		rc = bind_to(*fd, &without_port);
	if (rc)
		close(*fd);
	return rc;
}
