/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_plug.c: VIFs and disks of a domain that runs follow the state.
 *
 * Each place has its own little machine (plug.h).  What is in the process is
 * what the record says; it is changed there as soon as the engine has said
 * so, since a guest that is suspended or taken over has to be met with the
 * very devices it has.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "hypervisor/disk.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/switch_gate.h"

void host_slots_init(struct host_domain *hd)
{
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++) {
		hd->vifs[i].hd = hd;
		hd->vifs[i].number = i;
		hd->vifs[i].is_vif = true;
	}
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++) {
		hd->disks[i].hd = hd;
		hd->disks[i].number = i;
	}
}

static void slot_clear(struct host_slot *s)
{
	if (s->plug.state == PLUG_ASKING)
		switch_gate_stop(s->hd->host->gate, s);
	memset(&s->plug, 0, sizeof(s->plug));
}

void host_slots_gone(struct host_domain *hd)
{
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		slot_clear(&hd->vifs[i]);
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++)
		slot_clear(&hd->disks[i]);
}

void host_slots_started(struct host_domain *hd)
{
	const struct domain_record *r = &hd->rec;

	host_slots_gone(hd);
	for (uint32_t i = 0; i < r->vif_count; i++) {
		struct host_slot *s = &hd->vifs[r->vifs[i].device];

		s->vif = r->vifs[i];
		s->plug.state = PLUG_IN;
	}
	for (uint32_t i = 0; i < r->disk_count; i++) {
		struct host_slot *s = &hd->disks[r->disks[i].slot];

		s->disk = r->disks[i];
		s->disk.backing = NULL;
		s->plug.state = PLUG_IN;
	}
}

/* --- the record -------------------------------------------------------- */

static void keep_slots(struct host_domain *hd)
{
	struct dconf_vif vifs[DCONF_VIFS_MAX];
	struct dconf_disk disks[DCONF_DISKS_MAX];
	unsigned n = 0, m = 0;

	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		if (hd->vifs[i].plug.state >= PLUG_GOING_IN)
			vifs[n++] = hd->vifs[i].vif;
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++)
		if (hd->disks[i].plug.state >= PLUG_GOING_IN) {
			disks[m] = hd->disks[i].disk;
			disks[m].backing_count = 0;
			m++;
		}
	if (domain_record_set_vifs(&hd->rec, vifs, n) < 0 ||
	    domain_record_set_disks(&hd->rec, disks, m) < 0)
		log_err("%s: out of memory: its record is out of date",
			hd->name);
	host_keep_lists(hd);
}

/* --- steps ------------------------------------------------------------- */

static const struct dconf_vif *wanted_vif(const struct host_slot *s)
{
	const struct dconf_domain *want = s->hd->want;
	int32_t i = want ? domain_conf_find_vif(want, s->number) : DCONF_NONE;

	return i == DCONF_NONE ? NULL : &want->vifs[i];
}

static const struct dconf_disk *wanted_disk(const struct host_slot *s)
{
	const struct dconf_domain *want = s->hd->want;
	int32_t i = want ? domain_conf_find_disk(want, s->number) : DCONF_NONE;

	return i == DCONF_NONE ? NULL : &want->disks[i];
}

static bool same_vif(const struct dconf_vif *a, const struct dconf_vif *b)
{
	return !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
	       !strcmp(a->port, b->port) && a->mtu == b->mtu &&
	       a->queues == b->queues;
}

static bool same_disk(const struct dconf_disk *a, const struct dconf_disk *b)
{
	return !strcmp(a->image.path, b->image.path) &&
	       a->image.format == b->image.format &&
	       a->read_only == b->read_only;
}

static struct plug_wish wish_of(const struct host_slot *s)
{
	const struct domain *life = &s->hd->life;
	const struct dconf_vif *vif = wanted_vif(s);
	const struct dconf_disk *disk = wanted_disk(s);
	struct plug_wish w = {
		.gated = s->is_vif,
		.possible = s->hd->engine && (life->state == DOMAIN_RUNNING ||
					      life->state == DOMAIN_PAUSED),
	};

