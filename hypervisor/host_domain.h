/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_domain.h: one domain at run time; private to host*.c.
 *
 *	host.c		the set of them, the desired state
 *	host_life.c	drives domain.c: events in, actions carried out
 *	host_start.c	all that a process is made of, taken and given back
 *	host_keep.c	what is kept of it for the next hypervisord
 *	host_suspend.c	its guest in a file
 *	host_plug.c	VIFs and disks of a running one
 *	host_store.c	its tree in the store
 *	host_agent.c	what its guest says of itself (host_agent.h)
 *	host_console.c	tells consoled and gives VNC clients
 *	host_facts.c	what is known of it, in JSON
 */
#ifndef CAUSEWAY_HOST_DOMAIN_H
#define CAUSEWAY_HOST_DOMAIN_H

#include <limits.h>

#include <sys/queue.h>

#include "hypervisor/domain.h"
#include "hypervisor/domain_conf.h"
#include "hypervisor/domain_keep.h"
#include "hypervisor/engine.h"
#include "hypervisor/host.h"
#include "hypervisor/plug.h"

#define HOST_QUEUE_MAX 16
#define HOST_SOCKET_MAX 108

struct accounting;
struct accounting_domain;
struct disk;
struct event;
struct host_agent;
struct rpc_link;
struct switch_gate;
struct uid_range;
struct xenstore_client;

/* What the store has still to be told. */
enum host_store {
	HOST_STORE_DONE,
	HOST_STORE_CREATE,
	HOST_STORE_LOOK, /* taken over: is there a tree? */
	HOST_STORE_DESTROY,
};

/* Somebody waits for it to come to rest. */
struct host_waiter {
	TAILQ_ENTRY(host_waiter) next;
	struct host_domain *hd;
	struct event *timer;
	host_rest_fn fn;
	void *arg;
};

/* A VIF or a disk, as it is plugged or shall be. */
struct host_slot {
	struct host_domain *hd;
	unsigned number;
	bool is_vif;
	struct plug plug;
	struct dconf_vif vif;	/* what is in, or on its way */
	struct dconf_disk disk; /* the same; its backing list is not used */
};

struct host_domain {
	TAILQ_ENTRY(host_domain) next;
	struct host *host;
	char uuid[DCONF_UUID_TEXT];
	char name[DCONF_NAME_MAX];
	const struct dconf_domain *want; /* in host->state; NULL: it goes */
	struct domain life;
	struct domain_rules rules;
	struct domain_record rec;
	struct domain_record kept; /* as it is on disk, but for its lists */
	char end_kept[DOMAIN_WHY_MAX]; /* end_why as it is in the record */
	uint32_t stale; /* enum dconf_part: what waits for a new process */
	struct engine *engine; /* NULL: no process, or not adopted yet */
	struct event *timer;
	bool busy; /* handling an event: others queue */
	unsigned queued;
	struct {
		enum domain_event event;
		char text[DOMAIN_WHY_MAX];
	} queue[HOST_QUEUE_MAX];
	char failed[DOMAIN_WHY_MAX]; /* what the engine said last */
	char told[64];		     /* state and reason as told last */
	int save_fd;		     /* -1: nothing is being saved */
	struct event *synced;	     /* its file reaches the disk */
	int sync_fd;		     /* pidfd */
	pid_t sync_pid;
	bool lost;		     /* its record was refused: not touched */
	enum host_store store;
	uint64_t store_ms; /* not before */
	struct host_agent *agent; /* NULL: no process */
	uint64_t agent_ms; /* when it is due; 0: not */
	uint64_t started_s;	     /* since 1970; 0: no process */
	struct engine_facts facts;
	bool has_facts;
	bool stands; /* its process is ready; consoled is not yet */
	uint64_t dirty_mib_per_s; /* memory written, when last measured... */
	uint64_t dirty_ms;	  /* ...at this time; 0: never */
	struct accounting_domain *usage; /* NULL: no process */
	struct host_slot vifs[DCONF_VIFS_MAX];
	struct host_slot disks[DCONF_DISKS_MAX];
	TAILQ_HEAD(, host_waiter) waiters;
};

struct host {
	struct host_options opt;
	struct domain_conf *state;
	struct uid_range *uids;
	struct switch_gate *gate;
	struct xenstore_client *store;
	struct rpc_link *consoled;
	struct rpc_link *trees; /* to xenstored, for host_agent.c */
	struct accounting *accounting; /* NULL: this host cannot tell */
	struct event *sweeper; /* frees domains that have gone */
	unsigned consoles_asked; /* not answered yet */
	struct event *consoles; /* tells consoled, once for many changes */
	bool kvm;
	bool kvm_no_xsave; /* kvm_probe.h: xsetbv_lost */
	char kvm_why[200];
	char boot_id[DCONF_UUID_TEXT];
	char refused[512];
	char state_path[PATH_MAX];
	char keep_dir[PATH_MAX];
	char suspend_dir[PATH_MAX];
	TAILQ_HEAD(, host_domain) domains;
};

