/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_seccomp.c: see jail_seccomp.h.  libseccomp makes the program, here, in
 * the parent, once; what is left to do in the child is one system call.
 */
#include "hypervisor/jail_seccomp.h"

#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/rpc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* What every program does. */
static const int common[] = {
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(msync),
	SCMP_SYS(membarrier), SCMP_SYS(memfd_create),
	/* open descriptors */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv),
	SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2),
	SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(fstatfs),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
	SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(fadvise64),
	SCMP_SYS(copy_file_range), SCMP_SYS(flock), SCMP_SYS(fcntl),
	SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(close),
	SCMP_SYS(close_range), SCMP_SYS(pipe), SCMP_SYS(pipe2),
	SCMP_SYS(getdents64),
	/* paths, in a tree with nothing in it */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(newfstatat),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(statfs),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	SCMP_SYS(chdir), SCMP_SYS(fchdir),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2), SCMP_SYS(signalfd4),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	/* time */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(timer_create),
	SCMP_SYS(timer_settime), SCMP_SYS(timer_gettime),
	SCMP_SYS(timer_getoverrun), SCMP_SYS(timer_delete),
	/* threads and signals: there is nobody else to signal */
	SCMP_SYS(futex), SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address), SCMP_SYS(gettid), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu), SCMP_SYS(arch_prctl),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* what it may know of itself and the machine */
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getresuid), SCMP_SYS(getresgid),
	SCMP_SYS(getgroups), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
	SCMP_SYS(times), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom), SCMP_SYS(get_mempolicy),
};

/* Sockets that were passed, and what comes of them. */
static const int model[] = {
	SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
};

/* Size and shape of a disk that is a block device; is there more to read? */
static const unsigned requests[] = {
	BLKGETSIZE64,  BLKSSZGET,  BLKPBSZGET, BLKSECTGET, BLKROGET,
	BLKROTATIONAL, BLKDISCARD, BLKZEROOUT, BLKFLSBUF,  FIONREAD,
	FIONBIO,
};

static const int harmless_prctl[] = {
	PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
	PR_GET_SECCOMP, PR_CAPBSET_READ, PR_SET_TIMERSLACK, PR_SET_VMA,
	PR_MCE_KILL,
};

/* Calls nobody makes by mistake. */
static const int deadly[] = {
	/* other processes */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages),
	/* another program, root or namespace */
	SCMP_SYS(execveat), SCMP_SYS(mount), SCMP_SYS(umount2),
	SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(open_tree), SCMP_SYS(move_mount),
	SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount),
	SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
	/* another identity */
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
	SCMP_SYS(setregid), SCMP_SYS(setresuid), SCMP_SYS(setresgid),
	SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(setgroups),
	SCMP_SYS(capset),
	/* the kernel */
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(add_key),
	SCMP_SYS(keyctl), SCMP_SYS(request_key), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt),
	SCMP_SYS(quotactl), SCMP_SYS(syslog), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime), SCMP_SYS(mknod), SCMP_SYS(mknodat),
	SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie),
};

/* --- rules ---------------------------------------------------------------- */

static int rule_all(scmp_filter_ctx ctx, uint32_t action, const int *calls,
		    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int rc = seccomp_rule_add(ctx, action, calls[i], 0);

		/* -EDOM: this machine does not have it. */
		if (rc && rc != -EDOM)
			return rc;
	}
	return 0;
}

static int allow_if(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp cmp)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &cmp);
}

/* Threads, and no namespace of their own. */
static int allow_threads(scmp_filter_ctx ctx)
{
	const scmp_datum_t looked_at =
		CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
		CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int rc = allow_if(ctx, SCMP_SYS(clone),
			  SCMP_A0(SCMP_CMP_MASKED_EQ, looked_at, CLONE_THREAD));

	return rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
					  SCMP_SYS(clone3), 0);
}

/* Once: jail_seccomp.h. */
static int allow_exec(scmp_filter_ctx ctx)
{
	int rc = allow_if(ctx, SCMP_SYS(execve),
			  SCMP_A0(SCMP_CMP_EQ, JAIL_EXEC_PATH, 0));
	struct scmp_arg_cmp other = SCMP_A0(SCMP_CMP_NE, JAIL_EXEC_PATH, 0);

	return rc ? rc : seccomp_rule_add_array(ctx, SCMP_ACT_KILL_PROCESS,
						SCMP_SYS(execve), 1, &other);
}

/*
 * Its own limits may be read, not set.  It may confine itself further.  What
 * it wants to unlink is not there: whoever listens on a path does that first
 * and goes on.
 */
