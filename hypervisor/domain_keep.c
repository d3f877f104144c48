/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_keep.c: see domain_keep.h.
 *
 * A record is a JSON object by a table of the same kind as the desired
 * state's (domain_conf_keys.h), its VIFs and disks by the very same tables.
 * It is strict on reading, and so nothing is written that it would refuse.
 */
#include "hypervisor/domain_keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/daemon.h"
#include "hypervisor/domain_conf_keys.h"

#define KEEP_VERSION 1
#define KEEP_PATH_MAX 4096

static const struct dconf_word end_words[] = {
	{ "never", DOMAIN_END_NEVER },
	{ "shutdown", DOMAIN_END_SHUTDOWN },
	{ "poweroff", DOMAIN_END_POWEROFF },
	{ "reboot", DOMAIN_END_REBOOT },
	{ "suspend", DOMAIN_END_SUSPEND },
	{ "killed", DOMAIN_END_KILLED },
	{ "timeout", DOMAIN_END_TIMEOUT },
	{ "crash", DOMAIN_END_CRASH },
	{ "process", DOMAIN_END_PROCESS },
	{ "failed", DOMAIN_END_FAILED },
	{ "host", DOMAIN_END_HOST },
	{ "migrated", DOMAIN_END_MIGRATED },
	{ NULL, 0 },
};

#define KEEP(key, kind, field) DCONF_AT(key, kind, struct domain_record, field)
#define KEEP_U32(field)                                                       \
	{ KEEP(#field, U32, field), DCONF_NUMBER(0, UINT32_MAX, 0) }
#define KEEP_U64(field)                                                       \
	{ KEEP(#field, U64, field), DCONF_NUMBER(0, INT64_MAX, 0) }

static const struct dconf_key record_keys[] = {
	{ KEEP("uuid", UUID, uuid), .required = true },
	{ KEEP("name", NAME, name) },
	KEEP_U64(generation),
	KEEP_U32(pid),
	KEEP_U64(start_time),
	{ KEEP("boot_id", UUID, boot_id) },
	KEEP_U32(uid),
	{ KEEP("cgroup", TEXT, cgroup) },
	{ KEEP("engine", NAME, engine) },
	KEEP_U64(epoch),
	{ KEEP("confirmed_boot", UUID, confirmed_boot) },
	{ KEEP("away", BOOL, away) },
	{ KEEP("power", WORD, power), .words = dconf_power_words,
	  .required = true },
	{ KEEP("wanted", WORD, wanted), .words = dconf_power_words },
	{ KEEP("reboot", BOOL, reboot) },
	{ KEEP("life", TEXT, life) },
	{ KEEP("end", WORD, end), .words = end_words },
	KEEP_U64(end_time_s),
	KEEP_U32(end_status),
	{ KEEP("end_text", TEXT, end_text) },
	KEEP_U64(starts),
	KEEP_U64(crashes),
	KEEP_U64(reboots),
	KEEP_U64(restart_delay_ms),
	KEEP_U64(cpu_time_us),
	KEEP_U32(memory_mib),
	{ KEEP("vcpus", U16, vcpus), DCONF_NUMBER(0, UINT16_MAX, 0) },
	{ DCONF_ITEMS("vifs", LIST, struct domain_record, vifs, vif_count,
		      DCONF_VIFS_MAX),
	  .sub = dconf_vif_keys },
	{ DCONF_ITEMS("disks", LIST, struct domain_record, disks, disk_count,
		      DCONF_DISKS_MAX),
	  .sub = dconf_disk_keys },
	{ .name = NULL },
};

const char *domain_end_word(enum domain_end end)
{
	return dconf_word_of(end_words, end);
}

/* --- a record ------------------------------------------------------------- */

void domain_record_init(struct domain_record *r, const char *uuid,
			const char *boot_id)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->uuid, sizeof(r->uuid), "%s", uuid);
	snprintf(r->confirmed_boot, sizeof(r->confirmed_boot), "%s", boot_id);
}

void domain_record_fini(struct domain_record *r)
{
	dconf_free_lists(record_keys, r);
}

int domain_record_set_vifs(struct domain_record *r,
			   const struct dconf_vif *vifs, uint32_t count)
{
	struct dconf_vif *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, vifs, count * sizeof(*copy));
	free(r->vifs);
	r->vifs = copy;
	r->vif_count = count;
	return 0;
}

static void free_disks(struct dconf_disk *disks, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		free(disks[i].backing);
	free(disks);
}

static int copy_backing(struct dconf_disk *to, const struct dconf_disk *from)
{
	size_t bytes = from->backing_count * sizeof(*from->backing);

	to->backing = calloc(from->backing_count + 1, sizeof(*to->backing));
	if (to->backing && bytes)
		memcpy(to->backing, from->backing, bytes);
	return to->backing ? 0 : -ENOMEM;
}

int domain_record_set_disks(struct domain_record *r,
			    const struct dconf_disk *disks, uint32_t count)
{
	struct dconf_disk *copy = calloc(count + 1, sizeof(*copy));
	uint32_t i;

	if (!copy)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		copy[i] = disks[i];
		if (copy_backing(&copy[i], &disks[i]) < 0) {
			free_disks(copy, i);
			return -ENOMEM;
		}
	}
	free_disks(r->disks, r->disk_count);
	r->disks = copy;
	r->disk_count = count;
	return 0;
}

