/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_info.h: what stands in a guest's Xenstore tree: what the host tells
 * the guest, which the guest may only read; where the guest may write; and
 * what a guest agent has said, put where a Xen guest would have put it
 * itself.  docs/guest-info.md is the table.
 *
 * In its own tree every guest is domain 1 and the host domain 0.  Pure, but
 * for what is called with a client.
 */
#ifndef CAUSEWAY_GUEST_INFO_H
#define CAUSEWAY_GUEST_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <sys/types.h>

#include "hypervisor/domain_conf.h"

struct guest_agent_facts;
struct rpc_error;
struct xenstore_client;

#define GUEST_INFO_HOME "/local/domain/1"
#define GUEST_INFO_SHUTDOWN GUEST_INFO_HOME "/control/shutdown"
#define GUEST_INFO_TARGET GUEST_INFO_HOME "/memory/target" /* KiB */
#define GUEST_INFO_UPDATED GUEST_INFO_HOME "/data/updated" /* to watch */

#define GUEST_INFO_READ "n0,r1"	 /* the guest may read */
#define GUEST_INFO_WRITE "n1"	 /* it is the guest's */
#define GUEST_INFO_PATH_MAX 128
#define GUEST_INFO_TEXT_MAX 256	 /* of a fact, with its NUL */
#define GUEST_INFO_NICS_MAX 16
#define GUEST_INFO_ADDRESSES_MAX 16 /* of one NIC, of each version */

/* One node; texts are valid during the call. */
typedef void (*guest_info_put)(void *ctx, const char *path, const char *value,
			       const char *perms);

/*
 * The whole tree of a domain that starts, parents before children.
 * `start_id` is a text that no other start has.
 */
void guest_info_layout(const struct dconf_domain *d, const char *start_id,
		       guest_info_put put, void *ctx);
/* The nodes of one VIF, plugged later; when it goes, guest_info_vif_path(). */
void guest_info_vif(const struct dconf_vif *vif, guest_info_put put, void *ctx);
void guest_info_vif_path(unsigned device, char path[GUEST_INFO_PATH_MAX]);

/* --- what a guest agent says --------------------------------------------- */

struct guest_info_nic {
	uint8_t mac[6];
	unsigned address_count; /* in the agent's order */
	const char *addresses[2 * GUEST_INFO_ADDRESSES_MAX];
};

/* Hostile texts of any content; NULL and 0: not said. */
struct guest_info_agent {
	const char *os_name;	/* "Debian GNU/Linux 12 (bookworm)" */
	const char *os_distro;	/* "debian" */
	const char *os_version; /* "12", "12.5" */
	const char *os_uname;	/* "6.1.0-18-amd64" */
	const char *host_name;
	uint64_t memory_total_kib, memory_free_kib;
	unsigned nic_count;
	struct guest_info_nic nics[GUEST_INFO_NICS_MAX];
};

/* Texts of *facts are borrowed; memory is left at 0. */
void guest_info_agent_from(struct guest_info_agent *a,
			   const struct guest_agent_facts *facts);

/*
 * Nodes of what the agent says: texts cleaned and cut, addresses only if they
 * are some, and only of NICs whose MAC is one of the domain's VIFs.
 */
void guest_info_agent(const struct dconf_domain *d,
		      const struct guest_info_agent *a, guest_info_put put,
		      void *ctx);

/* --- into the store ------------------------------------------------------ */

/*
 * An empty tree with the layout, for a domain that starts: whatever an
 * earlier start has left is gone.  `uid` may use the restricted socket.
 */
int guest_info_create(struct xenstore_client *c, const struct dconf_domain *d,
		      const char *start_id, uid_t uid, struct rpc_error *err);
/* A VIF is there, or has gone. */
int guest_info_plugged(struct xenstore_client *c, const char *uuid,
		       const struct dconf_vif *vif, struct rpc_error *err);
int guest_info_unplugged(struct xenstore_client *c, const char *uuid,
			 unsigned device, struct rpc_error *err);

/* Nodes collected for xenstore_client_write(); put is guest_info_add(). */
struct guest_info_nodes {
	json_t *values, *perms;
};

#define GUEST_INFO_NODES_INIT { json_object(), json_object() }

void guest_info_add(void *nodes, const char *path, const char *value,
		    const char *perms);
void guest_info_nodes_free(struct guest_info_nodes *nodes);

/*
 * What stands in the tree of what an agent has said, into *last: for who has
 * not written it himself.  Values are not looked at: all will differ.
 */
int guest_info_recall(struct xenstore_client *c, const char *uuid,
		      struct guest_info_nodes *last, struct rpc_error *err);
/*
 * Bring the store from what was published before (*last, empty at first) to
 * `now`, which is taken and becomes *last: what is no longer there is removed,
 * what differs is written in one transaction; nothing differs: no call.  0 or
 * an error of the client; then *last is empty and the next call writes all.
 */
int guest_info_publish(struct xenstore_client *c, const char *uuid,
		       struct guest_info_nodes *last,
		       struct guest_info_nodes *now, struct rpc_error *err);

#endif
