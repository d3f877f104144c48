/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_keys.c: the tables, and what can be done with one row.
 *
 * A row says where a value lives in its struct, what it may be, and which
 * part of a domain a change of it touches.  Reading and writing JSON is
 * domain_conf_json.c; this file knows nothing of JSON.
 */
#include "hypervisor/domain_conf_keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct dconf_word engine_words[] = {
	{ "auto", DCONF_ENGINE_AUTO },
	{ "qemu", DCONF_ENGINE_QEMU },
	{ NULL, 0 },
};

static const struct dconf_word accel_words[] = {
	{ "auto", DCONF_ACCEL_AUTO },
	{ "kvm", DCONF_ACCEL_KVM },
	{ "tcg", DCONF_ACCEL_TCG },
	{ NULL, 0 },
};

static const struct dconf_word format_words[] = {
	{ "raw", DCONF_RAW },
	{ "qcow2", DCONF_QCOW2 },
	{ "vhd", DCONF_VHD },
	{ NULL, 0 },
};

static const struct dconf_word end_words[] = {
	{ "destroy", DCONF_DESTROY },
	{ "restart", DCONF_RESTART },
	{ NULL, 0 },
};

static const struct dconf_word crash_words[] = {
	{ "destroy", DCONF_DESTROY },
	{ "restart", DCONF_RESTART },
	{ "preserve", DCONF_PRESERVE },
	{ NULL, 0 },
};

const struct dconf_word dconf_power_words[] = {
	{ "running", DCONF_RUNNING },
	{ "paused", DCONF_PAUSED },
	{ "halted", DCONF_HALTED },
	{ "suspended", DCONF_SUSPENDED },
	{ NULL, 0 },
};

#define ROOT(key, kind, field) DCONF_AT(key, kind, struct domain_conf, field)
#define DOMAIN(key, kind, field) DCONF_AT(key, kind, struct dconf_domain, field)
#define DISK(key, kind, field) DCONF_AT(key, kind, struct dconf_disk, field)
#define IMAGE(key, kind, field) DCONF_AT(key, kind, struct dconf_image, field)
#define VIF(key, kind, field) DCONF_AT(key, kind, struct dconf_vif, field)
#define PART(x) .part = DCONF_PART_##x

static const struct dconf_key backing_keys[] = {
	{ IMAGE("path", PATH, path), .required = true,
	  .help = "image beneath; from the same storage root" },
	{ IMAGE("format", WORD, format), .required = true,
	  .words = format_words, .help = "what it is, whatever is in it" },
	{ .name = NULL },
};

const struct dconf_key dconf_disk_keys[] = {
	{ DISK("device", DEVICE, device), .required = true,
	  .help = "as what the guest gets it; unique in its domain" },
	{ DISK("path", PATH, image.path), .required = true,
	  .help = "file in a storage root, or a listed block device" },
	{ DISK("format", WORD, image.format), .required = true,
	  .words = format_words, .help = "what it is, whatever is in it" },
	{ DISK("read_only", BOOL, read_only),
	  .help = "may be read by several domains, written by none" },
	{ DCONF_ITEMS("backing", LIST, struct dconf_disk, backing,
		      backing_count, DCONF_BACKING_MAX),
	  .sub = backing_keys, .def_help = "[]",
	  .help = "images beneath a qcow2 disk, topmost first" },
	{ .name = NULL },
};

const struct dconf_key dconf_vif_keys[] = {
	{ VIF("device", U8, device), .required = true,
	  DCONF_NUMBER(0, DCONF_VIFS_MAX - 1, 0),
	  .help = "number of the interface; unique in its domain" },
	{ VIF("mac", MAC, mac), .required = true,
	  .help = "the guest's address; the switch's port has the same" },
	{ VIF("port", NAME, port), .required = true,
	  .help = "port of the switch; of one VIF only" },
	{ VIF("mtu", U32, mtu), DCONF_NUMBER(68, 65535, 1500),
	  .help = "bytes of an IP packet" },
	{ VIF("queues", U16, queues), DCONF_NUMBER(1, 8, 1),
	  .help = "queue pairs" },
	{ .name = NULL },
};

