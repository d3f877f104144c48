/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_info.c: see guest_info.h.
 *
 * Permissions are libxl's: the guest's home and all that the host says there
 * belongs to domain 0, readable for 1; what the guest may write are single
 * nodes below control/ and whole folders that it owns.  A node that it owns
 * it may also open to others, but in its tree there is nobody else.
 *
 * What a guest agent says comes from the guest too, so it is written as if
 * the guest had written it: into nodes that are the guest's, and believed as
 * little (guest_facts.h).
 */
#include "hypervisor/guest_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/rpc.h"
#include "hypervisor/guest_agent.h"
#include "hypervisor/guest_text.h"
#include "hypervisor/xenstore_client.h"

#define BELOW_MAX 64 /* a path below GUEST_INFO_HOME */

/* Where nodes go, and the path they are told relative to. */
struct out {
	guest_info_put put;
	void *ctx;
};

/* GUEST_INFO_HOME "/" path. */
static void home(const struct out *o, const char *perms, const char *path,
		 const char *value)
{
	char full[GUEST_INFO_PATH_MAX];

	snprintf(full, sizeof(full), GUEST_INFO_HOME "%s%.*s",
		 *path ? "/" : "", BELOW_MAX, path);
	o->put(o->ctx, full, value, perms);
}

static void tell(const struct out *o, const char *path, const char *value)
{
	home(o, GUEST_INFO_READ, path, value);
}

static void tell_number(const struct out *o, const char *path, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	tell(o, path, text);
}

static void leave_to_guest(const struct out *o, const char *const *paths)
{
	for (; *paths; paths++)
		home(o, GUEST_INFO_WRITE, *paths, "");
}

/* ---- the layout --------------------------------------------------------- */

static void put_identity(const struct dconf_domain *d, const char *start_id,
			 const struct out *o)
{
	char vm[GUEST_INFO_PATH_MAX], path[GUEST_INFO_PATH_MAX];

	snprintf(vm, sizeof(vm), "/vm/%s", d->uuid);
	o->put(o->ctx, vm, "", GUEST_INFO_READ);
	snprintf(path, sizeof(path), "%.60s/uuid", vm);
	o->put(o->ctx, path, d->uuid, GUEST_INFO_READ);
	snprintf(path, sizeof(path), "%.60s/name", vm);
	o->put(o->ctx, path, d->name, GUEST_INFO_READ);
	tell(o, "", "");
	tell(o, "vm", vm);
	tell(o, "name", d->name);
	tell(o, "domid", "1");
	tell(o, "unique-domain-id", start_id);
}

static void put_machine(const struct dconf_domain *d, const struct out *o)
{
	uint64_t kib = (uint64_t)d->memory_mib << 10;
	char path[BELOW_MAX];
	unsigned i;

	tell(o, "cpu", "");
	for (i = 0; i < d->vcpus; i++) {
		snprintf(path, sizeof(path), "cpu/%u", i);
		tell(o, path, "");
		snprintf(path, sizeof(path), "cpu/%u/availability", i);
		tell(o, path, "online");
	}
	tell(o, "memory", "");
	tell_number(o, "memory/static-max", kib);
	tell_number(o, "memory/target", kib);
	tell(o, "platform", "");
	tell(o, "platform/acpi", "1");
}

static void put_control(const struct out *o)
{
	/* What guests write there; all else below control/ they may not. */
	static const char *const guests[] = {
		"control/shutdown", "control/sysrq",
		"control/feature-poweroff", "control/feature-reboot",
		"control/feature-halt", "control/feature-suspend",
		"control/feature-s3", "control/feature-s4",
		"control/feature-shutdown", "control/feature-hibernate",
		"control/feature-sysrq", "control/feature-balloon",
		"control/feature-vcpu-hotplug", "control/laptop-slate-mode",
		NULL
	};

	tell(o, "control", "");
	tell(o, "control/platform-feature-multiprocessor-suspend", "1");
	tell(o, "control/platform-feature-xs_reset_watches", "1");
	leave_to_guest(o, guests);
}

