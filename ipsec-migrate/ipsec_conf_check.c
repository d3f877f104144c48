/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf_check.c: what keys and peers say about each other.
 *
 * Two peers never protect the same addresses: a packet for them must have one
 * way to go.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "ipsec-migrate/ipsec_conf_keys.h"

struct where {
	struct ipsec_conf_errors *errs;
	uint32_t i;
};

__attribute__((format(printf, 4, 5)))
static void refuse(const struct where *w, const char *key, const char *value,
		   const char *expected, ...)
{
	char path[128], text[256];
	va_list ap;

	snprintf(path, sizeof(path), "peers[%u].%s", w->i, key);
	va_start(ap, expected);
	vsnprintf(text, sizeof(text), expected, ap);
	va_end(ap);
	iconf_error(w->errs, path, value, "%s", text);
}

static unsigned count(const struct iconf_network *n)
{
	unsigned i = 0;

	while (i < ICONF_NETWORKS_MAX && n[i].family)
		i++;
	return i;
}

static bool overlap(const struct iconf_network *a,
		    const struct iconf_network *b)
{
	unsigned bits = a->prefix < b->prefix ? a->prefix : b->prefix;

	if (a->family != b->family)
		return false;
	for (unsigned bit = 0; bit < bits; bit++)
		if ((a->addr[bit / 8] ^ b->addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static const struct iconf_network *find_overlap(const struct iconf_network *n,
						const struct iconf_network *of)
{
	for (unsigned i = 0; i < ICONF_NETWORKS_MAX && n[i].family; i++)
		if (overlap(&n[i], of))
			return &n[i];
	return NULL;
}

/* ---- one peer ------------------------------------------------------------ */

static void check_auth(const struct where *w, const struct iconf_auth *a)
{
	if (!a->psk[0] == !a->cert[0])
		refuse(w, "auth", a->psk[0] ? "psk and cert" : NULL,
		       "either psk, or cert and ca");
	else if (a->cert[0] && !a->ca.name[0][0])
		refuse(w, "auth.ca", NULL, "with cert: whose certificates we "
					   "take");
	else if (a->cert[0] && !a->key[0])
		refuse(w, "auth.key", NULL, "the certificate's private key");
	else if (a->psk[0] && (a->ca.name[0][0] || a->crl.name[0][0] ||
			       a->key[0]))
		refuse(w, "auth", "psk and others", "with psk nothing else");
}

static void check_ends(const struct where *w, const struct iconf_peer *p)
{
	if (!p->remote[0] && p->start != ICONF_START_RESPOND)
		refuse(w, "remote", NULL, "an address, or start: respond");
	if (p->local[0] && p->remote[0] &&
	    !strchr(p->local, ':') != !strchr(p->remote, ':'))
		refuse(w, "remote", p->remote, "of the same family as local");
	if (!p->remote[0] && !p->remote_id[0])
		refuse(w, "remote_id", NULL, "who it is, as its address may "
					     "be any");
	if (p->auth.psk[0] && !strcmp(p->remote_id, "%any"))
		refuse(w, "remote_id", "%any", "with psk: one identity");
	if (p->mtu && p->mtu < 1280)
		refuse(w, "mtu", "less", "0, or 1280 and more");
	if (p->replay_window % 64)
		refuse(w, "replay_window", "another", "a multiple of 64");
}

static void check_networks(const struct where *w, const struct iconf_peer *p)
{
	unsigned n = count(p->local_net) * count(p->remote_net);
	char text[ICONF_NETWORK_TEXT];

	if (n > ICONF_PAIRS_MAX)
		refuse(w, "networks", "more", "at most %u pairs of a local "
		       "and a remote network", ICONF_PAIRS_MAX);
	for (unsigned i = 0; i < count(p->remote_net); i++) {
		const struct iconf_network *r = &p->remote_net[i];

		ipsec_conf_network_text(r, text);
		if (find_overlap(p->local_net, r))
			refuse(w, "networks.remote", text, "addresses that "
			       "are not local too");
		if (i + 1 < ICONF_NETWORKS_MAX && find_overlap(r + 1, r))
			refuse(w, "networks.remote", text, "networks that do "
			       "not overlap");
	}
}

/* ---- between peers ------------------------------------------------------- */

static void check_pair(const struct where *w, const struct iconf_peer *p,
		       const struct iconf_peer *q)
{
	char text[ICONF_NETWORK_TEXT];

	if (!strcmp(p->name, q->name))
		refuse(w, "name", p->name, "a name that no other peer has");
	for (unsigned i = 0; i < count(p->remote_net); i++) {
		if (!find_overlap(q->remote_net, &p->remote_net[i]))
			continue;
		ipsec_conf_network_text(&p->remote_net[i], text);
		refuse(w, "networks.remote", text, "addresses that peer %s "
		       "does not have", q->name);
	}
}

int iconf_check(const struct ipsec_conf *conf, struct ipsec_conf_errors *errs)
{
	struct where w = { .errs = errs };

	for (w.i = 0; w.i < conf->peer_count; w.i++) {
		const struct iconf_peer *p = &conf->peers[w.i];

		check_auth(&w, &p->auth);
		check_ends(&w, p);
		check_networks(&w, p);
		for (uint32_t k = 0; k < w.i; k++)
			check_pair(&w, p, &conf->peers[k]);
	}
	return errs->count ? -EINVAL : 0;
}
