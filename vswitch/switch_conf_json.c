/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_json.c: one JSON object to one struct by its table.
 *
 * Every reader below takes the value of one key, and either stores it or
 * records one error; reading goes on after an error, so that a person sees
 * all of them at once.  Networks are read before ports, because ports name
 * networks; uplinks, which networks name, are resolved by conf_check().
 */
#include "vswitch/switch_conf_json.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/switch_conf_keys.h"

static_assert(CONF_NETWORKS_MAX <= UINT16_MAX, "carries[] holds indexes");
static_assert(offsetof(struct conf_network, name) == 0, "index by name");
static_assert(offsetof(struct conf_port, name) == 0, "index by name");

#define PATH_MAX_LEN 128

struct reader {
	struct switch_conf *conf;
	struct switch_conf_errors *errs;
	bool no_memory;
};

struct shown {
	char text[128];
	size_t len;
};

static int show_part(const char *part, size_t len, void *data)
{
	struct shown *s = data;
	size_t room = sizeof(s->text) - 1 - s->len;

	if (len > room) {
		memcpy(s->text + s->len, part, room);
		s->len += room;
		memcpy(s->text + sizeof(s->text) - 4, "...", 3);
		return -1; /* ends the dump: the value may be huge */
	}
	memcpy(s->text + s->len, part, len);
	s->len += len;
	return 0;
}

static void fail(struct reader *r, const char *path, const json_t *value,
		 const char *expected)
{
	struct shown s = { .len = 0 };

	if (value)
		json_dump_callback(value, show_part, &s,
				   JSON_ENCODE_ANY | JSON_COMPACT |
					   JSON_ENSURE_ASCII);
	conf_error(r->errs, path, value ? s.text : NULL, "%s", expected);
}

static void fail_key(struct reader *r, const char *path, const json_t *value,
		     const struct conf_key *key)
{
	char expected[200];

	conf_key_expects(key, expected, sizeof(expected));
	fail(r, path, value, expected);
}

static void path_key(char *path, const char *base, const char *key)
{
	if (snprintf(path, PATH_MAX_LEN, "%s%s%s", base, *base ? "." : "",
		     key) >= PATH_MAX_LEN)
		memcpy(path + PATH_MAX_LEN - 4, "...", 4);
}

static void path_at(char *path, const char *base, size_t i)
{
	snprintf(path, PATH_MAX_LEN, "%s[%zu]", base, i);
}

static bool name_ok(const char *s, size_t max)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) && !strchr("._:-", s[i])))
			return false;
	return i > 0 && i < max;
}

/* As the kernel's dev_valid_name(). */
static bool ifname_ok(const char *s)
{
	size_t i;

	if (!strcmp(s, ".") || !strcmp(s, ".."))
		return false;
	for (i = 0; s[i]; i++)
		if (!isgraph((unsigned char)s[i]) || strchr("/:%", s[i]))
			return false;
	return i > 0 && i < CONF_IFNAME_MAX;
}

/* Is this between two slashes a name, and not another way to write a path? */
static bool is_step(const char *s, size_t len)
{
	return len && !(len == 1 && s[0] == '.') &&
	       !(len == 2 && s[0] == '.' && s[1] == '.');
}

/* One way to write each path, so that two ports' can be compared. */
static bool socket_ok(const char *s)
{
	size_t i, len;

	for (i = 0; s[i]; i++)
		if (iscntrl((unsigned char)s[i]))
			return false;
	if (s[0] != '/' || i >= CONF_SOCKET_MAX)
		return false;
	for (; *s == '/'; s += 1 + len) {
		len = strcspn(s + 1, "/");
		if (!is_step(s + 1, len))
			return false;
	}
	return true;
}

static bool text_ok(const struct conf_key *key, const char *s)
{
	if (key->kind == CONF_KIND_NAME)
		return name_ok(s, CONF_NAME_MAX);
	if (key->kind == CONF_KIND_IFNAME)
		return ifname_ok(s);
	return socket_ok(s);
}

static bool read_text(const struct conf_key *key, void *object,
		      const json_t *value)
{
	const char *s = json_string_value(value);

	if (!s || !text_ok(key, s))
		return false;
	strcpy((char *)object + key->offset, s); /* text_ok() bounds it */
	return true;
}

static bool read_number(const struct conf_key *key, void *object,
			const json_t *value)
{
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < key->min || v > key->max)
		return false;
	conf_key_set(key, object, v);
	return true;
}