void domain_record_set_end(struct domain_record *r, enum domain_end end,
			   uint64_t time_s, int status, const char *text)
{
	size_t n = 0;

	r->end = end;
	r->end_time_s = time_s;
	r->end_status = status;
	for (; *text && n + 1 < sizeof(r->end_text); text++)
		if (*text >= ' ' && *text <= '~')
			r->end_text[n++] = *text;
	r->end_text[n] = '\0';
}

/* --- rules ---------------------------------------------------------------- */

bool domain_record_is_process(const struct domain_record *r,
			      const char *boot_id, uint64_t start_time)
{
	return r->pid && r->boot_id[0] && !strcmp(r->boot_id, boot_id) &&
	       r->start_time == start_time;
}

int domain_record_may_start(const struct domain_record *r, bool migratable,
			    const char *boot_id, char *text, size_t size)
{
	if (r->away) {
		snprintf(text, size, "it went to another host with epoch "
			 "%" PRIu64 "; only a newer one lets it start here",
			 r->epoch);
		return -EPERM;
	}
	if (!migratable || !strcmp(r->confirmed_boot, boot_id))
		return 0;
	snprintf(text, size, "it can migrate, and since this host was started "
		 "nobody has confirmed that it is here: confirm epoch %" PRIu64
		 " or a newer one", r->epoch);
	return -EPERM;
}

int domain_record_confirm(struct domain_record *r, uint64_t epoch,
			  const char *boot_id, char *text, size_t size)
{
	if (epoch < r->epoch) {
		snprintf(text, size, "epoch %" PRIu64 " is older than %" PRIu64
			 ", which is known here", epoch, r->epoch);
		return -ESTALE;
	}
	if (r->away && epoch == r->epoch) {
		snprintf(text, size, "epoch %" PRIu64 " is that of another "
			 "host, to which it went", epoch);
		return -ESTALE;
	}
	r->epoch = epoch;
	r->away = false;
	snprintf(r->confirmed_boot, sizeof(r->confirmed_boot), "%s", boot_id);
	return 0;
}

int domain_record_release(struct domain_record *r, uint64_t epoch, char *text,
			  size_t size)
{
	if (epoch <= r->epoch) {
		snprintf(text, size, "epoch %" PRIu64 " is not newer than "
			 "%" PRIu64 ", which is known here", epoch, r->epoch);
		return -ESTALE;
	}
	r->epoch = epoch;
	r->away = true;
	r->confirmed_boot[0] = '\0';
	return 0;
}

/* --- reading -------------------------------------------------------------- */

