/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_port.c: frames from and to the kernel.
 *
 * One system call a frame, scattered so that nothing is copied twice on our
 * side: the virtio header goes to the stack, the first FRAME_HDR_MAX bytes
 * into the frame's private header, the rest into the queue's buffer, where
 * segs point at it until rx_done().  Frames lie one behind the other in that
 * buffer and it is used from its start again after each burst: 200 KB that
 * stay in the cache between the kernel's copy in and its copy out.
 *
 * What costs, costs in the kernel.  Of a 64 KB TCP frame's 15 to 25 us on our
 * core (tests/bench/host_forward.sh, between two namespaces) half is the
 * receiver's TCP, which the kernel runs inside our sendmsg; a sixth is the
 * copy in, a ninth the copy out, a fiftieth this file.  Zero copy is not to be
 * had: what a PACKET_TX_RING attaches by reference is copied as soon as the
 * frame enters a local stack (skb_orphan_frags_rx), and MSG_ZEROCOPY is for
 * sockets of other families.  A PACKET_RX_RING moves the copy in to the
 * sender's core, a tenth less for us, but its slots hold 64 KB each: the
 * number of them one can afford loses bursts that a socket's queue takes.
 *
 * The linear part of a frame we send (hdr_len of the virtio header) is made
 * exactly its headers: payload in it would keep the receiver's TCP from
 * coalescing, and without it the kernel looks for 64 KB in one piece.
 */
#include "vswitch/host_port.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "base/drop.h"

#define BUFFER_ALIGN 64
#define BUFFER_BYTES                                                           \
	(BURST_BYTES_MAX + FRAME_LEN_MAX + (BURST_MAX + 1) * BUFFER_ALIGN)
#define TAG_BYTES 4

struct host_queue {
	int fd;
	uint32_t used; /* of buffer, by frames not yet done */
	uint8_t *buffer;
	_Atomic uint64_t errors;
};

struct host_port {
	struct port port;
	enum host_port_kind kind;
	uint64_t missed;
	struct host_queue queue[PORT_QUEUES_MAX];
};

static struct host_port *host_port_of(struct port *p)
{
	return (struct host_port *)((char *)p -
				    offsetof(struct host_port, port));
}

/* virtio 1.2 5.1.6.4: what the kernel says about a frame it sent. */
static void offload_from(struct frame *f, const struct virtio_net_hdr *vh)
{
	if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = vh->csum_start;
		f->csum_offset = vh->csum_offset;
	} else if (vh->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		f->csum = FRAME_CSUM_VALID;
	}
	f->gso = vh->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	f->gso_ecn = !!(vh->gso_type & VIRTIO_NET_HDR_GSO_ECN);
	f->gso_size = f->gso ? vh->gso_size : 0;
}

/* End of the L4 header; the private part as a whole when unknown. */
static uint16_t headers_end(const struct frame *f)
{
	unsigned at = f->csum_start, len = 8;

	if (f->gso == FRAME_GSO_TCP4 || f->gso == FRAME_GSO_TCP6) {
		if (at + 13u > f->hdr_len)
			return f->hdr_len;
		len = (f->hdr[at + 12] >> 4) * 4u;
	}
	return at + len < f->hdr_len ? (uint16_t)(at + len) : f->hdr_len;
}

static void offload_to(struct virtio_net_hdr *vh, const struct frame *f)
{
	memset(vh, 0, sizeof(*vh));
	vh->hdr_len = f->hdr_len;
	if (f->csum == FRAME_CSUM_PARTIAL) {
		vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vh->csum_start = f->csum_start;
		vh->csum_offset = f->csum_offset;
	}
	if (f->gso) {
		vh->gso_type = f->gso;
		if (f->gso_ecn)
			vh->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		vh->gso_size = f->gso_size;
		vh->hdr_len = headers_end(f);
	}
}

/* Put back the tag that the kernel keeps beside the frame. */
static void tag_restore(struct frame *f, uint16_t tpid, uint16_t tci)
{
	uint8_t *to = f->hdr - TAG_BYTES;
	uint16_t word[2] = { htons(tpid), htons(tci) };

	if (f->hdr_len < ETH_MACS_LEN)
		return;
	memmove(to, f->hdr, ETH_MACS_LEN);
	memcpy(to + ETH_MACS_LEN, word, sizeof(word));
	f->hdr = to;
	f->hdr_len += TAG_BYTES;
	f->len += TAG_BYTES;
	f->csum_start += TAG_BYTES;
}

static void aux_apply(struct frame *f, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA ||
		    c->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			tag_restore(f,
				    aux.tp_status & TP_STATUS_VLAN_TPID_VALID
					    ? aux.tp_vlan_tpid
					    : 0x8100,
				    aux.tp_vlan_tci);
	}
}

