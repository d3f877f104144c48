/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard_confs.c: see guard_confs.h. */
#include "tests/lib/guard_confs.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/frame_gen.h"

#define PREFIXES 8

static const struct {
	enum guard_mode mode;
	uint32_t link;
	bool dhcp_server, router;
	const char *allowed[PREFIXES];
} table[GUARD_CONFS] = {
	{ .mode = GUARD_UNLOCKED },
	{ .mode = GUARD_UNLOCKED, .dhcp_server = true },
	{ .mode = GUARD_UNLOCKED, .router = true },
	{ .mode = GUARD_UNLOCKED, .dhcp_server = true, .router = true },
	{ .mode = GUARD_UNLOCKED, .link = GUARD_LINK_STP | GUARD_LINK_PTP },
	{ .mode = GUARD_UNLOCKED,
	  .link = GUARD_LINK_ALL,
	  .dhcp_server = true,
	  .router = true },
	{ .mode = GUARD_LOCKED },
	{ .mode = GUARD_LOCKED, .allowed = { FRAME_GEN_IPV4, FRAME_GEN_IPV6 } },
	{ .mode = GUARD_LOCKED,
	  .allowed = { FRAME_GEN_NET4, FRAME_GEN_IPV4, FRAME_GEN_NET6,
		       FRAME_GEN_IPV6, "fe80::2" } },
	{ .mode = GUARD_LOCKED, .allowed = { FRAME_GEN_IPV4 } },
	{ .mode = GUARD_LOCKED, .allowed = { FRAME_GEN_NET6 } },
	{ .mode = GUARD_LOCKED, .allowed = { "0.0.0.0/0", "::/0" } },
	{ .mode = GUARD_LOCKED,
	  .dhcp_server = true,
	  .router = true,
	  .allowed = { FRAME_GEN_IPV4, FRAME_GEN_IPV6 } },
	{ .mode = GUARD_LOCKED,
	  .link = GUARD_LINK_ALL,
	  .allowed = { FRAME_GEN_IPV4, FRAME_GEN_IPV6 } },
	{ .mode = GUARD_LOCKED,
	  .allowed = { "10.0.0.0/16", "10.0.1.0/25", "10.0.1.128/25",
		       "9.0.0.0/7", "ff00::/8", "::1", "2001:db8::/47",
		       "2001:db8:1::/48" } },
	{ .mode = GUARD_DISABLED, .allowed = { "0.0.0.0/0", "::/0" } },
};

const struct guard_conf *guard_confs(void)
{
	static struct guard_conf conf[GUARD_CONFS];
	static struct guard_prefix prefix[GUARD_CONFS][PREFIXES];
	unsigned i, n;
	int rc;

	if (conf[0].allowed)
		return conf;
	for (i = 0; i < GUARD_CONFS; i++) {
		for (n = 0; n < PREFIXES && table[i].allowed[n]; n++) {
			rc = guard_prefix_parse(table[i].allowed[n],
						&prefix[i][n]);
			assert(rc == 0);
		}
		conf[i] = (struct guard_conf){
			.mode = table[i].mode,
			.allowed = prefix[i],
			.allowed_count = n,
			.link_allowed = table[i].link,
			.dhcp_server = table[i].dhcp_server,
			.router = table[i].router,
		};
		packet_mac(FRAME_GEN_MAC, conf[i].mac);
	}
	return conf;
}

void guard_confs_compile(struct guard *out[GUARD_CONFS])
{
	const struct guard_conf *conf = guard_confs();
	unsigned i;
	int rc;

	for (i = 0; i < GUARD_CONFS; i++) {
		rc = guard_new(&out[i], &conf[i]);
		assert(rc == 0);
	}
}
