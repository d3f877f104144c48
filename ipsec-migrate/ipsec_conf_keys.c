/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipsec_conf_keys.c: the keys of the peers' state, one row each.
 *
 * docs/ipsec.md has the same table (causeway-iked --schema); a unit test holds
 * the one against the other.
 */
#include "ipsec-migrate/ipsec_conf_keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>

static const char *const start_words[] = { "always", "on-demand", "respond",
					   NULL };
static const char *const encap_words[] = { "auto", "udp", NULL };
static const char *const revocation_words[] = { "if-there", "strict", NULL };

#define AT(key, kind_, type, field)                                           \
	.name = key, .kind = ICONF_KIND_##kind_, .offset = offsetof(type, field)
#define PEER(key, kind_, field) AT(key, kind_, struct iconf_peer, field)
#define RANGE(lo, hi, def_) .min = lo, .max = hi, .def = def_

static const struct iconf_key auth_keys[] = {
	{ PEER("psk", FILE, auth.psk), .help = "file with the shared secret" },
	{ PEER("cert", FILE, auth.cert), .help = "our certificate, PEM or DER" },
	{ PEER("key", FILE, auth.key), .def_help = "`cert` with .key for its "
						   "ending",
	  .help = "its private key" },
	{ PEER("ca", FILES, auth.ca),
	  .help = "certificates of those whose word we take; with `cert`" },
	{ PEER("crl", FILES, auth.crl), .help = "lists of revoked certificates" },
	{ PEER("revocation", WORD, auth.revocation), .words = revocation_words,
	  .help = "`strict`: no certificate without a fresh list" },
	{ .name = NULL },
};

static const struct iconf_key ppk_keys[] = {
	{ PEER("id", ID, ppk.id), .required = true,
	  .help = "which one, as both sides name it" },
	{ PEER("file", FILE, ppk.file), .required = true,
	  .help = "file with the secret" },
	{ PEER("required", BOOL, ppk.required), .def = true,
	  .help = "refuse a peer without it" },
	{ .name = NULL },
};

static const struct iconf_key network_keys[] = {
	{ PEER("local", NETWORKS, local_net), .required = true,
	  .help = "what the peer may reach here" },
	{ PEER("remote", NETWORKS, remote_net), .required = true,
	  .help = "what is reached through the channel, and never without" },
	{ .name = NULL },
};

static const struct iconf_key proposal_keys[] = {
	{ PEER("ike", PROPOSALS, ike), .def_help = "all that is strong",
	  .help = "cipher-prf-group of IKE SAs, best first" },
	{ PEER("esp", PROPOSALS, esp), .def_help = "all that is strong",
	  .help = "cipher-group-esn of child SAs; the group is for each "
		  "successor" },
	{ .name = NULL },
};

static const struct iconf_key lifetime_keys[] = {
	{ PEER("ike_s", U32, ike_s), RANGE(60, 604800, 14400),
	  .help = "seconds of an IKE SA" },
	{ PEER("child_s", U32, child_s), RANGE(10, 604800, 3600),
	  .help = "seconds of a child SA; a successor comes before" },
	{ PEER("child_bytes", U64, child_bytes),
	  RANGE(0, INT64_MAX, 1ull << 40),
	  .help = "bytes of a child SA; 0: any number" },
	{ PEER("child_packets", U64, child_packets),
	  RANGE(0, INT64_MAX, 0),
	  .help = "packets of a child SA; 0: any number" },
	{ .name = NULL },
};

