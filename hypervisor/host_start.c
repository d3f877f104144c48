/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_start.c: all that a domain's process is made of.
 *
 * A start takes one thing after the other: room in memory, images, a uid,
 * sockets.  What cannot be had is said in words and everything before it is
 * given back, so there is no half-made domain.  Shortage that others may end
 * (memory, uids, an image that another domain has) is -EAGAIN; all else is
 * for a person to put right.
 *
 * Descriptors go to the process and are closed here: of sockets so that a
 * connection to a dead domain does not look alive, of images because their
 * locks live with them.
 *
 * Memory is promised once: what domains that are just being made will take is
 * counted as taken, since their processes have not touched it yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/accounting.h"
#include "hypervisor/disk.h"
#include "hypervisor/engine_qemu.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/host_memory.h"
#include "hypervisor/uid_range.h"

/* What a start holds until the process has it. */
struct parts {
	struct host_domain *hd;
	struct engine_spec spec;
	bool restore;
	struct disk disks[DCONF_DISKS_MAX];
	struct disk_boot boot;
	uid_t uid; /* 0: none */
	char run_dir[HOST_SOCKET_MAX];
	char cmdline[DCONF_CMDLINE_MAX];
	char *why;
	size_t size;
};

static int __attribute__((format(printf, 3, 4)))
because(struct parts *p, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, p->size, fmt, ap);
	va_end(ap);
	return rc;
}

/* --- places ------------------------------------------------------------ */

void host_vif_socket(const struct host *h, const char *port, char *path)
{
	snprintf(path, HOST_SOCKET_MAX, "%s/vif/%s.sock", h->opt.run_dir,
		 port);
}

static void serial_dir(const struct host_domain *hd, char *path)
{
	snprintf(path, HOST_SOCKET_MAX, "%s/serial/%s", hd->host->opt.run_dir,
		 hd->uuid);
}

void host_serial_socket(const struct host_domain *hd, char *path)
{
	snprintf(path, HOST_SOCKET_MAX, "%s/serial/%s/serial.sock",
		 hd->host->opt.run_dir, hd->uuid);
}

static void run_dir(const struct host_domain *hd, char *path)
{
	snprintf(path, HOST_SOCKET_MAX, "%s/domain/%s", hd->host->opt.run_dir,
		 hd->uuid);
}

/* --- sockets ----------------------------------------------------------- */

int host_listen(const char *path, uid_t uid, gid_t gid)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc = 0;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path); /* an earlier process's: the folder is ours alone */
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    chown(path, uid, gid) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, 8) < 0)
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	unlink(path);
	return rc;
}

static int listen_vif(struct parts *p, unsigned i, const struct dconf_vif *vif)
{
	const struct host *h = p->hd->host;
	char path[HOST_SOCKET_MAX];
	int fd;

	host_vif_socket(h, vif->port, path);
	fd = host_listen(path, 0, h->opt.switch_gid);
	if (fd < 0)
		return because(p, fd, "socket %s: %s", path, strerror(-fd));
	host_engine_vif(vif, fd, &p->spec.vifs[i]);
	p->spec.vif_count = i + 1;
	return 0;
}

static int listen_serial(struct parts *p)
{
	const struct host_options *o = &p->hd->host->opt;
	char path[HOST_SOCKET_MAX];
	int rc;

	serial_dir(p->hd, path);
	rc = daemon_make_dir(path, 0700, o->console_uid, o->console_gid);
	if (rc < 0)
		return because(p, rc, "%s: %s", path, strerror(-rc));
	host_serial_socket(p->hd, path);
	rc = host_listen(path, o->console_uid, o->console_gid);
	if (rc < 0)
		return because(p, rc, "socket %s: %s", path, strerror(-rc));
	p->spec.serial_fd = rc;
	return 0;
}

void host_engine_vif(const struct dconf_vif *vif, int fd,
		     struct engine_vif *out)
{
	out->number = vif->device;
	memcpy(out->mac, vif->mac, sizeof(out->mac));
	out->mtu = vif->mtu;
	out->queues = vif->queues;
	out->listen_fd = fd;
}

unsigned host_start_vifs(const struct host_domain *hd,
			 const struct dconf_vif **vifs)
{
	if (hd->life.saved) {
		*vifs = hd->rec.vifs;
		return hd->rec.vif_count;
	}
	*vifs = hd->want->vifs;
	return hd->want->vif_count;
}

/* --- images ------------------------------------------------------------ */

void host_engine_disk(const struct dconf_disk *want, const struct disk *disk,
		      struct engine_disk *out)
{
	out->slot = want->slot;
	snprintf(out->device, sizeof(out->device), "%.15s", want->device);
	out->read_only = want->read_only;
	out->layer_count = disk->count;
	for (unsigned k = 0; k < disk->count; k++) {
		out->layers[k].fd = disk->images[k].fd;
		out->layers[k].block = disk->images[k].block;
		out->layers[k].format =
			(enum engine_format)disk->images[k].format;
	}
}

