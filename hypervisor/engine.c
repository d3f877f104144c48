/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine.c: calls go to the engine that was chosen; names for logs. */
#include "hypervisor/engine.h"

#include <string.h>

void engine_spec_init(struct engine_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->kernel_fd = -1;
	spec->initrd_fd = -1;
	spec->serial_fd = -1;
	spec->restore_fd = -1;
	for (unsigned i = 0; i < ENGINE_VIFS_MAX; i++)
		spec->vifs[i].listen_fd = -1;
	for (unsigned i = 0; i < ENGINE_DISKS_MAX; i++)
		for (unsigned k = 0; k < ENGINE_LAYERS_MAX; k++)
			spec->disks[i].layers[k].fd = -1;
}

uint64_t engine_overhead_bytes(const struct engine_ops *ops,
			       const struct engine_spec *spec)
{
	return ops->overhead_bytes(spec);
}

int engine_start(const struct engine_ops *ops, struct engine **out,
		 const struct engine_conf *conf,
		 const struct engine_spec *spec, struct rpc_error *err)
{
	return ops->start(out, conf, spec, err);
}

int engine_adopt(const struct engine_ops *ops, struct engine **out,
		 const struct engine_conf *conf,
		 const struct engine_spec *spec,
		 const struct engine_record *record, struct rpc_error *err)
{
	return ops->adopt(out, conf, spec, record, err);
}

void engine_free(struct engine *e)
{
	if (e)
		e->ops->free(e);
}

void engine_get_record(const struct engine *e, struct engine_record *record)
{
	e->ops->record(e, record);
}

int engine_shutdown(struct engine *e)
{
	return e->ops->shutdown(e);
}

int engine_reset(struct engine *e)
{
	return e->ops->reset(e);
}

int engine_pause(struct engine *e)
{
	return e->ops->pause(e);
}

int engine_resume(struct engine *e)
{
	return e->ops->resume(e);
}

int engine_kill(struct engine *e)
{
	return e->ops->kill(e);
}

int engine_save(struct engine *e, int fd)
{
	return e->ops->save(e, fd);
}

int engine_vif_plug(struct engine *e, const struct engine_vif *vif)
{
	return e->ops->vif_plug(e, vif);
}

int engine_vif_unplug(struct engine *e, unsigned number)
{
	return e->ops->vif_unplug(e, number);
}

int engine_disk_plug(struct engine *e, const struct engine_disk *disk)
{
	return e->ops->disk_plug(e, disk);
}

int engine_disk_unplug(struct engine *e, unsigned slot)
{
	return e->ops->disk_unplug(e, slot);
}

int engine_dirty_rate(struct engine *e, unsigned seconds)
{
	return e->ops->dirty_rate(e, seconds);
}

int engine_vnc(struct engine *e, int client_fd)
{
	return e->ops->vnc(e, client_fd);
}

int engine_facts(struct engine *e)
{
	return e->ops->facts(e);
}

int engine_agent_fd(struct engine *e)
{
	return e->ops->agent_fd(e);
}

const char *engine_event_name(enum engine_event_type type)
{
	static const char *const names[] = {
		[ENGINE_EV_STARTED] = "started",
		[ENGINE_EV_ADOPTED] = "adopted",
		[ENGINE_EV_RUNNING] = "running",
		[ENGINE_EV_PAUSED] = "paused",
		[ENGINE_EV_SHUTDOWN_ASKED] = "shutdown-asked",
		[ENGINE_EV_GUEST_POWEROFF] = "guest-poweroff",
		[ENGINE_EV_GUEST_REBOOT] = "guest-reboot",
		[ENGINE_EV_GUEST_PANIC] = "guest-panic",
		[ENGINE_EV_RESET] = "reset",
		[ENGINE_EV_DISK_ERROR] = "disk-error",
		[ENGINE_EV_VIF_PLUGGED] = "vif-plugged",
		[ENGINE_EV_VIF_UNPLUGGED] = "vif-unplugged",
		[ENGINE_EV_DISK_PLUGGED] = "disk-plugged",
		[ENGINE_EV_DISK_UNPLUGGED] = "disk-unplugged",
		[ENGINE_EV_SAVED] = "saved",
		[ENGINE_EV_VNC_ADDED] = "vnc-added",
		[ENGINE_EV_DIRTY_RATE] = "dirty-rate",
		[ENGINE_EV_FACTS] = "facts",
		[ENGINE_EV_LOG] = "log",
		[ENGINE_EV_FAILED] = "failed",
		[ENGINE_EV_EXITED] = "exited",
	};

	return names[type];
}

const char *engine_call_name(enum engine_call call)
{
	static const char *const names[] = {
		[ENGINE_CALL_NONE] = "none",
		[ENGINE_CALL_START] = "start",
		[ENGINE_CALL_ADOPT] = "adopt",
		[ENGINE_CALL_SHUTDOWN] = "shutdown",
		[ENGINE_CALL_RESET] = "reset",
		[ENGINE_CALL_PAUSE] = "pause",
		[ENGINE_CALL_RESUME] = "resume",
		[ENGINE_CALL_SAVE] = "save",
		[ENGINE_CALL_VIF_PLUG] = "vif-plug",
		[ENGINE_CALL_VIF_UNPLUG] = "vif-unplug",
		[ENGINE_CALL_DISK_PLUG] = "disk-plug",
		[ENGINE_CALL_DISK_UNPLUG] = "disk-unplug",
		[ENGINE_CALL_DIRTY_RATE] = "dirty-rate",
		[ENGINE_CALL_VNC] = "vnc",
		[ENGINE_CALL_FACTS] = "facts",
	};

	return names[call];
}
