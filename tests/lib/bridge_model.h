/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge_model.h: what a switch shall do with a frame, as slow, obvious code:
 * the oracle of vswitch/bridge.
 *
 * Written from vlan/README.md, docs/isolation.md and docs/state.md, over the
 * parsed configuration and lists; it shares no code with the bridge, the view
 * or the tables.  Not modelled: storms, rates, groups, offloads, budgets.
 */
#ifndef CAUSEWAY_BRIDGE_MODEL_H
#define CAUSEWAY_BRIDGE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/packet.h"
#include "vswitch/switch_conf.h"

#define MODEL_PORTS_MAX 16
#define MODEL_MACS_MAX	256

/* An ingress verdict, as far as a model can tell them apart. */
enum model_verdict {
	MODEL_FORWARD,
	MODEL_RUNT,
	MODEL_VLAN,
	MODEL_GIANT,
	MODEL_GUARD, /* some reason of the port's guard */
	MODEL_FOREIGN,
	MODEL_MAC_LIMIT,
	MODEL_DISABLED,
	MODEL_INJECT,
	MODEL_HAIRPIN,
	MODEL_ISOLATED,
	MODEL_NO_DEST,
	MODEL_VERDICTS,
};

/* What is to become of one frame at one port. */
enum model_fate {
	MODEL_NOTHING, /* not meant for it */
	MODEL_SENT,    /* these bytes */
	MODEL_NO_LINK,
	MODEL_TOO_LONG,
	MODEL_BARE_TAG, /* would leave untagged with a tag inside */
	MODEL_FATES,
};

struct model_delivery {
	enum model_fate fate;
	bool copy; /* made for a listener, after all deliveries */
	struct packet bytes;
};

struct model_result {
	enum model_verdict verdict;
	struct model_delivery at[MODEL_PORTS_MAX]; /* by port index */
};

struct model_mac {
	int network;
	uint8_t mac[6];
	int port;
	bool uplink;
	uint16_t seen, moved;
};

struct bridge_model {
	const struct switch_conf *conf;
	bool link[MODEL_PORTS_MAX];
	unsigned hold; /* ticks */
	uint16_t tick;
	unsigned mac_count;
	struct model_mac mac[MODEL_MACS_MAX];
};

/* Links up, nothing learned. */
void bridge_model_init(struct bridge_model *m, const struct switch_conf *conf,
		       uint16_t tick);

/* The frame arrives at port `in` (an index of conf->ports). */
void bridge_model_frame(struct bridge_model *m, int in, const struct packet *p,
			struct model_result *r);

const char *bridge_model_verdict_name(enum model_verdict v);

#endif
