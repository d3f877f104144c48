/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mirror_filter.c: which programs a worker may run.  What is accepted is
 * run by libpcap's interpreter, under an alarm: it ends, and touches no byte
 * beyond the frame.
 */
#include "vswitch/mirror_filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite.h"

#define FRAME 64

static unsigned long rounds = 300000;

static const struct bpf_insn yes = { BPF_RET | BPF_K, 0, 0, 65535 };

/* The last bytes before memory that is not there. */
static const uint8_t *frame_at_an_edge(void)
{
	static uint8_t *page;
	long size = sysconf(_SC_PAGESIZE);

	if (!page) {
		page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CU_ASSERT_FATAL(page != MAP_FAILED);
		CU_ASSERT_EQUAL_FATAL(mprotect(page + size, size, PROT_NONE),
				      0);
		memset(page, 0x5a, size);
	}
	return page + size - FRAME;
}

static unsigned run(const struct bpf_insn *prog)
{
	return bpf_filter(prog, frame_at_an_edge(), FRAME, FRAME);
}

/* Accepted?  If so, it is run. */
static bool passes(const struct bpf_insn *prog, unsigned count)
{
	unsigned at;

	if (mirror_filter_check(prog, count, &at))
		return false;
	run(prog);
	return true;
}

/* Refused because of instruction `where`? */
static bool fails_at(const struct bpf_insn *prog, unsigned count,
		     unsigned where)
{
	unsigned at = ~0u;

	return mirror_filter_check(prog, count, &at) && at == where;
}

/* ---- opcodes ---- */

static const uint16_t known[] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14,
	0x15, 0x16, 0x1c, 0x1d, 0x20, 0x24, 0x25, 0x28, 0x2c, 0x2d,
	0x30, 0x34, 0x35, 0x3c, 0x3d, 0x40, 0x44, 0x45, 0x48, 0x4c,
	0x4d, 0x50, 0x54, 0x5c, 0x60, 0x61, 0x64, 0x6c, 0x74, 0x7c,
	0x80, 0x81, 0x84, 0x87, 0x94, 0x9c, 0xa4, 0xac, 0xb1,
};

static bool is_known(unsigned code)
{
	unsigned i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == code)
			return true;
	return false;
}

