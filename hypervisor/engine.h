/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h: what runs one domain.  An engine is a way to be a machine: a
 * process in a jail of its own that holds the domain's memory, runs its
 * vCPUs and offers it devices.  hypervisord starts it, asks things of it and
 * hears what becomes of it through this interface, and knows no more: which
 * program it is, how one talks to it and what its words are stays below.
 *
 * One struct engine is one domain process.  Everything here happens on the
 * thread of the libevent loop given in struct engine_conf.
 *
 * Asynchronous.  A call returns 0 when what it asks for has been taken up,
 * or -errno at once, and then nothing will happen.  What was taken up ends
 * in an event: the one named beside the call, or ENGINE_EV_FAILED with the
 * same `call`, or, whatever else was under way, ENGINE_EV_EXITED, which is
 * the last event of all.  Events come out of the loop, never out of a call.
 * The handler may call everything, engine_free() too.
 *
 * The process outlives us.  It is no child that dies with hypervisord: after
 * our end, however it came, it runs on, and engine_adopt() of the next
 * hypervisord takes it over.  What the guest did meanwhile (powered off,
 * rebooted, panicked) is kept by the process and told upon adoption by the
 * same events as if we had been there.
 *
 * A guest that powers off, reboots or panics does not end its process: the
 * event comes, the vCPUs stand still, and whoever listens decides:
 * engine_kill() and perhaps another engine_start(), or for a reboot in place
 * engine_reset().
 *
 * Hostile.  The guest may have taken the process over: what it says is
 * parsed as any stranger's message, it can delay nobody but itself, and an
 * answer that is nonsense or does not come is ENGINE_EV_FAILED.
 *
 * Descriptors in arguments are borrowed for the call.
 */
#ifndef CAUSEWAY_ENGINE_H
#define CAUSEWAY_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

struct event_base;
struct rpc_error;

#define ENGINE_NAME_MAX 64   /* with its NUL */
#define ENGINE_UUID_LEN 36   /* 8-4-4-4-12 */
#define ENGINE_DEVICE_MAX 16 /* "vda", with its NUL */
#define ENGINE_TEXT_MAX 256  /* words in an event, with their NUL */
#define ENGINE_VIFS_MAX 8    /* a domain's, numbers 0 to 7 */
#define ENGINE_DISKS_MAX 16  /* a domain's, slots 0 to 15 */
#define ENGINE_LAYERS_MAX 9  /* a disk and its backing files */
#define ENGINE_QUEUES_MAX 8  /* queue pairs of a VIF */

/* --- what to run ----------------------------------------------------- */

enum engine_format { ENGINE_RAW, ENGINE_QCOW2, ENGINE_VHD };

struct engine_layer {
	int fd; /* open for writing too, if it is layer 0 of a writable disk */
	bool block; /* a block device's, else a regular file's */
	enum engine_format format; /* never guessed */
};

/*
 * A disk: layer 0 is what the guest writes to, each next one is the backing
 * file of the one before.  What an image itself says about backing files is
 * not looked at.
 */
struct engine_disk {
	unsigned slot; /* below ENGINE_DISKS_MAX: its place in the machine */
	char device[ENGINE_DEVICE_MAX]; /* "vda": how the guest may know it */
	bool read_only;
	unsigned layer_count;
	struct engine_layer layers[ENGINE_LAYERS_MAX];
};

/*
 * A network interface, served by the switch over vhost-user.  The switch must
 * be ready to connect to the socket when the call is made: until it has, the
 * process may do nothing else.
 */
struct engine_vif {
	unsigned number; /* below ENGINE_VIFS_MAX: its place in the machine */
	uint8_t mac[6];
	unsigned mtu;	 /* 0: not told to the guest */
	unsigned queues; /* pairs, 1 to ENGINE_QUEUES_MAX; 0: 1 */
	int listen_fd;	 /* a listening Unix stream socket; switch connects */
};

struct engine_spec {
	char name[ENGINE_NAME_MAX];
	char uuid[ENGINE_UUID_LEN + 1];
	unsigned memory_mib;
	unsigned vcpus;
	bool kvm; /* hardware virtualisation; else in software */
	bool no_xsave; /* the guest's CPU has none: this host would lose it */

	/* Boot a kernel (fd, or -1: boot the first disk). */
	int kernel_fd;
	int initrd_fd;	     /* or -1 */
	const char *cmdline; /* or NULL */

	unsigned disk_count;
	struct engine_disk disks[ENGINE_DISKS_MAX];
	unsigned vif_count;
	struct engine_vif vifs[ENGINE_VIFS_MAX];
	int serial_fd; /* a listening Unix stream socket, or -1: no port */
	bool vnc;      /* has a screen and a keyboard */

