/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_frame.c: any bytes as a received frame, cut anywhere into private
 * header and payload, through every kind of VLAN port and guard.
 *
 * Input: which guard, which VLAN port, private bytes, GSO or not; then the
 * frame.  The header lies at the end of its allocation, so that ASan sees
 * each byte read beyond it.  Checked: the guard says what the reference says;
 * what is admitted is whole; nothing leaves untagged with a tag inside.
 */
#include <stdlib.h>

#include "tests/lib/guard_confs.h"
#include "tests/lib/guard_reference.h"
#include "vlan/port_vlan.h"

#define VLAN_PORTS 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guard *guards[GUARD_CONFS];
static struct port_vlan ports[VLAN_PORTS];

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void set_up(void)
{
	static struct port_vlan_conf conf[VLAN_PORTS] = {
		{ .mode = PORT_VLAN_ACCESS, .pvid = 10 },
		{ .mode = PORT_VLAN_ACCESS, .pvid = 10, .accept_pvid = true },
		{ .mode = PORT_VLAN_TRUNK },
		{ .mode = PORT_VLAN_TRUNK, .tpid = TAG_TPID_8021AD },
		{ .mode = PORT_VLAN_NATIVE_UNTAGGED, .pvid = 10 },
		{ .mode = PORT_VLAN_NATIVE_UNTAGGED },
		{ .mode = PORT_VLAN_NATIVE_TAGGED, .pvid = 10 },
		{ .mode = PORT_VLAN_TUNNEL, .pvid = 10 },
		{ .mode = PORT_VLAN_TUNNEL, .pvid = 10 },
	};
	unsigned i;

	for (i = 2; i < VLAN_PORTS; i++)
		if (i != 7)
			vid_set_add_range(&conf[i].vids, 10, 20);
	for (i = 0; i < VLAN_PORTS; i++)
		check(!port_vlan_init(&ports[i], &conf[i], NULL));
	guard_confs_compile(guards);
}

static void check_egress(const struct frame *f, uint16_t vid, uint16_t pcp)
{
	uint32_t tag[FRAME_TAGS_MAX];
	unsigned i;
	int n;

	for (i = 0; i < VLAN_PORTS; i++) {
		n = port_vlan_egress(&ports[i], vid, pcp, f, tag);
		check(n >= -1 && n <= 1);
		if (n == 0 && ports[i].mode != PORT_VLAN_TUNNEL)
			check(!tag_present(f));
		if (n == 1)
			check(tag[0] >> 16 == ports[i].tpid &&
			      (tag[0] & TAG_VID_MASK) == vid);
	}
}

static void judge(struct frame *f, unsigned guard)
{
	bool want = guard_reference_allows(&guard_confs()[guard], f->hdr,
					   f->hdr_len, f->len, f->gso != 0);

	check((guard_judge(guards[guard], f) == DROP_NONE) == want);
	check((guard_check(guards[guard], f) == DROP_NONE) == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame frame;
	struct frame *f = &frame;
	unsigned strip = 0;
	uint16_t vid, pcp;
	uint8_t *bytes;

	if (!guards[0])
		set_up();
	if (size < 4 || size > 4 + 2048)
		return 0;
	frame_init(f);
	f->len = size - 4;
	f->hdr_len = data[2] % (FRAME_HDR_MAX + 1);
	if (f->hdr_len > f->len)
		f->hdr_len = f->len;
	f->gso = data[3] & 1 ? FRAME_GSO_TCP4 : FRAME_GSO_NONE;
	bytes = malloc(f->hdr_len + 1); /* its end is the header's */
	check(bytes != NULL);
	f->hdr = bytes + 1;
	memcpy(f->hdr, data + 4, f->hdr_len);

	judge(f, data[0] % GUARD_CONFS);
	if (!port_vlan_admit(&ports[data[1] % VLAN_PORTS], f, &vid, &strip,
			     &pcp)) {
		check(vid <= TAG_VID_MAX && strip <= 1 &&
		      f->hdr_len >= ETH_HLEN_MIN + TAG_LEN * strip);
		frame_strip(f, strip);
		check_egress(f, vid, pcp);
		judge(f, data[0] % GUARD_CONFS);
	}
	free(bytes);
	return 0;
}