static int keep_path(char path[KEEP_PATH_MAX], const char *folder,
		     const char *uuid)
{
	int n = snprintf(path, KEEP_PATH_MAX, "%s/%s.json", folder, uuid);

	return n < KEEP_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* What the table does not say. */
static int finish(struct domain_record *r, const char *uuid,
		  struct domain_conf_errors *errs)
{
	uint32_t i, k;
	char value[64];

	if (strcmp(r->uuid, uuid)) {
		snprintf(value, sizeof(value), "\"%s\"", r->uuid);
		dconf_error(errs, "uuid", value, "\"%s\", as the file's name",
			    uuid);
		return -EINVAL;
	}
	for (i = 0; i < r->disk_count; i++) {
		struct dconf_disk *d = &r->disks[i];

		d->slot = d->device[2] - 'a';
		d->image.root = DCONF_NONE;
		for (k = 0; k < d->backing_count; k++)
			d->backing[k].root = DCONF_NONE;
	}
	return 0;
}

static int read_record(struct domain_record *r, json_t *root,
		       const char *uuid, struct domain_conf_errors *errs)
{
	json_t *version = json_object_get(root, "version");
	int rc;

	if (json_integer_value(version) != KEEP_VERSION) {
		dconf_error(errs, "version", version ? "another" : NULL,
			    "%d, the version that is known", KEEP_VERSION);
		return -EINVAL;
	}
	json_object_del(root, "version");
	rc = dconf_read(record_keys, r, root, "", errs);
	return rc ? rc : finish(r, uuid, errs);
}

static int parse_record(struct domain_record *r, const char *text, size_t len,
			const char *uuid, struct domain_conf_errors *errs)
{
	json_error_t at;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	char where[64];
	int rc;

	if (!root) {
		snprintf(where, sizeof(where), "line %d column %d", at.line,
			 at.column);
		dconf_error(errs, "", where, "JSON: %s", at.text);
		return -EINVAL;
	}
	rc = read_record(r, root, uuid, errs);
	json_decref(root);
	if (rc)
		domain_record_fini(r);
	return rc;
}

/* One error, with the file's name before what is wrong in it. */
static void put_damage(struct domain_conf_error *err, const char *path,
		       const struct domain_conf_errors *errs, int rc)
{
	const struct domain_conf_error *e = &errs->error[0];

	if (!errs->count)
		dconf_error_set(err, path, "this record", "a file that can be "
				"read: %s", strerror(-rc));
	else
		dconf_error_set(err, path, "this record", "a whole one: at "
				"\"%.40s\" is %.60s instead of %.80s; set it "
				"right or move it away", e->path, e->value,
				e->expected);
}

int domain_keep_load(const char *folder, const char *uuid,
		     struct domain_record *r, struct domain_conf_error *err)
{
	struct domain_conf_errors errs = { .count = 0 };
	char path[KEEP_PATH_MAX], *text = NULL;
	size_t len;
	int rc;

	memset(r, 0, sizeof(*r));
	rc = keep_path(path, folder, uuid);
	if (!rc)
		rc = daemon_read_file(path, DOMAIN_KEEP_FILE_MAX, &text, &len);
	if (rc == -ENOENT)
		return rc;
	if (!rc)
		rc = parse_record(r, text, len, uuid, &errs);
	free(text);
	if (rc) {
		memset(r, 0, sizeof(*r));
		put_damage(err, path, &errs, rc);
	}
	return rc;
}

/* --- writing -------------------------------------------------------------- */

static char *write_record(const struct domain_record *r)
{
	json_t *root = dconf_write(record_keys, r);
	char *text = NULL;

	if (root && !json_object_set_new(root, "version",
					 json_integer(KEEP_VERSION)))
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

int domain_keep_save(const char *folder, const struct domain_record *r)
{
	struct domain_conf_errors errs = { .count = 0 };
	struct domain_record again = { .pid = 0 };
	char path[KEEP_PATH_MAX], *text;
	int rc = keep_path(path, folder, r->uuid);

	if (rc)
		return rc;
	text = write_record(r);
	if (!text)
		return -ENOMEM;
	rc = parse_record(&again, text, strlen(text), r->uuid, &errs);
	domain_record_fini(&again);
	if (!rc)
		rc = daemon_save_file(path, text, strlen(text), 0600);
	free(text);
	return rc;
}

int domain_keep_remove(const char *folder, const char *uuid)
{
	char path[KEEP_PATH_MAX];
	int rc = keep_path(path, folder, uuid);

	if (rc)
		return rc;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- all of them ---------------------------------------------------------- */

/* "<uuid>.json": others, such as one half written, are no records. */
static bool is_record_name(const char *name, char uuid[DCONF_UUID_TEXT])
{
	size_t len = DCONF_UUID_TEXT - 1;

	if (strlen(name) != len + 5 || strcmp(name + len, ".json"))
		return false;
	memcpy(uuid, name, len);
	uuid[len] = '\0';
	return domain_conf_is_uuid(uuid);
}

int domain_keep_each(const char *folder,
		     void (*fn)(const char *uuid, struct domain_record *r,
				const struct domain_conf_error *err, void *arg),
		     void *arg)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct domain_conf_error err = { "", "", "" };
		struct domain_record r;
		char uuid[DCONF_UUID_TEXT];
		int rc;

		if (!is_record_name(e->d_name, uuid))
			continue;
		rc = domain_keep_load(folder, uuid, &r, &err);
		if (rc != -ENOENT)
			fn(uuid, rc ? NULL : &r, rc ? &err : NULL, arg);
		domain_record_fini(&r);
	}
	closedir(dir);
	return 0;
}

int domain_keep_boot_id(char *boot_id)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	char text[64];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (!domain_conf_is_uuid(text))
		return -EPROTO;
	memcpy(boot_id, text, DCONF_UUID_TEXT);
	return 0;
}
