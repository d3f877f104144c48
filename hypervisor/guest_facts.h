/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_facts.h: what a guest says about itself, read back from its Xenstore
 * tree for VM_guest_metrics.
 *
 * All of it is hostile.  Only known paths are looked at, in bounded numbers;
 * texts are cleaned and cut (GUEST_INFO_TEXT_MAX), numbers and addresses must
 * be some, and nothing here is a reason to do anything: facts are shown.
 */
#ifndef CAUSEWAY_GUEST_FACTS_H
#define CAUSEWAY_GUEST_FACTS_H

#include <jansson.h>

struct rpc_error;
struct xenstore_client;

#define GUEST_FACTS_READS_MAX 256 /* nodes read for one guest */
#define GUEST_FACTS_MS 500

/*
 * A node as store.read answers it, {"value": text, "children": [...]}, the
 * caller's; NULL: there is none.
 */
typedef json_t *(*guest_facts_node)(void *ctx, const char *path);

/*
 * The facts, an object of maps from text to text, the caller's:
 *   os_version           name, uname, distro, major, minor, spmajor, spminor
 *   PV_drivers_version   major, minor, micro, build, ...
 *   networks             "0/ip", "0/ipv4/0", "0/ipv6/0"
 *   memory               total, free (KiB)
 *   other                what stands below control/, host_name
 * and can_use_hotplug_vbd, can_use_hotplug_vif: "yes", "no", "unspecified",
 * and live: has it said anything at all.
 */
json_t *guest_facts_collect(guest_facts_node node, void *ctx);

/*
 * The same, from a VM's tree: 0 or -errno with words; -ETIMEDOUT when it takes
 * longer than GUEST_FACTS_MS.
 */
int guest_facts_read(struct xenstore_client *c, const char *uuid, json_t **out,
		     struct rpc_error *err);

#endif
