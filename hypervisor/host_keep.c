/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_keep.c: between the state machine and the record on disk.
 *
 * The record says where the domain was and where it was on its way to; times
 * and back-off begin anew.  A suspended guest is what its file says, not what
 * the record says: the file is complete or not there.
 *
 * A record that cannot be read is not overwritten and its domain is not
 * touched: there may be a process of which nothing is known.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "hypervisor/host_domain.h"

static enum domain_end end_of(enum domain_reason reason)
{
	static const enum domain_end ends[DOMAIN_REASON_COUNT] = {
		[DOMAIN_START_FAILED] = DOMAIN_END_FAILED,
		[DOMAIN_SHUT_DOWN] = DOMAIN_END_SHUTDOWN,
		[DOMAIN_SHUTDOWN_TIMEOUT] = DOMAIN_END_TIMEOUT,
		[DOMAIN_KILLED] = DOMAIN_END_KILLED,
		[DOMAIN_GUEST_POWEROFF] = DOMAIN_END_POWEROFF,
		[DOMAIN_GUEST_REBOOT] = DOMAIN_END_REBOOT,
		[DOMAIN_GUEST_PANIC] = DOMAIN_END_CRASH,
		[DOMAIN_PROCESS_DIED] = DOMAIN_END_PROCESS,
		[DOMAIN_CRASH_LOOP] = DOMAIN_END_CRASH,
		[DOMAIN_SUSPEND_DONE] = DOMAIN_END_SUSPEND,
		[DOMAIN_RESUME_FAILED] = DOMAIN_END_SUSPEND,
		[DOMAIN_HOST_REBOOT] = DOMAIN_END_HOST,
	};

	return ends[reason];
}

static enum domain_reason reason_of(enum domain_end end)
{
	static const enum domain_reason reasons[] = {
		[DOMAIN_END_NEVER] = DOMAIN_NO_REASON,
		[DOMAIN_END_SHUTDOWN] = DOMAIN_SHUT_DOWN,
		[DOMAIN_END_POWEROFF] = DOMAIN_GUEST_POWEROFF,
		[DOMAIN_END_REBOOT] = DOMAIN_GUEST_REBOOT,
		[DOMAIN_END_SUSPEND] = DOMAIN_SUSPEND_DONE,
		[DOMAIN_END_KILLED] = DOMAIN_KILLED,
		[DOMAIN_END_TIMEOUT] = DOMAIN_SHUTDOWN_TIMEOUT,
		[DOMAIN_END_CRASH] = DOMAIN_GUEST_PANIC,
		[DOMAIN_END_PROCESS] = DOMAIN_PROCESS_DIED,
		[DOMAIN_END_FAILED] = DOMAIN_START_FAILED,
		[DOMAIN_END_HOST] = DOMAIN_HOST_REBOOT,
	};

	return end < sizeof(reasons) / sizeof(reasons[0]) ? reasons[end] :
							     DOMAIN_NO_REASON;
}

/* As it is: what a guest would notice. */
static enum dconf_power power_of(const struct domain *d)
{
	switch (d->state) {
	case DOMAIN_RUNNING:
	case DOMAIN_PAUSING:
	case DOMAIN_STOPPING:
	case DOMAIN_REBOOTING:
		return DCONF_RUNNING;
	case DOMAIN_PAUSED:
	case DOMAIN_UNPAUSING:
	case DOMAIN_SUSPENDING:
	case DOMAIN_PRESERVED:
		return DCONF_PAUSED;
	case DOMAIN_SUSPENDED:
		return DCONF_SUSPENDED;
	default:
		return d->saved ? DCONF_SUSPENDED : DCONF_HALTED;
	}
}

static const enum dconf_power powers[] = {
	[DOMAIN_BE_HALTED] = DCONF_HALTED,
	[DOMAIN_BE_RUNNING] = DCONF_RUNNING,
	[DOMAIN_BE_PAUSED] = DCONF_PAUSED,
	[DOMAIN_BE_SUSPENDED] = DCONF_SUSPENDED,
};

static const enum domain_goal goals[] = {
	[DCONF_HALTED] = DOMAIN_BE_HALTED,
	[DCONF_RUNNING] = DOMAIN_BE_RUNNING,
	[DCONF_PAUSED] = DOMAIN_BE_PAUSED,
	[DCONF_SUSPENDED] = DOMAIN_BE_SUSPENDED,
};

/* --- to disk ----------------------------------------------------------- */

