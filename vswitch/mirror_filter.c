/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_filter.c: the rules of the kernel's checker for classic BPF
 * (bpf_check_classic() and check_load_and_stores() in net/core/filter.c).
 *
 * Every jump goes forward to an instruction of the program, and the last one
 * returns, so every run ends.  Offsets are compared with what is left of the
 * program, never added to the place of the jump: `k` has 32 bits, and a sum
 * that wraps is a jump backwards.
 *
 * What a load reads of the frame is not known here; the interpreter compares
 * it with the frame's length, and a load beyond that is no match.
 */
#include "vswitch/mirror_filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What the interpreter knows; all else it answers with abort(). */
static bool is_known(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_ALU | BPF_NEG:
	case BPF_JMP | BPF_JA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
		return true;
	}
	switch (code & ~BPF_X) { /* these take k or X */
	case BPF_ALU | BPF_ADD:
	case BPF_ALU | BPF_SUB:
	case BPF_ALU | BPF_MUL:
	case BPF_ALU | BPF_DIV:
	case BPF_ALU | BPF_MOD:
	case BPF_ALU | BPF_AND:
	case BPF_ALU | BPF_OR:
	case BPF_ALU | BPF_XOR:
	case BPF_ALU | BPF_LSH:
	case BPF_ALU | BPF_RSH:
	case BPF_JMP | BPF_JEQ:
	case BPF_JMP | BPF_JGT:
	case BPF_JMP | BPF_JGE:
	case BPF_JMP | BPF_JSET:
		return true;
	}
	return false;
}

static bool is_load_of_word(uint16_t code)
{
	return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM);
}

static bool is_store(uint16_t code)
{
	return code == BPF_ST || code == BPF_STX;
}

/* Does it lead to one of the `left` instructions that follow? */
static bool stays_inside(const struct bpf_insn *in, unsigned left)
{
	if (in->code == (BPF_JMP | BPF_JA))
		return in->k < left;
	return BPF_CLASS(in->code) != BPF_JMP ||
	       (in->jt < left && in->jf < left);
}

/* What is wrong with one instruction that `left` others follow. */
static const char *insn_error(const struct bpf_insn *in, unsigned left)
{
	if (!is_known(in->code))
		return "no opcode of classic BPF";
	if (!stays_inside(in, left))
		return "jumps go forward (so no protochain), and not out of "
		       "the program";
	if ((is_load_of_word(in->code) || is_store(in->code)) &&
	    in->k >= BPF_MEMWORDS)
		return "there are 16 words of memory";
	if ((in->code == (BPF_ALU | BPF_DIV | BPF_K) ||
	     in->code == (BPF_ALU | BPF_MOD | BPF_K)) &&
	    !in->k)
		return "division by zero";
	if ((in->code == (BPF_ALU | BPF_LSH | BPF_K) ||
	     in->code == (BPF_ALU | BPF_RSH | BPF_K)) &&
	    in->k >= 32)
		return "shifts by less than 32 bits";
	if (!left && BPF_CLASS(in->code) != BPF_RET)
		return "the last instruction returns";
	return NULL;
}

/* Words that hold something after instruction i, for where it leads. */
static void pass_on(const struct bpf_insn *prog, unsigned i, uint16_t words,
		    uint16_t written[])
{
	const struct bpf_insn *in = &prog[i];

	if (BPF_CLASS(in->code) == BPF_RET)
		return;
	if (in->code == (BPF_JMP | BPF_JA)) {
		written[i + 1 + in->k] &= words;
	} else if (BPF_CLASS(in->code) == BPF_JMP) {
		written[i + 1 + in->jt] &= words;
		written[i + 1 + in->jf] &= words;
	} else {
		written[i + 1] &= words;
	}
}

/* Is every word that is read written on every way there?  Else where not. */
static bool reads_what_it_wrote(const struct bpf_insn *prog, unsigned count,
				unsigned *at)
{
	uint16_t written[MIRROR_FILTER_MAX]; /* before each instruction */

	memset(written, 0xff, sizeof(written));
	written[0] = 0;
	for (*at = 0; *at < count; ++*at) {
		const struct bpf_insn *in = &prog[*at];
		uint16_t words = written[*at];

		if (is_load_of_word(in->code) && !(words >> in->k & 1))
			return false;
		if (is_store(in->code))
			words |= 1u << in->k;
		pass_on(prog, *at, words, written);
	}
	return true;
}

const char *mirror_filter_check(const struct bpf_insn *prog, unsigned count,
				unsigned *at)
{
	const char *why;

	*at = 0;
	if (!count || count > MIRROR_FILTER_MAX)
		return "1 to 4096 instructions";
	for (; *at < count; ++*at) {
		why = insn_error(&prog[*at], count - *at - 1);
		if (why)
			return why;
	}
	return reads_what_it_wrote(prog, count, at)
		       ? NULL
		       : "reads a word of memory that it may not have written";
}
