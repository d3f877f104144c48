/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_port.h: a port without a device, for tests.
 *
 * What the other side sends is pushed by the test and taken by rx(); what the
 * switch sends is kept whole until fake_port_clear().  Every knob that a real
 * port has is a plain field: features, link, room, refusals.
 *
 * Threads: any.  One mutex a port covers frames and knobs that change while
 * workers run (`room`, `refuse`: set them under fake_port_lock() then).
 * Every port checks what base/port.h promises about rx(): one worker at a
 * time from rx() to rx_done(), payload untouched until then; `violations`
 * counts.
 */
#ifndef CAUSEWAY_FAKE_PORT_H
#define CAUSEWAY_FAKE_PORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/port.h"
#include "tests/lib/packet.h"

#define FAKE_QUEUES_MAX 4

/* One frame, flat, as sent by either side. */
struct fake_frame {
	struct fake_frame *next;
	uint32_t len;
	uint8_t csum, gso, gso_ecn, more;
	uint16_t gso_size, csum_start, csum_offset;
	uint8_t verdict; /* rx: could not be read, for this reason */
	uint64_t serial; /* sent: counts up over all ports */
	uint8_t bytes[];
};

struct fake_list {
	struct fake_frame *first, **last;
	unsigned count;
};

struct fake_queue {
	struct fake_list waiting; /* to be received */
	struct fake_list lent;	  /* between rx() and rx_done() */
	int event_fd;
	bool armed;
	_Atomic unsigned pollers; /* inside rx() .. rx_done() */
	_Atomic uint64_t polls;	  /* rx() calls */
	unsigned wakes;		  /* times the event was raised */
};

struct fake_port {
	struct port port; /* first */
	struct fake_queue queue[FAKE_QUEUES_MAX];
	unsigned hdr_max;   /* private bytes of a received frame */
	unsigned seg_bytes; /* payload comes in pieces of this size */
	unsigned room;	    /* frames it still takes */
	enum drop refuse;   /* refuses every frame, for this reason */
	bool no_event;	    /* has no fd: cannot sleep */
	struct packet late; /* unless empty, comes while rx_arm() is at it */
	struct packet busy; /* unless empty, rx() finds another of these */
	pthread_mutex_t gate; /* rx() passes it first */
	struct fake_list sent;
	unsigned flushes;
	_Atomic unsigned violations;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* All features, link up, one queue, room for everything. */
struct fake_port *fake_port_new(const char *name);
void fake_port_free(struct fake_port *fp); /* NULL does nothing */
/* From now on it is like a kernel socket: readable while frames wait. */
void fake_port_as_socket(struct fake_port *fp);
void fake_port_lock(struct fake_port *fp);
void fake_port_unlock(struct fake_port *fp);

/* The other side sends.  Raises the event if the queue is armed. */
void fake_port_push(struct fake_port *fp, unsigned q, const struct packet *p);
/* The same with offload fields: those of `like`, whose bytes do not count. */
void fake_port_push_frame(struct fake_port *fp, unsigned q, const void *bytes,
			  uint32_t len, const struct fake_frame *like);

/* What the switch has sent: the n-th frame, or NULL. */
const struct fake_frame *fake_port_sent(const struct fake_port *fp,
					unsigned n);
bool fake_frame_is(const struct fake_frame *ff, const struct packet *p);
void fake_port_clear(struct fake_port *fp);

/* Give a queue another event, under the same number if possible. */
void fake_port_renew_event(struct fake_port *fp, unsigned q);

/* Wait until so many frames were sent, or the queue is armed; bounded. */
bool fake_port_wait_sent(struct fake_port *fp, unsigned count);
bool fake_port_wait_armed(struct fake_port *fp, unsigned q);
/* Wait until rx() of the queue has been called `more` times from now on. */
bool fake_port_wait_polls(struct fake_port *fp, unsigned q, unsigned more);

#endif
