/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_probe_run.c: the smallest monitor that can run kvm_probe_guest.S.
 *
 * One vCPU, one page table, no interrupt controller, no device.  The guest
 * says by exits on one port what it does next; the list below has them in
 * order with the result each must bring.  Anything else that makes KVM come
 * back is what the probe is looking for.
 *
 * Time is taken between exits.  A short and a long count of the same
 * instructions are compared, so that the exits around them cancel out, and
 * the fastest of several rounds is taken, so that others on this core do not
 * count.
 */
#include "hypervisor/kvm_probe_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define CPUID_ENTRIES 256
#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PDE_LARGE 0x80ull

extern const uint8_t kvm_guest_start[], kvm_guest_end[];
extern const uint8_t kvm_guest_faults[], kvm_guest_breakpoint[];

struct guest {
	int vm, cpu;
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_bytes;
	uint32_t has; /* KVM_GUEST_HAS_... */
	/* measured */
	uint64_t last_ns, short_ns, begun_ns;
	uint64_t best_exit_ns, best_count_ns;
	const char *doing;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int fail(struct kvm_probe *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int fail(struct kvm_probe *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
	va_end(ap);
	return -1;
}

/* --- memory --------------------------------------------------------------- */

static void put64(struct guest *g, unsigned at, uint64_t v)
{
	memcpy(g->memory + at, &v, sizeof(v));
}

/* The operand of lgdt and lidt. */
static void put_table(struct guest *g, unsigned at, uint64_t base,
		      uint16_t bytes)
{
	uint16_t limit = bytes - 1;

	memcpy(g->memory + at, &limit, 2);
	memcpy(g->memory + at + 2, &base, 8);
}

/* A 64-bit interrupt gate to ring 0. */
static void put_gate(struct guest *g, unsigned vector, const uint8_t *to)
{
	uint64_t at = KVM_GUEST_CODE + (to - kvm_guest_start);
	unsigned gate = KVM_GUEST_IDT + vector * 16;

	put64(g, gate, (at & 0xffff) | 8u << 16 | 0x8eull << 40 |
			       (at & 0xffff0000) << 32);
	put64(g, gate + 8, at >> 32);
}

static void fill_memory(struct guest *g)
{
	unsigned i;

	put64(g, KVM_GUEST_PML4, KVM_GUEST_PDPT | PTE_PRESENT | PTE_WRITE);
	put64(g, KVM_GUEST_PDPT, KVM_GUEST_PD | PTE_PRESENT | PTE_WRITE);
	put64(g, KVM_GUEST_PD, PTE_PRESENT | PTE_WRITE | PDE_LARGE);
	put64(g, KVM_GUEST_GDT + 8, 0x00af9b000000ffffull);  /* code */
	put64(g, KVM_GUEST_GDT + 16, 0x00cf93000000ffffull); /* data */
	put_table(g, KVM_GUEST_GDT_PTR, KVM_GUEST_GDT, 24);
	put_table(g, KVM_GUEST_IDT_PTR, KVM_GUEST_IDT, 32 * 16);
	for (i = 0; i < 32; i++)
		put_gate(g, i, kvm_guest_faults + i * 16);
	put_gate(g, 3, kvm_guest_breakpoint);
	memcpy(g->memory + KVM_GUEST_HAS, &g->has, sizeof(g->has));
	memcpy(g->memory + KVM_GUEST_CODE, kvm_guest_start,
	       kvm_guest_end - kvm_guest_start);
}

/* --- the vCPU ------------------------------------------------------------- */

/* Everything that KVM can give it; and is what we test among that? */
static int set_cpuid(int kvm, struct guest *g, struct kvm_probe *out)
{
	struct kvm_cpuid2 *ids;
	int rc = 0;
	uint32_t i;

	ids = calloc(1, sizeof(*ids) + CPUID_ENTRIES * sizeof(ids->entries[0]));
	if (!ids)
		return fail(out, "out of memory");
	ids->nent = CPUID_ENTRIES;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, ids) < 0 ||
	    ioctl(g->cpu, KVM_SET_CPUID2, ids) < 0)
		rc = fail(out, "it gives no CPU features: %s", strerror(errno));
	for (i = 0; !rc && i < ids->nent; i++) {
		if (ids->entries[i].function != 1)
			continue;
		if (ids->entries[i].ecx >> 13 & 1)
			g->has |= KVM_GUEST_HAS_CX16;
		if (ids->entries[i].ecx >> 26 & 1)
			g->has |= KVM_GUEST_HAS_XSAVE;
	}
	free(ids);
	return rc;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .g = 1, .l = code, .db = !code,
	};
}