/* All 65536 codes, between a store of word 1 and a return. */
static void every_code_is_known_or_refused(void)
{
	struct bpf_insn prog[] = {
		{ BPF_ST, 0, 0, 1 }, { 0, 0, 0, 1 }, yes, yes, yes
	};
	unsigned code, wrong = 0;

	for (code = 0; code < 0x10000; code++) {
		prog[1].code = code;
		wrong += passes(prog, 5) != is_known(code);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void program_has_an_end_and_a_limit(void)
{
	static struct bpf_insn prog[MIRROR_FILTER_MAX + 1];
	unsigned i;

	for (i = 0; i <= MIRROR_FILTER_MAX; i++)
		prog[i] = yes;
	CU_ASSERT_TRUE(passes(prog, MIRROR_FILTER_MAX));
	CU_ASSERT_FALSE(passes(prog, MIRROR_FILTER_MAX + 1));
	CU_ASSERT_FALSE(passes(prog, 0));
	for (i = 0; i < MIRROR_FILTER_MAX; i++)
		prog[i] = (struct bpf_insn){ BPF_MISC | BPF_TAX, 0, 0, 0 };
	CU_ASSERT_TRUE(
		fails_at(prog, MIRROR_FILTER_MAX, MIRROR_FILTER_MAX - 1));
	prog[MIRROR_FILTER_MAX - 1].code = BPF_RET | BPF_A;
	CU_ASSERT_TRUE(passes(prog, MIRROR_FILTER_MAX));
}

/* ---- jumps ---- */

/* At instruction 1 of 4: 0 and 1 are there, and all else is not. */
static void jumps_go_forward_and_stay_inside(void)
{
	static const uint32_t far[] = { 2,          3,          255,
					256,        0x7fffffff, 0x80000000,
					0xfffffffc, 0xfffffffd, 0xfffffffe,
					0xffffffff };
	struct bpf_insn prog[] = { { BPF_LD | BPF_LEN, 0, 0, 0 },
				   { BPF_JMP | BPF_JA, 0, 0, 0 },
				   yes,
				   yes };
	unsigned i;

	CU_ASSERT_TRUE(passes(prog, 4));
	prog[1].k = 1;
	CU_ASSERT_TRUE(passes(prog, 4));
	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		prog[1].k = far[i];
		CU_ASSERT_TRUE(fails_at(prog, 4, 1));
	}
}

/* The program that once hung a worker: it jumps to itself. */
static void jump_to_itself_is_refused(void)
{
	const struct bpf_insn prog[] = { { 5, 0, 0, 4294967295u },
					 { 6, 0, 0, 1 } };

	CU_ASSERT_TRUE(fails_at(prog, 2, 0));
}

static void branches_stay_inside(void)
{
	static const uint16_t codes[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	struct bpf_insn prog[] = { { 0 }, { 0 }, yes, yes };
	unsigned i, x, jt, jf;

	for (i = 0; i < 4; i++) {
		for (x = 0; x < 2; x++) {
			for (jt = 0; jt < 256; jt++) {
				for (jf = 0; jf < 256; jf++) {
					prog[1] = (struct bpf_insn){
						BPF_JMP | codes[i] | x * BPF_X,
						jt, jf, 0xffffffff
					};
					if (passes(prog, 4) !=
					    (jt < 2 && jf < 2))
						CU_FAIL("branch");
				}
			}
		}
	}
}

static void last_instruction_is_no_branch(void)
{
	const struct bpf_insn prog[] = { yes, { BPF_JMP | BPF_JEQ, 0, 0, 0 } };
	const struct bpf_insn ja[] = { yes, { BPF_JMP | BPF_JA, 0, 0, 0 } };

	CU_ASSERT_TRUE(fails_at(prog, 2, 1));
	CU_ASSERT_TRUE(fails_at(ja, 2, 1));
}

/* ---- memory and arithmetic ---- */

static void words_beyond_the_sixteenth_are_refused(void)
{
	static const uint16_t codes[] = { BPF_ST, BPF_STX, BPF_LD | BPF_MEM,
					  BPF_LDX | BPF_MEM };
	struct bpf_insn prog[] = { { BPF_ST, 0, 0, 15 }, { 0 }, yes };
	unsigned i;

	for (i = 0; i < 4; i++) {
		prog[1] = (struct bpf_insn){ codes[i], 0, 0, 15 };
		CU_ASSERT_TRUE(passes(prog, 3));
		prog[1].k = 16;
		CU_ASSERT_TRUE(fails_at(prog, 3, 1));
		prog[1].k = 0xffffffff;
		CU_ASSERT_TRUE(fails_at(prog, 3, 1));
	}
}

/* Else a filter could tell what was on the worker's stack. */
static void words_are_written_before_they_are_read(void)
{
	struct bpf_insn prog[] = { { BPF_JMP | BPF_JEQ, 0, 1, 60 },
				   { BPF_ST, 0, 0, 3 },
				   { BPF_LDX | BPF_MEM, 0, 0, 3 },
				   { BPF_RET | BPF_A, 0, 0, 0 } };

	CU_ASSERT_TRUE(fails_at(prog, 4, 2)); /* jumped over */
	prog[0].jf = 0;
	CU_ASSERT_TRUE(passes(prog, 4));
	prog[1].k = 4; /* another one */
	CU_ASSERT_TRUE(fails_at(prog, 4, 2));
	prog[0] = (struct bpf_insn){ BPF_JMP | BPF_JA, 0, 0, 1 };
	prog[1].k = 3;
	CU_ASSERT_TRUE(fails_at(prog, 4, 2));
	prog[0].k = 2; /* over both */
	CU_ASSERT_TRUE(passes(prog, 4));
}

static void constants_that_make_no_sense_are_refused(void)
{
	static const struct {
		uint16_t code;
		uint32_t good, bad;
	} c[] = {
		{ BPF_ALU | BPF_DIV, 1, 0 },
		{ BPF_ALU | BPF_MOD, 1, 0 },
		{ BPF_ALU | BPF_LSH, 31, 32 },
		{ BPF_ALU | BPF_RSH, 31, 32 },
	};
	struct bpf_insn prog[] = { { BPF_LDX | BPF_IMM, 0, 0, 0 }, { 0 }, yes };
	unsigned i;

	for (i = 0; i < 4; i++) {
		prog[1] = (struct bpf_insn){ c[i].code, 0, 0, c[i].good };
		CU_ASSERT_TRUE(passes(prog, 3));
		prog[1].k = c[i].bad;
		CU_ASSERT_TRUE(fails_at(prog, 3, 1));
		prog[1].code |= BPF_X; /* known only when it runs */
		prog[0].k = c[i].bad;
		CU_ASSERT_TRUE(passes(prog, 3));
	}
}

/* ---- what is accepted is harmless ---- */

static void loads_beyond_the_frame_are_no_match(void)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS,
		BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_W | BPF_IND,
		BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
		BPF_LDX | BPF_B | BPF_MSH
	};
	static const uint32_t beyond[] = { FRAME,      FRAME + 1,  0x7fffffff,
					   0x80000000, 0xfffff000, 0xffffffff };
	struct bpf_insn prog[] = { { BPF_LDX | BPF_IMM, 0, 0, 0 }, { 0 }, yes };
	unsigned i, k;

	for (i = 0; i < 7; i++) {
		prog[1].code = codes[i];
		prog[1].k = FRAME - 4;
		prog[0].k = 0;
		CU_ASSERT_TRUE(passes(prog, 3) && run(prog));
		for (k = 0; k < 6; k++) {
			prog[1].k = beyond[k];
			CU_ASSERT_TRUE(passes(prog, 3) && !run(prog));
			prog[0].k = -beyond[k]; /* a sum that wraps to 0 */
			CU_ASSERT_TRUE(passes(prog, 3) && !run(prog));
			prog[0].k = 0;
		}
	}
}

