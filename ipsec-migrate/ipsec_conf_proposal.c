/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf_proposal.c: what may be proposed: AEAD ciphers, PRFs of the SHA-2
 * family and elliptic curves, in the words of strongSwan, with dashes between.
 *
 * Nothing weaker has a word here, so nothing weaker can be configured; and
 * what the peer proposes is compared with ours.  A proposal without a group is
 * refused: each successor of a child SA shall have a key of its own (PFS).
 */
#include <stdio.h>
#include <string.h>

#include "ipsec-migrate/ipsec_conf_keys.h"

enum part { CIPHER = 1, PRF = 2, GROUP = 4, ESN = 8 };

static const struct {
	const char *word;
	enum part part;
} words[] = {
	{ "aes256gcm16", CIPHER }, { "aes128gcm16", CIPHER },
	{ "chacha20poly1305", CIPHER },
	{ "prfsha256", PRF }, { "prfsha384", PRF }, { "prfsha512", PRF },
	{ "curve25519", GROUP }, { "ecp256", GROUP }, { "ecp384", GROUP },
	{ "ecp521", GROUP },
	{ "esn", ESN }, { "noesn", ESN },
};

const struct iconf_proposals iconf_default_ike = { {
	"aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-"
	"curve25519-ecp384-ecp256",
} };

const struct iconf_proposals iconf_default_esp = { {
	"aes256gcm16-aes128gcm16-chacha20poly1305-curve25519-ecp384-ecp256-"
	"esn-noesn",
} };

static unsigned part_of(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len &&
		    !memcmp(words[i].word, word, len))
			return words[i].part;
	return 0;
}

static bool refuse(char *why, size_t size, unsigned missing)
{
	snprintf(why, size, "%s missing: %s",
		 missing & CIPHER ? "a cipher is" :
		 missing & PRF	  ? "a PRF is" :
		 missing & GROUP  ? "a group is" : "esn or noesn is",
		 missing & CIPHER ? "aes256gcm16, aes128gcm16 or "
				    "chacha20poly1305" :
		 missing & PRF	  ? "prfsha256, prfsha384 or prfsha512" :
		 missing & GROUP  ? "curve25519, ecp256, ecp384 or ecp521" :
				    "extended sequence numbers or not");
	return false;
}

bool iconf_proposal_ok(const char *text, bool ike, char *why, size_t size)
{
	const unsigned needs = ike ? CIPHER | PRF | GROUP :
				     CIPHER | GROUP | ESN;
	unsigned seen = 0;

	for (;;) {
		size_t len = strcspn(text, "-");
		unsigned part = part_of(text, len);

		if (!(part & needs)) {
			snprintf(why, size, "no word \"%.*s\" in proposals for "
				 "%s", (int)(len < 32 ? len : 32), text,
				 ike ? "IKE" : "ESP");
			return false;
		}
		seen |= part;
		if (!text[len])
			break;
		text += len + 1;
	}
	return seen == needs || refuse(why, size, needs & ~seen);
}