static const struct dconf_key boot_keys[] = {
	{ DOMAIN("disk", BOOL, boot.disk), PART(BOOT),
	  .help = "boot from the first of the disks" },
	{ DOMAIN("kernel", PATH, boot.kernel), PART(BOOT),
	  .help = "kernel to boot instead, from a storage root" },
	{ DOMAIN("initrd", PATH, boot.initrd), PART(BOOT),
	  .help = "initial file system of that kernel" },
	{ DOMAIN("cmdline", TEXT, boot.cmdline), PART(BOOT),
	  .def_help = "\"\"", .help = "that kernel's command line" },
	{ .name = NULL },
};

static const struct dconf_key console_keys[] = {
	{ DOMAIN("serial", BOOL, serial), .def = true, PART(CONSOLE),
	  .help = "has a serial line" },
	{ DOMAIN("vnc", BOOL, vnc), .def = true, PART(CONSOLE),
	  .help = "has a screen" },
	{ .name = NULL },
};

const struct dconf_key dconf_domain_keys[] = {
	{ DOMAIN("uuid", UUID, uuid), .required = true,
	  .help = "identity of the domain" },
	{ DOMAIN("name", NAME, name), .required = true, PART(NAME),
	  .help = "for people and commands; unique among domains" },
	{ DOMAIN("memory_mib", U32, memory_mib), .required = true,
	  DCONF_NUMBER(16, 4 << 20, 0), PART(MEMORY), .help = "memory in MiB" },
	{ DOMAIN("vcpus", U16, vcpus), DCONF_NUMBER(1, 64, 1), PART(VCPUS),
	  .help = "virtual CPUs" },
	{ DOMAIN("engine", WORD, engine), .words = engine_words,
	  PART(ENGINE), .help = "device model" },
	{ DOMAIN("accel", WORD, accel), .words = accel_words, PART(ENGINE),
	  .help = "auto is KVM where it works, else TCG" },
	{ DOMAIN("boot", SUB, boot), .sub = boot_keys, .required = true,
	  .help = "what it starts" },
	{ DCONF_ITEMS("disks", LIST, struct dconf_domain, disks, disk_count,
		      DCONF_DISKS_MAX),
	  .sub = dconf_disk_keys, .def_help = "[]", .help = "its disks" },
	{ DCONF_ITEMS("vifs", LIST, struct dconf_domain, vifs, vif_count,
		      DCONF_VIFS_MAX),
	  .sub = dconf_vif_keys, .def_help = "[]",
	  .help = "its network interfaces" },
	{ DOMAIN("console", SUB, serial), .sub = console_keys,
	  .help = "how it is looked at" },
	{ DOMAIN("on_poweroff", WORD, on_poweroff), .words = end_words,
	  .def = DCONF_DESTROY, PART(POLICY),
	  .help = "when the guest has shut itself down" },
	{ DOMAIN("on_reboot", WORD, on_reboot), .words = end_words,
	  .def = DCONF_RESTART, PART(POLICY),
	  .help = "when the guest has rebooted itself" },
	{ DOMAIN("on_crash", WORD, on_crash), .words = crash_words,
	  .def = DCONF_RESTART, PART(POLICY),
	  .help = "when the guest has panicked or its process died" },
	{ DOMAIN("shutdown_timeout_s", U32, shutdown_timeout_s),
	  DCONF_NUMBER(1, 86400, 60), PART(POLICY),
	  .help = "seconds a guest has to shut down before it is killed" },
	{ DOMAIN("migratable", BOOL, migratable), PART(POLICY),
	  .help = "may run elsewhere: after the host's reboot it starts only "
		  "when its epoch is confirmed" },
	{ DOMAIN("power", WORD, power), .words = dconf_power_words,
	  .def = DCONF_RUNNING,
	  .help = "a change of it, and nothing else, starts and stops" },
	{ DOMAIN("cpu_weight", U32, cpu_weight), DCONF_NUMBER(1, 10000, 100),
	  PART(CPU), .help = "share of CPU time where domains compete" },
	{ DOMAIN("cpu_limit_percent", U32, cpu_limit_percent),
	  DCONF_NUMBER(0, 6400, 0), PART(CPU),
	  .help = "of one CPU; 0: unlimited" },
	{ .name = NULL },
};