	int restore_fd; /* what engine_save() wrote, or -1: boot */
	bool paused;	/* do not run before engine_resume() */

	/* The jail, which has the uuid for a name. */
	uid_t uid; /* its own, and its group's number */
	const char *run_dir; /* <= 80 bytes, root's, 0700: the engine's own */
	unsigned cpu_weight; /* 1 to 10000, 0: 100 */
	unsigned cpu_limit_percent; /* of one CPU, 0: none */
};

/* Sets descriptors to -1, all else to 0. */
void engine_spec_init(struct engine_spec *spec);

/* What hypervisord keeps of a running one, to find it again. */
struct engine_record {
	pid_t pid;
	uint64_t start_time; /* as in /proc/PID/stat; pids are used again */
};

/* --- what becomes of it ---------------------------------------------- */

enum engine_call {
	ENGINE_CALL_NONE, /* nobody asked for it */
	ENGINE_CALL_START,
	ENGINE_CALL_ADOPT,
	ENGINE_CALL_SHUTDOWN,
	ENGINE_CALL_RESET,
	ENGINE_CALL_PAUSE,
	ENGINE_CALL_RESUME,
	ENGINE_CALL_SAVE,
	ENGINE_CALL_VIF_PLUG,
	ENGINE_CALL_VIF_UNPLUG,
	ENGINE_CALL_DISK_PLUG,
	ENGINE_CALL_DISK_UNPLUG,
	ENGINE_CALL_DIRTY_RATE,
	ENGINE_CALL_VNC,
	ENGINE_CALL_FACTS,
};

enum engine_event_type {
	ENGINE_EV_STARTED, /* the process is there and answers */
	ENGINE_EV_ADOPTED, /* so it is; RUNNING, PAUSED or GUEST_... follows */
	ENGINE_EV_RUNNING, /* the vCPUs run */
	ENGINE_EV_PAUSED,  /* they do not, and nobody but we is to blame */
	ENGINE_EV_SHUTDOWN_ASKED, /* the guest has been asked, no more */
	ENGINE_EV_GUEST_POWEROFF, /* these three: the vCPUs stand still */
	ENGINE_EV_GUEST_REBOOT,
	ENGINE_EV_GUEST_PANIC,
	ENGINE_EV_RESET,	 /* done; RUNNING comes besides */
	ENGINE_EV_DISK_ERROR,	 /* slot: a write or read failed; runs on */
	ENGINE_EV_VIF_PLUGGED,	 /* slot: the VIF's number */
	ENGINE_EV_VIF_UNPLUGGED, /* the guest let it go, and so did we */
	ENGINE_EV_DISK_PLUGGED,	 /* slot: the disk's */
	ENGINE_EV_DISK_UNPLUGGED,
	ENGINE_EV_SAVED,      /* all is in the file; now engine_kill() */
	ENGINE_EV_VNC_ADDED,  /* the client is served */
	ENGINE_EV_DIRTY_RATE, /* dirty_mib_per_s */
	ENGINE_EV_FACTS,      /* facts */
	ENGINE_EV_LOG,	      /* text: a line the process said to its log */
	ENGINE_EV_FAILED,     /* call, slot, text */
	ENGINE_EV_EXITED,     /* end; the process and its jail are gone */
};

/* How the process ended. */
enum engine_end {
	ENGINE_END_KILLED, /* engine_kill() */
	ENGINE_END_EXIT,   /* by itself, `status` is its exit status */
	ENGINE_END_SIGNAL, /* by signal `status` */
	ENGINE_END_UNSEEN, /* after adoption nobody can say how */
	ENGINE_END_MEMORY, /* the kernel killed it: over its memory limit */
};

/* What it knows about its guest now. */
struct engine_facts {
	bool running;
	unsigned vcpus;
	uint64_t memory_bytes; /* what the guest was given */
	/* As the guest's own driver last said; 0: it says nothing. */
	uint64_t guest_total_bytes;
	uint64_t guest_available_bytes;
};

struct engine_event {
	enum engine_event_type type;
	enum engine_call call; /* FAILED: which one */
	unsigned slot;	       /* of the VIF or disk */
	enum engine_end end;   /* EXITED */
	int status;	       /* EXITED */
	uint64_t dirty_mib_per_s;
	struct engine_facts facts;
	const char *text; /* never NULL; hostile words made printable */
};

/* --- calls ----------------------------------------------------------- */

struct engine;

struct engine_conf {
	struct event_base *base;
	void (*on_event)(struct engine *e, const struct engine_event *ev,
			 void *ctx);
	void *ctx;
};