/* --- host.c ------------------------------------------------------------ */

uint64_t host_now_ms(void);
struct host_domain *host_find_uuid(struct host *h, const char *uuid);

/* --- host_life.c ------------------------------------------------------- */

/* An event; those that come of it are handled before this returns. */
void host_send(struct host_domain *hd, enum domain_event event,
	       const char *text);
/* Carry out what domain_adopt() and its like have asked for. */
void host_carry_out(struct host_domain *hd, const struct domain_actions *acts);
/* Something shows on the outside: tell it, keep it, set the timer. */
void host_settle(struct host_domain *hd);
/* What it waits for at the switch may be another now. */
void host_look_again(struct host_domain *hd);
/* hd->rules from what is wanted and what is known. */
void host_review_rules(struct host_domain *hd);
void host_on_engine(struct engine *e, const struct engine_event *ev,
		    void *ctx);
/* Is nothing under way that would lead on by itself?  *failed: why not. */
bool host_is_at_rest(const struct host_domain *hd, const char **failed);

/* --- host_start.c ------------------------------------------------------ */

/*
 * Make its process.  0; -EAGAIN: later it may work; or another -errno; why
 * in words, and all is given back.
 */
int host_start(struct host_domain *hd, bool restore, char *why, size_t size);
/* Take over the recorded one: 0, -ESRCH (all is given back) or -errno. */
int host_adopt(struct host_domain *hd, char *why, size_t size);
/* Its process is there: begin to count. */
void host_account(struct host_domain *hd);
/* Its process is gone: give back what it had. */
void host_release(struct host_domain *hd);
/* What it would listen on. */
void host_vif_socket(const struct host *h, const char *port, char *path);
void host_serial_socket(const struct host_domain *hd, char *path);
/* A listening socket that owner and group may connect to; -errno. */
int host_listen(const char *path, uid_t uid, gid_t gid);
/* The VIFs that the next start has: those wanted, or those suspended. */
unsigned host_start_vifs(const struct host_domain *hd,
			 const struct dconf_vif **vifs);
void host_engine_vif(const struct dconf_vif *vif, int fd,
		     struct engine_vif *out);
void host_engine_disk(const struct dconf_disk *want, const struct disk *disk,
		      struct engine_disk *out);

/* --- host_keep.c ------------------------------------------------------- */

/* Write the record, if it has changed.  0 or -errno. */
int host_keep(struct host_domain *hd);
/* The same when its VIFs or disks have. */
void host_keep_lists(struct host_domain *hd);
/* The record of a domain that is new to us, from disk or fresh. */
void host_recall(struct host_domain *hd, bool just_asked_for);
void host_forget(struct host_domain *hd);

/* --- host_suspend.c ---------------------------------------------------- */

/* Begin to write its guest to a file: 0 or -errno with words. */
int host_save(struct host_domain *hd, char *why, size_t size);
/* The engine is done; SAVED or SAVE_FAILED is sent when it is on disk. */
void host_saved(struct host_domain *hd);
/* It will not come to that: the file goes. */
void host_save_abort(struct host_domain *hd);
void host_drop_saved(struct host_domain *hd);
bool host_has_saved(const struct host_domain *hd);
int host_open_saved(const struct host_domain *hd);
/* Why a resume has failed, with the name of its file. */
void host_saved_words(const struct host_domain *hd, const char *why,
		      char *text, size_t size);

/* --- host_plug.c ------------------------------------------------------- */

void host_slots_init(struct host_domain *hd);
/* What is plugged is what the record says: after a start or an adoption. */
void host_slots_started(struct host_domain *hd);
/* No process: nothing is plugged. */
void host_slots_gone(struct host_domain *hd);
/* Go on towards what is wanted, as far as possible now. */
void host_slots_review(struct host_domain *hd);
/* What has failed is tried again now, not after a while. */
void host_slots_retry(struct host_domain *hd);
#define HOST_PROBLEM_MAX (PLUG_WHY_MAX + 32)
/* The first that is not as it should be, and why; "": none. */
void host_slots_problem(const struct host_domain *hd, char *text, size_t size);
/* An event of the engine's about a VIF or disk; false: another. */
bool host_slots_event(struct host_domain *hd, const struct engine_event *ev);
/* When to review again; 0: no need. */
uint64_t host_slots_due(const struct host_domain *hd);

/* --- host_store.c ------------------------------------------------------ */

void host_store_started(struct host_domain *hd, bool adopted);
void host_store_gone(struct host_domain *hd);
void host_store_vif(struct host_domain *hd, const struct dconf_vif *vif,
		    bool in);
/* What could not be told: again, when it is time. */
void host_store_review(struct host_domain *hd);

/* --- host_console.c ---------------------------------------------------- */

int host_console_init(struct host *h);
void host_console_fini(struct host *h);
/* What consoled has to know may have changed. */
void host_console_changed(struct host *h);
/* Has consoled still to be told, or to answer? */
bool host_console_is_asked(const struct host *h);

#endif
