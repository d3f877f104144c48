/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_probe.h: does /dev/kvm run a kernel, or does it only open?
 *
 * A device that opens says little: nested, emulating or half-made KVMs exist
 * that run programs and not kernels.  So a guest of one page is run: 64-bit,
 * in ring 0, with page tables, GDT and IDT of its own, through a few thousand
 * instructions including those that such KVMs fail at.  It takes some
 * milliseconds, and the answer holds until the next boot.
 *
 * Everything happens in a child process with a time limit: whatever the
 * device does, the caller gets an answer, and soon.  Nothing but libc is
 * needed.
 */
#ifndef CAUSEWAY_KVM_PROBE_H
#define CAUSEWAY_KVM_PROBE_H

#include <stdbool.h>

#define KVM_PROBE_LIMIT_MS 200
#define KVM_PROBE_INSN_NS_MAX 50 /* slower than that is emulated */
#define KVM_PROBE_EXIT_NS_MAX 15000 /* slower than that is nested */

enum kvm_verdict {
	KVM_ABSENT,   /* no device; modules may be missing */
	KVM_DENIED,   /* a device that we may not open */
	KVM_UNUSABLE, /* it opens, and does not run a kernel */
	KVM_SLOW,     /* usable, not what hardware is: KVM in KVM or in TCG */
	KVM_USABLE,
};

struct kvm_probe {
	enum kvm_verdict verdict;
	double insn_ns;	   /* an instruction; 0: not measured */
	double exit_ns;	   /* an exit to us and back; 0: not measured */
	unsigned took_ms;
	/*
	 * A guest's xsetbv is undone at the next exit, as by the SVM of
	 * QEMU's TCG (7.2): such a guest must have no XSAVE.
	 */
	bool xsetbv_lost;
	char reason[200]; /* a sentence for a person, always there */
};

struct kvm_probe_conf {
	const char *device;   /* NULL: /dev/kvm */
	const char *keep;     /* file that keeps the answer; NULL: none */
	bool again;	      /* do not believe what is kept, replace it */
	/* for tests; 0: the values above */
	unsigned limit_ms;
	unsigned insn_ns_max;
	unsigned exit_ns_max;
};

/*
 * Ask.  conf may be NULL.  The kept answer is taken if it is of this boot and
 * only we could have written it; ABSENT and DENIED are never kept, since a
 * modprobe or a chmod mends them.  Blocks for at most limit_ms and a little.
 */
void kvm_probe(const struct kvm_probe_conf *conf, struct kvm_probe *out);

/* May guests be started with it? */
static inline bool kvm_probe_is_usable(const struct kvm_probe *p)
{
	return p->verdict >= KVM_SLOW;
}

/* "absent", "denied", "unusable", "slow", "usable" */
const char *kvm_verdict_word(enum kvm_verdict verdict);

#endif
