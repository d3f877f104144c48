/* SPDX-License-Identifier: GPL-2.0-or-later */
/* switch_talk.c: see switch_talk.h. */
#include "tests/lib/switch_talk.h"

#include <stdio.h>

/* The last 64 of one test stay as they are. */
static struct packet *fresh(void)
{
	static struct packet ring[64];
	static unsigned next;

	return &ring[next++ % 64];
}

const struct packet *frame_of(const char *dst, const char *src, unsigned len)
{
	struct packet *p = fresh();

	packet_eth(p, dst, src, ETH_TEST);
	packet_zero(p, len - p->len);
	if (len >= 26)
		memcpy(p->bytes + 20, p->bytes + 6, 6);
	return p;
}

const struct packet *frame(const char *dst, const char *src)
{
	return frame_of(dst, src, 64);
}

const struct packet *tagged(const struct packet *of, uint16_t tpid,
			    uint16_t tci)
{
	struct packet *p = fresh();

	*p = *of;
	packet_tag(p, tpid, tci);
	return p;
}

const struct packet *announcement(const char *src)
{
	struct packet *p = fresh();
	uint8_t mac[6];

	packet_mac(src, mac);
	packet_eth(p, MAC_ALL, src, 0x0806);
	packet_put_hex(p, "0001 0800 0604 0001");
	packet_put(p, mac, 6);
	packet_put_ip(p, "10.0.0.9");
	packet_zero(p, 6);
	packet_put_ip(p, "10.0.0.9");
	return p;
}

/* Is `name` one of the words? */
static bool names_it(const char *words, const char *name)
{
	size_t n = strlen(name);
	const char *at;

	for (at = words; (at = strstr(at, name)); at += n)
		if ((at == words || at[-1] == ' ') &&
		    (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

bool only(struct fake_switch *fs, const char *names)
{
	bool right = true;
	unsigned i;

	for (i = 0; i < fs->count; i++) {
		const char *name = fs->port[i]->port.name;
		unsigned got = fs->port[i]->sent.count;
		unsigned want = names_it(names, name);

		if (got == want)
			continue;
		printf("\n%s got %u frames, not %u (only: %s)\n", name, got,
		       want, names);
		right = false;
	}
	fake_switch_clear(fs);
	return right;
}

bool sends_to(struct fake_switch *fs, const char *from, const struct packet *p,
	      const char *names)
{
	fake_switch_send(fs, from, p);
	return only(fs, names) && fake_switch_balanced(fs);
}

bool lost_at(struct fake_switch *fs, const char *from, const struct packet *p,
	     const char *at, enum drop why)
{
	struct port_counters *c = fake_switch_ctr(fs, at);
	uint64_t before = c->drops[why];

	if (!sends_to(fs, from, p, ""))
		return false;
	if (c->drops[why] == before + 1)
		return true;
	printf("\nnot counted at %s as %s\n", at, drop_name(why));
	return false;
}

bool drops_as(struct fake_switch *fs, const char *from, const struct packet *p,
	      enum drop why)
{
	return lost_at(fs, from, p, from, why);
}

bool arrives_as(struct fake_switch *fs, const char *from,
		const struct packet *p, const char *to,
		const struct packet *as)
{
	struct fake_port *fp = fake_switch_port(fs, to);
	bool right;

	fake_switch_clear(fs);
	fake_switch_send(fs, from, p);
	right = fp->sent.count == 1 &&
		fake_frame_is(fake_port_sent(fp, 0), as) &&
		fake_switch_balanced(fs);
	if (!right)
		printf("\n%s got %u frames, not the one\n", to,
		       fp->sent.count);
	fake_switch_clear(fs);
	return right;
}