static int set_registers(struct guest *g, struct kvm_probe *out)
{
	struct kvm_regs regs = { .rip = KVM_GUEST_CODE, .rflags = 2,
				 .rsp = KVM_GUEST_STACK };
	struct kvm_sregs s;

	if (ioctl(g->cpu, KVM_GET_SREGS, &s) < 0)
		return fail(out, "KVM_GET_SREGS: %s", strerror(errno));
	s.cr0 = 0x80010033; /* PG WP NE ET MP PE */
	s.cr3 = KVM_GUEST_PML4;
	s.cr4 = 0x620; /* PAE OSFXSR OSXMMEXCPT */
	if (g->has & KVM_GUEST_HAS_XSAVE)
		s.cr4 |= 1 << 18; /* OSXSAVE */
	s.efer = 0x500; /* LME LMA */
	s.cs = segment(8, 11, true);
	s.ds = s.es = s.ss = s.fs = s.gs = segment(16, 3, false);
	if (ioctl(g->cpu, KVM_SET_SREGS, &s) < 0)
		return fail(out, "it refuses 64-bit mode: %s", strerror(errno));
	if (ioctl(g->cpu, KVM_SET_REGS, &regs) < 0)
		return fail(out, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

/* XCR0 as KVM remembers it, or 0. */
static uint64_t get_xcr0(const struct guest *g)
{
	struct kvm_xcrs x;

	if (ioctl(g->cpu, KVM_GET_XCRS, &x) < 0 || x.nr_xcrs < 1)
		return 0;
	return x.xcrs[0].value;
}

static int set_xcr0(struct guest *g, struct kvm_probe *out)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };

	if (!(g->has & KVM_GUEST_HAS_XSAVE))
		return 0;
	x.xcrs[0].value = KVM_GUEST_XCR0;
	if (ioctl(g->cpu, KVM_SET_XCRS, &x) < 0)
		return fail(out, "it takes no XCR0: %s", strerror(errno));
	return 0;
}

static int make_memory(struct guest *g, struct kvm_probe *out)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = KVM_GUEST_BYTES,
	};

	g->memory = mmap(NULL, KVM_GUEST_BYTES, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->memory == MAP_FAILED)
		return fail(out, "out of memory");
	region.userspace_addr = (uintptr_t)g->memory;
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return fail(out, "it takes no memory: %s", strerror(errno));
	return 0;
}

static int make_cpu(int kvm, struct guest *g, struct kvm_probe *out)
{
	int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	g->cpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->cpu < 0 || bytes < (int)sizeof(*g->run))
		return fail(out, "it makes no vCPU: %s", strerror(errno));
	g->run_bytes = bytes;
	g->run = mmap(NULL, g->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      g->cpu, 0);
	if (g->run == MAP_FAILED)
		return fail(out, "it makes no vCPU: %s", strerror(errno));
	return 0;
}

static int make_guest(int kvm, struct guest *g, struct kvm_probe *out)
{
	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION)
		return fail(out, "it is not KVM (version %d)", version);
	g->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0)
		return fail(out, "it makes no VM: %s", strerror(errno));
	/* Intel without "unrestricted guest" wants pages of its own. */
	ioctl(g->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
	if (make_memory(g, out) || make_cpu(kvm, g, out) ||
	    set_cpuid(kvm, g, out) || set_registers(g, out) ||
	    set_xcr0(g, out))
		return -1;
	fill_memory(g);
	return 0;
}

/* --- running -------------------------------------------------------------- */

static const char *exit_words(const struct kvm_run *run)
{
	static char number[32];

	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		return run->internal.suberror ==
				       KVM_INTERNAL_ERROR_EMULATION ?
			       "it cannot emulate that" :
			       "it has an internal error";
	case KVM_EXIT_SHUTDOWN:
		return "the CPU shuts down (triple fault)";
	case KVM_EXIT_FAIL_ENTRY:
		return "the CPU refuses to enter the guest";
	case KVM_EXIT_MMIO:
		return "memory is taken for a device";
	case KVM_EXIT_HLT:
		return "the CPU halts";
	case KVM_EXIT_IO:
		return "an unknown port is written";
	default:
		snprintf(number, sizeof(number), "exit reason %u",
			 run->exit_reason);
		return number;
	}
}

