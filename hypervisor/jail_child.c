/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_child.c: from a fork of hypervisord to a program that may do nothing.
 *
 * The order is what matters, and is the table below.  First what needs the
 * host's tree: cgroups, /proc, /dev/null.  Then the new tree: a tmpfs of its
 * own, filled, made read-only, and made the root; the old one is unmounted.
 * Then descriptors, limits, identity, capabilities.  The filter is last.
 *
 * The new root is mounted over /proc, for it must be mounted somewhere, and
 * nothing that is shown in a jail ever comes from there.  All of it is in a
 * mount namespace of its own, and goes with it however this ends.
 *
 * The path of the program is put into page 0 of memory for the filter
 * (jail_seccomp.h), whence CAP_SYS_RAWIO.
 */
#include "hypervisor/jail_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "hypervisor/jail_seccomp.h"

#define MOUNT_POINT "/proc"
#define NOFILE_NOW (2 * JAIL_FDS_FLOOR) /* while descriptors are moved */
#define NOFILE_DEFAULT 256
#define STACK_BYTES (8u << 20)
#define MEMLOCK_BYTES (64u << 10)
#define NULL_DEVICE makedev(1, 3)
#define KVM_DEVICE makedev(10, 232)

static int sys(long rc)
{
	return rc < 0 ? -errno : 0;
}

/* --- process, cgroups, names ---------------------------------------------- */

/* We block and ignore some, and both would be inherited. */
static int reset_signals(struct jail_child *c, unsigned *index)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &action, NULL); /* fails for some, rightly */
	sigemptyset(&none);
	umask(022);
	if (sigprocmask(SIG_SETMASK, &none, NULL))
		return -errno;
	return sys(setsid());
}

static int join_cgroups(struct jail_child *c, unsigned *index)
{
	for (*index = 0; *index < c->door_count; (*index)++) {
		if (write(c->doors[*index], "0", 1) != 1)
			return -errno;
	}
	/* From here on, these are what it takes for the tops. */
	return sys(unshare(CLONE_NEWCGROUP));
}

static int set_oom_score(struct jail_child *c, unsigned *index)
{
	int value = c->spec->oom_score_adj;
	unsigned n = (unsigned)(value < 0 ? -value : value);
	char text[8], *p = text + sizeof(text);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	size_t len;
	int rc = 0;

	if (fd < 0)
		return -errno;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	if (value < 0)
		*--p = '-';
	len = (size_t)(text + sizeof(text) - p);
	if (write(fd, p, len) != (ssize_t)len)
		rc = -errno;
	close(fd);
	return rc;
}

/* It need not know what this machine is called. */
static int forget_names(struct jail_child *c, unsigned *index)
{
	if (sethostname("jail", 4))
		return -errno;
	return sys(setdomainname("", 0));
}

static int open_null(struct jail_child *c, unsigned *index)
{
	c->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return sys(c->null_fd);
}

/* --- the tree ------------------------------------------------------------- */