	if (s->is_vif) {
		w.wanted = vif != NULL;
		w.same = vif && same_vif(vif, &s->vif);
	} else {
		w.wanted = disk != NULL;
		w.same = disk && same_disk(disk, &s->disk);
	}
	/* one that goes keeps what it has until then */
	if (!s->hd->want)
		w.wanted = w.same = s->plug.state == PLUG_IN;
	return w;
}

static void failed(struct host_slot *s, const char *why)
{
	log_warn("%s: %s %u: %s", s->hd->name, s->is_vif ? "VIF" : "disk",
		 s->number, why);
	plug_done(&s->plug, why, host_now_ms());
}

static int insert_vif(struct host_slot *s, char *why, size_t size)
{
	struct engine_vif ev;
	char path[HOST_SOCKET_MAX];
	int fd, rc;

	host_vif_socket(s->hd->host, s->vif.port, path);
	fd = host_listen(path, 0, s->hd->host->opt.switch_gid);
	if (fd < 0) {
		snprintf(why, size, "socket %.100s: %s", path, strerror(-fd));
		return fd;
	}
	host_engine_vif(&s->vif, fd, &ev);
	rc = engine_vif_plug(s->hd->engine, &ev);
	close(fd);
	if (rc < 0) {
		unlink(path);
		snprintf(why, size, "%s", strerror(-rc));
	}
	return rc;
}

static int insert_disk(struct host_slot *s, char *why, size_t size)
{
	const struct dconf_disk *want = wanted_disk(s);
	struct domain_conf_error err = { "", "", "" };
	struct engine_disk ed = { .slot = s->number };
	struct disk disk = DISK_NONE;
	int rc = disk_open(&disk, s->hd->host->state, want, want->device,
			   &err);

	if (rc < 0) {
		snprintf(why, size, "%.60s: %.80s, expected %.90s",
			 err.path, err.value, err.expected);
		return rc;
	}
	host_engine_disk(want, &disk, &ed);
	rc = engine_disk_plug(s->hd->engine, &ed);
	if (rc < 0)
		snprintf(why, size, "%s", strerror(-rc));
	disk_close(&disk);
	return rc;
}

static void insert(struct host_slot *s)
{
	char why[PLUG_WHY_MAX] = "";
	int rc;

	/* before: who finds it half done must know of it */
	keep_slots(s->hd);
	rc = s->is_vif ? insert_vif(s, why, sizeof(why)) :
			 insert_disk(s, why, sizeof(why));
	if (rc < 0) {
		failed(s, why);
		keep_slots(s->hd);
	}
}

static void take_out(struct host_slot *s)
{
	int rc = s->is_vif ? engine_vif_unplug(s->hd->engine, s->number) :
			     engine_disk_unplug(s->hd->engine, s->number);

	if (rc < 0)
		failed(s, strerror(-rc));
}

static void on_switch(bool ready, const char *why, void *arg)
{
	struct host_slot *s = arg;

	if (plug_switch(&s->plug, ready, why) == PLUG_INSERT)
		insert(s);
	host_settle(s->hd);
}

static void ask(struct host_slot *s)
{
	struct switch_gate_port port = { .name = s->vif.port,
					 .mac = s->vif.mac,
					 .mtu = s->vif.mtu,
					 .queues = s->vif.queues };
	char path[HOST_SOCKET_MAX];

	host_vif_socket(s->hd->host, s->vif.port, path);
	port.socket = path;
	if (switch_gate_ask(s->hd->host->gate, &port, 1, on_switch, s) < 0)
		log_err("%s: VIF %u: out of memory", s->hd->name, s->number);
}

static void review(struct host_slot *s)
{
	struct plug_wish w = wish_of(s);

	if (s->plug.state == PLUG_OUT && w.wanted) {
		if (!w.same)
			plug_forget(&s->plug);
		/* from here on it is about this one */
		if (s->is_vif)
			s->vif = *wanted_vif(s);
		else
			s->disk = *wanted_disk(s);
		w.same = true;
	}
	switch (plug_next(&s->plug, &w, host_now_ms())) {
	case PLUG_ASK: ask(s); break;
	case PLUG_STOP_ASKING:
		switch_gate_stop(s->hd->host->gate, s);
		break;
	case PLUG_INSERT: insert(s); break;
	case PLUG_REMOVE: take_out(s); break;
	default: break;
	}
}

