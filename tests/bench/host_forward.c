/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_forward.c: two host ports and nothing between them.
 *
 *	host-forward KIND IFNAME KIND IFNAME [IDLE_ROUNDS]
 *
 * KIND is tap or packet.  What a switch does on top (classify, look up) is
 * left out: this is the ceiling for the kernel's two ways out of and into
 * our process, and the place to try others.  Prints frames and bytes each way
 * when it ends (SIGINT, SIGTERM).
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "vswitch/host_port.h"

#define SOCKET_BYTES (16 << 20)

struct side {
	struct host_port *hp;
	uint64_t frames, bytes, dropped, rounds;
};

static volatile sig_atomic_t stop;
static struct burst burst;

static void on_signal(int sig)
{
	stop = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int open_tap(const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETOFFLOAD,
		  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		die(ifname);
	return fd;
}

static int open_packet(const char *ifname)
{
	static const int on_options[] = { PACKET_VNET_HDR, PACKET_AUXDATA,
					  PACKET_IGNORE_OUTGOING };
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(ifname) };
	struct packet_mreq all = { .mr_ifindex = at.sll_ifindex,
				   .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1, size = SOCKET_BYTES;
	unsigned i;

	for (i = 0; i < 3; i++)
		if (setsockopt(fd, SOL_PACKET, on_options[i], &on, sizeof(on)))
			die("setsockopt");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
		       sizeof(all)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die(ifname);
	return fd;
}

static struct host_port *open_side(const char *kind, const char *ifname)
{
	bool tap = !strcmp(kind, "tap");
	struct host_port_conf conf = {
		.name = ifname,
		.kind = tap ? HOST_PORT_TAP : HOST_PORT_PACKET,
		.queues = 1,
		.mtu = 1500,
		.offload = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 |
			   PORT_TX_TSO_ECN,
	};
	struct host_port *hp;
	int rc;

	conf.fds[0] = tap ? open_tap(ifname) : open_packet(ifname);
	rc = host_port_new(&hp, &conf);
	if (rc < 0) {
		errno = -rc;
		die(ifname);
	}
	return hp;
}

static unsigned forward(struct side *from, struct side *to)
{
	struct port *in = host_port_port(from->hp);
	struct port *out = host_port_port(to->hp);
	struct frame *f[BURST_MAX];
	uint8_t why[BURST_MAX];
	unsigned n, i;

	burst_reset(&burst, BURST_BYTES_MAX);
	n = in->ops->rx(in, 0, &burst);
	if (!n)
		return 0;
	for (i = 0; i < n; i++)
		f[i] = &burst.frames[i];
	from->dropped += n - out->ops->tx(out, 0, f, n, why);
	out->ops->tx_flush(out, 0);
	in->ops->rx_done(in, 0, &burst);
	from->frames += n;
	from->bytes += burst.bytes;
	from->rounds++;
	return n;
}

static void print(const struct side *s)
{
	struct host_port_facts facts;

	host_port_facts(s->hp, &facts);
	printf("from %s: %llu frames %llu bytes %llu rounds %llu dropped "
	       "%llu missed\n",
	       host_port_port(s->hp)->name, (unsigned long long)s->frames,
	       (unsigned long long)s->bytes, (unsigned long long)s->rounds,
	       (unsigned long long)s->dropped,
	       (unsigned long long)facts.rx_missed);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct side a = { 0 }, b = { 0 };
	unsigned idle = 0, idle_rounds = argc > 5 ? atoi(argv[5]) : 0;
	struct timespec cpu;

	if (argc < 5) {
		fprintf(stderr, "usage: %s KIND IFNAME KIND IFNAME [IDLE]\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	a.hp = open_side(argv[1], argv[2]);
	b.hp = open_side(argv[3], argv[4]);
	while (!stop) {
		struct port *pa = host_port_port(a.hp);
		struct port *pb = host_port_port(b.hp);
		struct pollfd wait[2] = { { pa->ops->rx_fd(pa, 0), POLLIN, 0 },
					  { pb->ops->rx_fd(pb, 0), POLLIN,
					    0 } };

		if (forward(&a, &b) + forward(&b, &a))
			idle = 0;
		else if (idle++ >= idle_rounds)
			poll(wait, 2, 1000);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("cpu %ld.%03ld s\n", (long)cpu.tv_sec, cpu.tv_nsec / 1000000);
	print(&a);
	print(&b);
	host_port_free(a.hp);
	host_port_free(b.hp);
	return EXIT_SUCCESS;
}
