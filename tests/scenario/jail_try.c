/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_try.c: what a device model would try that its guest has taken over.
 *
 *	jail-try ATTEMPT [ARGUMENT]
 *
 * runs in a jail, makes one attempt, and says what came of it: exit status 0
 * when it succeeded, which for most is bad; 1 when it was refused, with the
 * reason; 2 when there is no such attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/perf_event.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>

#define CHUNK (1u << 20)

/* 0 or -1 with errno, as a system call. */
typedef long (*attempt_fn)(const char *arg);

static long number(const char *arg)
{
	return strtol(arg, NULL, 0);
}

/* --- files ---------------------------------------------------------------- */

static long try_open(const char *path)
{
	return open(path, O_RDONLY);
}

static long try_create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long try_write(const char *path)
{
	return open(path, O_WRONLY);
}

/* Out by "..", from the root and from a root within it. */
static long try_dots(const char *path)
{
	char up[512] = "";

	for (int i = 0; i < 40; i++)
		strcat(up, "../");
	if (chdir("/") || chdir(up))
		return -1;
	strcat(up, path + 1);
	return open(up, O_RDONLY);
}

static long try_chroot(const char *path)
{
	return chroot(path);
}

static long try_mount(const char *type)
{
	return mount("x", "/dev", type, 0, NULL);
}

static long try_remount(const char *path)
{
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long try_umount(const char *path)
{
	return umount2(path, MNT_DETACH);
}

static long try_pivot_root(const char *arg)
{
	return syscall(SYS_pivot_root, "/dev", "/dev");
}

static long try_mknod(const char *arg)
{
	return mknod("/dev/disk", S_IFBLK | 0600, makedev(254, 0));
}

static long try_memory_node(const char *arg)
{
	return mknod("/mem", S_IFCHR | 0600, makedev(1, 1));
}

static long try_handle(const char *arg)
{
	struct {
		struct file_handle head;
		uint32_t inode[2];
	} h = { .head = { .handle_bytes = 8, .handle_type = 1 },
		.inode = { 2, 0 } };

	return open_by_handle_at(open("/", O_RDONLY | O_DIRECTORY), &h.head,
				 O_RDONLY);
}

/* --- sockets -------------------------------------------------------------- */

static long try_socket(const char *family)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} all[] = {
		{ "unix", AF_UNIX, SOCK_STREAM, 0 },
		{ "inet", AF_INET, SOCK_STREAM, 0 },
		{ "inet6", AF_INET6, SOCK_DGRAM, 0 },
		{ "raw", AF_INET, SOCK_RAW, IPPROTO_RAW },
		{ "packet", AF_PACKET, SOCK_RAW, 0 },
		{ "netlink", AF_NETLINK, SOCK_RAW, 0 },
		{ "vsock", AF_VSOCK, SOCK_STREAM, 0 },
		{ "alg", AF_ALG, SOCK_SEQPACKET, 0 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(family, all[i].name))
			return socket(all[i].family, all[i].type,
				      all[i].protocol);
	}
	exit(2);
}

/* "@name" is an abstract one. */
static long try_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (*path == '@')
		un.sun_path[0] = '\0';
	if (fd < 0)
		return -1;
	return connect(fd, (struct sockaddr *)&un,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   strlen(path) + (*path != '@')));
}

/* By the number of a socket that was passed in. */
static long try_connect_passed(const char *arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX,
				  .sun_path = "/run/x" };

	return connect((int)number(arg), (struct sockaddr *)&un, sizeof(un));
}

static long try_tcp(const char *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)number(port)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&in, sizeof(in));
}

/* A link that is up, or that could be brought up. */
static long try_link_up(const char *arg)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -1;
	if (ifr.ifr_flags & IFF_UP)
		return 0;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

/* --- other processes ------------------------------------------------------ */

static long try_kill(const char *pid)
{
	return kill((pid_t)number(pid), SIGKILL);
}

static long try_ptrace(const char *pid)
{
	return ptrace(PTRACE_SEIZE, (pid_t)number(pid), NULL, NULL);
}

