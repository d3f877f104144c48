/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_fdb.c: what a lookup costs, with 1 to 60,000 addresses in random
 * order, in bursts of 32 as the data path does: hash and prefetch the whole
 * burst, then look up.  Beside it the same without prefetch, to show what
 * that is worth, and sources as fdb_source() judges them.
 *
 * The table shares the caches with nothing here.  In the switch it competes
 * with rings and payload; the end to end figure is the bench of that.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "base/burst.h"
#include "vswitch/fdb.h"

#define ORDER  (1 << 18) /* lookups of one pass, a multiple of BURST_MAX */
#define PASSES 15

static uint64_t key_of(uint32_t n)
{
	uint8_t mac[6] = { 0x52, 0x54, 0, n >> 16, n >> 8, n };

	return fdb_key(10, mac);
}

static uint32_t rnd(void)
{
	static uint64_t s = 1;

	s = s * 6364136223846793005u + 1442695040888963407u;
	return s >> 33;
}

static unsigned with_prefetch(struct fdb *fdb, const uint64_t *keys)
{
	uint64_t hash[BURST_MAX];
	struct fdb_hit hit;
	unsigned i, sum = 0;

	for (i = 0; i < BURST_MAX; i++)
		hash[i] = fdb_prefetch(fdb, keys[i]);
	for (i = 0; i < BURST_MAX; i++)
		if (fdb_lookup_hash(fdb, keys[i], hash[i], &hit))
			sum += hit.port;
	return sum;
}

static unsigned without_prefetch(struct fdb *fdb, const uint64_t *keys)
{
	struct fdb_hit hit;
	unsigned i, sum = 0;

	for (i = 0; i < BURST_MAX; i++)
		if (fdb_lookup(fdb, keys[i], &hit))
			sum += hit.port;
	return sum;
}

static unsigned sources(struct fdb *fdb, const uint64_t *keys)
{
	uint64_t hash[BURST_MAX];
	unsigned i, sum = 0;

	for (i = 0; i < BURST_MAX; i++)
		hash[i] = fdb_prefetch(fdb, keys[i]);
	for (i = 0; i < BURST_MAX; i++)
		sum += fdb_source(fdb, keys[i], hash[i], 1, 0) == FDB_SRC_KNOWN;
	return sum;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Median cycles a lookup. */
static double measure(struct fdb *fdb, const uint64_t *keys,
		      unsigned (*burst)(struct fdb *, const uint64_t *))
{
	double pass[PASSES];
	unsigned p, i, sum = 0;

	for (p = 0; p < PASSES; p++) {
		uint64_t t0 = rte_rdtsc();

		for (i = 0; i < ORDER; i += BURST_MAX)
			sum += burst(fdb, keys + i);
		pass[p] = (double)(rte_rdtsc() - t0) / ORDER;
	}
	if (!sum)
		fprintf(stderr, "bench_fdb: nothing found\n");
	qsort(pass, PASSES, sizeof(*pass), by_value);
	return pass[PASSES / 2];
}

int main(void)
{
	static const unsigned sizes[] = { 1, 100, 1000, 10000, 60000 };
	struct fdb_conf conf = FDB_CONF_DEFAULT;
	uint64_t *keys = calloc(ORDER, sizeof(*keys));
	struct fdb *fdb;
	unsigned k, i;

	conf.quota = FDB_CAPACITY;
	printf("cycles a lookup, bursts of %d\n"
	       "%8s %9s %12s %8s\n",
	       BURST_MAX, "MACs", "prefetch", "no prefetch", "source");
	for (k = 0; keys && k < sizeof(sizes) / sizeof(*sizes); k++) {
		if (fdb_new(&fdb, &conf) < 0)
			return 1;
		for (i = 0; i < sizes[k]; i++)
			fdb_learn(fdb, key_of(i), 1, FDB_UPLINK, 0);
		for (i = 0; i < ORDER; i++)
			keys[i] = key_of(rnd() % sizes[k]);
		printf("%8u %9.1f %12.1f %8.1f\n", sizes[k],
		       measure(fdb, keys, with_prefetch),
		       measure(fdb, keys, without_prefetch),
		       measure(fdb, keys, sources));
		fdb_free(fdb);
	}
	free(keys);
	return 0;
}