static int allow_self(scmp_filter_ctx ctx)
{
	int rc = allow_if(ctx, SCMP_SYS(prlimit64),
			  SCMP_A2(SCMP_CMP_EQ, 0, 0));

	for (size_t i = 0; i < COUNT(harmless_prctl) && !rc; i++)
		rc = allow_if(ctx, SCMP_SYS(prctl),
			      SCMP_A0(SCMP_CMP_EQ,
				      (scmp_datum_t)harmless_prctl[i], 0));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(seccomp),
				      0);
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT),
				      SCMP_SYS(unlink), 0);
	return rc;
}

/* The kernel reads 32 bits of a request, so we do. */
static int allow_requests(scmp_filter_ctx ctx, bool kvm)
{
	int rc = 0;

	for (size_t i = 0; i < COUNT(requests) && !rc; i++)
		rc = allow_if(ctx, SCMP_SYS(ioctl),
			      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff,
				      requests[i]));
	if (!rc && kvm) /* KVMIO is the second byte of each of KVM's */
		rc = allow_if(ctx, SCMP_SYS(ioctl),
			      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 0xae00));
	return rc;
}

/* A pair of stream sockets is a pipe, that a vhost-user peer is given. */
static int allow_pairs(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp cmp[] = {
		SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
		SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM),
	};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
				      SCMP_SYS(socketpair), 2, cmp);
}

static int add_rules(scmp_filter_ctx ctx, enum jail_calls calls, bool kvm)
{
	int rc = rule_all(ctx, SCMP_ACT_ALLOW, common, COUNT(common));

	if (!rc && calls == JAIL_CALLS_MODEL)
		rc = rule_all(ctx, SCMP_ACT_ALLOW, model, COUNT(model));
	if (!rc && calls == JAIL_CALLS_MODEL)
		rc = allow_pairs(ctx);
	if (!rc)
		rc = rule_all(ctx, SCMP_ACT_KILL_PROCESS, deadly,
			      COUNT(deadly));
	if (!rc)
		rc = allow_threads(ctx);
	if (!rc)
		rc = allow_exec(ctx);
	if (!rc)
		rc = allow_self(ctx);
	return rc ? rc : allow_requests(ctx, kvm);
}

/* --- programs ------------------------------------------------------------- */

static struct sock_fprog made[JAIL_CALLS_ALL + 1][2]; /* by calls, kvm */

/* libseccomp writes it to a descriptor only. */
static int export(scmp_filter_ctx ctx, struct sock_fprog *prog)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	off_t size;
	int rc;

	if (fd < 0)
		return -errno;
	rc = seccomp_export_bpf(ctx, fd);
	size = lseek(fd, 0, SEEK_CUR);
	if (!rc && (size <= 0 || size % (off_t)sizeof(struct sock_filter) ||
		    size / (off_t)sizeof(struct sock_filter) > BPF_MAXINSNS))
		rc = -EFBIG;
	if (!rc) {
		prog->filter = malloc((size_t)size);
		if (!prog->filter)
			rc = -ENOMEM;
		else if (pread(fd, prog->filter, (size_t)size, 0) != size)
			rc = -EIO;
		else
			prog->len = (unsigned short)(size /
				(off_t)sizeof(struct sock_filter));
	}
	close(fd);
	return rc;
}

static int make(struct sock_fprog *prog, enum jail_calls calls, bool kvm)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!ctx)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			      SCMP_ACT_KILL_PROCESS);
	if (!rc) /* a tree, not a chain of comparisons */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!rc)
		rc = add_rules(ctx, calls, kvm);
	if (!rc)
		rc = export(ctx, prog);
	seccomp_release(ctx);
	return rc;
}

const struct sock_fprog *jail_seccomp(enum jail_calls calls, bool kvm,
				      struct rpc_error *err)
{
	struct sock_fprog *prog = &made[calls][kvm];
	int rc;

	if (calls == JAIL_CALLS_ALL || prog->len)
		return prog;
	rc = make(prog, calls, kvm);
	if (!rc)
		return prog;
	free(prog->filter);
	memset(prog, 0, sizeof(*prog));
	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL,
		      "cannot make the system call filter: %s", strerror(-rc));
	return NULL;
}

void jail_seccomp_forget(void)
{
	for (unsigned c = 0; c <= JAIL_CALLS_ALL; c++) {
		for (unsigned k = 0; k < 2; k++)
			free(made[c][k].filter);
	}
	memset(made, 0, sizeof(made));
}