static long try_peek(const char *pid)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { (void *)try_peek, 1 };

	return process_vm_readv((pid_t)number(pid), &to, 1, &from, 1, 0);
}

static long try_pidfd(const char *pid)
{
	return syscall(SYS_pidfd_open, number(pid), 0);
}

static long try_setpriority(const char *pid)
{
	return setpriority(PRIO_PROCESS, (id_t)number(pid), -20);
}

static long try_fork(const char *arg)
{
	long pid = syscall(SYS_fork);

	if (!pid)
		_exit(0);
	return pid;
}

/* The kernel's clone3, not the library's choice. */
static long try_clone3(const char *arg)
{
	struct {
		uint64_t word[11];
	} args = { { CLONE_NEWUSER } };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		_exit(0);
	return pid;
}

static long try_exec(const char *path)
{
	char *const argv[] = { (char *)"again", NULL };

	return execve(path, argv, argv + 1);
}

static long try_execveat(const char *path)
{
	char *const argv[] = { (char *)"again", NULL };

	return syscall(SYS_execveat, open(path, O_PATH), "", argv, argv + 1,
		       AT_EMPTY_PATH);
}

/* The address from which the program itself was executed. */
static long try_page_zero(const char *arg)
{
	volatile uintptr_t zero = 0;
	void *page = mmap((void *)zero, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return page == MAP_FAILED ? -1 : 0;
}

/* --- identity ------------------------------------------------------------- */

static long try_setuid(const char *uid)
{
	return syscall(SYS_setresuid, number(uid), number(uid), number(uid));
}

static long try_setgid(const char *gid)
{
	return syscall(SYS_setresgid, number(gid), number(gid), number(gid));
}

static long try_setgroups(const char *arg)
{
	gid_t root = 0;

	return syscall(SYS_setgroups, 1, &root);
}

static long try_capset(const char *arg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct all[2] = { { ~0U, ~0U, 0 },
						 { 0x1ff, 0x1ff, 0 } };

	return syscall(SYS_capset, &head, all);
}

static long try_unshare(const char *flags)
{
	return unshare((int)number(flags));
}

/* --- the kernel ----------------------------------------------------------- */

static long try_bpf(const char *arg)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long try_perf(const char *arg)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long try_keyctl(const char *arg)
{
	return syscall(SYS_keyctl, 0, -3, 1); /* the session's keyring */
}

static long try_userfaultfd(const char *arg)
{
	return syscall(SYS_userfaultfd, 1 /* user mode only */);
}

static long try_io_uring(const char *arg)
{
	char params[120] = { 0 };

	return syscall(SYS_io_uring_setup, 4, params);
}

static long try_kexec(const char *arg)
{
	return syscall(SYS_kexec_load, 0, 0, NULL, 0);
}

static long try_module(const char *arg)
{
	return syscall(SYS_init_module, "", 0, "");
}

static long try_iopl(const char *arg)
{
	return syscall(SYS_iopl, 3);
}

static long try_reboot(const char *arg)
{
	return syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL);
}

static long try_clock(const char *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return syscall(SYS_clock_settime, CLOCK_REALTIME, &now);
}

/* A call of 32-bit programs, past a filter that looks at numbers only. */
static long try_int80(const char *arg)
{
	long rc = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
	return rc < 0 ? (errno = (int)-rc, -1) : 0;
}

static long try_realtime(const char *arg)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &p);
}

static long try_raise_limit(const char *arg)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_NOFILE, &l);
}

/* Type a command into whoever's terminal this is. */
static long try_tiocsti(const char *fd)
{
	return ioctl((int)number(fd), TIOCSTI, "x");
}

static long try_environment(const char *arg)
{
	return environ[0] ? 0 : (errno = ENOENT, -1);
}

/* --- more than its share -------------------------------------------------- */

