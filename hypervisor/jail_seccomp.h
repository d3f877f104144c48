/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_seccomp.h: which system calls a jail may make.
 *
 * The filter is a list of what is allowed, and in force before the program's
 * first instruction.  The list is what a device model and a storage tool were
 * seen to use (boot, hot-plug of disks and NICs, saving to a descriptor, a
 * screen), and what the C library may use in place of these.  Beyond it:
 *
 * - A call outside of the list fails with EPERM (ENOSYS for clone3, so that
 *   the C library takes clone, whose flags can be looked at).  Killing would
 *   be safer against an attacker, but libraries try calls and do without:
 *   a guest must not die of a probe that nobody has seen yet.
 * - A call that no program here has a use for, only who attacks the kernel or
 *   the host (ptrace, mount, bpf, setns, ...), kills the process: then its
 *   end says so.
 * - No socket is made, bound or connected; those passed in are accepted from,
 *   read and written.  No process is made, only threads.
 *
 * Executing.  The filter is there before the program, so it must let execve
 * pass, but once.  It passes only with its path at address JAIL_EXEC_PATH, in
 * the lowest page of memory, which only CAP_SYS_RAWIO may map: we do, the
 * program, whose memory is new and whose capabilities are none, cannot.
 */
#ifndef CAUSEWAY_JAIL_SECCOMP_H
#define CAUSEWAY_JAIL_SECCOMP_H

#include <linux/filter.h>

#include "hypervisor/jail.h"

/* Not 0, which would be no path. */
#define JAIL_EXEC_PATH 16

/*
 * The filter as the kernel takes it; made once, belongs to this module.
 * ->len is 0 for JAIL_CALLS_ALL.  NULL: *err has words.
 */
const struct sock_fprog *jail_seccomp(enum jail_calls calls, bool kvm,
				      struct rpc_error *err);
void jail_seccomp_forget(void);

#endif