static int set_attributes(int fd, uint64_t attributes)
{
	struct mount_attr attr = {
		.attr_set = attributes,
		.propagation = MS_PRIVATE,
	};

	return sys(mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
}

/* Its detached mount, or -errno. */
static int new_tmpfs(int fs)
{
	static const char *const options[][2] = {
		{ "size", "1m" }, { "nr_inodes", "4k" }, { "mode", "0755" },
	};
	int fd;

	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (fsconfig(fs, FSCONFIG_SET_STRING, options[i][0],
			     options[i][1], 0))
			return -errno;
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC,
		     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

static int make_root(struct jail_child *c, unsigned *index)
{
	int fs;

	/* Nothing of this gets back to the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	c->root_fd = new_tmpfs(fs);
	close(fs);
	if (c->root_fd < 0)
		return c->root_fd;
	return sys(move_mount(c->root_fd, "", AT_FDCWD, MOUNT_POINT,
			      MOVE_MOUNT_F_EMPTY_PATH));
}

/* The folders above a path, each if it is not there. */
static int make_parents(int root, const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 0; path[i] && i < sizeof(part) - 1; i++) {
		part[i] = path[i];
		part[i + 1] = '\0';
		if (path[i + 1] == '/' && mkdirat(root, part, 0755) &&
		    errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* An empty file or folder to mount on. */
static int make_target(int root, const char *path, bool folder)
{
	int rc = make_parents(root, path);
	int fd;

	if (rc)
		return rc;
	if (folder)
		return sys(mkdirat(root, path, 0755));
	fd = openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int show(int root, const struct jail_mount *m)
{
	const char *inside = m->path + 1;
	int fd = open_tree(AT_FDCWD, m->path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_attributes(fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					MOUNT_ATTR_NODEV |
					(m->runs ? 0 : MOUNT_ATTR_NOEXEC));
	if (!rc)
		rc = make_target(root, inside, m->folder);
	if (!rc)
		rc = sys(move_mount(fd, "", root, inside,
				    MOVE_MOUNT_F_EMPTY_PATH));
	close(fd);
	return rc;
}

static int show_files(struct jail_child *c, unsigned *index)
{
	int rc = 0;

	for (*index = 0; *index < c->tree->count; (*index)++) {
		rc = show(c->root_fd, &c->tree->mounts[*index]);
		if (rc)
			break;
	}
	return rc;
}

static int show_images(struct jail_child *c, unsigned *index)
{
	for (*index = 0; *index < c->spec->image_count; (*index)++) {
		const char *inside = c->spec->images[*index].as + 1;
		int rc = make_target(c->root_fd, inside, false);

		if (rc)
			return rc;
		if (move_mount(c->image_mounts[*index], "", c->root_fd, inside,
			       MOVE_MOUNT_F_EMPTY_PATH))
			return -errno;
	}
	return 0;
}

static int make_node(struct jail_child *c, const char *path,
		     dev_t device)
{
	if (mknodat(c->root_fd, path, S_IFCHR | 0600, device))
		return -errno;
	return sys(fchownat(c->root_fd, path, c->spec->uid, c->spec->gid,
			    AT_SYMLINK_NOFOLLOW));
}

/*
 * Nodes of its own: the host's /dev/kvm is root's, and stays so.  Programs
 * like to have a /dev/null (QEMU asks it whether files can be locked).
 */
static int make_devices(struct jail_child *c, unsigned *index)
{
	int rc;

	if (mkdirat(c->root_fd, "dev", 0755) && errno != EEXIST)
		return -errno;
	rc = make_node(c, "dev/null", NULL_DEVICE);
	if (rc || !c->spec->kvm)
		return rc;
	return make_node(c, "dev/kvm", KVM_DEVICE);
}

/* pivot_root(2): with both the same, the old root lies on the new one. */
static int enter_root(struct jail_child *c, unsigned *index)
{
	int rc = set_attributes(c->root_fd, MOUNT_ATTR_RDONLY);

	if (rc)
		return rc;
	if (fchdir(c->root_fd) || syscall(SYS_pivot_root, ".", ".") ||
	    umount2(".", MNT_DETACH))
		return -errno;
	return sys(chdir("/"));
}

/* --- descriptors and limits ----------------------------------------------- */

static int limit(int resource, rlim_t value)
{
	struct rlimit both = { value, value };

	return sys(setrlimit(resource, &both));
}

/* All copies first: a place may be another one's source. */
static int place_fds(struct jail_child *c, unsigned *index)
{
	const struct jail_fd_plan *plan = c->fds;
	int copies[JAIL_FDS_MAX + 3];

	for (*index = 0; *index < plan->move_count; (*index)++) {
		int fd = plan->moves[*index].fd;

		if (fd == JAIL_FDS_NULL)
			fd = c->null_fd;
		copies[*index] = fcntl(fd, F_DUPFD_CLOEXEC, JAIL_FDS_FLOOR);
		if (copies[*index] < 0)
			return -errno;
	}
	for (*index = 0; *index < plan->move_count; (*index)++) {
		if (dup2(copies[*index], plan->moves[*index].as) < 0)
			return -errno;
	}
	return 0;
}

static int pass_fds(struct jail_child *c, unsigned *index)
{
	int rc = limit(RLIMIT_NOFILE, NOFILE_NOW);
	int report;

	if (rc)
		return rc;
	report = fcntl(c->report_fd, F_DUPFD_CLOEXEC, JAIL_FDS_FLOOR);
	if (report < 0)
		return -errno;
	c->report_fd = report;
	rc = place_fds(c, index);
	for (unsigned i = 0; i < c->fds->gap_count && !rc; i++)
		rc = sys(close_range(c->fds->gaps[i].first,
				     c->fds->gaps[i].last, 0));
	return rc ? rc : sys(close_range(JAIL_FDS_FLOOR, ~0U,
					 CLOSE_RANGE_CLOEXEC));
}

static int set_limits(struct jail_child *c, unsigned *index)
{
	const struct jail_limits *l = &c->spec->limits;
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_NOFILE, l->nofile ? l->nofile : NOFILE_DEFAULT },
		{ RLIMIT_FSIZE, l->fsize_bytes ? l->fsize_bytes :
						 RLIM_INFINITY },
		{ RLIMIT_STACK, STACK_BYTES },
		{ RLIMIT_MEMLOCK, MEMLOCK_BYTES },
		{ RLIMIT_CORE, 0 }, /* the guest's memory */
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, 0 },
	};
	int rc = 0;

	for (*index = 0; *index < sizeof(limits) / sizeof(limits[0]) && !rc;
	     (*index)++)
		rc = limit(limits[*index].resource, limits[*index].value);
	return rc;
}

/* --- identity ------------------------------------------------------------- */

static int place_path(struct jail_child *c, unsigned *index)
{
	/* Behind the compiler's back, which knows that 0 is no address. */
	volatile uintptr_t page = 0;
	volatile char *to;
	const char *from = c->spec->argv[0];

	if (mmap((void *)page, JAIL_EXEC_PATH + PATH_MAX,
		 PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -errno;
	to = (volatile char *)(page + JAIL_EXEC_PATH);
	do
		*to++ = *from;
	while (*from++);
	return 0;
}

static int drop_bounds(struct jail_child *c, unsigned *index)
{
	const unsigned long bits =
		SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
		SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
		SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    prctl(PR_SET_SECUREBITS, bits, 0, 0, 0))
		return -errno;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
	     cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	}
	return 0;
}

/* By number: the C library's functions would want to tell other threads. */
static int become(struct jail_child *c, unsigned *index)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
	uid_t uid = c->spec->uid;
	gid_t gid = c->spec->gid;

	if (syscall(SYS_setgroups, 0, NULL) ||
	    syscall(SYS_setresgid, gid, gid, gid) ||
	    syscall(SYS_setresuid, uid, uid, uid) ||
	    syscall(SYS_capset, &head, none))
		return -errno;
	/* Else root's session keyring would be its own. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
	    errno != ENOSYS)
		return -errno;
	umask(077);
	return 0;
}

static int load_filter(struct jail_child *c, unsigned *index)
{
	if (!c->filter->len)
		return 0;
	return sys(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			   SECCOMP_FILTER_FLAG_LOG, c->filter));
}

static void report(const struct jail_child *c, const struct jail_report *r)
{
	ssize_t n = write(c->report_fd, r, sizeof(*r));

	(void)n; /* then nobody is there to be told */
}

static int execute(struct jail_child *c, unsigned *index)
{
	static char *const empty[] = { NULL };
	const struct jail_report ready = { .step = -1 };
	volatile uintptr_t path = JAIL_EXEC_PATH;

	report(c, &ready);
	execve((const char *)path, (char *const *)c->spec->argv,
	       c->spec->env ? (char *const *)c->spec->env : empty);
	return -errno;
}

/* --- the order ------------------------------------------------------------ */

static const struct {
	int (*run)(struct jail_child *c, unsigned *index);
	const char *text;
} steps[] = {
	{ reset_signals, "reset its signals" },
	{ join_cgroups, "join its cgroups" },
	{ set_oom_score, "set its oom_score_adj" },
	{ forget_names, "name its machine" },
	{ open_null, "open /dev/null" },
	{ make_root, "make an empty root" },
	{ show_files, "show" },
	{ show_images, "show the image" },
	{ make_devices, "make its devices" },
	{ enter_root, "enter its root" },
	{ pass_fds, "pass descriptors" },
	{ set_limits, "set its limits" },
	{ place_path, "map page 0 (CAP_SYS_RAWIO) for the path" },
	{ drop_bounds, "drop capabilities" },
	{ become, "become its user" },
	{ load_filter, "load the system call filter" },
	{ execute, "execute" },
};

void jail_child_run(struct jail_child *c)
{
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct jail_report r = { .step = (int)i };

		r.error = -steps[i].run(c, &r.index);
		if (!r.error)
			continue;
		report(c, &r);
		break;
	}
	_exit(127);
}

const char *jail_child_step(int step)
{
	return step >= 0 && (size_t)step < sizeof(steps) / sizeof(steps[0]) ?
		       steps[step].text :
		       "start";
}

const char *jail_child_object(const struct jail_child *c,
			      const struct jail_report *r)
{
	if (r->step < 0 || (size_t)r->step >= sizeof(steps) / sizeof(steps[0]))
		return NULL;
	if (steps[r->step].run == show_files && r->index < c->tree->count)
		return c->tree->mounts[r->index].path;
	if (steps[r->step].run == show_images &&
	    r->index < c->spec->image_count)
		return c->spec->images[r->index].as;
	return steps[r->step].run == execute ? c->spec->argv[0] : NULL;
}
