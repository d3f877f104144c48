/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_words.c: what libcharon says when something fails, in plain words.
 *
 * Alerts and notifies tell that something failed, only the log tells why; and
 * as the library is of one known version, its lines are known too.  The first
 * row that fits counts.
 */
#include "ipsec-migrate/charon_words.h"

#include <string.h>

static const struct {
	const char *needle;
	struct charon_words words;
} rows[] = {
	{ "giving up after",
	  { "unreachable", "no answer: the peer is down, UDP 500 or 4500 is "
	    "blocked on the way, or the address is wrong", false } },
	{ "received NO_PROPOSAL_CHOSEN notify",
	  { "proposal", "the peer takes none of our proposals: compare "
	    "`proposals` on both sides", false } },
	{ "received proposals unacceptable",
	  { "proposal", "none of the peer's proposals is taken here: compare "
	    "`proposals` on both sides", true } },
	{ "no acceptable proposal found",
	  { "proposal", "none of the peer's proposals is taken here: compare "
	    "`proposals` on both sides", true } },
	{ "no matching peer config found",
	  { "identity", "wrong identity: who the peer says it is, or who it "
	    "wants to talk to, is not what is configured here", true } },
	{ "constraint check failed: identity",
	  { "identity", "wrong identity: the peer is another than `remote_id`",
	    true } },
	{ "constraint check failed: peer not authenticated by CA",
	  { "issuer", "the peer's certificate is not signed by one of `ca`",
	    true } },
	{ "received IDr ",
	  { "identity", "wrong identity: the peer is another than `remote_id`",
	    true } },
	{ "no shared key found",
	  { "identity", "no secret for these two identities: compare "
	    "`local_id` and `remote_id` on both sides", true } },
	{ "but MAC mismatched",
	  { "secret", "wrong secret: the peer's PSK is another than ours",
	    true } },
	{ "certificate invalid (valid from",
	  { "clock", "a certificate has expired or is not valid yet: look at "
	    "it, and at the clocks of both hosts", true } },
	{ "certificate was revoked",
	  { "revoked", "the peer's certificate has been revoked", true } },
	{ "certificate status is unknown",
	  { "revocation", "the list of revoked certificates (`crl`) is too "
	    "old", false } },
	{ "RULE_CRL_VALIDATION",
	  { "revocation", "there is no fresh list of revoked certificates: "
	    "see `crl`", true } },
	{ "no issuer certificate found",
	  { "issuer", "the peer's certificate is not signed by one of `ca`",
	    true } },
	{ "is not trusted",
	  { "issuer", "the peer's certificate is not signed by one of `ca`",
	    true } },
	{ "public key found for",
	  { "issuer", "the peer's certificate does not prove its identity: it "
	    "has another name in it, or none of `ca` has signed it", false } },
	{ "signatures not acceptable",
	  { "weak", "the peer's key is too weak: RSA needs 2048 bits, ECDSA "
	    "256", true } },
	{ "does not match permitted name",
	  { "issuer", "the peer's CA may not sign that name", true } },
	{ "matches excluded name",
	  { "issuer", "the peer's CA may not sign that name", true } },
	{ "violates constraint of",
	  { "issuer", "too many CAs between the peer's certificate and `ca`",
	    true } },
	{ "no private key found for",
	  { "key", "our private key does not fit our certificate and "
	    "`local_id`", true } },
	{ "PPK required",
	  { "ppk", "the other secret (`ppk`) is not the same on both sides",
	    true } },
	{ "received PPK_ID ",
	  { "ppk", "the other secret (`ppk`) has another `id` at the peer",
	    true } },
	{ "received AUTHENTICATION_FAILED notify",
	  { "refused", "the peer does not accept who we are: wrong secret or "
	    "identity, or a certificate that it does not take; its log says "
	    "which", false } },
	{ "received TS_UNACCEPTABLE notify",
	  { "networks", "the peer's `networks` are not ours the other way "
	    "round", false } },
	{ "no acceptable traffic selectors found",
	  { "networks", "the peer's `networks` are not ours the other way "
	    "round", true } },
	{ "traffic selectors ",
	  { "networks", "the peer's `networks` are not ours the other way "
	    "round", true } },
	{ "received INTERNAL_ADDRESS_FAILURE notify",
	  { "refused", "the peer wants to give us an address", false } },
	{ "espd does not take SA",
	  { "espd", "causeway-espd does not take the SA; its log says why",
	    true } },
	{ "allocating SPI failed",
	  { "espd", "causeway-espd does not answer", true } },
	{ "unable to allocate SPIs",
	  { "espd", "causeway-espd does not answer", true } },
	{ "unable to resolve",
	  { "route", "no way leads to the peer's address", false } },
	{ "no route found to reach",
	  { "route", "no way leads to the peer's address", false } },
};

const struct charon_words *charon_words_find(const char *line)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(line, rows[i].needle))
			return &rows[i].words;
	return NULL;
}
