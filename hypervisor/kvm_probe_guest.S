/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_probe_guest.S: the guest of kvm_probe_run.c, copied to KVM_GUEST_CODE
 * and entered there in 64-bit mode, ring 0, interrupts off.
 *
 * It tells how far it is by writing a doubleword to KVM_GUEST_PORT: what comes
 * next in the top byte, below it the result of what came before.  Only
 * relative addresses are used, and constants of kvm_probe_run.h, so that it
 * runs wherever it is copied to.
 */
#define KVM_PROBE_ASM
#include "hypervisor/kvm_probe_run.h"

	/* what is next, with the result in %eax of what was before */
	.macro say what
	and	$0xffffff, %eax
	or	$(\what << 24), %eax
	out	%eax, $KVM_GUEST_PORT
	.endm

	/* %eax: 0 if the condition holds, else 1 */
	.macro holds condition
	set\condition	%al
	movzbl	%al, %eax
	xor	$1, %eax
	.endm

	.section .rodata
	.balign	16, 0x90
	.globl	kvm_guest_start
	.hidden	kvm_guest_start
	.globl	kvm_guest_end
	.hidden	kvm_guest_end
	.globl	kvm_guest_faults
	.hidden	kvm_guest_faults
	.globl	kvm_guest_breakpoint
	.hidden	kvm_guest_breakpoint
	.code64

kvm_guest_start:
	/* what a kernel does first: its own tables, its own stack */
	lgdt	KVM_GUEST_GDT_PTR
	lidt	KVM_GUEST_IDT_PTR
	mov	$KVM_GUEST_STACK, %esp
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax

	/* what does an exit cost? */
	mov	$KVM_GUEST_EXITS, %esi
1:	xor	%eax, %eax
	say	KVM_STEP_EXIT
	dec	%esi
	jnz	1b

	/* what does an instruction cost? */
	mov	$KVM_GUEST_ROUNDS, %esi
2:	mov	$KVM_GUEST_SHORT, %ecx
	xor	%eax, %eax
	say	KVM_STEP_SHORT
	call	count
	mov	$KVM_GUEST_LONG, %ecx
	say	KVM_STEP_LONG
	call	count
	say	KVM_STEP_COUNTED
	dec	%esi
	jnz	2b

	/* int3, as kernels patch themselves with: KVM_GUEST_INTS times */
	xor	%eax, %eax
	say	KVM_STEP_INT3
	movl	$0, KVM_GUEST_DATA
	mov	$KVM_GUEST_INTS, %ecx
3:	int3
	dec	%ecx
	jnz	3b
	mov	KVM_GUEST_DATA, %eax
	cmp	$KVM_GUEST_INTS, %eax
	holds	e

	/* cmpxchg16b: once that it exchanges, once that it compares */
	say	KVM_STEP_CMPXCHG16B
	testl	$KVM_GUEST_HAS_CX16, KVM_GUEST_HAS
	jz	5f
	mov	$KVM_GUEST_DATA, %edi
	movq	$1, (%rdi)
	movq	$2, 8(%rdi)
	mov	$1, %eax
	mov	$2, %edx
	mov	$3, %ebx
	mov	$4, %ecx
	lock cmpxchg16b (%rdi)
	jne	4f
	lock cmpxchg16b (%rdi)
	je	4f
	cmp	$3, %rax
	jne	4f
	cmp	$4, %rdx
	jne	4f
	cmpq	$3, (%rdi)
	jne	4f
	cmpq	$4, 8(%rdi)
	jne	4f
	jmp	5f
4:	mov	$1, %eax
	jmp	6f
5:	xor	%eax, %eax

	/* is xsetbv noticed?  The host looks, and has set both bits before */
6:	say	KVM_STEP_XSETBV
	testl	$KVM_GUEST_HAS_XSAVE, KVM_GUEST_HAS
	jz	8f
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$KVM_GUEST_XCR0_FIRST, %eax
	xsetbv
	xor	%eax, %eax
8:	say	KVM_STEP_XSAVE

	/* xsave and xrstor, as at each switch of tasks */
	testl	$KVM_GUEST_HAS_XSAVE, KVM_GUEST_HAS
	jz	8f
	xor	%edx, %edx
	mov	$KVM_GUEST_XCR0, %eax
	xsetbv
	fninit
	movabs	$0x0123456789abcdef, %rbx
	movq	%rbx, %xmm7
	mov	$KVM_GUEST_XSAVE, %edi
	xsave64	(%rdi)
	pxor	%xmm7, %xmm7
	xrstor64 (%rdi)
	movq	%xmm7, %rdx
	cmp	%rbx, %rdx
	holds	e
	jmp	9f
8:	xor	%eax, %eax
9:	say	KVM_STEP_DONE
7:	hlt
	jmp	7b

	/*
	 * %ecx turns of KVM_GUEST_TURN instructions; the host knows what must
	 * come out.  %rcx is 0 then.
	 */
count:
	mov	$KVM_GUEST_DATA, %ebx
	movq	$0, (%rbx)
	.balign	16, 0x90
1:	mov	(%rbx), %rax
	lea	7(%rax, %rax, 4), %rax
	push	%rax
	pop	%rdx
	xor	%rcx, %rdx
	mov	%rdx, (%rbx)
	dec	%rcx
	jnz	1b
	mov	(%rbx), %eax
	ret

kvm_guest_breakpoint:
	incl	KVM_GUEST_DATA
	iretq

	/* any other exception, one entry of 16 bytes a vector */
	.balign	16, 0x90
kvm_guest_faults:
	.set	vector, 0
	.rept	32
	.balign	16, 0x90
	mov	$vector, %eax
	jmp	fault
	.set	vector, vector + 1
	.endr
fault:
	say	KVM_STEP_FAULT
1:	hlt
	jmp	1b
kvm_guest_end:

	.section .note.GNU-stack, "", @progbits