const struct iconf_key iconf_peer_keys[] = {
	{ PEER("name", NAME, name), .required = true,
	  .help = "unique" },
	{ PEER("local", ADDRESS, local), .def_help = "any of this host's",
	  .help = "address IKE comes from" },
	{ PEER("remote", ADDRESS, remote), .def_help = "any: it begins",
	  .help = "the peer's address" },
	{ PEER("local_id", ID, local_id),
	  .def_help = "the certificate's subject, or the address",
	  .help = "who we are: a name, an address, a mail address or a "
		  "distinguished name" },
	{ PEER("remote_id", ID, remote_id), .def_help = "the peer's address",
	  .help = "who the peer is; `%any` takes whoever `ca` has signed" },
	{ .name = "auth", .kind = ICONF_KIND_SUB, .required = true,
	  .sub = auth_keys, .help = "how both prove who they are" },
	{ .name = "ppk", .kind = ICONF_KIND_SUB, .sub = ppk_keys,
	  .help = "a secret mixed in besides (RFC 8784), against quantum "
		  "computers" },
	{ .name = "networks", .kind = ICONF_KIND_SUB, .required = true,
	  .sub = network_keys, .help = "what the channel is for" },
	{ .name = "proposals", .kind = ICONF_KIND_SUB, .sub = proposal_keys,
	  .help = "ciphers" },
	{ .name = "lifetimes", .kind = ICONF_KIND_SUB, .sub = lifetime_keys,
	  .help = "how long keys live" },
	{ PEER("start", WORD, start), .words = start_words,
	  .help = "who begins, and when" },
	{ PEER("encap", WORD, encap), .words = encap_words, .def = 1,
	  .help = "`udp`: ESP always in UDP; `auto`: only where there is a "
		  "NAT" },
	{ PEER("streams", U32, streams), RANGE(1, ICONF_STREAMS_MAX, 1),
	  .help = "child SAs side by side, for more than one core" },
	{ PEER("dpd_s", U32, dpd_s), RANGE(0, 3600, 10),
	  .help = "seconds of silence before the peer is asked; 0: never" },
	{ PEER("mobike", BOOL, mobike), .def = true,
	  .help = "either side may change its address" },
	{ PEER("copy_dscp", BOOL, copy_dscp),
	  .help = "show the inner packets' DSCP outside" },
	{ PEER("mtu", U32, mtu), RANGE(0, 65535, 0),
	  .help = "of the outer path, 1280 or more; 0: it is found" },
	{ PEER("replay_window", U32, replay_window), RANGE(64, 4096, 4096),
	  .help = "packets, a multiple of 64" },
	{ .name = NULL },
};

const struct iconf_key iconf_root_keys[] = {
	{ AT("owner", NAME, struct ipsec_conf, owner), .required = true,
	  .help = "whose value it is" },
	{ AT("generation", U64, struct ipsec_conf, generation),
	  .required = true, RANGE(0, INT64_MAX, 0),
	  .help = "never lower than that of the running value" },
	{ AT("peers", PEERS, struct ipsec_conf, peers),
	  .sub = iconf_peer_keys, .help = "the other ends" },
	{ .name = NULL },
};

const struct iconf_key *iconf_key_find(const struct iconf_key *table,
				       const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

static void set_default(const struct iconf_key *k, void *object)
{
	char *at = (char *)object + k->offset;

	switch (k->kind) {
	case ICONF_KIND_BOOL: *(bool *)at = k->def; break;
	case ICONF_KIND_U32: *(uint32_t *)at = k->def; break;
	case ICONF_KIND_U64: *(uint64_t *)at = k->def; break;
	case ICONF_KIND_WORD: *(uint8_t *)at = k->def; break;
	default: break;
	}
}

/* Those of an object within that is not there too; but see the PPK's. */
void iconf_set_defaults(const struct iconf_key *table, void *object)
{
	for (; table->name; table++) {
		if (table->kind == ICONF_KIND_SUB && table->sub != ppk_keys)
			iconf_set_defaults(table->sub, object);
		else
			set_default(table, object);
	}
}

/* ---- addresses ----------------------------------------------------------- */

bool iconf_is_address(const char *text)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, text, addr) == 1 ||
	       inet_pton(AF_INET6, text, addr) == 1;
}

static bool read_prefix(const char *text, unsigned max, uint8_t *prefix)
{
	unsigned n = 0;

	if (!*text || strlen(text) > 3)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = 10 * n + *text - '0';
	}
	*prefix = n;
	return n <= max;
}

