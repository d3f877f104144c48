/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_facts.c: what is known of the host and its domains, in JSON. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hypervisor/accounting.h"
#include "hypervisor/host_agent.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/host_memory.h"
#include "hypervisor/uid_range.h"

static const char *const goal_words[] = {
	[DOMAIN_BE_HALTED] = "halted",
	[DOMAIN_BE_RUNNING] = "running",
	[DOMAIN_BE_PAUSED] = "paused",
	[DOMAIN_BE_SUSPENDED] = "suspended",
};

static json_t *number_or_null(uint64_t n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

static json_t *vif_json(const struct host_slot *s)
{
	char mac[18], path[HOST_SOCKET_MAX];
	const uint8_t *m = s->vif.mac;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	host_vif_socket(s->hd->host, s->vif.port, path);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "device", s->number,
			 "port", s->vif.port, "mac", mac, "socket", path,
			 "state", plug_word(s->plug.state), "why",
			 s->plug.why);
}

static json_t *disk_json(const struct host_slot *s)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "device",
			 s->disk.device, "path", s->disk.image.path, "format",
			 domain_conf_format_word(s->disk.image.format),
			 "read_only", s->disk.read_only, "state",
			 plug_word(s->plug.state), "why", s->plug.why);
}

/* Those that are there, or on their way. */
static json_t *slots_json(const struct host_slot *slots, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		if (slots[i].plug.state != PLUG_OUT || slots[i].plug.why[0])
			json_array_append_new(list,
					      slots[i].is_vif ?
						      vif_json(&slots[i]) :
						      disk_json(&slots[i]));
	return list;
}

static json_t *end_json(const struct host_domain *hd)
{
	const struct domain *d = &hd->life;

	if (d->end_reason == DOMAIN_NO_REASON)
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "reason",
			 domain_reason_word(d->end_reason), "why", d->end_why,
			 "time_s", number_or_null(hd->rec.end_time_s));
}

static json_t *memory_json(const struct host_domain *hd)
{
	if (!hd->has_facts || !hd->facts.guest_total_bytes)
		return json_null();
	return json_pack("{s:I, s:I}", "total_bytes",
			 (json_int_t)hd->facts.guest_total_bytes,
			 "available_bytes",
			 (json_int_t)hd->facts.guest_available_bytes);
}

static json_t *dirty_json(const struct host_domain *hd)
{
	if (!hd->dirty_ms)
		return json_null();
	return json_pack("{s:I, s:I}", "mib_per_s",
			 (json_int_t)hd->dirty_mib_per_s, "age_ms",
			 (json_int_t)(host_now_ms() - hd->dirty_ms));
}

/*
 * What a domain was started or suspended with is in its record; one that is
 * off has what the state says.
 */
static uint32_t as_it_is(const struct host_domain *hd, uint32_t recorded,
			 uint32_t wanted)
{
	if (!hd->want)
		return recorded;
	return (hd->life.process || hd->life.saved) && recorded ? recorded :
								  wanted;
}

static void add_process(json_t *o, const struct host_domain *hd)
{
	bool alive = hd->life.process && hd->rec.pid;
	const struct dconf_domain *want = hd->want;

	json_object_set_new(o, "pid", number_or_null(alive ? hd->rec.pid : 0));
	json_object_set_new(o, "uid", number_or_null(alive ? hd->rec.uid : 0));
	json_object_set_new(o, "started_s", number_or_null(hd->started_s));
	json_object_set_new(o, "memory_mib",
			    json_integer(as_it_is(hd, hd->rec.memory_mib,
						  want ? want->memory_mib :
							 0)));
	json_object_set_new(o, "vcpus",
			    json_integer(as_it_is(hd, hd->rec.vcpus,
						  want ? want->vcpus : 0)));
	json_object_set_new(o, "guest_memory", memory_json(hd));
	json_object_set_new(o, "dirty", dirty_json(hd));
	json_object_set_new(o, "vifs", slots_json(hd->vifs, DCONF_VIFS_MAX));
	json_object_set_new(o, "disks",
			    slots_json(hd->disks, DCONF_DISKS_MAX));
}

static json_t *usage_json(struct host_domain *hd)
{
	struct accounting_sample s;
	struct timespec up;

	if (hd->engine)
		engine_facts(hd->engine); /* for who asks the next time */
	clock_gettime(CLOCK_BOOTTIME, &up);
	if (!hd->usage ||
	    accounting_sample(hd->usage, up.tv_sec * 1000000000ull + up.tv_nsec,
			      &s) < 0)
		return json_null();
	return accounting_json(&s);
}

json_t *host_domain_json(struct host_domain *hd, bool usage)
{
	const struct domain *d = &hd->life;
	char problem[HOST_PROBLEM_MAX];
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:I, s:b, s:b, "
		"s:I, s:b}",
		"uuid", hd->uuid, "name", hd->name, "state",
		domain_state_word(d->state), "wanted", goal_words[d->goal],
		"reason", domain_reason_word(d->reason), "why", d->why,
		"since_ms", (json_int_t)(host_now_ms() - d->since_ms),
		"last_end", end_json(hd), "starts", (json_int_t)hd->rec.starts,
		"restarts", (json_int_t)d->restarts, "in_state",
		hd->want != NULL, "pending", hd->stale != 0, "epoch",
		(json_int_t)hd->rec.epoch, "confirmed", hd->rules.owned);

	host_slots_problem(hd, problem, sizeof(problem));
	json_object_set_new(o, "problem", json_string(problem));
	add_process(o, hd);
	if (usage) {
		json_object_set_new(o, "usage", usage_json(hd));
		json_object_set_new(o, "guest", host_agent_json(hd));
	}
	return o;
}

json_t *host_json(const struct host *h)
{
	struct host_memory m = { 0 };
	const struct host_domain *hd;
	unsigned live = 0, count = 0;

	host_memory_read(&m);
	TAILQ_FOREACH(hd, &h->domains, next) {
		count++;
		live += hd->life.process;
	}
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:b, s:s}",
			 "owner", h->state->owner, "boot_id", h->boot_id,
			 "domains", count, "live", live, "uids_held",
			 uid_range_held(h->uids), "memory_total_bytes",
			 (json_int_t)m.total_bytes, "memory_free_bytes",
			 (json_int_t)m.free_bytes, "kvm", h->kvm, "kvm_why",
			 h->kvm_why);
}