struct engine_ops {
	const char *name;
	uint64_t (*overhead_bytes)(const struct engine_spec *spec);
	int (*start)(struct engine **out, const struct engine_conf *conf,
		     const struct engine_spec *spec, struct rpc_error *err);
	int (*adopt)(struct engine **out, const struct engine_conf *conf,
		     const struct engine_spec *spec,
		     const struct engine_record *record,
		     struct rpc_error *err);
	void (*free)(struct engine *e);
	void (*record)(const struct engine *e, struct engine_record *record);
	int (*shutdown)(struct engine *e);
	int (*reset)(struct engine *e);
	int (*pause)(struct engine *e);
	int (*resume)(struct engine *e);
	int (*kill)(struct engine *e);
	int (*save)(struct engine *e, int fd);
	int (*vif_plug)(struct engine *e, const struct engine_vif *vif);
	int (*vif_unplug)(struct engine *e, unsigned number);
	int (*disk_plug)(struct engine *e, const struct engine_disk *disk);
	int (*disk_unplug)(struct engine *e, unsigned slot);
	int (*dirty_rate)(struct engine *e, unsigned seconds);
	int (*vnc)(struct engine *e, int client_fd);
	int (*facts)(struct engine *e);
	int (*agent_fd)(struct engine *e);
};

/* The first member of each engine's own struct. */
struct engine {
	const struct engine_ops *ops;
};

/*
 * Memory that the process needs besides the guest's; the jail's limit is the
 * sum of both.
 */
uint64_t engine_overhead_bytes(const struct engine_ops *ops,
			       const struct engine_spec *spec);

/*
 * Start the process in its jail: STARTED, then RUNNING (PAUSED with
 * spec->paused).  With a restore_fd the guest goes on where it was saved; the
 * rest of the spec must be what it was then, devices plugged since included.
 * -EINVAL and others: *err has words; nothing is left of the attempt.  The
 * spec is the caller's again when this returns.
 */
int engine_start(const struct engine_ops *ops, struct engine **out,
		 const struct engine_conf *conf,
		 const struct engine_spec *spec, struct rpc_error *err);
/*
 * Take over a running one: ADOPTED and what it is doing, or EXITED if it ends
 * meanwhile.  Of the spec only uuid, uid, run_dir, kvm, vcpus and the slots
 * of its disks and VIFs are looked at.  -ESRCH: that process is gone, and so
 * is its jail.
 */
int engine_adopt(const struct engine_ops *ops, struct engine **out,
		 const struct engine_conf *conf,
		 const struct engine_spec *spec,
		 const struct engine_record *record, struct rpc_error *err);
/* Let go: no more events; the process, if it still runs, runs on. */
void engine_free(struct engine *e);
void engine_get_record(const struct engine *e, struct engine_record *record);

/* As if its power button was pressed: SHUTDOWN_ASKED, then up to the guest. */
int engine_shutdown(struct engine *e);
/* As if its reset button was pressed, also after GUEST_...: RESET. */
int engine_reset(struct engine *e);
int engine_pause(struct engine *e);  /* PAUSED */
int engine_resume(struct engine *e); /* RUNNING */
/* End the process and all it left, now: EXITED. */
int engine_kill(struct engine *e);
/*
 * Stop the guest and write it all to fd, a file open for writing: SAVED.  It
 * stays stopped; after FAILED engine_resume() lets it go on.
 */
int engine_save(struct engine *e, int fd);
/*
 * VIF_PLUGGED.  -EEXIST, -EINVAL; -EBUSY: another plug or unplug of this one
 * is under way.
 */
int engine_vif_plug(struct engine *e, const struct engine_vif *vif);
/* VIF_UNPLUGGED; FAILED if the guest does not let go of it in time. */
int engine_vif_unplug(struct engine *e, unsigned number);
int engine_disk_plug(struct engine *e, const struct engine_disk *disk);
int engine_disk_unplug(struct engine *e, unsigned slot);
/* Watch memory for `seconds` (1 to 60): DIRTY_RATE. */
int engine_dirty_rate(struct engine *e, unsigned seconds);
/* Serve a VNC client at the other end of this socket: VNC_ADDED. */
int engine_vnc(struct engine *e, int client_fd);
int engine_facts(struct engine *e); /* FACTS */
/*
 * A new connection to what speaks in the guest's name, if something does
 * (guest_agent.h): a descriptor, the caller's, or -errno.  There is one such
 * connection at a time.
 */
int engine_agent_fd(struct engine *e);

/* For logs: "running", "vif-plug". */
const char *engine_event_name(enum engine_event_type type);
const char *engine_call_name(enum engine_call call);

#endif
