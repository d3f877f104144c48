/*
 * port.h: the interface every kind of port implements: vhost-user and Xen
 * netif rings (netback/), tap and packet sockets, NICs, bonds (vswitch/).
 *
 * Threads: rx, rx_done, rx_arm and rx_disarm of one queue are called by the
 * one worker that owns it.  tx may be called by any worker; an implementation
 * whose transmit queues are fewer than the workers serialises inside, once a
 * call.  None of them may block, allocate or log per frame.  Everything that
 * changes what they look at happens on the control thread, in the order:
 * unpublish, wait until every worker has passed a quiescent point, change,
 * publish.
 */
#ifndef CAUSEWAY_PORT_H
#define CAUSEWAY_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"

#define PORT_ID_MAX 4096
#define PORT_QUEUES_MAX 16
#define PORT_NAME_MAX 64

/* What a port's transmit side takes as it is; the bridge does the rest. */
enum port_offload {
	PORT_TX_CSUM = 1 << 0,	   /* FRAME_CSUM_PARTIAL */
	PORT_TX_TSO4 = 1 << 1,	   /* FRAME_GSO_TCP4 */
	PORT_TX_TSO6 = 1 << 2,	   /* FRAME_GSO_TCP6 */
	PORT_TX_TSO_ECN = 1 << 3,  /* with gso_ecn */
	PORT_TX_UFO = 1 << 4,	   /* FRAME_GSO_UDP */
	PORT_TX_USO = 1 << 5,	   /* FRAME_GSO_UDP_L4 */
};

struct port;

struct port_ops {
	const char *kind; /* "vhost-user", "tap", "packet" */
	/*
	 * rx_fd is readable whenever there is work, armed or not: a kernel
	 * socket.  Polling it costs a system call and waiting for it nothing,
	 * so such a queue goes to event mode at once.
	 */
	bool readable_is_work;

	/*
	 * Append frames from queue q until the burst is full, byte_budget is
	 * reached or nothing waits.  Returns b->count.  A frame that could not
	 * be read (bad chain, bad offload fields) appears with its verdict
	 * already set and no bytes, so that it is counted like any other.
	 */
	unsigned (*rx)(struct port *p, unsigned q, struct burst *b);
	/* The burst has been delivered: give its buffers back, in order. */
	void (*rx_done)(struct port *p, unsigned q, struct burst *b);
	/*
	 * Copy n frames out.  why[i] becomes DROP_NONE or an egress reason;
	 * returns the number of frames transmitted.  A run of frames linked
	 * by `more` is taken whole or not at all.
	 */
	unsigned (*tx)(struct port *p, unsigned q, struct frame *const f[],
		       unsigned n, uint8_t why[]);
	/* End of a round: notify the other side if it wants it. */
	void (*tx_flush)(struct port *p, unsigned q);

	/*
	 * Sleeping.  rx_fd: readable when an armed queue has work (or -1 if
	 * not now).  rx_arm: ask for that event, full barrier, look again:
	 * true if the queue is empty and armed, false if work already waits.
	 */
	int (*rx_fd)(struct port *p, unsigned q);
	bool (*rx_arm)(struct port *p, unsigned q);
	void (*rx_disarm)(struct port *p, unsigned q);
};

struct port {
	const struct port_ops *ops;
	uint16_t id;		/* below PORT_ID_MAX; assigned by the switch */
	uint16_t rx_queues;	/* now in use; change only as said above */
	uint16_t tx_queues;
	uint16_t mtu;		/* L3 bytes, tags not counted */
	uint32_t offload;	/* enum port_offload, may change with the peer */
	int16_t numa_node;	/* of its rings, or -1 */
	bool link;		/* the other side can receive */
	char name[PORT_NAME_MAX];
};

#endif