void guest_info_vif_path(unsigned device, char path[GUEST_INFO_PATH_MAX])
{
	snprintf(path, GUEST_INFO_PATH_MAX, GUEST_INFO_HOME "/device/vif/%u",
		 device);
}

static void mac_text(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}

void guest_info_vif(const struct dconf_vif *vif, guest_info_put put, void *ctx)
{
	char dir[GUEST_INFO_PATH_MAX], path[GUEST_INFO_PATH_MAX], text[24];

	guest_info_vif_path(vif->device, dir);
	put(ctx, dir, "", GUEST_INFO_READ);
	snprintf(path, sizeof(path), "%.100s/handle", dir);
	snprintf(text, sizeof(text), "%u", vif->device);
	put(ctx, path, text, GUEST_INFO_READ);
	snprintf(path, sizeof(path), "%.100s/mac", dir);
	mac_text(vif->mac, text);
	put(ctx, path, text, GUEST_INFO_READ);
	snprintf(path, sizeof(path), "%.100s/mtu", dir);
	snprintf(text, sizeof(text), "%u", vif->mtu);
	put(ctx, path, text, GUEST_INFO_READ);
}

static void put_devices(const struct dconf_domain *d, const struct out *o)
{
	unsigned i;

	tell(o, "device", "");
	tell(o, "device/vif", "");
	for (i = 0; i < d->vif_count; i++)
		guest_info_vif(&d->vifs[i], o->put, o->ctx);
}

void guest_info_layout(const struct dconf_domain *d, const char *start_id,
		       guest_info_put put, void *ctx)
{
	static const char *const folders[] = { "attr", "data", "drivers",
					       "error", "feature", "messages",
					       "vm-data", NULL };
	const struct out o = { put, ctx };

	put_identity(d, start_id, &o);
	put_machine(d, &o);
	put_control(&o);
	put_devices(d, &o);
	leave_to_guest(&o, folders);
}

/* ---- what a guest agent says -------------------------------------------- */

static void nic_from(struct guest_info_nic *to,
		     const struct guest_agent_nic *nic)
{
	memcpy(to->mac, nic->mac, sizeof(to->mac));
	for (unsigned i = 0; i < nic->address_count &&
			     i < 2 * GUEST_INFO_ADDRESSES_MAX; i++)
		to->addresses[to->address_count++] = nic->addresses[i];
}

void guest_info_agent_from(struct guest_info_agent *a,
			   const struct guest_agent_facts *facts)
{
	*a = (struct guest_info_agent){
		.os_name = facts->os_name, .os_distro = facts->os_distro,
		.os_version = facts->os_version, .os_uname = facts->os_uname,
		.host_name = facts->host_name,
	};
	for (unsigned i = 0;
	     i < facts->nic_count && i < GUEST_INFO_NICS_MAX; i++)
		nic_from(&a->nics[a->nic_count++], &facts->nics[i]);
}

static void fact(const struct out *o, const char *path, const char *text)
{
	char clean[GUEST_INFO_TEXT_MAX];

	if (text && guest_text_line(text, strnlen(text, sizeof(clean)), clean,
				    sizeof(clean)))
		home(o, GUEST_INFO_WRITE, path, clean);
}

static void fact_number(const struct out *o, const char *path, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (value)
		home(o, GUEST_INFO_WRITE, path, text);
}

/* "12.5": 12 and 5. */
static void put_version(const struct out *o, const char *version)
{
	char major[GUEST_INFO_TEXT_MAX];
	size_t len = version ? strcspn(version, ".") : 0;

	if (!len || len >= sizeof(major))
		return;
	memcpy(major, version, len);
	major[len] = '\0';
	fact(o, "data/os_majorver", major);
	if (version[len])
		fact(o, "data/os_minorver", version + len + 1);
}

/* 4, 6 or 0: no address that others could use. */
static int address_family(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return four.s_addr && ntohl(four.s_addr) >> 24 != 127 ? 4 : 0;
	if (inet_pton(AF_INET6, text, &six) == 1)
		return IN6_IS_ADDR_UNSPECIFIED(&six) ||
				       IN6_IS_ADDR_LOOPBACK(&six)
			       ? 0
			       : 6;
	return 0;
}