static bool read_bool(const struct conf_key *key, void *object,
		      const json_t *value)
{
	if (!json_is_boolean(value))
		return false;
	conf_key_set(key, object, json_is_true(value));
	return true;
}

static const struct conf_word *find_word(const struct conf_word *words,
					 const json_t *value)
{
	const char *s = json_string_value(value);

	for (; s && words->word; words++)
		if (!strcmp(words->word, s))
			return words;
	return NULL;
}

static bool read_word(const struct conf_key *key, void *object,
		      const json_t *value)
{
	const struct conf_word *w = find_word(key->words, value);

	if (w)
		conf_key_set(key, object, w->value);
	return w;
}

static bool hex_byte(const char *s, uint8_t *to)
{
	char digits[3] = { s[0], s[0] ? s[1] : 0, 0 };

	if (!isxdigit((unsigned char)digits[0]) ||
	    !isxdigit((unsigned char)digits[1]))
		return false;
	*to = strtoul(digits, NULL, 16);
	return true;
}

static bool read_mac(uint8_t mac[6], const json_t *value)
{
	static const uint8_t zero[6];
	const char *s = json_string_value(value);
	unsigned i;

	if (!s || strlen(s) != 17)
		return false;
	for (i = 0; i < 6; i++) {
		if (!hex_byte(s + 3 * i, &mac[i]))
			return false;
		if (i < 5 && s[3 * i + 2] != ':')
			return false;
	}
	return !(mac[0] & 1) && memcmp(mac, zero, 6);
}

static bool read_net(struct reader *r, const struct conf_key *key,
		     void *object, const json_t *value)
{
	const char *s = json_string_value(value);
	int32_t i = s ? switch_conf_find_network(r->conf, s) : CONF_NONE;

	conf_key_set(key, object, i);
	return i != CONF_NONE;
}

/* An empty list needs no memory, and calloc(0) may or may not say NULL. */
static void *new_list(struct reader *r, size_t count, size_t size)
{
	void *list = calloc(count + 1, size);

	if (!list)
		r->no_memory = true;
	return list;
}

static void read_flags(struct reader *r, const struct conf_key *key,
		       void *object, const json_t *value, const char *path)
{
	char at[PATH_MAX_LEN];
	uint32_t mask = 0;
	size_t i;

	for (i = 0; i < json_array_size(value); i++) {
		const json_t *v = json_array_get(value, i);
		const struct conf_word *w = find_word(key->words, v);

		path_at(at, path, i);
		if (w)
			mask |= w->value;
		else
			fail_key(r, at, v, key);
	}
	conf_key_set(key, object, mask);
}

static void read_nets(struct reader *r, struct conf_port *p,
		      const json_t *value, const char *path)
{
	uint8_t seen[CONF_NETWORKS_MAX / 8] = { 0 };
	size_t i, n = json_array_size(value);
	char at[PATH_MAX_LEN];
	int32_t net;

	if (n > CONF_NETWORKS_MAX) {
		fail(r, path, value, "at most 4096 networks");
		return;
	}
	p->carries = new_list(r, n, sizeof(*p->carries));
	for (i = 0; p->carries && i < n; i++) {
		const json_t *v = json_array_get(value, i);
		const char *s = json_string_value(v);

		path_at(at, path, i);
		net = s ? switch_conf_find_network(r->conf, s) : CONF_NONE;
		if (net == CONF_NONE) {
			fail(r, at, v, "name of a network in networks");
			continue;
		}
		if (seen[net / 8] & (1 << (net % 8)))
			fail(r, at, v, "each network once");
		else
			p->carries[p->carries_count++] = net;
		seen[net / 8] |= 1 << (net % 8);
	}
}

/* A prefix with host bits may have been meant as either. */
static void fail_host_bits(struct reader *r, const char *path,
			   const json_t *value, int family, const void *addr,
			   uint8_t len)
{
	char whole[CONF_PREFIX_TEXT], one[INET6_ADDRSTRLEN], expected[192];
	struct in6_addr masked;

	memcpy(&masked, addr, family == AF_INET ? 4 : 16);
	conf_prefix_mask(family, &masked, len);
	conf_prefix_text(family, &masked, len, whole);
	inet_ntop(family, addr, one, sizeof(one));
	snprintf(expected, sizeof(expected),
		 "%s for all of the prefix, or %s/%u for this address", whole,
		 one, family == AF_INET ? 32 : 128);
	fail(r, path, value, expected);
}

