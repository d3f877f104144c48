/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_ask.c: print what kvm_probe() says, for the scenario about it.
 *
 *	kvm-ask [KEEP-FILE [DEVICE [LIMIT-MS]]]     "" stands for none
 *
 * One line, VERDICT insn NS exit NS took MS: REASON.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hypervisor/kvm_probe.h"

static const char *word(int argc, char **argv, int i)
{
	return i < argc && argv[i][0] ? argv[i] : NULL;
}

int main(int argc, char **argv)
{
	struct kvm_probe_conf conf = {
		.keep = word(argc, argv, 1),
		.device = word(argc, argv, 2),
		.limit_ms = word(argc, argv, 3) ? atoi(argv[3]) : 0,
	};
	struct kvm_probe p;

	kvm_probe(&conf, &p);
	printf("%s insn %.2f exit %.0f took %u: %s\n",
	       kvm_verdict_word(p.verdict), p.insn_ns, p.exit_ns, p.took_ms,
	       p.reason);
	return !kvm_probe_is_usable(&p);
}
