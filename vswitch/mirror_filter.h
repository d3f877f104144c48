/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_filter.h: may a worker run this classic BPF program?  Pure.
 *
 * A filter comes from a client, and libpcap's interpreter runs it for each
 * copied frame on a worker.  libpcap's own bpf_validate() is not enough for
 * that: it lets a program jump backwards (libpcap needs that for itself, for
 * `protochain`), so one may run for ever, and it lets opcodes pass at which
 * the interpreter aborts.
 */
#ifndef CAUSEWAY_MIRROR_FILTER_H
#define CAUSEWAY_MIRROR_FILTER_H

#include <pcap/pcap.h>

#define MIRROR_FILTER_MAX 4096 /* instructions */

/*
 * NULL: it ends after at most `count` instructions, touches nothing but the
 * frame and its sixteen words, and reads none of these before it has written
 * it.  Else what is wrong (static text), and *at is the instruction.
 */
const char *mirror_filter_check(const struct bpf_insn *prog, unsigned count,
				unsigned *at);

#endif