/* One frame from the kernel; bytes, or -1 with errno. */
static ssize_t receive(struct host_port *hp, struct host_queue *q,
		       struct frame *f, struct virtio_net_hdr *vh)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))]
		__attribute__((aligned(8)));
	struct iovec iov[3] = {
		{ vh, sizeof(*vh) },
		{ f->bytes, FRAME_HDR_MAX },
		{ q->buffer + q->used, BUFFER_BYTES - q->used },
	};
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = 3,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	if (hp->kind == HOST_PORT_TAP)
		n = readv(q->fd, iov, 3);
	else
		n = recvmsg(q->fd, &msg, MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(*vh))
		return n < 0 ? n : 0;
	n -= sizeof(*vh);
	f->len = (uint32_t)n;
	f->hdr_len = n < FRAME_HDR_MAX ? (uint16_t)n : FRAME_HDR_MAX;
	offload_from(f, vh);
	if (hp->kind == HOST_PORT_PACKET)
		aux_apply(f, &msg);
	return n;
}

/* Hand the bytes behind the private header over by reference. */
static void payload_attach(struct host_queue *q, struct burst *b,
			   struct frame *f, uint32_t bytes)
{
	struct frame_seg *seg = &b->segs[b->seg_used];

	f->segs = seg;
	if (!bytes)
		return;
	seg->data = q->buffer + q->used;
	seg->len = bytes;
	f->seg_count = 1;
	b->seg_used++;
	q->used += (bytes + BUFFER_ALIGN - 1) & ~(BUFFER_ALIGN - 1u);
}

static bool room_for_one(const struct host_queue *q, const struct burst *b)
{
	return b->count < BURST_MAX && b->bytes < b->byte_budget &&
	       b->seg_used < BURST_SEGS_MAX &&
	       q->used + FRAME_LEN_MAX <= BUFFER_BYTES;
}

static unsigned host_rx(struct port *p, unsigned qi, struct burst *b)
{
	struct host_port *hp = host_port_of(p);
	struct host_queue *q = &hp->queue[qi];

	while (room_for_one(q, b)) {
		struct frame *f = &b->frames[b->count];
		struct virtio_net_hdr vh;
		ssize_t n;

		frame_init(f);
		n = receive(hp, q, f, &vh);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				q->errors++;
			break;
		}
		b->count++;
		b->bytes += f->len;
		if (n > FRAME_LEN_MAX) { /* cut short by our buffer */
			f->verdict = DROP_GIANT;
			f->len = f->hdr_len;
		} else if (n > FRAME_HDR_MAX) {
			payload_attach(q, b, f, (uint32_t)n - FRAME_HDR_MAX);
		}
	}
	return b->count;
}

static void host_rx_done(struct port *p, unsigned qi, struct burst *b)
{
	host_port_of(p)->queue[qi].used = 0;
}

static enum drop drop_of(int err)
{
	switch (err) {
	case EAGAIN:
	case ENOBUFS: /* the interface's queueing discipline is full */
		return DROP_RING_FULL;
	case EMSGSIZE:
		return DROP_EGRESS_MTU;
	case ENETDOWN:
	case ENXIO:
	case EIO: /* a tap that is down */
		return DROP_NO_LINK;
	default:
		return DROP_TX_ERROR;
	}
}

static enum drop transmit(struct host_port *hp, int fd, const struct frame *f)
{
	struct virtio_net_hdr vh;
	struct iovec iov[2 + FRAME_SEGS_MAX];
	struct msghdr msg = { .msg_iov = iov };
	unsigned i;
	ssize_t n;

	offload_to(&vh, f);
	iov[0] = (struct iovec){ &vh, sizeof(vh) };
	iov[1] = (struct iovec){ f->hdr, f->hdr_len };
	for (i = 0; i < f->seg_count; i++)
		iov[2 + i] = (struct iovec){ (void *)(uintptr_t)f->segs[i].data,
					     f->segs[i].len };
	msg.msg_iovlen = 2 + i;
	if (hp->kind == HOST_PORT_TAP)
		n = writev(fd, iov, (int)msg.msg_iovlen);
	else
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? drop_of(errno) : DROP_NONE;
}

/*
 * A run linked by `more` cannot be taken back once begun: when one of its
 * frames is refused, the rest is not sent and the whole run counts as
 * dropped, as it is useless to the receiver.
 */
static unsigned host_tx(struct port *p, unsigned qi, struct frame *const f[],
			unsigned n, uint8_t why[])
{
	struct host_port *hp = host_port_of(p);
	int fd = hp->queue[qi % p->tx_queues].fd;
	unsigned i = 0, sent = 0;

	while (i < n) {
		enum drop verdict = DROP_NONE;
		unsigned first = i, more;

		do {
			if (verdict == DROP_NONE)
				verdict = transmit(hp, fd, f[i]);
			more = f[i++]->more;
		} while (more && i < n);
		memset(why + first, verdict, i - first);
		if (verdict == DROP_NONE)
			sent += i - first;
	}
	return sent;
}

static void host_tx_flush(struct port *p, unsigned qi)
{
}

static int host_rx_fd(struct port *p, unsigned qi)
{
	return host_port_of(p)->queue[qi].fd;
}