static int open_disk(struct parts *p, unsigned i, const struct dconf_disk *want)
{
	const struct host *h = p->hd->host;
	struct engine_disk *ed = &p->spec.disks[i];
	struct domain_conf_error err = { "", "", "" };
	int rc = disk_open(&p->disks[i], h->state, want, want->device, &err);

	if (rc < 0)
		return because(p, rc == -EBUSY ? -EAGAIN : rc,
			       "disk %s: %s, expected %s", err.path,
			       err.value, err.expected);
	host_engine_disk(want, &p->disks[i], ed);
	p->spec.disk_count = i + 1;
	return 0;
}

static bool was_suspended_with(const struct domain_record *r,
			       const struct dconf_disk *disk)
{
	for (uint32_t i = 0; i < r->disk_count; i++)
		if (r->disks[i].slot == disk->slot)
			return !strcmp(r->disks[i].image.path,
				       disk->image.path);
	return false;
}

/* A suspended guest's memory fits its own disks only. */
static int open_suspended_disks(struct parts *p)
{
	const struct dconf_domain *want = p->hd->want;
	const struct domain_record *r = &p->hd->rec;
	unsigned n = 0;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < want->disk_count; i++)
		if (was_suspended_with(r, &want->disks[i]))
			rc = open_disk(p, n++, &want->disks[i]);
	if (!rc && n < r->disk_count)
		rc = because(p, -EINVAL, "it was suspended with other disks "
			     "than the state has now; put them back, or kill "
			     "it, which throws away what was suspended");
	return rc;
}

static int open_disks(struct parts *p)
{
	const struct dconf_domain *want = p->hd->want;
	int rc = 0;

	if (p->restore)
		return open_suspended_disks(p);
	for (uint32_t i = 0; !rc && i < want->disk_count; i++)
		rc = open_disk(p, i, &want->disks[i]);
	return rc;
}

static int open_boot(struct parts *p)
{
	const struct dconf_domain *want = p->hd->want;
	struct domain_conf_error err = { "", "", "" };
	int rc = disk_open_boot(&p->boot, p->hd->host->state, &want->boot,
				"boot", &err);

	if (rc < 0)
		return because(p, rc, "%s: %s, expected %s", err.path,
			       err.value, err.expected);
	p->spec.kernel_fd = p->boot.kernel;
	p->spec.initrd_fd = p->boot.initrd;
	snprintf(p->cmdline, sizeof(p->cmdline), "%s", want->boot.cmdline);
	p->spec.cmdline = want->boot.disk ? NULL : p->cmdline;
	return 0;
}

/* --- memory, uid, accelerator ------------------------------------------ */

/* What others that are being made will take, and have not yet. */
static uint64_t promised(const struct host *h)
{
	const struct host_domain *hd;
	uint64_t bytes = 0;

	TAILQ_FOREACH(hd, &h->domains, next)
		if (hd->engine && (hd->life.state == DOMAIN_STARTING ||
				   hd->life.state == DOMAIN_RESUMING))
			bytes += (uint64_t)hd->rec.memory_mib << 20;
	return bytes;
}

static int admit(struct parts *p)
{
	uint64_t need = ((uint64_t)p->spec.memory_mib << 20) +
			engine_overhead_bytes(&engine_qemu_ops, &p->spec);
	uint64_t taken = promised(p->hd->host);
	struct host_memory m;
	int rc = host_memory_read(&m);

	if (rc < 0)
		return because(p, rc, "the host's free memory is not known: "
			       "%s", strerror(-rc));
	if (need > m.total_bytes)
		return because(p, -ENOMEM, "it needs %llu MiB of memory, and "
			       "this host has %llu MiB in all",
			       (unsigned long long)need >> 20,
			       (unsigned long long)m.total_bytes >> 20);
	if (need + taken + HOST_MEMORY_SPARE > m.free_bytes)
		return because(p, -EAGAIN, "not enough memory: it needs %llu "
			       "MiB, and %llu MiB are free%s; it starts when "
			       "there is enough",
			       (unsigned long long)need >> 20,
			       (unsigned long long)(m.free_bytes > taken ?
				       m.free_bytes - taken : 0) >> 20,
			       m.limited ? " under this host's limit" : "");
	return 0;
}

static int take_uid(struct parts *p)
{
	int rc = uid_range_take(p->hd->host->uids, &p->uid, p->why, p->size);

	if (rc < 0) {
		p->uid = 0;
		if (rc != -ENOSPC)
			return because(p, rc, "no uid: %s", strerror(-rc));
		return -EAGAIN;
	}
	p->spec.uid = p->uid;
	return 0;
}