static void read_prefix(struct reader *r, const struct conf_key *key,
			const json_t *value, const char *path, void *addr,
			uint8_t *len)
{
	int family = key->kind == CONF_KIND_PREFIX4 ? AF_INET : AF_INET6;

	if (!conf_prefix_read(family, json_string_value(value), addr, len)) {
		fail_key(r, path, value, key);
		return;
	}
	if (conf_prefix_is_martian(family, addr, *len)) {
		fail(r, path, value,
		     family == AF_INET
			     ? "what a host may send from: not within 0/8, "
			       "127/8, 224/4, 255.255.255.255"
			     : "what a host may send from: not within ::, "
			       "::1, ::ffff:0:0/96, ff00::/8");
		return;
	}
	if (*len < (family == AF_INET ? 32 : 128) &&
	    conf_host_bits(family, addr, *len) != CONF_HOST_BITS_ZERO)
		fail_host_bits(r, path, value, family, addr, *len);
}

static int order_prefix4(const void *a, const void *b)
{
	const struct conf_prefix4 *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : x->len - y->len;
}

static int order_prefix6(const void *a, const void *b)
{
	const struct conf_prefix6 *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : x->len - y->len;
}

/* Drop neighbours that are equal; returns how many stay. */
static uint32_t dedupe(void *list, uint32_t n, size_t size,
		       int (*order)(const void *, const void *))
{
	char *items = list;
	uint32_t i, kept = 0;

	qsort(list, n, size, order);
	for (i = 0; i < n; i++) {
		if (kept && !order(items + (kept - 1) * size, items + i * size))
			continue;
		memmove(items + kept++ * size, items + i * size, size);
	}
	return kept;
}

static void read_prefixes(struct reader *r, const struct conf_key *key,
			  struct conf_port *p, const json_t *value,
			  const char *path)
{
	bool v4 = key->kind == CONF_KIND_PREFIX4;
	size_t size = v4 ? sizeof(*p->ipv4_allowed) : sizeof(*p->ipv6_allowed);
	size_t i, n = json_array_size(value);
	char at[PATH_MAX_LEN];
	void *list;

	if (n > CONF_PREFIXES_MAX) {
		fail(r, path, value, "at most 256 prefixes");
		return;
	}
	list = new_list(r, n, size);
	for (i = 0; list && i < n; i++) {
		const json_t *v = json_array_get(value, i);
		struct conf_prefix4 *p4 = (struct conf_prefix4 *)list + i;
		struct conf_prefix6 *p6 = (struct conf_prefix6 *)list + i;

		path_at(at, path, i);
		if (v4)
			read_prefix(r, key, v, at, &p4->addr, &p4->len);
		else
			read_prefix(r, key, v, at, &p6->addr, &p6->len);
	}
	if (!list)
		return;
	if (v4) {
		p->ipv4_allowed = list;
		p->ipv4_count = dedupe(list, n, size, order_prefix4);
	} else {
		p->ipv6_allowed = list;
		p->ipv6_count = dedupe(list, n, size, order_prefix6);
	}
}