static bool host_bits_zero(const struct iconf_network *n)
{
	for (unsigned bit = n->prefix; bit < (n->family == 4 ? 32 : 128); bit++)
		if (n->addr[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

bool iconf_read_network(const char *text, struct iconf_network *n)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char addr[INET6_ADDRSTRLEN];

	memset(n, 0, sizeof(*n));
	if (len >= sizeof(addr))
		return false;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET, addr, n->addr) == 1)
		n->family = 4;
	else if (inet_pton(AF_INET6, addr, n->addr) == 1)
		n->family = 6;
	else
		return false;
	n->prefix = n->family == 4 ? 32 : 128;
	return (!slash || read_prefix(slash + 1, n->prefix, &n->prefix)) &&
	       host_bits_zero(n);
}

void ipsec_conf_network_text(const struct iconf_network *n,
			     char text[ICONF_NETWORK_TEXT])
{
	char addr[INET6_ADDRSTRLEN] = "";

	inet_ntop(n->family == 4 ? AF_INET : AF_INET6, n->addr, addr,
		  sizeof(addr));
	snprintf(text, ICONF_NETWORK_TEXT, "%s/%u", addr, n->prefix);
}

/* ---- for people ---------------------------------------------------------- */

static void words_text(const char *const *words, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (; *words && n < size; words++)
		n += snprintf(text + n, size - n, "%s%s", n ? ", " : "",
			      *words);
}

void iconf_key_expects(const struct iconf_key *k, char *text, size_t size)
{
	static const char *const kinds[] = {
		[ICONF_KIND_BOOL] = "true or false",
		[ICONF_KIND_NAME] = "name: letters, digits, . _ -",
		[ICONF_KIND_FILE] = "name of a file in the key folder",
		[ICONF_KIND_FILES] = "list of up to 4 names of files",
		[ICONF_KIND_ADDRESS] = "IPv4 or IPv6 address",
		[ICONF_KIND_ID] = "identity",
		[ICONF_KIND_NETWORKS] = "list of up to 16 prefixes without "
					"host bits",
		[ICONF_KIND_PROPOSALS] = "list of up to 4 proposals",
		[ICONF_KIND_SUB] = "object",
		[ICONF_KIND_PEERS] = "list of peers",
	};

	if (k->kind == ICONF_KIND_WORD)
		words_text(k->words, text, size);
	else if (k->kind == ICONF_KIND_U32 || k->kind == ICONF_KIND_U64)
		snprintf(text, size, "integer %" PRIu64 " to %" PRIu64, k->min,
			 k->max);
	else
		snprintf(text, size, "%s", kinds[k->kind]);
}

static void default_text(const struct iconf_key *k, char *text, size_t size)
{
	if (k->def_help)
		snprintf(text, size, "%s", k->def_help);
	else if (k->required)
		snprintf(text, size, "required");
	else if (k->kind == ICONF_KIND_BOOL)
		snprintf(text, size, "%s", k->def ? "true" : "false");
	else if (k->kind == ICONF_KIND_WORD)
		snprintf(text, size, "%s", k->words[k->def]);
	else if (k->kind == ICONF_KIND_U32 || k->kind == ICONF_KIND_U64)
		snprintf(text, size, "%" PRIu64, k->def);
	else
		snprintf(text, size, "none");
}

static void describe(FILE *to, const char *object, const struct iconf_key *k)
{
	char type[128], def[128];

	for (; k->name; k++) {
		iconf_key_expects(k, type, sizeof(type));
		default_text(k, def, sizeof(def));
		fprintf(to, "| %s | `%s` | %s | %s | %s |\n", object, k->name,
			type, def, k->help);
		if (k->sub)
			describe(to, k->kind == ICONF_KIND_PEERS ? "peer" :
								   k->name,
				 k->sub);
	}
}

void ipsec_conf_describe(FILE *to)
{
	fprintf(to, "| object | key | takes | default | meaning |\n"
		    "|---|---|---|---|---|\n");
	describe(to, "state", iconf_root_keys);
}

void iconf_error(struct ipsec_conf_errors *errs, const char *path,
		 const char *value, const char *expected, ...)
{
	struct ipsec_conf_error *e;
	va_list ap;

	if (errs->count >= ICONF_ERRORS_MAX)
		return;
	e = &errs->error[errs->count++];
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->value, sizeof(e->value), "%s", value ? value : "missing");
	va_start(ap, expected);
	vsnprintf(e->expected, sizeof(e->expected), expected, ap);
	va_end(ap);
}