static void *rest(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* All of these say how far they got, and succeed. */
static long try_threads(const char *arg)
{
	long n = 1;
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	while (n < 100000 && !pthread_create(&t, &attr, rest, NULL))
		n++;
	printf("%ld threads\n", n);
	return 0;
}

static long try_forks(const char *arg)
{
	long n = 1;
	pid_t pid = 0;

	while (n < 100000 && (pid = fork()) > 0)
		n++;
	if (!pid)
		rest(NULL);
	printf("%ld processes\n", n);
	return 0;
}

static long try_fds(const char *arg)
{
	long n = 3;

	while (n < 1000000 && dup(0) >= 0)
		n++;
	printf("%ld descriptors\n", n);
	return 0;
}

static long try_memory(const char *arg)
{
	for (;;) {
		char *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -1;
		memset(p, 1, CHUNK);
	}
}

/* Memory of files is memory, too. */
static long try_memfd(const char *arg)
{
	static char chunk[CHUNK];
	int fd = memfd_create("x", 0);

	while (write(fd, chunk, sizeof(chunk)) > 0)
		;
	return -1;
}

static long try_big_file(const char *fd)
{
	off_t at = 0;

	while (pwrite((int)number(fd), "0123456789abcdef", 16, at) == 16)
		at += 4096;
	printf("%ld bytes\n", (long)at);
	return -1;
}

static long try_hog(const char *seconds)
{
	time_t until = time(NULL) + number(seconds);

	while (time(NULL) < until)
		;
	return 0;
}

static long try_crash(const char *arg)
{
	volatile uintptr_t nowhere = 8;

	return *(volatile char *)nowhere;
}

static long try_abort(const char *arg)
{
	abort();
}

static long try_sleep(const char *seconds)
{
	sleep((unsigned)number(seconds));
	return 0;
}

/* --- which one ------------------------------------------------------------ */

static const struct {
	const char *name;
	attempt_fn run;
} attempts[] = {
	{ "open", try_open },
	{ "create", try_create },
	{ "write", try_write },
	{ "dots", try_dots },
	{ "chroot", try_chroot },
	{ "mount", try_mount },
	{ "remount", try_remount },
	{ "umount", try_umount },
	{ "pivot-root", try_pivot_root },
	{ "mknod", try_mknod },
	{ "memory-node", try_memory_node },
	{ "handle", try_handle },
	{ "socket", try_socket },
	{ "connect", try_connect },
	{ "connect-passed", try_connect_passed },
	{ "tcp", try_tcp },
	{ "link-up", try_link_up },
	{ "kill", try_kill },
	{ "ptrace", try_ptrace },
	{ "peek", try_peek },
	{ "pidfd", try_pidfd },
	{ "setpriority", try_setpriority },
	{ "fork", try_fork },
	{ "clone3", try_clone3 },
	{ "exec", try_exec },
	{ "execveat", try_execveat },
	{ "page-zero", try_page_zero },
	{ "setuid", try_setuid },
	{ "setgid", try_setgid },
	{ "setgroups", try_setgroups },
	{ "capset", try_capset },
	{ "unshare", try_unshare },
	{ "bpf", try_bpf },
	{ "perf", try_perf },
	{ "keyctl", try_keyctl },
	{ "userfaultfd", try_userfaultfd },
	{ "io_uring", try_io_uring },
	{ "kexec", try_kexec },
	{ "module", try_module },
	{ "iopl", try_iopl },
	{ "reboot", try_reboot },
	{ "clock", try_clock },
	{ "int80", try_int80 },
	{ "realtime", try_realtime },
	{ "raise-limit", try_raise_limit },
	{ "tiocsti", try_tiocsti },
	{ "environment", try_environment },
	{ "threads", try_threads },
	{ "forks", try_forks },
	{ "fds", try_fds },
	{ "memory", try_memory },
	{ "memfd", try_memfd },
	{ "big-file", try_big_file },
	{ "hog", try_hog },
	{ "crash", try_crash },
	{ "abort", try_abort },
	{ "sleep", try_sleep },
};

int main(int argc, char **argv)
{
	const char *arg = argc > 2 ? argv[2] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (argc < 2 || strcmp(argv[1], attempts[i].name))
			continue;
		errno = 0;
		if (attempts[i].run(arg) >= 0) {
			printf("%s %s: done\n", argv[1], arg);
			return 0;
		}
		printf("%s %s: %s\n", argv[1], arg, strerror(errno));
		return 1;
	}
	return 2;
}
