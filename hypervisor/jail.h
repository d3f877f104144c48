/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail.h: start a program that may do nothing but what it was given.
 *
 * The jail is made for a device model that its guest has taken over.  Such a
 * process runs as a uid of its own, without capabilities and without a way to
 * get any, in its own mount, pid, network, IPC, UTS and cgroup namespaces.
 * Its root is an empty, read-only tree that holds the program, the libraries
 * it is linked with and the files named in the spec, each bind-mounted
 * read-only (jail_tree.h), and a /dev/null.  It has no network device, no host
 * process to see or signal, no /proc.  What it works with comes as open
 * descriptors.  A cgroup bounds its memory, CPU and threads (jail_cgroup.h); a
 * system call filter is in force before its first instruction
 * (jail_seccomp.h).
 *
 * It outlives us: nothing ties it to our life, and jail_adopt() finds it
 * again.  It is process 1 of its pid namespace, so its end is the end of
 * whatever it may have started.
 *
 * One caller: the thread that called jail_init().  We must be root, with
 * CAP_SYS_ADMIN, SETUID, SETGID, SETPCAP, MKNOD, CHOWN, KILL, SYS_RESOURCE,
 * SYS_RAWIO (for one page, see jail_child.c), DAC_OVERRIDE, and in the host's
 * user namespace.  Errors have words in *err; nothing is left half-made.
 */
#ifndef CAUSEWAY_JAIL_H
#define CAUSEWAY_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

struct rpc_error;
struct jail_cgroup;

#define JAIL_NAME_MAX 64    /* of a jail, with its NUL */
#define JAIL_FDS_MAX 128    /* descriptors passed */
#define JAIL_FD_AS_MAX 1024 /* their numbers inside lie below this */
#define JAIL_IMAGES_MAX 32
#define JAIL_TEXT_MAX 256

/*
 * Once, before any other call.  `cgroup` is the folder that holds the cgroups
 * of all jails: a path beneath the cgroup we are in ("causeway-site1"), or,
 * with a slash before it, beneath the root of each hierarchy.  It is made if
 * it is not there.  Two daemons use two folders.  0 or -errno.
 */
int jail_init(const char *cgroup, struct rpc_error *err);
/*
 * Forget; jails live on, and so do their cgroups.  The folder of all of them
 * goes if it is empty.
 */
void jail_fini(void);

/* --- what to run ---------------------------------------------------------- */

/* A descriptor of ours and its number inside. */
struct jail_fd {
	int fd; /* borrowed */
	int as; /* 0, 1, 2, ...; each once */
};

/*
 * A file to be opened by name inside, for tools that cannot take a
 * descriptor.  Whatever its owner and mode, the jail's uid owns it there, by
 * an id-mapped mount; where the file system has none (NFS), its mode decides.
 */
struct jail_image {
	int fd;	        /* borrowed; O_PATH will do */
	const char *as; /* absolute path inside: "/image0" */
	bool writable;
};

/* Which system calls: jail_seccomp.h. */
enum jail_calls {
	JAIL_CALLS_MODEL, /* a device model */
	JAIL_CALLS_TOOL,  /* a program that reads and writes files */
	JAIL_CALLS_ALL,	  /* tests only: the other walls on their own */
};

/* 0 is no limit, but for nofile. */
struct jail_limits {
	uint64_t memory_bytes; /* guest memory and all the process needs */
	unsigned cpu_weight;   /* 1 to 10000; 0: 100 */
	unsigned cpu_percent;  /* of one CPU */
	unsigned pids;	       /* threads */
	unsigned nofile;       /* descriptors; 0: 256 */
	uint64_t fsize_bytes;  /* how long it may make a file, memfds too */
};

