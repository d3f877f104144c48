/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_port.h: a port over a NIC that DPDK drives: any ethdev.
 *
 * The device is named as causeway-switchd's --device names it, up to the
 * first comma: "pci:0000:03:00.0", or a virtual one such as "net_memif0".  It
 * must have been probed when DPDK started; here it is configured, started and
 * stopped.  Frames of the link's own protocols (slow protocols 0x8809, LLDP
 * 0x88cc, untagged to 01:80:c2:...) have a way of their own to the control
 * thread: a receive queue where the NIC can steer them there, otherwise a
 * small ring that the polling worker fills.
 *
 * Threads: base/port.h; everything that is not in struct port_ops is called
 * by the control thread.  The driver's interrupt thread only writes to
 * nic_port_event_fd().
 *
 * nic_device.h has what is made of a device's abilities, nic_mbuf.h how frames
 * become mbufs and back.
 */
#ifndef CAUSEWAY_NIC_PORT_H
#define CAUSEWAY_NIC_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/port.h"

#define NIC_CONTROL_MAX 1518 /* bytes of a link protocol's frame */

struct nic_port;

struct nic_port_conf {
	const char *name;   /* for people; copied */
	const char *device; /* "pci:0000:03:00.0", "net_memif0" */
	uint16_t queues;    /* each way, at most; the device may have fewer */
	uint16_t workers;   /* who may transmit: no more queues than that */
	uint16_t mtu;	    /* L3 bytes, tags not counted */
	uint32_t offload;   /* enum port_offload: what it may take over */
};

struct nic_port_facts {
	char driver[32];
	uint8_t mac[6];
	uint32_t speed_mbps; /* 0: unknown */
	bool full_duplex;
	bool link;
	bool link_interrupts; /* else it is polled */
	bool rx_interrupts;   /* else an idle queue is looked at now and then */
	bool control_queue;   /* link protocols have a receive queue */
	bool tags_fit;	      /* full frames with two tags are received */
	uint64_t rx_missed;   /* the NIC had no descriptor: we were too late */
	uint64_t rx_errors;   /* bad on the wire */
	uint64_t rx_no_memory;
	uint64_t tx_errors;
	uint64_t control_lost; /* link protocol frames without room */
};

/* What nic_port_poll() has found. */
enum nic_port_event {
	NIC_PORT_LINK = 1 << 0,	   /* struct port's `link` has changed */
	NIC_PORT_CONTROL = 1 << 1, /* nic_port_receive() has something */
};

/* Would the device do, were it free?  Errors are those of nic_port_new(). */
int nic_port_check(const struct nic_port_conf *conf, char *why, size_t size);
/*
 * 0, or -errno with words in `why`: -ENODEV (no such device was given to
 * --device), -EBUSY (another port has it), -EINVAL (not with this MTU),
 * -ENOMEM, or the driver's.
 */
int nic_port_new(struct nic_port **out, const struct nic_port_conf *conf,
		 char *why, size_t size);
/* Stops the device; NULL does nothing.  No worker may poll it any more. */
void nic_port_free(struct nic_port *np);

/* The port to hand to the switch; lives as long as np. */
struct port *nic_port_port(struct nic_port *np);

/*
 * Call nic_port_poll() when this descriptor is readable, and besides every
 * nic_port_period_ms(), unless that is 0.  Returns enum nic_port_event.
 */
int nic_port_event_fd(const struct nic_port *np);
unsigned nic_port_period_ms(const struct nic_port *np);
unsigned nic_port_poll(struct nic_port *np);

/*
 * The next frame of a link protocol, without its FCS: its length, or 0 when
 * there is none.  What is longer than `size` is left out and counted.
 */
unsigned nic_port_receive(struct nic_port *np, uint8_t *frame, unsigned size);
/* Send one: 0, -ENETDOWN, -ENOBUFS (the ring stays full) or -EMSGSIZE. */
int nic_port_send(struct nic_port *np, const uint8_t *frame, unsigned len);

void nic_port_facts(const struct nic_port *np, struct nic_port_facts *facts);

#endif