const struct dconf_key dconf_root_keys[] = {
	{ ROOT("owner", NAME, owner), .required = true,
	  .help = "author of the value; any other author is refused" },
	{ ROOT("generation", U64, generation), .required = true,
	  DCONF_NUMBER(0, INT64_MAX, 0),
	  .help = "number of the value; a lower one is refused" },
	{ DCONF_ITEMS("storage_roots", PATHS, struct domain_conf,
		      storage_roots, root_count, DCONF_ROOTS_MAX),
	  PART(ROOTS), .def_help = "[]",
	  .help = "folders images and kernels may be in" },
	{ DCONF_ITEMS("block_devices", PATHS, struct domain_conf,
		      block_devices, device_count, DCONF_DEVICES_MAX),
	  PART(ROOTS), .def_help = "[]",
	  .help = "block devices, in /dev, that may be disks" },
	{ ROOT("uids", UIDS, uid_first), PART(UIDS),
	  .def_help = "200000-265535",
	  .help = "user and group ids of domains' processes" },
	{ DCONF_ITEMS("domains", LIST, struct domain_conf, domains,
		      domain_count, DCONF_DOMAINS_MAX),
	  .sub = dconf_domain_keys, .def_help = "[]",
	  .help = "the domains" },
	{ .name = NULL },
};

#define UIDS_DEFAULT_FIRST 200000
#define UIDS_DEFAULT_LAST 265535

const char *domain_conf_power_word(enum dconf_power power)
{
	return dconf_word_of(dconf_power_words, power);
}

const char *domain_conf_format_word(enum dconf_format format)
{
	return dconf_word_of(format_words, format);
}