static void fill_end(struct host_domain *hd)
{
	const struct domain *d = &hd->life;
	struct domain_record *r = &hd->rec;
	enum domain_end end = end_of(d->end_reason);

	if (r->end == end && !strcmp(hd->end_kept, d->end_why))
		return;
	snprintf(hd->end_kept, sizeof(hd->end_kept), "%s", d->end_why);
	domain_record_set_end(r, end, time(NULL), r->end_status, d->end_why);
}

/* What of the record follows from the machine; the rest is set where it is
 * known. */
static void fill(struct host_domain *hd)
{
	const struct domain *d = &hd->life;
	struct domain_record *r = &hd->rec;

	memcpy(r->name, hd->name, sizeof(r->name));
	r->power = power_of(d);
	r->wanted = powers[d->goal];
	r->reboot = d->reboot;
	snprintf(r->life, sizeof(r->life), "%s", domain_state_word(d->state));
	r->crashes = d->restarts;
	fill_end(hd);
}

/*
 * The lists are compared by what changes them: see `keep`.  Records are copied
 * whole, so their padding is equal, too; if not, one is saved once too often.
 */
static bool is_kept(const struct host_domain *hd)
{
	struct domain_record now = hd->rec, then = hd->kept;

	now.vifs = then.vifs = NULL;
	now.disks = then.disks = NULL;
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
	return !memcmp(&now, &then, sizeof(now));
}

int host_keep(struct host_domain *hd)
{
	int rc;

	if (hd->lost)
		return -EINVAL;
	fill(hd);
	if (is_kept(hd))
		return 0;
	rc = domain_keep_save(hd->host->keep_dir, &hd->rec);
	if (rc < 0) {
		log_limited(LOG_LEVEL_ERR, 0, "%s: its record is not kept: %s",
			    hd->name, strerror(-rc));
		return rc;
	}
	memcpy(&hd->kept, &hd->rec, sizeof(hd->kept));
	return 0;
}

void host_keep_lists(struct host_domain *hd)
{
	memset(&hd->kept, 0, sizeof(hd->kept)); /* unlike any record */
	host_keep(hd);
}

void host_forget(struct host_domain *hd)
{
	int rc = domain_keep_remove(hd->host->keep_dir, hd->uuid);

	if (rc < 0)
		log_err("%s: its record does not go: %s", hd->name,
			strerror(-rc));
	host_drop_saved(hd);
}

/* --- from disk --------------------------------------------------------- */

static void recall_life(struct host_domain *hd)
{
	const struct domain_record *r = &hd->rec;
	struct domain *d = &hd->life;
	enum domain_state state = domain_state_of(r->life);

	if (state != DOMAIN_STATE_COUNT)
		d->state = state;
	d->goal = r->wanted <= DCONF_SUSPENDED ? goals[r->wanted] :
						  DOMAIN_BE_HALTED;
	d->reboot = r->reboot;
	d->process = r->pid != 0;
	d->by_policy = true; /* nobody waits for it to work at once */
	d->restarts = r->crashes;
	d->end_reason = reason_of(r->end);
	snprintf(d->end_why, sizeof(d->end_why), "%s", r->end_text);
	memcpy(hd->end_kept, d->end_why, sizeof(hd->end_kept));
	if (!d->process && d->state != DOMAIN_WAITING &&
	    d->state != DOMAIN_BACKING_OFF && d->state != DOMAIN_CRASHED)
		d->state = d->saved ? DOMAIN_SUSPENDED : DOMAIN_HALTED;
}

void host_recall(struct host_domain *hd, bool just_asked_for)
{
	struct domain_conf_error err = { "", "", "" };
	struct host *h = hd->host;
	int rc = domain_keep_load(h->keep_dir, hd->uuid, &hd->rec, &err);

	hd->life.saved = host_has_saved(hd);
	if (rc == -ENOENT) {
		domain_record_init(&hd->rec, hd->uuid,
				   just_asked_for ? h->boot_id : "");
		if (!just_asked_for && hd->want)
			hd->life.goal = goals[hd->want->power];
		return;
	}
	if (rc < 0) {
		domain_record_init(&hd->rec, hd->uuid, "");
		hd->lost = true;
		log_err("%s: its record is refused, and it is not touched: "
			"%s: expected %s", hd->name, err.path, err.expected);
		return;
	}
	memcpy(&hd->kept, &hd->rec, sizeof(hd->kept));
	recall_life(hd);
}