struct jail_spec {
	const char *name; /* names its cgroup; [A-Za-z0-9_.-], no other's */
	uid_t uid;	  /* both not 0, no other's */
	gid_t gid;
	/*
	 * argv[0] is the program, an absolute path of the host and inside;
	 * NULL ends.
	 */
	const char *const *argv;
	const char *const *env; /* NULL ends; NULL: empty, as it should be */
	/*
	 * More files to show, by absolute path, at the same path inside; NULL
	 * ends (the array may be NULL).  A symlink shows what it points to, a
	 * folder all it holds on its file system.  With a shared object come
	 * those it is linked with.
	 */
	const char *const *files;
	const struct jail_image *images;
	unsigned image_count;
	const struct jail_fd *fds; /* 0, 1 and 2 if missing: /dev/null */
	unsigned fd_count;
	bool kvm; /* a /dev/kvm that is its own */
	enum jail_calls calls;
	struct jail_limits limits;
	int oom_score_adj; /* -1000 to 1000: whom the kernel ends first */
};

/* --- one jail ------------------------------------------------------------- */

struct jail_process {
	pid_t pid;
	int pidfd; /* readable when it has ended; -1: none */
	uint64_t start_time; /* as in /proc/PID/stat */
	char name[JAIL_NAME_MAX];
	struct jail_cgroup *cgroup; /* ours until jail_gone() */
};

#define JAIL_PROCESS_NONE { .pidfd = -1 }

/*
 * Start the program.  Returns when it has been executed, or has not:
 * -errno, *err names the step that failed and what to do.  Takes some ten
 * milliseconds.
 */
int jail_spawn(const struct jail_spec *spec, struct jail_process *out,
	       struct rpc_error *err);
/*
 * Find one that an earlier daemon of the same cgroup folder started.
 * -ESRCH: it has ended; what it left is removed.
 */
int jail_adopt(const char *name, pid_t pid, uint64_t start_time,
	       struct jail_process *out, struct rpc_error *err);

/* End all that runs in it, now; pidfd says when it is done.  0 or -errno. */
int jail_kill(struct jail_process *p);

/* Change memory, CPU and thread limits of a running one: 0 or -errno. */
int jail_set_limits(struct jail_process *p, const struct jail_limits *limits,
		    struct rpc_error *err);

/* What it has used so far. */
struct jail_usage {
	uint64_t cpu_ns;
	uint64_t memory_bytes;
	uint64_t memory_peak_bytes; /* 0: not known */
	unsigned pids;
	unsigned oom_kills;
	uint64_t throttled_ns; /* wanted to run, over its CPU limit */
};

int jail_usage(const struct jail_process *p, struct jail_usage *usage);

/* How it ended. */
struct jail_end {
	bool known;	     /* false: nobody can say (adopted) */
	bool signalled;	     /* status is a signal, else an exit status */
	int status;
	bool out_of_memory;  /* the kernel ended it, over its memory limit */
	bool bad_call;	     /* the filter ended it */
	char text[JAIL_TEXT_MAX]; /* all that, in words */
};

/*
 * When pidfd is readable, or at any time: -EAGAIN while it runs, else 0, once.
 * Before jail_gone().
 */
int jail_ended(struct jail_process *p, struct jail_end *end);
/*
 * After its end: remove its cgroup, close pidfd.  -EBUSY: the kernel is not
 * done with it yet, call again soon.  *p is JAIL_PROCESS_NONE after 0.
 */
int jail_gone(struct jail_process *p);
/*
 * Let go without touching it: it runs on, for a later jail_adopt().
 */
void jail_leave(struct jail_process *p);

/*
 * End and remove the jails in our folder that `known` does not know: what an
 * earlier daemon left.  Returns how many.
 */
unsigned jail_sweep(bool (*known)(const char *name, void *arg), void *arg);

/* --- tools ---------------------------------------------------------------- */

struct jail_run {
	const char *input; /* its standard input, or NULL */
	unsigned timeout_ms;
	size_t output_max; /* more is cut, and the tool ended */
	/* After 0: */
	struct jail_end end;
	bool timed_out;
	bool cut;
	char *output; /* standard output and error; has a NUL; free() it */
	size_t output_len;
};

/*
 * Run a program to its end in a jail; spec->fds must not have 0, 1 or 2.
 * Blocks, timeout_ms at most and some ten milliseconds.  0 when it ran,
 * however it ended; -errno as jail_spawn().
 */
int jail_run(const struct jail_spec *spec, struct jail_run *run,
	     struct rpc_error *err);

#endif
