/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_probe_run.h: what kvm_probe.c, its monitor and its guest agree on.
 * Read by the assembler too.
 */
#ifndef CAUSEWAY_KVM_PROBE_RUN_H
#define CAUSEWAY_KVM_PROBE_RUN_H

/* Guest-physical addresses, mapped one to one. */
#define KVM_GUEST_PML4 0x1000
#define KVM_GUEST_PDPT 0x2000
#define KVM_GUEST_PD 0x3000
#define KVM_GUEST_GDT 0x4000
#define KVM_GUEST_GDT_PTR 0x4100
#define KVM_GUEST_IDT_PTR 0x4110
#define KVM_GUEST_HAS 0x4120 /* doubleword: KVM_GUEST_HAS_... */
#define KVM_GUEST_IDT 0x5000
#define KVM_GUEST_DATA 0x6000
#define KVM_GUEST_STACK 0x8000 /* grows down from here */
#define KVM_GUEST_CODE 0x8000
#define KVM_GUEST_XSAVE 0xa000
#define KVM_GUEST_BYTES 0x10000

#define KVM_GUEST_PORT 0x5a
#define KVM_GUEST_HAS_CX16 1
#define KVM_GUEST_HAS_XSAVE 2

#define KVM_GUEST_XCR0 3       /* x87 and SSE */
#define KVM_GUEST_XCR0_FIRST 1 /* x87 alone */

#define KVM_GUEST_EXITS 16
#define KVM_GUEST_ROUNDS 5
#define KVM_GUEST_SHORT 200 /* turns */
#define KVM_GUEST_LONG 1000
#define KVM_GUEST_TURN 8 /* instructions of a turn */
#define KVM_GUEST_INTS 16

/* What the guest is about to do. */
#define KVM_STEP_EXIT 1
#define KVM_STEP_SHORT 2
#define KVM_STEP_LONG 3
#define KVM_STEP_COUNTED 4
#define KVM_STEP_INT3 5
#define KVM_STEP_CMPXCHG16B 6
#define KVM_STEP_XSETBV 7
#define KVM_STEP_XSAVE 8
#define KVM_STEP_DONE 9
#define KVM_STEP_FAULT 0xee /* an exception; its vector */

#ifndef KVM_PROBE_ASM

#include "hypervisor/kvm_probe.h"

/*
 * Run the guest on an open /dev/kvm.  insn_ns and exit_ns are set as soon as
 * they are known, xsetbv_lost if all goes well; reason is "" if it did, else
 * what did not.  May hang or be killed: call it in a child.
 */
void kvm_probe_run(int kvm, struct kvm_probe *out);

#endif
#endif