void host_slots_review(struct host_domain *hd)
{
	if (!hd->life.process)
		return;
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++)
		review(&hd->disks[i]);
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		review(&hd->vifs[i]);
}

void host_slots_retry(struct host_domain *hd)
{
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++)
		hd->disks[i].plug.retry_ms = 0;
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		hd->vifs[i].plug.retry_ms = 0;
}

static bool problem(const struct host_slot *s, char *text, size_t size)
{
	if (!s->plug.why[0])
		return false;
	if (s->is_vif)
		snprintf(text, size, "VIF %u: %s", s->number, s->plug.why);
	else
		snprintf(text, size, "disk %.15s: %s", s->disk.device,
			 s->plug.why);
	return true;
}

void host_slots_problem(const struct host_domain *hd, char *text, size_t size)
{
	text[0] = '\0';
	for (unsigned i = 0; i < DCONF_DISKS_MAX; i++)
		if (problem(&hd->disks[i], text, size))
			return;
	for (unsigned i = 0; i < DCONF_VIFS_MAX; i++)
		if (problem(&hd->vifs[i], text, size))
			return;
}

/* --- what the engine says ---------------------------------------------- */

static void done(struct host_slot *s, const char *why)
{
	char path[HOST_SOCKET_MAX];

	if (why)
		failed(s, why);
	else
		plug_done(&s->plug, NULL, host_now_ms());
	if (s->is_vif && s->plug.state == PLUG_OUT) {
		host_vif_socket(s->hd->host, s->vif.port, path);
		unlink(path);
	}
	if (s->is_vif && !why)
		host_store_vif(s->hd, &s->vif, s->plug.state == PLUG_IN);
	if (!why)
		log_info("%s: %s %u is %s", s->hd->name,
			 s->is_vif ? "VIF" : "disk", s->number,
			 plug_word(s->plug.state));
	keep_slots(s->hd);
	host_settle(s->hd);
}

static struct host_slot *slot_of(struct host_domain *hd, bool is_vif,
				 unsigned number)
{
	if (number >= (is_vif ? DCONF_VIFS_MAX : DCONF_DISKS_MAX))
		return NULL;
	return is_vif ? &hd->vifs[number] : &hd->disks[number];
}

bool host_slots_event(struct host_domain *hd, const struct engine_event *ev)
{
	bool is_vif = ev->type == ENGINE_EV_VIF_PLUGGED ||
		      ev->type == ENGINE_EV_VIF_UNPLUGGED ||
		      ev->call == ENGINE_CALL_VIF_PLUG ||
		      ev->call == ENGINE_CALL_VIF_UNPLUG;
	bool is_disk = ev->type == ENGINE_EV_DISK_PLUGGED ||
		       ev->type == ENGINE_EV_DISK_UNPLUGGED ||
		       ev->call == ENGINE_CALL_DISK_PLUG ||
		       ev->call == ENGINE_CALL_DISK_UNPLUG;
	struct host_slot *s;

	if (!is_vif && !is_disk)
		return false;
	s = slot_of(hd, is_vif, ev->slot);
	if (s)
		done(s, ev->type == ENGINE_EV_FAILED ? ev->text : NULL);
	return true;
}

uint64_t host_slots_due(const struct host_domain *hd)
{
	uint64_t due = 0;

	if (!hd->life.process)
		return 0;
	for (unsigned i = 0; i < DCONF_VIFS_MAX + DCONF_DISKS_MAX; i++) {
		const struct host_slot *s =
			i < DCONF_VIFS_MAX ? &hd->vifs[i] :
					     &hd->disks[i - DCONF_VIFS_MAX];

		if (s->plug.retry_ms && (!due || s->plug.retry_ms < due))
			due = s->plug.retry_ms;
	}
	return due;
}
