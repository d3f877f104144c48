/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_keep.h: what must be known of a domain after hypervisord, or the
 * host, has been started anew: one small file a domain, <folder>/<uuid>.json.
 *
 * Two questions are answered from it.  Is it still running?  A pid means
 * nothing by itself: it counts only with the process's start time, in the
 * same boot.  May it be started?  A domain that can migrate may run elsewhere
 * by now, so after a reboot of the host it needs somebody's word: the epoch.
 *
 * The epoch counts the domain's owners: each hand-over to another host raises
 * it.  Who confirms epoch N here says: nobody else runs this domain, and
 * nobody will before there is N + 1.  A confirmation holds for one boot.  An
 * older one than what is known is refused: it has been overtaken.
 *
 * Writing is atomic (daemon_save_file).  A file that cannot be read whole is
 * refused and left as it is: guessing what a damaged record meant could start
 * a domain twice.
 */
#ifndef CAUSEWAY_DOMAIN_KEEP_H
#define CAUSEWAY_DOMAIN_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "hypervisor/domain_conf.h"

#define DOMAIN_KEEP_CGROUP_MAX 256
#define DOMAIN_KEEP_TEXT_MAX 256
#define DOMAIN_KEEP_LIFE_MAX 24
#define DOMAIN_KEEP_FILE_MAX (1u << 20) /* bytes of a record */

/* How it ended last. */
enum domain_end {
	DOMAIN_END_NEVER,    /* has not been started, or not ended */
	DOMAIN_END_SHUTDOWN, /* the guest did as it was asked */
	DOMAIN_END_POWEROFF, /* the guest did so by itself */
	DOMAIN_END_REBOOT,
	DOMAIN_END_SUSPEND,
	DOMAIN_END_KILLED,   /* hard shutdown */
	DOMAIN_END_TIMEOUT,  /* hard, because a clean one took too long */
	DOMAIN_END_CRASH,    /* the guest panicked */
	DOMAIN_END_PROCESS,  /* its process died */
	DOMAIN_END_FAILED,   /* did not start */
	DOMAIN_END_HOST,     /* the host was started anew meanwhile */
	DOMAIN_END_MIGRATED,
};

struct domain_record {
	char uuid[DCONF_UUID_TEXT];
	char name[DCONF_NAME_MAX];
	uint64_t generation; /* of the state it was started from */

	/* the process, if pid is not 0 */
	uint32_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat */
	char boot_id[DCONF_UUID_TEXT]; /* of the boot it was started in */
	uint32_t uid; /* 0: none */
	char cgroup[DOMAIN_KEEP_CGROUP_MAX];
	char engine[DCONF_NAME_MAX];

	/* ownership */
	uint64_t epoch;
	char confirmed_boot[DCONF_UUID_TEXT]; /* "": not confirmed */
	bool away; /* the owner of that epoch is another host */

	/* what it was, and how it came to it */
	uint8_t power; /* enum dconf_power: as it is, not as wanted */
	uint8_t wanted; /* enum dconf_power: where it was on its way to */
	bool reboot; /* wanted running, after this run has been ended */
	char life[DOMAIN_KEEP_LIFE_MAX]; /* domain.h's word for its state */
	uint8_t end;   /* enum domain_end */
	uint64_t end_time_s; /* since 1970 */
	uint32_t end_status; /* as waitpid() has it */
	char end_text[DOMAIN_KEEP_TEXT_MAX]; /* for people */

	/* counters since it is known here */
	uint64_t starts;
	uint64_t crashes;
	uint64_t reboots;
	uint64_t restart_delay_ms; /* back-off after crashes; 0: none */
	uint64_t cpu_time_us;	   /* of processes that have ended */

	/* what its process was started with or has been plugged since */
	uint32_t memory_mib;
	uint16_t vcpus;
	uint32_t vif_count;
	uint32_t disk_count;
	struct dconf_vif *vifs;
	struct dconf_disk *disks;
};

/*
 * A record of a domain that is new here.  `boot_id` is the confirmation that
 * comes with it: that of this boot if someone has just asked for the domain,
 * "" if all we know of it is an older state on disk.
 */
void domain_record_init(struct domain_record *r, const char *uuid,
			const char *boot_id);
void domain_record_fini(struct domain_record *r); /* frees its lists */
/* Replace the lists with copies.  0 or -ENOMEM, and all as it was. */
int domain_record_set_vifs(struct domain_record *r,
			   const struct dconf_vif *vifs, uint32_t count);
int domain_record_set_disks(struct domain_record *r,
			    const struct dconf_disk *disks, uint32_t count);

/* It ended so.  `text` is for people; what cannot be printed is left out. */
void domain_record_set_end(struct domain_record *r, enum domain_end end,
			   uint64_t time_s, int status, const char *text);

/* --- rules: pure ---------------------------------------------------------- */

/* Is the process with this start time, in this boot, the recorded one? */
bool domain_record_is_process(const struct domain_record *r,
			      const char *boot_id, uint64_t start_time);
/*
 * May it be started?  0, or -EPERM with words in `text`.  What went away may
 * not, migratable or no.
 */
int domain_record_may_start(const struct domain_record *r, bool migratable,
			    const char *boot_id, char *text, size_t size);
/*
 * It is ours in this boot.  0, or -ESTALE with words: an older epoch, or that
 * with which it went away.
 */
int domain_record_confirm(struct domain_record *r, uint64_t epoch,
			  const char *boot_id, char *text, size_t size);
/*
 * It went to another host, with this epoch: newer than ours, and never again
 * to be confirmed here with an older one.  0, or -ESTALE with words.
 */
int domain_record_release(struct domain_record *r, uint64_t epoch, char *text,
			  size_t size);

const char *domain_end_word(enum domain_end end);

/* --- files ---------------------------------------------------------------- */

/* 0 or -errno; -EINVAL: what is in it could not be read again. */
int domain_keep_save(const char *folder, const struct domain_record *r);
/*
 * 0 with a record to be given to domain_record_fini(); -ENOENT; -EINVAL
 * (damaged) and others with words in *err.
 */
int domain_keep_load(const char *folder, const char *uuid,
		     struct domain_record *r, struct domain_conf_error *err);
/* No record: 0. */
int domain_keep_remove(const char *folder, const char *uuid);
/*
 * Call fn for each record of the folder: with the record, which it may take
 * over (then it zeroes *r), or with NULL and *err for one that is refused.
 * Returns 0 or -errno of reading the folder.
 */
int domain_keep_each(const char *folder,
		     void (*fn)(const char *uuid, struct domain_record *r,
				const struct domain_conf_error *err, void *arg),
		     void *arg);

/* This boot's id, into DCONF_UUID_TEXT bytes.  0 or -errno. */
int domain_keep_boot_id(char *boot_id);

#endif
