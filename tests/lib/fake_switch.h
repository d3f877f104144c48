/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_switch.h: the real bridge over fake ports, for tests.
 *
 * Built from the same text as the daemon's state, through the same parser and
 * the same switch_view_new(); tables are filled the way switch.c does it.
 * One bridge worker, no thread, and a clock that the test sets: `bw->now`
 * counts nanoseconds (a TSC of 1 GHz), `br.tick` seconds.
 *
 * Text is written with ' for ", and holds what follows owner and generation:
 *
 *	fs = fake_switch_new(FAKE_NETS("{'name':'n','vlan':10}")
 *			     FAKE_PORTS(FAKE_GUEST("a", "'network':'n'") ","
 *					FAKE_GUEST("b", "'network':'n'")));
 *
 * Whatever goes wrong here is the test's fault and asserts.
 */
#ifndef CAUSEWAY_FAKE_SWITCH_H
#define CAUSEWAY_FAKE_SWITCH_H

#include "tests/lib/fake_port.h"
#include "vswitch/bond_port.h"
#include "vswitch/bridge.h"
#include "vswitch/switch_conf.h"
#include "vswitch/switch_view.h"

#define FAKE_HZ    1000000000u
#define FAKE_PORTS_MAX 64
#define FAKE_TAPS_MAX  8

#define FAKE_NETS(list)  "'networks':[" list "]"
#define FAKE_PORTS(list) ",'ports':[" list "]"
#define FAKE_NET(name, vlan, more) "{'name':'" name "','vlan':" #vlan more "}"
#define FAKE_GUEST(name, keys)                                                \
	"{'name':'" name "','type':'vhost-user','socket':'/" name "'," keys "}"
#define FAKE_HOST(name, keys)                                                 \
	"{'name':'" name "','type':'tap','interface':'" name "'," keys "}"
#define FAKE_UPLINK(name)                                                     \
	"{'name':'" name "','type':'packet','interface':'" name "'}"

#define FAKE_BOND(name, members)                                              \
	"{'name':'" name "','type':'bond','members':[" members "]}"

/*
 * A bond whose table is the test's.  At first all members are taken from, the
 * first is the active one, and buckets go round.
 */
struct fake_bond {
	struct bond_table table;
	struct bond_port *port; /* call bond_port_update() */
	unsigned members;
};

struct fake_garbage;

struct fake_switch {
	struct bridge br;
	struct bridge_worker *bw;
	struct burst *burst;
	struct switch_conf *conf;
	unsigned count;
	struct fake_port *port[FAKE_PORTS_MAX]; /* as in conf->ports at first */
	struct port_state *state[FAKE_PORTS_MAX];
	struct fake_bond *bond[FAKE_PORTS_MAX]; /* NULL: port[] it is */
	struct view_tap tap[FAKE_TAPS_MAX]; /* take effect with a view */
	unsigned tap_count;
	struct fake_garbage *garbage;
};

struct fake_switch *fake_switch_new(const char *text);
void fake_switch_free(struct fake_switch *fs);

/* NULL if the text is refused. */
struct switch_conf *fake_conf(const char *text);

/*
 * A new view from another text over the same ports (by name; those that it
 * leaves out have none).  The tables stay as they are: fake_switch_tables().
 */
void fake_switch_view(struct fake_switch *fs, const char *text);
/* The same, if workers may be using the old view: it is returned. */
struct bridge_view *fake_switch_swap(struct fake_switch *fs, const char *text);
/* Forget all addresses, set the configured ones. */
void fake_switch_tables(struct fake_switch *fs);
/* The same view anew, after `tap` has changed. */
void fake_switch_review(struct fake_switch *fs);

const struct bridge_view *fake_switch_look(const struct fake_switch *fs);
struct fake_port *fake_switch_port(const struct fake_switch *fs,
				   const char *name);
const struct bport *fake_switch_bport(const struct fake_switch *fs,
				      const char *name);
struct fake_bond *fake_switch_bond(const struct fake_switch *fs,
				   const char *name);
/* All of a bond's buckets leave through one member (or BOND_NONE). */
void fake_switch_bond_sole(struct fake_switch *fs, const char *name,
			   unsigned slot);
struct port_counters *fake_switch_ctr(const struct fake_switch *fs,
				      const char *name);

/* Receive and deliver whatever waits at all ports. */
void fake_switch_run(struct fake_switch *fs);
/* One frame into a port, and run. */
void fake_switch_send(struct fake_switch *fs, const char *port,
		      const struct packet *p);
/* How many frames the port was sent since fake_switch_clear(). */
unsigned fake_switch_got(const struct fake_switch *fs, const char *port);
void fake_switch_clear(struct fake_switch *fs);

/* Time passes, and what switch.c does every second is done once. */
void fake_switch_wait(struct fake_switch *fs, unsigned seconds);

/* rx + generated + extra copies = tx + drops (base/drop.h). */
bool fake_switch_balanced(const struct fake_switch *fs);

#endif
