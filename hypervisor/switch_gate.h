/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_gate.h: is the switch ready for a domain's network interfaces?
 *
 * A VIF is started or plugged only when causeway-switchd has its port in
 * force: with its policy, on the socket that the domain will listen on.  Then
 * no guest is ever on the network without its policy, and no device model
 * stands still because nobody connects to it.
 *
 * The switch is asked over its RPC (docs/rpc.md, ports.list), again and again
 * while somebody wants to know, never otherwise.  A switch that is down,
 * hangs or is being restarted is one that is not ready yet, and costs nobody
 * else anything.  One thread, that of the loop.
 */
#ifndef CAUSEWAY_SWITCH_GATE_H
#define CAUSEWAY_SWITCH_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SWITCH_GATE_ASK_MS 200	  /* between two questions */
#define SWITCH_GATE_ANSWER_MS 2000 /* then the switch hangs */
#define SWITCH_GATE_WHY_MAX 256
#define SWITCH_GATE_PORTS_MAX 8

struct event_base;
struct switch_gate;

/* A port as it has to be. */
struct switch_gate_port {
	const char *name;
	const char *socket; /* one spelling, as in the switch's state */
	const uint8_t *mac;
	uint32_t mtu;	 /* the guest's: at most the port's */
	unsigned queues; /* pairs: at most the port's */
};

/*
 * ready: all ports are in force, now; nothing more is told.  Else `why` says
 * what is missing, each time that changes.  Comes out of the loop.
 */
typedef void (*switch_gate_fn)(bool ready, const char *why, void *arg);

/* `path` of switchd's socket is copied.  0 or -ENOMEM. */
int switch_gate_new(struct switch_gate **out, struct event_base *base,
		    const char *path);
void switch_gate_free(struct switch_gate *gate);
/*
 * Ask until ready or stopped; `ports` (at most SWITCH_GATE_PORTS_MAX; none:
 * ready) are copied.  One question for each `arg`.  0, -EEXIST or -ENOMEM.
 */
int switch_gate_ask(struct switch_gate *gate,
		    const struct switch_gate_port *ports, unsigned count,
		    switch_gate_fn fn, void *arg);
/* Not asked: nothing. */
void switch_gate_stop(struct switch_gate *gate, const void *arg);

/* Is it so in this list (of ports.list)?  If not: why, in words. */
bool switch_gate_check(const json_t *ports,
		       const struct switch_gate_port *want, char *why,
		       size_t size);

#endif