const struct dconf_key *dconf_key_find(const struct dconf_key *table,
				       const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

#define SPELL_MAX 32 /* longer words are never close to a key */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance. */
static unsigned spell_distance(const char *a, const char *b)
{
	unsigned row[SPELL_MAX + 1], diag, up, i, j;
	size_t la = strlen(a), lb = strlen(b);

	if (la > SPELL_MAX || lb > SPELL_MAX)
		return SPELL_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1,
				       diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[lb];
}

/* The only key that begins so, from three letters on. */
static const char *begins_so(const struct dconf_key *table, const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (; len >= 3 && table->name; table++) {
		if (strncmp(table->name, name, len))
			continue;
		if (found)
			return NULL;
		found = table->name;
	}
	return found;
}

/* A slip of the pen, or a word not finished; what is further off misleads. */
const char *dconf_key_nearest(const struct dconf_key *table, const char *name)
{
	const struct dconf_key *key;
	const char *best = NULL;
	unsigned d, best_d = 3;

	for (key = table; key->name; key++) {
		d = spell_distance(name, key->name);
		if (d < best_d && d < strlen(key->name)) {
			best_d = d;
			best = key->name;
		}
	}
	return best ? best : begins_so(table, name);
}

const char *dconf_word_of(const struct dconf_word *words, uint32_t value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

static void list_words(const struct dconf_word *words, char *text, size_t size)
{
	size_t at = snprintf(text, size, "one of ");

	for (; words->word && at < size; words++)
		at += snprintf(text + at, size - at, "\"%s\"%s", words->word,
			       words[1].word ? ", " : "");
}

static const char *const kind_expects[] = {
	[DCONF_KIND_BOOL] = "true or false",
	[DCONF_KIND_NAME] = "1 to 63 letters, digits or . _ : -",
	[DCONF_KIND_UUID] = "uuid in lower case such as "
			    "6e1f2c34-0a5b-4c6d-8e9f-001122334455",
	[DCONF_KIND_DEVICE] = "\"vda\" to \"vdp\"",
	[DCONF_KIND_MAC] = "unicast MAC address such as 02:00:00:00:00:0a",
	[DCONF_KIND_UIDS] = "first and last uid such as \"200000-265535\", "
			    "from 65536 on",
	[DCONF_KIND_SUB] = "object",
};

void dconf_key_expects(const struct dconf_key *key, char *text, size_t size)
{
	switch (key->kind) {
	case DCONF_KIND_U8:
	case DCONF_KIND_U16:
	case DCONF_KIND_U32:
	case DCONF_KIND_U64:
		snprintf(text, size, "integer %" PRId64 " to %" PRId64,
			 key->min, key->max);
		return;
	case DCONF_KIND_WORD:
		list_words(key->words, text, size);
		return;
	case DCONF_KIND_PATH:
		snprintf(text, size, "absolute path of at most %zu bytes "
			 "without ., .. and //", key->size - 1);
		return;
	case DCONF_KIND_TEXT:
		snprintf(text, size, "at most %zu printable ASCII characters",
			 key->size - 1);
		return;
	case DCONF_KIND_PATHS:
		snprintf(text, size, "list of at most %" PRId64
			 " absolute paths without ., .. and //", key->max);
		return;
	case DCONF_KIND_LIST:
		snprintf(text, size, "list of at most %" PRId64 " objects",
			 key->max);
		return;
	default:
		snprintf(text, size, "%s", kind_expects[key->kind]);
	}
}

uint64_t dconf_key_get(const struct dconf_key *key, const void *object)
{
	const void *at = (const char *)object + key->offset;

	switch (key->kind) {
	case DCONF_KIND_BOOL:
		return *(const bool *)at;
	case DCONF_KIND_U8:
	case DCONF_KIND_WORD:
		return *(const uint8_t *)at;
	case DCONF_KIND_U16:
		return *(const uint16_t *)at;
	case DCONF_KIND_U32:
		return *(const uint32_t *)at;
	case DCONF_KIND_U64:
		return *(const uint64_t *)at;
	default:
		assert(!"key holds no number");
		return 0;
	}
}

void dconf_key_set(const struct dconf_key *key, void *object, uint64_t value)
{
	void *at = (char *)object + key->offset;

	switch (key->kind) {
	case DCONF_KIND_BOOL:
		*(bool *)at = value;
		return;
	case DCONF_KIND_U8:
	case DCONF_KIND_WORD:
		*(uint8_t *)at = value;
		return;
	case DCONF_KIND_U16:
		*(uint16_t *)at = value;
		return;
	case DCONF_KIND_U32:
		*(uint32_t *)at = value;
		return;
	case DCONF_KIND_U64:
		*(uint64_t *)at = value;
		return;
	default:
		assert(!"key holds no number");
	}
}

uint32_t dconf_key_items(const struct dconf_key *key, const void *object,
			 void **items)
{
	memcpy(items, (const char *)object + key->offset, sizeof(*items));
	return *(const uint32_t *)((const char *)object + key->count_offset);
}

void dconf_set_defaults(const struct dconf_key *table, void *object)
{
	uint32_t *uids;

	for (; table->name; table++) {
		if (table->kind <= DCONF_KIND_WORD)
			dconf_key_set(table, object, table->def);
		else if (table->kind == DCONF_KIND_SUB)
			dconf_set_defaults(table->sub, object);
		if (table->kind != DCONF_KIND_UIDS)
			continue;
		uids = (uint32_t *)((char *)object + table->offset);
		uids[0] = UIDS_DEFAULT_FIRST;
		uids[1] = UIDS_DEFAULT_LAST;
	}
}

static bool lists_equal(const struct dconf_key *key, const void *a,
			const void *b)
{
	void *items_a, *items_b;
	uint32_t i, n = dconf_key_items(key, a, &items_a);

	if (dconf_key_items(key, b, &items_b) != n)
		return false;
	for (i = 0; i < n; i++) {
		const char *x = (const char *)items_a + i * key->size;
		const char *y = (const char *)items_b + i * key->size;

		if (key->sub ? !dconf_equal(key->sub, x, y) : strcmp(x, y) != 0)
			return false;
	}
	return true;
}

bool dconf_key_equal(const struct dconf_key *key, const void *a, const void *b)
{
	const char *at_a = (const char *)a + key->offset;
	const char *at_b = (const char *)b + key->offset;

	switch (key->kind) {
	case DCONF_KIND_NAME:
	case DCONF_KIND_UUID:
	case DCONF_KIND_PATH:
	case DCONF_KIND_TEXT:
	case DCONF_KIND_DEVICE:
		return !strcmp(at_a, at_b);
	case DCONF_KIND_MAC:
		return !memcmp(at_a, at_b, 6);
	case DCONF_KIND_UIDS:
		return !memcmp(at_a, at_b, 2 * sizeof(uint32_t));
	case DCONF_KIND_PATHS:
	case DCONF_KIND_LIST:
		return lists_equal(key, a, b);
	case DCONF_KIND_SUB:
		return dconf_equal(key->sub, a, b);
	default:
		return dconf_key_get(key, a) == dconf_key_get(key, b);
	}
}

bool dconf_equal(const struct dconf_key *table, const void *a, const void *b)
{
	for (; table->name; table++)
		if (!dconf_key_equal(table, a, b))
			return false;
	return true;
}

uint32_t dconf_parts(const struct dconf_key *table, const void *a,
		     const void *b)
{
	uint32_t parts = 0;

	for (; table->name; table++) {
		if (table->kind == DCONF_KIND_SUB)
			parts |= dconf_parts(table->sub, a, b);
		else if (table->part && !dconf_key_equal(table, a, b))
			parts |= table->part;
	}
	return parts;
}

void dconf_free_lists(const struct dconf_key *table, void *object)
{
	uint32_t i, n;
	void *items;

	for (; table->name; table++) {
		if (table->kind != DCONF_KIND_PATHS &&
		    table->kind != DCONF_KIND_LIST)
			continue;
		n = dconf_key_items(table, object, &items);
		for (i = 0; table->sub && i < n; i++)
			dconf_free_lists(table->sub,
					 (char *)items + i * table->size);
		free(items);
		memset((char *)object + table->offset, 0, sizeof(items));
		memset((char *)object + table->count_offset, 0,
		       sizeof(uint32_t));
	}
}

/* Keep what was found printable and short: it goes to logs and terminals. */
static void put_text(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] && i + 1 < size; i++)
		to[i] = from[i] >= ' ' && from[i] < 0x7f ? from[i] : '?';
	to[i] = '\0';
	if (from[i])
		memcpy(to + size - 4, "...", 4);
}

