/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf.h: which domains this host shall have, as one plain value.
 *
 * A value is parsed from JSON, validated whole, and compared with the last
 * accepted one; what comes out is a short list of actions, deletions first.
 * The daemon carries them out and then keeps the new value.  Nothing here
 * touches a file, a clock or a global: whether an image exists is found out
 * when it is opened (disk.h), whether a path may be one is found out here.
 * docs/domains.md and causeway-hypervisor.json(5) say what the keys mean;
 * domain_conf_describe() prints the table they are checked against.
 *
 * What may be left out is filled in, so a reader of the struct finds no
 * "default".  The uuid is a domain's identity across values, `device` that of
 * a VIF or disk within its domain.  A value is immutable once parsed and may
 * be read from any thread; it belongs to whoever parsed it.
 */
#ifndef CAUSEWAY_DOMAIN_CONF_H
#define CAUSEWAY_DOMAIN_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DCONF_NAME_MAX 64    /* with the NUL; letters digits . _ : - */
#define DCONF_UUID_TEXT 37   /* with the NUL; lower case */
#define DCONF_PATH_MAX 1024  /* with the NUL */
#define DCONF_CMDLINE_MAX 2048 /* with the NUL; COMMAND_LINE_SIZE of x86 */
#define DCONF_DOMAINS_MAX 512
#define DCONF_VIFS_MAX 8     /* of a domain; devices 0 to 7 */
#define DCONF_DISKS_MAX 16   /* of a domain; devices vda to vdp */
#define DCONF_BACKING_MAX 8  /* images beneath one disk */
#define DCONF_ROOTS_MAX 32
#define DCONF_DEVICES_MAX 256
#define DCONF_UID_MIN 65536  /* below are people's and the system's */
#define DCONF_TEXT_MAX (3u << 20) /* bytes of JSON; fits an RPC message */
#define DCONF_ERRORS_MAX 16
#define DCONF_NONE (-1)	     /* index: no such object */

enum dconf_engine { DCONF_ENGINE_AUTO, DCONF_ENGINE_QEMU };
enum dconf_accel { DCONF_ACCEL_AUTO, DCONF_ACCEL_KVM, DCONF_ACCEL_TCG };
enum dconf_format { DCONF_RAW, DCONF_QCOW2, DCONF_VHD };
enum dconf_then { DCONF_DESTROY, DCONF_RESTART, DCONF_PRESERVE };
enum dconf_power {
	DCONF_HALTED,
	DCONF_RUNNING,
	DCONF_PAUSED,
	DCONF_SUSPENDED,
};

/* A file below a storage root, or a listed block device. */
struct dconf_image {
	char path[DCONF_PATH_MAX];
	uint8_t format; /* enum dconf_format */
	int32_t root;	/* index into storage_roots; NONE: block device */
};

struct dconf_disk {
	char device[DCONF_NAME_MAX]; /* "vda" */
	uint8_t slot;		     /* 0 for vda */
	struct dconf_image image;
	bool read_only;
	uint32_t backing_count;
	struct dconf_image *backing; /* what lies beneath, topmost first */
};

struct dconf_vif {
	uint8_t device;
	uint8_t mac[6];
	char port[DCONF_NAME_MAX]; /* of the switch */
	uint32_t mtu;		   /* L3 bytes */
	uint16_t queues;	   /* pairs */
};

struct dconf_boot {
	bool disk;		     /* from the first of the disks */
	char kernel[DCONF_PATH_MAX]; /* else this; "" if from disk */
	char initrd[DCONF_PATH_MAX]; /* "": none */
	int32_t kernel_root;	     /* index into storage_roots */
	int32_t initrd_root;
	char cmdline[DCONF_CMDLINE_MAX];
};

struct dconf_domain {
	char uuid[DCONF_UUID_TEXT];
	char name[DCONF_NAME_MAX];
	uint32_t memory_mib;
	uint16_t vcpus;
	uint8_t engine; /* enum dconf_engine */
	uint8_t accel;	/* enum dconf_accel */
	struct dconf_boot boot;
	uint32_t disk_count;
	uint32_t vif_count;
	struct dconf_disk *disks; /* as given: the first is booted from */
	struct dconf_vif *vifs;
	bool serial;
	bool vnc;
	uint8_t on_poweroff; /* enum dconf_then */
	uint8_t on_reboot;
	uint8_t on_crash;
	uint32_t shutdown_timeout_s;
	bool migratable;
	uint8_t power; /* enum dconf_power */
	uint32_t cpu_weight;
	uint32_t cpu_limit_percent; /* of one CPU; 0: none */
};

struct dconf_path {
	char path[DCONF_PATH_MAX];
};

struct domain_conf {
	char owner[DCONF_NAME_MAX]; /* "" only in domain_conf_empty() */
	uint64_t generation;
	uint32_t root_count;
	uint32_t device_count;
	struct dconf_path *storage_roots;
	struct dconf_path *block_devices;
	uint32_t uid_first; /* of domains' processes; gids are the same */
	uint32_t uid_last;
	uint32_t domain_count;
	struct dconf_domain *domains; /* in the order of the text */
	uint16_t *by_uuid;	      /* indexes, sorted; for the finders */
	uint16_t *by_name;
};

/* What is wrong, where, and what would be right. */
struct domain_conf_error {
	char path[128];	    /* domains[3].vifs[0].mac */
	char value[128];    /* "01:00:00:00:00:01", shortened when long */
	char expected[256]; /* unicast MAC address such as ... */
};