/* The fd is readable as long as frames wait: there is nothing to arm. */
static bool host_rx_arm(struct port *p, unsigned qi)
{
	struct pollfd look = { .fd = host_port_of(p)->queue[qi].fd,
			       .events = POLLIN };

	return poll(&look, 1, 0) <= 0;
}

static void host_rx_disarm(struct port *p, unsigned qi)
{
}

#define HOST_OPS(kind_name)                                                    \
	{                                                                      \
		.kind = kind_name, .readable_is_work = true,                   \
		.rx = host_rx, .rx_done = host_rx_done,                        \
		.tx = host_tx, .tx_flush = host_tx_flush, .rx_fd = host_rx_fd, \
		.rx_arm = host_rx_arm, .rx_disarm = host_rx_disarm,            \
	}

static const struct port_ops tap_ops = HOST_OPS("tap");
static const struct port_ops packet_ops = HOST_OPS("packet");

static bool tap_usable(int fd)
{
	const short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr;
	int hdr_len;

	return !ioctl(fd, TUNGETIFF, &ifr) &&
	       (ifr.ifr_flags & flags) == flags &&
	       !ioctl(fd, TUNGETVNETHDRSZ, &hdr_len) &&
	       hdr_len == (int)sizeof(struct virtio_net_hdr);
}

static int option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	return getsockopt(fd, level, name, &v, &len) ? -1 : v;
}

static bool packet_usable(int fd)
{
	return option(fd, SOL_SOCKET, SO_DOMAIN) == AF_PACKET &&
	       option(fd, SOL_SOCKET, SO_TYPE) == SOCK_RAW &&
	       option(fd, SOL_PACKET, PACKET_VNET_HDR) == 1 &&
	       option(fd, SOL_PACKET, PACKET_AUXDATA) == 1 &&
	       option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING) == 1;
}

static int queue_open(struct host_queue *q, enum host_port_kind kind, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	void *buffer;

	if (flags < 0 ||
	    !(kind == HOST_PORT_TAP ? tap_usable(fd) : packet_usable(fd)))
		return -EINVAL;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (buffer == MAP_FAILED)
		return -ENOMEM;
	q->buffer = buffer;
	return 0;
}

static bool conf_valid(const struct host_port_conf *conf)
{
	return conf->name && strlen(conf->name) < PORT_NAME_MAX &&
	       (conf->kind == HOST_PORT_TAP ||
		conf->kind == HOST_PORT_PACKET) &&
	       conf->queues && conf->queues <= PORT_QUEUES_MAX;
}

static void port_describe(struct port *p, const struct host_port_conf *conf)
{
	p->ops = conf->kind == HOST_PORT_TAP ? &tap_ops : &packet_ops;
	p->rx_queues = conf->queues;
	p->tx_queues = conf->queues;
	p->mtu = conf->mtu;
	p->offload = conf->offload;
	p->link = true;
	p->numa_node = -1;
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
}

int host_port_new(struct host_port **out, const struct host_port_conf *conf)
{
	struct host_port *hp;
	unsigned i;
	int rc;

	if (!conf_valid(conf))
		return -EINVAL;
	hp = calloc(1, sizeof(*hp));
	if (!hp)
		return -ENOMEM;
	hp->kind = conf->kind;
	for (i = 0; i < PORT_QUEUES_MAX; i++)
		hp->queue[i].fd = -1;
	for (i = 0; i < conf->queues; i++) {
		rc = queue_open(&hp->queue[i], conf->kind, conf->fds[i]);
		if (rc < 0)
			goto free_port;
	}
	for (i = 0; i < conf->queues; i++)
		hp->queue[i].fd = conf->fds[i];
	port_describe(&hp->port, conf);
	*out = hp;
	return 0;

free_port:
	host_port_free(hp);
	return rc;
}

void host_port_free(struct host_port *hp)
{
	unsigned i;

	for (i = 0; hp && i < PORT_QUEUES_MAX; i++) {
		if (hp->queue[i].fd >= 0)
			close(hp->queue[i].fd);
		if (hp->queue[i].buffer)
			munmap(hp->queue[i].buffer, BUFFER_BYTES);
	}
	free(hp);
}

struct port *host_port_port(struct host_port *hp)
{
	return &hp->port;
}

void host_port_facts(struct host_port *hp, struct host_port_facts *facts)
{
	unsigned i;

	facts->rx_errors = 0;
	for (i = 0; i < hp->port.rx_queues; i++) {
		struct tpacket_stats st = { 0 };
		socklen_t len = sizeof(st);

		/* reading resets the kernel's counter */
		if (hp->kind == HOST_PORT_PACKET &&
		    !getsockopt(hp->queue[i].fd, SOL_PACKET, PACKET_STATISTICS,
				&st, &len))
			hp->missed += st.tp_drops;
		facts->rx_errors += hp->queue[i].errors;
	}
	facts->rx_missed = hp->missed;
}
