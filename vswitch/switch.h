/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch.h: the running switch: ports, networks and the view of them that
 * workers see, made to follow a desired state.
 *
 * switch_apply() takes one whole value (switch_conf.h).  What can fail is
 * done first, aside: interfaces are opened, sockets bound, guards compiled,
 * the new view built.  Then old ports go, the view is published, new ports
 * come.  On an error before that point everything is as it was.
 *
 * After a restart an interface may not be there yet: switch_repair() retries
 * such ports; until then they carry nothing.
 *
 * Threads: control thread only.
 */
#ifndef CAUSEWAY_SWITCH_H
#define CAUSEWAY_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "netback/vif.h"
#include "vswitch/bridge.h"
#include "vswitch/host_port.h"
#include "vswitch/switch_conf.h"
#include "vswitch/worker.h"

struct event_base;
struct netd_client;
struct sw_bond;
struct sw_nic;
struct uplink_control;

/* Memory that workers may still be reading; see switch.c. */
struct sw_garbage {
	struct sw_garbage *next;
	void (*free)(void *p);
	void *p;
};

/* A port as the control thread knows it. */
struct sw_port {
	char name[CONF_NAME_MAX];
	uint16_t id;
	uint8_t type; /* enum conf_type */
	bool coming; /* not in the running state yet */
	struct sw *sw;
	struct vif *vif;      /* vhost-user */
	struct host_port *hp; /* tap, packet; NULL while waiting */
	struct sw_nic *nic;   /* nic; NULL while waiting */
	struct sw_bond *bond; /* bond */
	struct port *port;    /* NULL while waiting */
	struct port_state *state;
	struct port_counters said; /* what the control thread sent */
	unsigned rxq_count;
	struct rxq *rxq[PORT_QUEUES_MAX];
	uint32_t ifindex;     /* tap, packet */
	uint8_t host_mac[6];  /* a tap's own, the host's; zero: none */
	uint8_t mac[6];	      /* of the interface */
	uint32_t speed_mbps;  /* 0: unknown */
	uint32_t link_mtu;    /* of the interface, tags and all; 0: unknown */
	bool full_duplex;
	struct uplink_control *control; /* uplinks, members; or NULL */
	bool was_up;	      /* vhost-user: had a link at the last look */
	uint64_t announced_ms; /* when its guest last had us speak for it */
	char waiting[256];    /* why there is no device yet */
	const char *blamed;   /* key that says so; NULL: the other end's */
	char link_why[352];   /* what is not in force: see switch_link.h */
	bool link_retry;      /* and may be next time */
	bool link_touched;    /* by a change that is being prepared */
};

struct sw {
	struct event_base *base;
	struct workers workers;
	struct bridge bridge;
	const char *netd_path;
	const char *state_path; /* file, or NULL: not kept */
	char refused[1024]; /* why what is in that file is not used, or "" */
	uint64_t tsc_hz;
	struct switch_conf *running;
	struct sw_port *ports[PORT_ID_MAX]; /* by id */
	struct port_counters past; /* of ports that have gone */
	bool has_gateway; /* the state, also one in the making, has one: the
			   * interface of the default route may be taken */
	struct event *replan, *second;
	struct netd_client *asked; /* netd is silent: see switch_netd.c */
	struct event *answered;
	struct netd_client *watch; /* link events, or NULL */
	struct event *watch_event;
	bool held_doubt; /* netd may hold what no port has: switch_held.h */
	_Atomic(struct sw_garbage *) garbage;
	uint8_t chassis[6]; /* who we are in LLDP: the first uplink's MAC */
	char system_name[65], system_description[192];
	uint64_t applied; /* times a state was taken */
};

/* `sw` is zeroed but for the fields above `running`; 0 or -errno. */
int switch_init(struct sw *sw);
void switch_fini(struct sw *sw);

enum switch_apply_flags {
	SWITCH_FORCE = 1 << 0, /* from any owner and generation */
	SWITCH_BOOT = 1 << 1,  /* it is what the disk has; missing devices do
				* not refuse the whole */
	SWITCH_TRIAL = 1 << 2, /* not kept on disk until switch_keep() */
};

/*
 * Become `wanted` (owned from here when 0 is returned).  -EINVAL, -EPERM,
 * -ESTALE or another -errno with at least one error in *errs: nothing
 * changed.  `said` (may be NULL) gets each action taken.
 */
int switch_apply(struct sw *sw, struct switch_conf *wanted, unsigned flags,
		 struct switch_conf_errors *errs,
		 void (*said)(void *ctx, const char *action), void *ctx);
/* Put what runs on disk: 0, or -errno with an error in *errs. */
int switch_keep(struct sw *sw, struct switch_conf_errors *errs);

/*
 * Build the view again, after ports or mirrors came or went; the old one is
 * out of use when it returns.  0 or -ENOMEM.
 */
int switch_review(struct sw *sw);

/*
 * The saved state, at start: 0, -ENOENT, or why it cannot be used.  Then
 * sw->refused says so until another is kept, and the text is put aside in a
 * file of that name and SWITCH_BAD.
 */
int switch_load(struct sw *sw);
#define SWITCH_BAD ".bad"

/* The port of that name in the running state; NULL: there is none. */
struct sw_port *switch_find_port(const struct sw *sw, const char *name);
/* Its configuration there; NULL: it is coming, or going. */
const struct conf_port *switch_port_conf(const struct sw *sw,
					 const struct sw_port *sp);
/* Sum of all workers' counters. */
void switch_port_counters(const struct sw *sw, const struct sw_port *sp,
			  struct port_counters *sum);
/* And of all ports, those that have gone included: frames went both ways. */
void switch_total_counters(const struct sw *sw, struct port_counters *sum);
const struct bridge_view *switch_view(const struct sw *sw);

#endif