struct domain_conf_errors {
	unsigned count; /* the first DCONF_ERRORS_MAX are kept */
	struct domain_conf_error error[DCONF_ERRORS_MAX];
};

/*
 * Parse and validate `len` bytes of JSON.  0 and a value to be freed,
 * -EINVAL with at least one error filled in, or -ENOMEM.  Two values are
 * never half mixed: on failure *out is NULL.
 */
int domain_conf_parse(struct domain_conf **out, const char *text, size_t len,
		      struct domain_conf_errors *errs);
/* No domains, no roots, owned by nobody; NULL: no memory. */
struct domain_conf *domain_conf_empty(void);
void domain_conf_free(struct domain_conf *conf); /* NULL does nothing */

/*
 * May `wanted` replace `running` (NULL or empty: yes)?  0, -EPERM (another
 * owner) or -ESTALE (lower generation), with one error filled in.  `force`
 * takes over from any owner and generation.
 */
int domain_conf_may_replace(const struct domain_conf *running,
			    const struct domain_conf *wanted, bool force,
			    struct domain_conf_errors *errs);

/* The whole value as JSON text that parses to the same value; free() it. */
char *domain_conf_save(const struct domain_conf *conf);

/* Index of a domain, or DCONF_NONE. */
int32_t domain_conf_find(const struct domain_conf *conf, const char *uuid);
int32_t domain_conf_find_name(const struct domain_conf *conf,
			      const char *name);
/* Index of a VIF or disk within its domain, or DCONF_NONE. */
int32_t domain_conf_find_vif(const struct dconf_domain *d, unsigned device);
int32_t domain_conf_find_disk(const struct dconf_domain *d, unsigned slot);

/* Words of the text: "running", "qcow2"; for facts and messages. */
const char *domain_conf_power_word(enum dconf_power power);
const char *domain_conf_format_word(enum dconf_format format);
/* Is it a uuid in its one spelling, and not the nil one? */
bool domain_conf_is_uuid(const char *text);

/* One line a key: object, key, type, default, meaning. */
void domain_conf_describe(FILE *to);

/*
 * Actions.  Carry them out in order; when they are done, `wanted` is in force:
 *
 *	remove domains, power changes towards halted and suspended, remove
 *	VIFs, remove disks, change settings, change domains, add disks, add
 *	VIFs, add domains, power changes towards paused and running
 *
 * So a port or an image that changes hands is given up before it is taken.
 * Giving up takes time (a guest shuts down, a guest lets go of a disk):
 * whoever carries the plan out lets what comes after wait for it.
 *
 * Actions on VIFs and disks are only of domains that stay; a domain comes and
 * goes with all it has.  What differs at a VIF or disk cannot be changed while
 * it is plugged: it is removed and added again (DCONF_PART_RECREATE).  Of a
 * domain without a process nothing is plugged and all parts are in force at
 * once; of one with a process, DCONF_PARTS_PENDING wait for its next start.
 */
enum dconf_verb { DCONF_REMOVE, DCONF_CHANGE, DCONF_ADD };
enum dconf_object {
	DCONF_SETTINGS,
	DCONF_DOMAIN,
	DCONF_POWER, /* verb change: of domains in both values */
	DCONF_VIF,
	DCONF_DISK,
};

enum dconf_part {
	DCONF_PART_NAME = 1 << 0,
	DCONF_PART_POLICY = 1 << 1, /* on_..., time-out, migratable */
	DCONF_PART_CPU = 1 << 2,    /* weight, limit */
	DCONF_PART_MEMORY = 1 << 3,
	DCONF_PART_VCPUS = 1 << 4,
	DCONF_PART_BOOT = 1 << 5,
	DCONF_PART_ENGINE = 1 << 6, /* engine, accelerator */
	DCONF_PART_CONSOLE = 1 << 7,
	DCONF_PART_ROOTS = 1 << 8,  /* settings: roots, block devices */
	DCONF_PART_UIDS = 1 << 9,   /* settings */
	DCONF_PART_RECREATE = 1 << 10, /* half of a remove-and-add */
	DCONF_PART_ORDER = 1 << 11, /* the disks' order, so the boot disk */
};

#define DCONF_PARTS_PENDING                                                   \
	(DCONF_PART_MEMORY | DCONF_PART_VCPUS | DCONF_PART_BOOT |             \
	 DCONF_PART_ENGINE | DCONF_PART_CONSOLE | DCONF_PART_ORDER)

struct domain_conf_action {
	uint8_t verb;	/* enum dconf_verb */
	uint8_t object; /* enum dconf_object */
	uint32_t parts; /* enum dconf_part */
	int32_t before; /* domain in running, DCONF_NONE for ADD of one */
	int32_t after;	/* domain in wanted, DCONF_NONE for REMOVE of one */
	int32_t item;	/* VIF, disk: index in the domain before if removed,
			   after if added; else DCONF_NONE */
};

struct domain_conf_plan {
	uint32_t count;
	struct domain_conf_action *actions;
};

/* 0 or -ENOMEM.  Equal values give no action.  Free with _plan_fini. */
int domain_conf_diff(const struct domain_conf *running,
		     const struct domain_conf *wanted,
		     struct domain_conf_plan *plan);
void domain_conf_plan_fini(struct domain_conf_plan *plan);

/*
 * "change domain web: cpu; memory is pending until its next start"; for logs
 * and answers.  `live`: the domain has a process.
 */
void domain_conf_action_text(const struct domain_conf *running,
			     const struct domain_conf *wanted,
			     const struct domain_conf_action *action,
			     bool live, char *text, size_t size);

#endif