static int choose_accelerator(struct parts *p)
{
	const struct host *h = p->hd->host;

	p->spec.kvm = h->kvm && p->hd->want->accel != DCONF_ACCEL_TCG;
	p->spec.no_xsave = p->spec.kvm && h->kvm_no_xsave;
	if (p->hd->want->accel == DCONF_ACCEL_KVM && !h->kvm)
		return because(p, -ENODEV, "accel is kvm, and there is none "
			       "to be used: %.150s", h->kvm_why);
	return 0;
}

static void describe(struct parts *p)
{
	const struct dconf_domain *want = p->hd->want;
	struct engine_spec *s = &p->spec;

	engine_spec_init(s);
	snprintf(s->name, sizeof(s->name), "%s", want->name);
	snprintf(s->uuid, sizeof(s->uuid), "%s", want->uuid);
	s->memory_mib = p->restore ? p->hd->rec.memory_mib : want->memory_mib;
	s->vcpus = p->restore ? p->hd->rec.vcpus : want->vcpus;
	s->vnc = want->vnc;
	s->paused = true; /* it runs when that has been kept */
	s->cpu_weight = want->cpu_weight;
	s->cpu_limit_percent = want->cpu_limit_percent;
	run_dir(p->hd, p->run_dir);
	s->run_dir = p->run_dir;
}

/* --- all of it --------------------------------------------------------- */

static int gather(struct parts *p)
{
	const struct dconf_vif *vifs;
	unsigned i, count = host_start_vifs(p->hd, &vifs);
	int rc;

	describe(p);
	rc = choose_accelerator(p);
	if (!rc)
		rc = open_boot(p);
	if (!rc)
		rc = open_disks(p);
	if (!rc)
		rc = admit(p);
	if (!rc)
		rc = take_uid(p);
	if (!rc && p->restore) {
		p->spec.restore_fd = host_open_saved(p->hd);
		if (p->spec.restore_fd < 0)
			rc = because(p, p->spec.restore_fd,
				     "what was suspended cannot be read: %s",
				     strerror(-p->spec.restore_fd));
	}
	if (!rc)
		rc = daemon_make_dir(p->run_dir, 0700, 0, 0);
	if (rc < 0 && !p->why[0])
		because(p, rc, "%s: %s", p->run_dir, strerror(-rc));
	for (i = 0; !rc && i < count; i++)
		rc = listen_vif(p, i, &vifs[i]);
	if (!rc && p->hd->want->serial)
		rc = listen_serial(p);
	return rc;
}

/* Ours of what the process has now, or never will. */
static void close_parts(struct parts *p)
{
	unsigned i;

	for (i = 0; i < DCONF_DISKS_MAX; i++)
		disk_close(&p->disks[i]);
	disk_close_boot(&p->boot);
	for (i = 0; i < ENGINE_VIFS_MAX; i++)
		if (p->spec.vifs[i].listen_fd >= 0)
			close(p->spec.vifs[i].listen_fd);
	if (p->spec.serial_fd >= 0)
		close(p->spec.serial_fd);
	if (p->spec.restore_fd >= 0)
		close(p->spec.restore_fd);
}

/* Whom the next hypervisord has to look for. */
static int record_start(struct parts *p)
{
	struct host_domain *hd = p->hd;
	struct domain_record *r = &hd->rec;
	const struct dconf_vif *vifs;
	unsigned count = host_start_vifs(hd, &vifs);
	int rc = 0;

	r->generation = hd->host->state->generation;
	r->memory_mib = p->spec.memory_mib;
	r->vcpus = p->spec.vcpus;
	r->uid = p->uid;
	memcpy(r->boot_id, hd->host->boot_id, sizeof(r->boot_id));
	snprintf(r->engine, sizeof(r->engine), "%s", engine_qemu_ops.name);
	if (!p->restore) {
		rc = domain_record_set_vifs(r, vifs, count);
		if (!rc)
			rc = domain_record_set_disks(r, hd->want->disks,
						     hd->want->disk_count);
	}
	if (!rc)
		rc = host_keep(hd);
	/* with other VIFs and disks than before, perhaps */
	if (!rc)
		host_keep_lists(hd);
	if (rc < 0)
		because(p, rc, "its record cannot be kept: %s", strerror(-rc));
	return rc;
}

static int spawn(struct parts *p)
{
	struct host_domain *hd = p->hd;
	const struct engine_conf conf = { hd->host->opt.base, host_on_engine,
					  hd };
	struct engine_record er;
	struct rpc_error err = { .code = 0 };
	int rc = engine_start(&engine_qemu_ops, &hd->engine, &conf, &p->spec,
			      &err);

	if (rc < 0) {
		hd->engine = NULL;
		return because(p, rc, "%s%s%s", err.message,
			       err.hint[0] ? "; " : "", err.hint);
	}
	engine_get_record(hd->engine, &er);
	hd->rec.pid = er.pid;
	hd->rec.start_time = er.start_time;
	hd->rec.starts++;
	host_account(hd);
	hd->stale = 0;
	hd->has_facts = false;
	return 0;
}