/* "10-20" or 10. */
static bool read_vids(const json_t *v, long *lo, long *hi)
{
	const char *s = json_string_value(v);
	char *end;

	if (json_is_integer(v)) {
		*lo = *hi = json_integer_value(v);
	} else {
		if (!s || !isdigit((unsigned char)*s))
			return false;
		*lo = *hi = strtol(s, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			*hi = strtol(end + 1, &end, 10);
		if (*end)
			return false;
	}
	return *lo >= 0 && *lo <= *hi && *hi <= 4094;
}

static void read_vid_list(struct reader *r, const struct conf_key *key,
			  struct conf_port *p, const json_t *value,
			  const char *path)
{
	char at[PATH_MAX_LEN];
	long lo, hi;
	size_t i;

	if (!json_array_size(value))
		fail(r, path, value, "at least one VLAN; all are taken when "
				     "the key is left out");
	for (i = 0; i < json_array_size(value); i++) {
		const json_t *v = json_array_get(value, i);

		path_at(at, path, i);
		if (!read_vids(v, &lo, &hi)) {
			fail_key(r, at, v, key);
			continue;
		}
		for (; lo <= hi; lo++)
			p->cvlans[lo / 64] |= 1ull << (lo % 64);
	}
}

/* Who they are is found out when all ports are read. */
static void read_members(struct reader *r, const struct conf_key *key,
			 struct conf_port *p, const json_t *value,
			 const char *path)
{
	size_t i, n = json_array_size(value);
	char at[PATH_MAX_LEN];

	if (!n || n > BOND_MEMBERS_MAX) {
		fail_key(r, path, value, key);
		return;
	}
	p->bonding.members = new_list(r, n, sizeof(*p->bonding.members));
	for (i = 0; p->bonding.members && i < n; i++) {
		const json_t *v = json_array_get(value, i);
		const char *s = json_string_value(v);

		path_at(at, path, i);
		if (s && name_ok(s, CONF_NAME_MAX))
			strcpy(p->bonding.members[p->bonding.member_count++]
				       .name, s);
		else
			fail(r, at, v, "name of a port in ports");
	}
}

static bool read_address(struct conf_address *to, const char *s)
{
	if (!s || !strchr(s, '/'))
		return false;
	to->family = strchr(s, ':') ? AF_INET6 : AF_INET;
	return conf_prefix_read(to->family, s, &to->addr, &to->len);
}

static void read_addresses(struct reader *r, const struct conf_key *key,
			   struct conf_port *p, const json_t *value,
			   const char *path)
{
	size_t i, n = json_array_size(value);
	char at[PATH_MAX_LEN];

	if (n > CONF_ADDRESSES_MAX) {
		fail(r, path, value, "at most 16 addresses");
		return;
	}
	p->addresses = new_list(r, n, sizeof(*p->addresses));
	for (i = 0; p->addresses && i < n; i++) {
		const json_t *v = json_array_get(value, i);

		path_at(at, path, i);
		if (!read_address(&p->addresses[i], json_string_value(v)))
			fail_key(r, at, v, key);
	}
	if (p->addresses)
		p->address_count = n;
}

static void read_list(struct reader *r, const struct conf_key *key,
		      void *object, const json_t *value, const char *path)
{
	if (!json_is_array(value)) {
		fail(r, path, value, "list");
		return;
	}
	switch (key->kind) {
	case CONF_KIND_FLAGS:
		read_flags(r, key, object, value, path);
		return;
	case CONF_KIND_NETS:
		read_nets(r, object, value, path);
		return;
	case CONF_KIND_VIDS:
		read_vid_list(r, key, object, value, path);
		return;
	case CONF_KIND_MEMBERS:
		read_members(r, key, object, value, path);
		return;
	case CONF_KIND_ADDRS:
		read_addresses(r, key, object, value, path);
		return;
	default:
		read_prefixes(r, key, object, value, path);
	}
}

static uint64_t read_object(struct reader *r, const struct conf_key *table,
			    void *object, const json_t *value,
			    const char *path);

/* The value of one key; false when it is not what the key expects. */
static bool read_value(struct reader *r, const struct conf_key *key,
		       void *object, const json_t *value, const char *path)
{
	void *at = (char *)object + key->offset;
	const char *s = json_string_value(value);

	switch (key->kind) {
	case CONF_KIND_BOOL:
		return read_bool(key, object, value);
	case CONF_KIND_U16:
	case CONF_KIND_U32:
	case CONF_KIND_U64:
	case CONF_KIND_I64:
		return read_number(key, object, value);
	case CONF_KIND_WORD8:
	case CONF_KIND_WORD16:
		return read_word(key, object, value);
	case CONF_KIND_NAME:
	case CONF_KIND_SOCKET:
	case CONF_KIND_IFNAME:
		return read_text(key, object, value);
	case CONF_KIND_MAC:
		return read_mac(at, value);
	case CONF_KIND_IP4:
		return s && inet_pton(AF_INET, s, at) == 1 &&
		       ((struct in_addr *)at)->s_addr;
	case CONF_KIND_IP6:
		return s && inet_pton(AF_INET6, s, at) == 1 &&
		       !IN6_IS_ADDR_UNSPECIFIED((struct in6_addr *)at);
	case CONF_KIND_NET:
		return read_net(r, key, object, value);
	case CONF_KIND_SUB: /* its fields belong to the same struct */
		read_object(r, key->sub, object, value, path);
		return true;
	default:
		read_list(r, key, object, value, path);
		return true;
	}
}

static void set_defaults(const struct conf_key *key, void *object)
{
	for (; key->name; key++) {
		if (key->kind <= CONF_KIND_FLAGS)
			conf_key_set(key, object, key->def);
		else if (key->kind == CONF_KIND_NET)
			conf_key_set(key, object, CONF_NONE);
		else if (key->kind == CONF_KIND_SUB)
			set_defaults(key->sub, object);
	}
}

static void unknown_key(struct reader *r, const struct conf_key *table,
			const char *name, const json_t *value,
			const char *path)
{
	const char *near = conf_key_nearest(table, name);
	char expected[96];

	snprintf(expected, sizeof(expected), "a known key%s%s%s",
		 near ? "; did you mean \"" : ", see causeway-switch.json(5)",
		 near ? near : "", near ? "\"?" : "");
	fail(r, path, value, expected);
}

/* Returns which rows of the table were there, bit = row. */
static uint64_t read_object(struct reader *r, const struct conf_key *table,
			    void *object, const json_t *value,
			    const char *path)
{
	const struct conf_key *key;
	char at[PATH_MAX_LEN];
	uint64_t seen = 0;
	const char *name;
	json_t *v;

	if (!json_is_object(value)) {
		fail(r, path, value, "object");
		return 0;
	}
	json_object_foreach((json_t *)value, name, v) {
		path_key(at, path, name);
		key = conf_key_find(table, name);
		if (!key) {
			unknown_key(r, table, name, v, at);
			continue;
		}
		assert(key - table < 64);
		seen |= 1ull << (key - table);
		if (!read_value(r, key, object, v, at))
			fail_key(r, at, v, key);
	}
	return seen;
}

static bool has(uint64_t seen, const struct conf_key *table, const char *name)
{
	return seen & (1ull << (conf_key_find(table, name) - table));
}

static void missing(struct reader *r, const char *path,
		    const struct conf_key *key)
{
	char at[PATH_MAX_LEN];

	path_key(at, path, key->name);
	fail_key(r, at, NULL, key);
}

static void check_required(struct reader *r, const struct conf_key *table,
			   uint64_t seen, const char *path)
{
	const struct conf_key *key;

	for (key = table; key->name; key++)
		if (key->required && !has(seen, table, key->name))
			missing(r, path, key);
}

static void read_network(struct reader *r, struct conf_network *net,
			 const json_t *value, const char *path)
{
	uint64_t seen;

	set_defaults(conf_network_keys, net);
	net->uplink = CONF_NONE;
	seen = read_object(r, conf_network_keys, net, value, path);
	if (json_is_object(value))
		check_required(r, conf_network_keys, seen, path);
}

static void derive_port(struct conf_port *p, uint64_t seen)
{
	static const uint8_t roles[] = { [CONF_VHOST_USER] = CONF_GUEST,
					 [CONF_TAP] = CONF_HOST,
					 [CONF_PACKET] = CONF_UPLINK,
					 [CONF_BOND] = CONF_UPLINK,
					 [CONF_NIC] = CONF_UPLINK };

	if (!has(seen, conf_port_keys, "role"))
		p->role = roles[p->type];
	if (!has(seen, conf_port_keys, "storm_pps"))
		p->storm_pps = p->role == CONF_GUEST ? 10000 : 0;
	p->has_mac = p->type != CONF_BOND &&
		     has(seen, conf_port_keys, "mac");
	if (!has(seen, conf_port_keys, "lldp") && p->role == CONF_UPLINK &&
	    (p->type == CONF_PACKET || p->type == CONF_NIC))
		p->lldp = CONF_LLDP_RX | CONF_LLDP_TX;
	if (p->role == CONF_UPLINK)
		p->vlan_mode = CONF_VLAN_TRUNK;
	else if (has(seen, conf_port_keys, "vlan_mode"))
		return;
	else if (has(seen, conf_port_keys, "native"))
		p->vlan_mode = CONF_VLAN_NATIVE_UNTAGGED;
	else if (has(seen, conf_port_keys, "trunk"))
		p->vlan_mode = CONF_VLAN_TRUNK;
}

static const char *mode_word(const struct conf_port *p)
{
	return conf_word_of(conf_key_find(conf_port_keys, "vlan_mode")->words,
			    p->vlan_mode);
}

/* Say which of the port's own choices leaves no place for the key. */
static void misplaced(struct reader *r, const struct conf_key *key,
		      const struct conf_port *p, const json_t *value,
		      const char *path)
{
	const char *type, *role;
	char at[PATH_MAX_LEN], expected[96];

	type = conf_word_of(conf_key_find(conf_port_keys, "type")->words,
			    p->type);
	role = conf_word_of(conf_key_find(conf_port_keys, "role")->words,
			    p->role);
	if (key->types && !(key->types & CONF_ON(p->type)))
		snprintf(expected, sizeof(expected),
			 "no such key at a port of type %s", type);
	else if (key->roles && !(key->roles & CONF_ON(p->role)))
		snprintf(expected, sizeof(expected),
			 "no such key at a port of role %s", role);
	else if (key->bonds && !(key->bonds & CONF_ON(p->bonding.mode)))
		snprintf(expected, sizeof(expected),
			 "no such property of a bond of mode %s",
			 conf_word_of(conf_key_find(conf_port_keys,
						    "mode")->words,
				      p->bonding.mode));
	else
		snprintf(expected, sizeof(expected),
			 "no such key at a port of vlan_mode %s",
			 mode_word(p));
	path_key(at, path, key->name);
	fail(r, at, json_object_get(value, key->name), expected);
}

static void check_placed(struct reader *r, const struct conf_port *p,
			 uint64_t seen, const json_t *value, const char *path)
{
	const struct conf_key *key;

	for (key = conf_port_keys; key->name; key++) {
		bool there = has(seen, conf_port_keys, key->name);
		bool fits = conf_key_applies(key, p);

		if (there && !fits)
			misplaced(r, key, p, value, path);
		else if (!there && fits &&
			 (key->required || key->kind == CONF_KIND_NET ||
			  key->kind == CONF_KIND_NETS))
			missing(r, path, key);
	}
}

/* What a port of any other role would need says nothing about a bond. */
static bool bond_is_uplink(struct reader *r, const struct conf_port *p,
			   const json_t *value, const char *path)
{
	char at[PATH_MAX_LEN];

	if (p->type != CONF_BOND || p->role == CONF_UPLINK)
		return true;
	path_key(at, path, "role");
	fail(r, at, json_object_get(value, "role"),
	     "\"uplink\", which is all a bond can be");
	return false;
}

static int order_u16(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Every network the port carries, native included, ascending. */
static void gather_carries(struct reader *r, struct conf_port *p)
{
	int32_t extra = p->network != CONF_NONE ? p->network : p->native;

	if (extra == CONF_NONE)
		goto sort;
	if (!p->carries)
		p->carries = new_list(r, 1, sizeof(*p->carries));
	if (!p->carries)
		return;
	p->carries[p->carries_count++] = extra; /* new_list() has one more */
sort:
	if (p->carries)
		p->carries_count = dedupe(p->carries, p->carries_count,
					  sizeof(*p->carries), order_u16);
}

static void fail_no_network(struct reader *r, const json_t *value,
			    const char *path)
{
	char at[PATH_MAX_LEN];

	path_key(at, path, "trunk");
	fail(r, at, json_object_get(value, "trunk"),
	     "at least one network, or a native one");
}

static void read_port(struct reader *r, struct conf_port *p,
		      const json_t *value, const char *path)
{
	unsigned errors = r->errs->count;
	uint64_t seen;

	set_defaults(conf_port_keys, p);
	seen = read_object(r, conf_port_keys, p, value, path);
	if (!json_is_object(value))
		return;
	if (!has(seen, conf_port_keys, "type"))
		missing(r, path, conf_key_find(conf_port_keys, "type"));
	if (r->errs->count > errors)
		return; /* what follows from a wrong key helps nobody */
	derive_port(p, seen);
	if (!bond_is_uplink(r, p, value, path))
		return;
	check_placed(r, p, seen, value, path);
	if (r->errs->count > errors)
		return;
	gather_carries(r, p);
	if (has(seen, conf_port_keys, "trunk") && !p->carries_count)
		fail_no_network(r, value, path);
}

static void check_unique(struct reader *r, const uint16_t *index,
			 uint32_t count, const char *objects, size_t size,
			 const char *list)
{
	char path[PATH_MAX_LEN], value[CONF_NAME_MAX + 2];
	uint32_t i;

	for (i = 1; i < count; i++) {
		const char *name = objects + index[i] * size;

		if (!*name || strcmp(name, objects + index[i - 1] * size))
			continue;
		snprintf(path, sizeof(path), "%s[%u].name", list, index[i]);
		snprintf(value, sizeof(value), "\"%s\"", name);
		conf_error(r->errs, path, value,
			   "a name of its own; %s[%u] has it", list,
			   index[i - 1]);
	}
}

/* A list of at most `max` objects into new memory; its length, or 0. */
static uint32_t begin_list(struct reader *r, const json_t *root,
			   const char *name, uint32_t max, size_t size,
			   void **list)
{
	const json_t *value = json_object_get(root, name);
	char expected[64];

	if (!value)
		return 0;
	if (!json_is_array(value) || json_array_size(value) > max) {
		snprintf(expected, sizeof(expected),
			 "list of at most %u objects", max);
		fail(r, name, value, expected);
		return 0;
	}
	*list = new_list(r, json_array_size(value), size);
	return *list ? json_array_size(value) : 0;
}

static void read_networks(struct reader *r, const json_t *root)
{
	struct switch_conf *conf = r->conf;
	char path[PATH_MAX_LEN];
	uint32_t i;

	conf->network_count = begin_list(r, root, "networks",
					 CONF_NETWORKS_MAX,
					 sizeof(*conf->networks),
					 (void **)&conf->networks);
	for (i = 0; i < conf->network_count; i++) {
		path_at(path, "networks", i);
		conf->networks[i].segment = i;
		read_network(r, &conf->networks[i],
			     json_array_get(json_object_get(root, "networks"),
					    i), path);
	}
	if (conf_index_names(&conf->networks_by_name, conf->networks,
			     conf->network_count,
			     sizeof(*conf->networks)) < 0)
		r->no_memory = true;
	else
		check_unique(r, conf->networks_by_name, conf->network_count,
			     (const char *)conf->networks,
			     sizeof(*conf->networks), "networks");
}

static void read_ports(struct reader *r, const json_t *root)
{
	struct switch_conf *conf = r->conf;
	char path[PATH_MAX_LEN];
	uint32_t i;

	conf->port_count = begin_list(r, root, "ports", CONF_PORTS_MAX,
				      sizeof(*conf->ports),
				      (void **)&conf->ports);
	for (i = 0; i < conf->port_count; i++) {
		path_at(path, "ports", i);
		conf->ports[i].place = i;
		read_port(r, &conf->ports[i],
			  json_array_get(json_object_get(root, "ports"), i),
			  path);
	}
	if (conf_index_names(&conf->ports_by_name, conf->ports,
			     conf->port_count, sizeof(*conf->ports)) < 0)
		r->no_memory = true;
	else
		check_unique(r, conf->ports_by_name, conf->port_count,
			     (const char *)conf->ports, sizeof(*conf->ports),
			     "ports");
}

/* owner, generation and settings, and that nothing else stands here. */
static void read_root(struct reader *r, const json_t *root)
{
	const struct conf_key *key;
	uint64_t seen = 0;
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)root, name, v) {
		key = conf_key_find(conf_root_keys, name);
		if (!key) {
			unknown_key(r, conf_root_keys, name, v, name);
			continue;
		}
		seen |= 1ull << (key - conf_root_keys);
		if (key->sub == conf_settings_keys)
			read_object(r, key->sub, &r->conf->settings, v, name);
		else if (!key->sub && !read_value(r, key, r->conf, v, name))
			fail_key(r, name, v, key);
	}
	check_required(r, conf_root_keys, seen, "");
}

int switch_conf_from_json(struct switch_conf **out, const json_t *root,
			  struct switch_conf_errors *errs)
{
	struct reader r = { .errs = errs, .conf = switch_conf_empty() };
	int rc = -EINVAL;

	*out = NULL;
	errs->count = 0;
	if (!r.conf)
		return -ENOMEM;
	if (!json_is_object(root)) {
		fail(&r, "", root, "object with owner, generation, networks "
				   "and ports");
		goto free_conf;
	}
	read_root(&r, root);
	read_networks(&r, root);
	if (!r.no_memory)
		read_ports(&r, root);
	if (r.no_memory)
		rc = -ENOMEM;
	else if (!errs->count)
		rc = conf_check(r.conf, errs);
	if (!rc) {
		*out = r.conf;
		return 0;
	}
free_conf:
	switch_conf_free(r.conf);
	return rc;
}
