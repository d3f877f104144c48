/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_keep.c: when to begin, and to begin anew.
 */
#include "ipsec-migrate/charon_keep.h"

#include <string.h>

/*
 * Both ends know both names, so both come to the same answer: identities if
 * they are said, else addresses.
 */
bool charon_keep_is_second(const struct iconf_peer *p)
{
	const char *us = p->local_id[0] ? p->local_id : p->local;
	const char *them = p->remote_id[0] ? p->remote_id : p->remote;

	return us[0] && them[0] && strcmp(us, them) > 0;
}

void charon_keep_init(struct charon_keep *k, const struct iconf_peer *p,
		      uint64_t now_ms)
{
	memset(k, 0, sizeof(*k));
	k->start = p->start;
	k->wanted = p->start == ICONF_START_ALWAYS;
	k->trapped = p->start == ICONF_START_ON_DEMAND;
	k->streams = p->streams;
	k->pause_ms = KEEP_PAUSE_MS;
	k->wait_ms = charon_keep_is_second(p) ? KEEP_WAIT_MS : 0;
	k->next_ms = now_ms + k->wait_ms;
}

void charon_keep_up(struct charon_keep *k, uint64_t now_ms)
{
	k->wanted = k->by_hand = true;
	k->trapped = k->start == ICONF_START_ON_DEMAND;
	k->pause_ms = KEEP_PAUSE_MS;
	k->next_ms = now_ms;
}

void charon_keep_down(struct charon_keep *k)
{
	k->wanted = k->trapped = false;
	k->by_hand = true;
}

/* On demand it waits for the next packet. */
void charon_keep_lost(struct charon_keep *k, uint64_t now_ms)
{
	if (k->start != ICONF_START_ALWAYS)
		k->wanted = false;
	k->pause_ms = KEEP_PAUSE_MS;
	k->next_ms = now_ms + k->wait_ms;
}

void charon_keep_grown(struct charon_keep *k, uint64_t now_ms)
{
	k->next_ms = now_ms + k->wait_ms;
}

unsigned charon_keep_due(struct charon_keep *k, unsigned children,
			 unsigned connecting, uint64_t now_ms)
{
	if (children >= k->streams) {
		k->pause_ms = KEEP_PAUSE_MS;
		return 0;
	}
	if (!k->wanted || connecting || now_ms < k->next_ms)
		return 0;
	k->next_ms = now_ms + k->pause_ms;
	if (k->pause_ms < KEEP_PAUSE_MAX_MS)
		k->pause_ms *= 2;
	/* The first one brings the IKE SA; the others follow. */
	return children ? k->streams - children : 1;
}