static uint32_t some_k(struct packet_rng *rng)
{
	switch (packet_random(rng, 8)) {
	case 0:
		return packet_random(rng, 0xffff) << 16 |
		       packet_random(rng, 0xffff);
	case 1:
		return -packet_random(rng, 8);
	default:
		return packet_random(rng, 20);
	}
}

static void random_programs_that_are_accepted_end(void)
{
	struct bpf_insn prog[12] = { 0 };
	struct packet_rng rng = { 1 };
	unsigned long i, accepted = 0;
	unsigned k, n;

	alarm(120); /* one that does not end, ends us */
	for (i = 0; i < rounds; i++) {
		n = 1 + packet_random(&rng, 12);
		for (k = 0; k + 1 < n; k++)
			prog[k] = (struct bpf_insn){
				known[packet_random(&rng,
						    sizeof(known) /
							    sizeof(known[0]))],
				packet_random(&rng, 5), packet_random(&rng, 5),
				some_k(&rng)
			};
		prog[n - 1] = yes;
		accepted += passes(prog, n);
	}
	alarm(0);
	CU_ASSERT_TRUE(accepted > rounds / 20);
	printf("%lu of %lu accepted ", accepted, rounds);
}

/* What people type passes, but for protochain, which needs to jump back. */
static void compiled_filters_pass(void)
{
	static const char *const text[] = {
		"tcp port 80 and host 10.0.0.1",
		"ip6 and udp portrange 1000-2000 or arp",
		"vlan 10 and vlan 20 and icmp",
		"ip[2:2] - ((ip[0] & 0xf) << 2) > 0 and ip[8] % 3 = 1",
		"ip protochain 6 and len > 100",
	};
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program prog;
	unsigned i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL_FATAL(pcap_compile(p, &prog, text[i], 1,
						   PCAP_NETMASK_UNKNOWN),
				      0);
		CU_ASSERT_EQUAL(passes(prog.bf_insns, prog.bf_len), i != 4);
		pcap_freecode(&prog);
	}
	pcap_close(p);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(every_code_is_known_or_refused),
		SUITE_TEST(program_has_an_end_and_a_limit),
		SUITE_TEST(jumps_go_forward_and_stay_inside),
		SUITE_TEST(jump_to_itself_is_refused),
		SUITE_TEST(branches_stay_inside),
		SUITE_TEST(last_instruction_is_no_branch),
		SUITE_TEST(words_beyond_the_sixteenth_are_refused),
		SUITE_TEST(words_are_written_before_they_are_read),
		SUITE_TEST(constants_that_make_no_sense_are_refused),
		SUITE_TEST(loads_beyond_the_frame_are_no_match),
		SUITE_TEST(random_programs_that_are_accepted_end),
		SUITE_TEST(compiled_filters_pass),
	};

	rounds = suite_rounds(argc, argv, rounds);
	return suite_run("mirror filter", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