static void give_back(struct parts *p)
{
	const struct dconf_vif *vifs;
	unsigned count = host_start_vifs(p->hd, &vifs);
	char path[HOST_SOCKET_MAX];

	for (unsigned i = 0; i < count && i < p->spec.vif_count; i++) {
		host_vif_socket(p->hd->host, vifs[i].port, path);
		unlink(path);
	}
	host_release(p->hd);
}

int host_start(struct host_domain *hd, bool restore, char *why, size_t size)
{
	struct parts p = { .hd = hd, .restore = restore, .why = why,
			   .size = size, .boot = DISK_BOOT_NONE };
	int rc;

	if (!hd->want)
		return because(&p, -ENOENT, "it is no longer in the state");
	rc = gather(&p);
	if (!rc)
		rc = record_start(&p);
	if (!rc)
		rc = spawn(&p);
	close_parts(&p);
	hd->rec.uid = p.uid;
	if (rc < 0)
		give_back(&p);
	else
		host_review_rules(hd);
	return rc;
}

/* --- accounting -------------------------------------------------------- */

/* start_time is in ticks since boot. */
static uint64_t began_s(uint64_t start_time)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return time(NULL) - up.tv_sec + start_time / sysconf(_SC_CLK_TCK);
}

void host_account(struct host_domain *hd)
{
	const struct host *h = hd->host;

	hd->started_s = began_s(hd->rec.start_time);
	accounting_detach(hd->usage);
	hd->usage = NULL;
	if (h->accounting &&
	    accounting_attach(&hd->usage, h->accounting, hd->rec.pid,
			      hd->rec.start_time) < 0)
		hd->usage = NULL;
}

/* --- its end ----------------------------------------------------------- */

/* A folder of sockets and logs, no folders in it. */
static void remove_dir(const char *path)
{
	char file[PATH_MAX];
	const struct dirent *e;
	DIR *d = opendir(path);

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		unlink(file);
	}
	closedir(d);
	rmdir(path);
}

void host_release(struct host_domain *hd)
{
	char path[HOST_SOCKET_MAX];

	for (uint32_t i = 0; i < hd->rec.vif_count; i++) {
		host_vif_socket(hd->host, hd->rec.vifs[i].port, path);
		unlink(path);
	}
	serial_dir(hd, path);
	remove_dir(path);
	run_dir(hd, path);
	remove_dir(path);
	if (hd->rec.uid)
		uid_range_give(hd->host->uids, hd->rec.uid);
	hd->rec.pid = 0;
	hd->rec.uid = 0;
	hd->rec.start_time = 0;
	hd->started_s = 0;
	hd->has_facts = false;
	hd->dirty_ms = 0;
	accounting_detach(hd->usage);
	hd->usage = NULL;
}

/* --- one that an earlier hypervisord has started ----------------------- */

static void describe_running(const struct host_domain *hd,
			     struct engine_spec *s, char *dir)
{
	const struct domain_record *r = &hd->rec;

	engine_spec_init(s);
	snprintf(s->name, sizeof(s->name), "%s", hd->name);
	snprintf(s->uuid, sizeof(s->uuid), "%s", hd->uuid);
	s->uid = r->uid;
	run_dir(hd, dir);
	s->run_dir = dir;
	s->memory_mib = r->memory_mib;
	s->vcpus = r->vcpus;
	for (uint32_t i = 0; i < r->vif_count; i++)
		host_engine_vif(&r->vifs[i], -1, &s->vifs[s->vif_count++]);
	for (uint32_t i = 0; i < r->disk_count; i++) {
		s->disks[i].slot = r->disks[i].slot;
		s->disk_count++;
	}
}

int host_adopt(struct host_domain *hd, char *why, size_t size)
{
	const struct engine_conf conf = { hd->host->opt.base, host_on_engine,
					  hd };
	struct engine_record er = { .pid = hd->rec.pid,
				    .start_time = hd->rec.start_time };
	struct rpc_error err = { .code = 0 };
	struct engine_spec spec;
	char dir[HOST_SOCKET_MAX];
	int rc;

	describe_running(hd, &spec, dir);
	rc = engine_adopt(&engine_qemu_ops, &hd->engine, &conf, &spec, &er,
			  &err);
	if (!rc) {
		uid_range_claim(hd->host->uids, hd->rec.uid);
		host_account(hd);
		host_slots_started(hd);
		return 0;
	}
	hd->engine = NULL;
	snprintf(why, size, "%s", rc == -ESRCH ?
			 "its process has ended while hypervisord was away" :
			 err.message);
	if (rc == -ESRCH)
		host_release(hd);
	return rc;
}