static void error_set(struct domain_conf_error *e, const char *path,
		      const char *value, const char *expected, va_list ap)
{
	put_text(e->path, sizeof(e->path), path);
	put_text(e->value, sizeof(e->value), value ? value : "(missing)");
	vsnprintf(e->expected, sizeof(e->expected), expected, ap);
}

void dconf_error(struct domain_conf_errors *errs, const char *path,
		 const char *value, const char *expected, ...)
{
	va_list ap;

	if (errs->count >= DCONF_ERRORS_MAX)
		return;
	va_start(ap, expected);
	error_set(&errs->error[errs->count++], path, value, expected, ap);
	va_end(ap);
}

void dconf_error_set(struct domain_conf_error *err, const char *path,
		     const char *value, const char *expected, ...)
{
	va_list ap;

	va_start(ap, expected);
	error_set(err, path, value, expected, ap);
	va_end(ap);
}

const char *dconf_quoted(char quoted[DCONF_QUOTED_MAX], const char *text)
{
	int n = snprintf(quoted, DCONF_QUOTED_MAX, "\"%s\"", text);

	if (n >= DCONF_QUOTED_MAX)
		memcpy(quoted + DCONF_QUOTED_MAX - 5, "...\"", 5);
	return quoted;
}

static void describe_default(FILE *to, const struct dconf_key *key)
{
	if (key->required)
		fputs("required", to);
	else if (key->def_help)
		fputs(key->def_help, to);
	else if (key->words)
		fputs(dconf_word_of(key->words, key->def), to);
	else if (key->kind == DCONF_KIND_BOOL)
		fputs(key->def ? "true" : "false", to);
	else if (key->kind <= DCONF_KIND_U64)
		fprintf(to, "%" PRId64, key->def);
	else
		fputs("none", to);
}

static void describe_table(FILE *to, const char *object,
			   const struct dconf_key *key)
{
	char text[160];

	for (; key->name; key++) {
		if (key->kind == DCONF_KIND_SUB) {
			snprintf(text, sizeof(text), "%s.%s", object,
				 key->name);
			describe_table(to, text, key->sub);
			continue;
		}
		dconf_key_expects(key, text, sizeof(text));
		fprintf(to, "%s.%s\t%s\t", object, key->name, text);
		describe_default(to, key);
		fprintf(to, "\t%s\n", key->help);
	}
}

void domain_conf_describe(FILE *to)
{
	describe_table(to, "state", dconf_root_keys);
	describe_table(to, "domain", dconf_domain_keys);
	describe_table(to, "disk", dconf_disk_keys);
	describe_table(to, "backing", backing_keys);
	describe_table(to, "vif", dconf_vif_keys);
}