static int run_once(struct guest *g, struct kvm_probe *out, uint32_t *said)
{
	const struct kvm_run *run = g->run;
	int rc;

	do {
		rc = ioctl(g->cpu, KVM_RUN, 0);
	} while (rc < 0 && (errno == EINTR || errno == EAGAIN));
	if (rc < 0)
		return fail(out, "it stops at %s: %s", g->doing,
			    strerror(errno));
	if (run->exit_reason != KVM_EXIT_IO ||
	    run->io.direction != KVM_EXIT_IO_OUT ||
	    run->io.port != KVM_GUEST_PORT || run->io.size != 4 ||
	    run->io.count != 1 || run->io.data_offset > g->run_bytes - 4)
		return fail(out, "it stops at %s: %s", g->doing,
			    exit_words(run));
	memcpy(said, (const uint8_t *)run + run->io.data_offset, 4);
	return 0;
}

/* What count in the guest must come to. */
static uint32_t count_result(uint64_t turns)
{
	uint64_t x = 0;

	for (; turns; turns--)
		x = (5 * x + 7) ^ turns;
	return x & 0xffffff;
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return !a || b < a ? b : a;
}

static void take_time(struct guest *g, uint32_t step, struct kvm_probe *out)
{
	uint64_t now = now_ns(), took = now - g->last_ns;

	if (step == KVM_STEP_EXIT && g->last_ns)
		g->best_exit_ns = min_ns(g->best_exit_ns, took);
	if (step == KVM_STEP_LONG)
		g->short_ns = min_ns(g->short_ns, took);
	if (step == KVM_STEP_COUNTED)
		g->best_count_ns = min_ns(g->best_count_ns, took);
	out->exit_ns = g->best_exit_ns;
	if (g->best_count_ns > g->short_ns)
		out->insn_ns = (double)(g->best_count_ns - g->short_ns) /
			       ((KVM_GUEST_LONG - KVM_GUEST_SHORT) *
				KVM_GUEST_TURN);
	g->last_ns = now_ns();
}

/* The next step must be this one, bringing this result of the one before. */
static int expect(struct guest *g, struct kvm_probe *out, uint32_t step,
		  uint32_t result, const char *name)
{
	uint32_t said = 0;

	if (run_once(g, out, &said))
		return -1;
	take_time(g, said >> 24, out);
	if (said >> 24 == KVM_STEP_FAULT)
		return fail(out, "%s raises exception %u", g->doing,
			    said & 0xff);
	if (said >> 24 != step || (said & 0xffffff) != result)
		return fail(out, "%s brings a wrong result", g->doing);
	g->doing = name;
	return 0;
}

static int run_guest(struct guest *g, struct kvm_probe *out)
{
	static const char counting[] = "plain instructions";
	int i, rc = 0;

	g->doing = "a kernel's first instructions";
	for (i = 0; !rc && i < KVM_GUEST_EXITS; i++)
		rc = expect(g, out, KVM_STEP_EXIT, 0, "writing to a port");
	for (i = 0; !rc && i < KVM_GUEST_ROUNDS; i++)
		rc = expect(g, out, KVM_STEP_SHORT, 0, counting) ||
		     expect(g, out, KVM_STEP_LONG,
			    count_result(KVM_GUEST_SHORT), counting) ||
		     expect(g, out, KVM_STEP_COUNTED,
			    count_result(KVM_GUEST_LONG), counting);
	if (rc || expect(g, out, KVM_STEP_INT3, 0, "int3") ||
	    expect(g, out, KVM_STEP_CMPXCHG16B, 0, "cmpxchg16b") ||
	    expect(g, out, KVM_STEP_XSETBV, 0, "xsetbv") ||
	    expect(g, out, KVM_STEP_XSAVE, 0, "xsave and xrstor"))
		return -1;
	if (g->has & KVM_GUEST_HAS_XSAVE)
		out->xsetbv_lost = get_xcr0(g) != KVM_GUEST_XCR0_FIRST;
	return expect(g, out, KVM_STEP_DONE, 0, "the end");
}

void kvm_probe_run(int kvm, struct kvm_probe *out)
{
	struct guest g = { .vm = -1, .cpu = -1 };

	if (!make_guest(kvm, &g, out))
		run_guest(&g, out);
	/* the child ends next: descriptors and memory go with it */
}