static void put_addresses(const struct out *o, unsigned device,
			  const struct guest_info_nic *nic)
{
	unsigned count[2] = { 0, 0 }, i;
	char path[BELOW_MAX];

	for (i = 0; i < nic->address_count &&
		    i < 2 * GUEST_INFO_ADDRESSES_MAX; i++) {
		int family = address_family(nic->addresses[i]);
		bool six = family == 6;

		if (!family || count[six] == GUEST_INFO_ADDRESSES_MAX)
			continue;
		snprintf(path, sizeof(path), "attr/vif/%u/ipv%d/%u", device,
			 family, count[six]++);
		fact(o, path, nic->addresses[i]);
	}
}

static const struct dconf_vif *vif_of(const struct dconf_domain *d,
				      const uint8_t mac[6])
{
	unsigned i;

	for (i = 0; i < d->vif_count; i++)
		if (!memcmp(d->vifs[i].mac, mac, 6))
			return &d->vifs[i];
	return NULL;
}

void guest_info_agent(const struct dconf_domain *d,
		      const struct guest_info_agent *a, guest_info_put put,
		      void *ctx)
{
	const struct out o = { put, ctx };
	uint32_t seen = 0;
	unsigned i;

	fact(&o, "data/os_name", a->os_name);
	fact(&o, "data/os_distro", a->os_distro);
	fact(&o, "data/os_uname", a->os_uname);
	put_version(&o, a->os_version);
	fact(&o, "data/host_name", a->host_name);
	fact_number(&o, "data/meminfo_total", a->memory_total_kib);
	fact_number(&o, "data/meminfo_free", a->memory_free_kib);
	for (i = 0; i < a->nic_count && i < GUEST_INFO_NICS_MAX; i++) {
		const struct dconf_vif *vif = vif_of(d, a->nics[i].mac);

		/* A bond or bridge has a member's MAC: the first one counts. */
		if (!vif || !a->nics[i].address_count ||
		    seen & (1u << vif->device))
			continue;
		seen |= 1u << vif->device;
		put_addresses(&o, vif->device, &a->nics[i]);
	}
	home(&o, GUEST_INFO_WRITE, "data/updated", "1");
}

/* ---- into the store ----------------------------------------------------- */

void guest_info_add(void *nodes, const char *path, const char *value,
		    const char *perms)
{
	struct guest_info_nodes *n = nodes;

	json_object_set_new(n->values, path, json_string(value));
	json_object_set_new(n->perms, path, json_string(perms));
}

void guest_info_nodes_free(struct guest_info_nodes *nodes)
{
	json_decref(nodes->values);
	json_decref(nodes->perms);
	*nodes = (struct guest_info_nodes){ NULL, NULL };
}

static int write_nodes(struct xenstore_client *c, const char *uuid,
		       struct guest_info_nodes *nodes, struct rpc_error *err)
{
	int rc = xenstore_client_write(c, uuid, nodes->values, nodes->perms,
				       err);

	*nodes = (struct guest_info_nodes){ NULL, NULL };
	return rc;
}

int guest_info_create(struct xenstore_client *c, const struct dconf_domain *d,
		      const char *start_id, uid_t uid, struct rpc_error *err)
{
	struct guest_info_nodes nodes;
	int rc = xenstore_client_destroy(c, d->uuid, err);

	if (!rc)
		rc = xenstore_client_create(c, d->uuid, uid, NULL, err);
	if (rc)
		return rc;
	nodes = (struct guest_info_nodes)GUEST_INFO_NODES_INIT;
	guest_info_layout(d, start_id, guest_info_add, &nodes);
	return write_nodes(c, d->uuid, &nodes, err);
}

int guest_info_plugged(struct xenstore_client *c, const char *uuid,
		       const struct dconf_vif *vif, struct rpc_error *err)
{
	struct guest_info_nodes nodes = GUEST_INFO_NODES_INIT;

	guest_info_vif(vif, guest_info_add, &nodes);
	return write_nodes(c, uuid, &nodes, err);
}

