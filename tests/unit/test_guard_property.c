/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guard_property.c: the guard says of random frames what the reference
 * says, for every kind of port (argv[1]: frames, argv[2]: seed).  The inline
 * shortcut may never pass what the full judgement drops.
 */
#include "vswitch/port_guard.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/frame_gen.h"
#include "tests/lib/guard_confs.h"
#include "tests/lib/guard_reference.h"
#include "tests/lib/suite.h"

static unsigned long rounds = 1000000;
static uint64_t seed = 1;

static struct guard *guards[GUARD_CONFS];
static unsigned long reasons[DROP_COUNT];

static void print_frame(const struct frame *f, unsigned conf)
{
	unsigned i;

	printf("conf %u hdr %u len %u gso %u:", conf, f->hdr_len, f->len,
	       f->gso);
	for (i = 0; i < f->hdr_len; i++)
		printf("%s%02x", i % 4 ? "" : " ", f->hdr[i]);
	printf("\n");
}

static bool agree(const struct frame *f, unsigned conf)
{
	bool want = guard_reference_allows(&guard_confs()[conf], f->hdr,
					   f->hdr_len, f->len, f->gso != 0);
	enum drop why = guard_judge(guards[conf], f);
	enum drop fast = guard_check(guards[conf], f);

	reasons[why]++;
	if ((why == DROP_NONE) == want && fast == why)
		return true;
	printf("\nreference %s, judge %s, check %s\n",
	       want ? "allows" : "drops", drop_name(why), drop_name(fast));
	print_frame(f, conf);
	return false;
}

static bool agree_once(struct packet_rng *rng)
{
	struct packet p;
	struct packet_frame pf;
	struct frame *f;
	unsigned seen = FRAME_HDR_MAX;

	frame_gen(rng, &p);
	if (packet_random(rng, 16) == 0)
		seen = packet_random(rng, FRAME_HDR_MAX);
	f = packet_frame(&p, &pf, seen);
	if (packet_random(rng, 16) == 0)
		f->gso = FRAME_GSO_TCP4;
	return agree(f, packet_random(rng, GUARD_CONFS));
}

static void guard_agrees_with_the_reference(void)
{
	struct packet_rng rng = { seed };
	unsigned long i;
	bool same = true;

	for (i = 0; i < rounds && same; i++) {
		uint64_t state = rng.state;

		same = agree_once(&rng);
		if (!same)
			printf("frame %lu, seed %llu\n", i,
			       (unsigned long long)state);
	}
	CU_ASSERT_TRUE(same);
}

/* The generator would be worthless if it never met a case. */
static void generator_reaches_every_reason_of_the_guard(void)
{
	static const enum drop met[] = {
		DROP_NONE,       DROP_RUNT,        DROP_BAD_SRC,
		DROP_SPOOF_MAC,  DROP_SPOOF_ARP,   DROP_SPOOF_IPV4,
		DROP_SPOOF_IPV6, DROP_SPOOF_ND,    DROP_RA_GUARD,
		DROP_DHCP_GUARD, DROP_NOT_ALLOWED, DROP_UNPARSED,
		DROP_LINK_PROTO, DROP_DISABLED,
	};
	unsigned i;

	for (i = 0; i < DROP_COUNT; i++)
		if (reasons[i])
			printf("\n    %-12s %lu", drop_name(i), reasons[i]);
	for (i = 0; i < sizeof(met) / sizeof(met[0]); i++)
		CU_ASSERT_TRUE(reasons[met[i]] > rounds / 10000);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(guard_agrees_with_the_reference),
		SUITE_TEST(generator_reaches_every_reason_of_the_guard),
	};
	unsigned i;
	int rc;

	rounds = suite_rounds(argc, argv, rounds);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	printf("rounds %lu seed %llu\n", rounds, (unsigned long long)seed);
	guard_confs_compile(guards);
	rc = suite_run("guard property", tests,
		       sizeof(tests) / sizeof(tests[0]));
	for (i = 0; i < GUARD_CONFS; i++)
		guard_free(guards[i]);
	return rc;
}