int guest_info_unplugged(struct xenstore_client *c, const char *uuid,
			 unsigned device, struct rpc_error *err)
{
	char path[GUEST_INFO_PATH_MAX];

	guest_info_vif_path(device, path);
	return xenstore_client_rm(c, uuid, path, err);
}

/* Names below path, the caller's; none of what is not there. */
static int children_of(struct xenstore_client *c, const char *uuid,
		       const char *path, json_t **names, struct rpc_error *err)
{
	json_t *node = NULL;
	int rc = xenstore_client_read(c, uuid, path, &node, err);

	if (rc == -EREMOTEIO && err->code == RPC_NOT_FOUND)
		rc = 0;
	*names = json_incref(json_object_get(node, "children"));
	json_decref(node);
	return rc;
}

/* attr/vif/N/ipvV/M */
static int recall_vif(struct xenstore_client *c, const char *uuid,
		      unsigned device, int version,
		      struct guest_info_nodes *last, struct rpc_error *err)
{
	char dir[GUEST_INFO_PATH_MAX], path[2 * GUEST_INFO_PATH_MAX];
	json_t *names, *name;
	size_t i;
	int rc;

	snprintf(dir, sizeof(dir), GUEST_INFO_HOME "/attr/vif/%u/ipv%d",
		 device, version);
	rc = children_of(c, uuid, dir, &names, err);
	json_array_foreach(names, i, name) {
		if (i == GUEST_INFO_ADDRESSES_MAX)
			break;
		snprintf(path, sizeof(path), "%s/%.60s", dir,
			 json_string_value(name));
		guest_info_add(last, path, "", GUEST_INFO_WRITE);
	}
	json_decref(names);
	return rc;
}

int guest_info_recall(struct xenstore_client *c, const char *uuid,
		      struct guest_info_nodes *last, struct rpc_error *err)
{
	static const char *const data[] = { "os_name",	 "os_distro",
					    "os_uname",	 "os_majorver",
					    "os_minorver", "host_name",
					    "meminfo_total", "meminfo_free" };
	char path[GUEST_INFO_PATH_MAX];
	int rc = 0;

	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		snprintf(path, sizeof(path), GUEST_INFO_HOME "/data/%s",
			 data[i]);
		guest_info_add(last, path, "", GUEST_INFO_WRITE);
	}
	for (unsigned i = 0; !rc && i < DCONF_VIFS_MAX; i++) {
		rc = recall_vif(c, uuid, i, 4, last, err);
		if (!rc)
			rc = recall_vif(c, uuid, i, 6, last, err);
	}
	return rc;
}

static int remove_stale(struct xenstore_client *c, const char *uuid,
			const struct guest_info_nodes *last,
			const struct guest_info_nodes *now,
			struct rpc_error *err)
{
	const char *path;
	json_t *value;
	int rc = 0;

	json_object_foreach(last->values, path, value) {
		if (!json_object_get(now->values, path))
			rc = xenstore_client_rm(c, uuid, path, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* Nodes whose value differs. */
static struct guest_info_nodes changes(const struct guest_info_nodes *last,
				       const struct guest_info_nodes *now)
{
	struct guest_info_nodes diff = GUEST_INFO_NODES_INIT;
	const char *path;
	json_t *value;

	json_object_foreach(now->values, path, value) {
		if (json_equal(json_object_get(last->values, path), value))
			continue;
		json_object_set(diff.values, path, value);
		json_object_set(diff.perms, path,
				json_object_get(now->perms, path));
	}
	return diff;
}

int guest_info_publish(struct xenstore_client *c, const char *uuid,
		       struct guest_info_nodes *last,
		       struct guest_info_nodes *now, struct rpc_error *err)
{
	struct guest_info_nodes diff = changes(last, now);
	int rc = remove_stale(c, uuid, last, now, err);

	if (!rc && json_object_size(diff.values))
		rc = write_nodes(c, uuid, &diff, err);
	guest_info_nodes_free(&diff);
	guest_info_nodes_free(last);
	if (rc) {
		guest_info_nodes_free(now);
		*last = (struct guest_info_nodes)GUEST_INFO_NODES_INIT;
	} else {
		*last = *now;
		*now = (struct guest_info_nodes){ NULL, NULL };
	}
	return rc;
}
