/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_bond.c: `bond`, `uplink`, `lldp`.
 *
 * A bond reads like `ovs-appctl bond/show` and, in mode lacp, `lacp/show`: the
 * same words for the same things, so that who knows them finds his way.  What
 * neighbours and the kernel say goes to a terminal: only printable characters.
 */
#include "vswitch/switchctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/text_table.h"

#define DASH(text) (*(text) ? (text) : "-")
#define LINE_MAX_COLUMNS 78

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void put_clean(const char *text)
{
	for (; *text; text++)
		putchar(*text >= ' ' && *text <= '~' ? *text : '?');
}

/* ---- bonds ------------------------------------------------------------ */

/* "12.3 s", "5 min", "3 h": what a person wants of a past time. */
static const char *age_text(json_int_t ms)
{
	static char text[32];

	if (ms < 120000)
		snprintf(text, sizeof(text), "%.1f s", (double)ms / 1000);
	else if (ms < 7200000)
		snprintf(text, sizeof(text), "%lld min",
			 (long long)ms / 60000);
	else
		snprintf(text, sizeof(text), "%lld h",
			 (long long)ms / 3600000);
	return text;
}

static const char *lacp_status(const json_t *bond)
{
	if (!json_is_object(json_object_get(bond, "lacp")))
		return "off";
	return is_true(bond, "negotiated") ? "negotiated" : "configured";
}

static void print_failover(const json_t *bond)
{
	const json_t *last = json_object_get(bond, "last_failover");
	const char *member = ctl_text(last, "member");

	if (!json_is_object(last)) {
		puts("last failover: none");
		return;
	}
	printf("last failover: %s ago", age_text(ctl_number(last, "age_ms")));
	/* where buckets are spread, the member is the one that was lost */
	if (*member && !strcmp(member, ctl_text(bond, "active")))
		printf(" to %s", member);
	printf(": ");
	put_clean(ctl_text(last, "why"));
	printf(" (%lld in all)\n", (long long)ctl_number(bond, "failovers"));
}

static void print_bond_head(const json_t *bond)
{
	const json_t *lacp = json_object_get(bond, "lacp");
	const json_t *rebalance = json_object_get(bond, "rebalance_in_ms");

	printf("---- %s ----\nbond_mode: %s%s\n", ctl_text(bond, "name"),
	       ctl_text(bond, "mode"),
	       is_true(bond, "fallback") ? " (as active-backup: no partner)"
					 : "");
	if (json_is_object(lacp))
		printf("hashing-algorithm: %s\n", ctl_text(bond, "hash"));
	printf("bond-hash-basis: %lld\nupdelay: %lld ms\ndowndelay: %lld ms\n",
	       (long long)ctl_number(bond, "hash_basis"),
	       (long long)ctl_number(bond, "updelay_ms"),
	       (long long)ctl_number(bond, "downdelay_ms"));
	if (json_is_integer(rebalance))
		printf("next rebalance: %lld ms\n",
		       (long long)json_integer_value(rebalance));
	printf("lacp_status: %s\n", lacp_status(bond));
	if (json_is_object(lacp))
		printf("lacp_fallback_ab: %s\n",
		       is_true(lacp, "fallback_ab") ? "true" : "false");
	if (*ctl_text(bond, "primary"))
		printf("active-backup primary: %s\n",
		       ctl_text(bond, "primary"));
	printf("active member: %s\n",
	       *ctl_text(bond, "active") ? ctl_text(bond, "active") : "<none>");
	print_failover(bond);
}

/* Append to a line, and begin the next when it would be too long. */
static int put_wrapped(int column, const char *lead, const char *word)
{
	if (column + (int)strlen(word) > LINE_MAX_COLUMNS) {
		putchar('\n');
		column = 0;
	}
	return column + printf("%s%s", column ? "" : lead, word);
}

/* "  hash: 0-3,9,..." of one slot. */
static void print_buckets(const json_t *bond, json_int_t slot)
{
	const json_t *all = json_object_get(bond, "buckets");
	size_t lo, hi, n = json_array_size(all);
	char word[48];
	int column = 0;

	for (lo = 0; lo < n; lo = hi + 1) {
		hi = lo;
		if (json_integer_value(json_array_get(all, lo)) != slot)
			continue;
		while (hi + 1 < n && json_integer_value(json_array_get(
					     all, hi + 1)) == slot)
			hi++;
		if (lo == hi)
			snprintf(word, sizeof(word), " %zu", lo);
		else
			snprintf(word, sizeof(word), " %zu-%zu", lo, hi);
		column = put_wrapped(column, "  hash:", word);
	}
	if (column)
		putchar('\n');
}

static void print_member(const json_t *bond, const json_t *m, bool whole)
{
	const char *waiting = ctl_text(m, "waiting");
	json_int_t left = ctl_number(m, "delay_left_ms");
	bool enabled = is_true(m, "enabled");

	printf("\nmember %s: %s\n", ctl_text(m, "name"),
	       enabled ? "enabled" : "disabled");
	if (*waiting) {
		fputs("  waiting: ", stdout);
		put_clean(waiting);
		putchar('\n');
	}
	if (is_true(m, "active"))
		puts("  active member");
	printf("  link: %s", is_true(m, "link") ? "up" : "down");
	if (is_true(m, "link") && ctl_number(m, "speed_mbps"))
		printf(", %lld Mb/s", (long long)ctl_number(m, "speed_mbps"));
	printf("\n  may_enable: %s\n", enabled ? "true" : "false");
	if (left)
		printf("  %s expires in %lld ms\n",
		       enabled ? "downdelay" : "updelay", (long long)left);
	printf("  buckets: %lld, %lld kB load\n",
	       (long long)ctl_number(m, "buckets"),
	       (long long)ctl_number(m, "load_bytes") / 1024);
	if (ctl_number(m, "slot") >= 0)
		printf("  frames: %lld received, %lld sent, %lld lost\n",
		       (long long)ctl_number(m, "rx_frames"),
		       (long long)ctl_number(m, "tx_frames"),
		       (long long)ctl_number(m, "tx_lost"));
	if (whole && ctl_number(m, "slot") >= 0)
		print_buckets(bond, ctl_number(m, "slot"));
}

/* ---- lacp/show ---------------------------------------------------------- */

/* OVS writes one of the standard's words in full. */
static void print_state(const char *side, const json_t *info)
{
	const json_t *words = json_object_get(info, "state");
	size_t i;

	printf("  %s state:", side);
	for (i = 0; i < json_array_size(words); i++) {
		const char *w = json_string_value(json_array_get(words, i));

		putchar(' ');
		put_clean(!w ? "?" : strcmp(w, "sync") ? w : "synchronized");
	}
	putchar('\n');
}

static void print_info(const char *side, const json_t *info)
{
	printf("\n  %s sys_id: %s\n  %s sys_priority: %lld\n"
	       "  %s port_id: %lld\n  %s port_priority: %lld\n"
	       "  %s key: %lld\n",
	       side, ctl_text(info, "system"), side,
	       (long long)ctl_number(info, "system_priority"), side,
	       (long long)ctl_number(info, "port"), side,
	       (long long)ctl_number(info, "port_priority"), side,
	       (long long)ctl_number(info, "key"));
	print_state(side, info);
}

static void print_lacp_member(const json_t *m)
{
	const json_t *lacp = json_object_get(m, "lacp");
	const json_t *actor = json_object_get(lacp, "actor");

	if (!json_is_object(lacp))
		return;
	printf("\nmember: %s: %s %s\n  port_id: %lld\n  port_priority: %lld\n"
	       "  may_enable: %s\n  mux: %s\n",
	       ctl_text(m, "name"), ctl_text(lacp, "receive"),
	       is_true(lacp, "selected") ? "attached" : "detached",
	       (long long)ctl_number(actor, "port"),
	       (long long)ctl_number(actor, "port_priority"),
	       is_true(m, "enabled") ? "true" : "false",
	       ctl_text(lacp, "mux"));
	if (is_true(lacp, "actor_churn") || is_true(lacp, "partner_churn"))
		printf("  churn:%s%s\n",
		       is_true(lacp, "actor_churn") ? " actor" : "",
		       is_true(lacp, "partner_churn") ? " partner" : "");
	print_info("actor", actor);
	print_info("partner", json_object_get(lacp, "partner"));
	printf("\n  PDUs: %lld received, %lld sent, %lld bad, %lld our own; "
	       "expired: %lld\n"
	       "  markers: %lld received, %lld answered\n",
	       (long long)ctl_number(lacp, "rx_pdus"),
	       (long long)ctl_number(lacp, "tx_pdus"),
	       (long long)ctl_number(lacp, "rx_bad"),
	       (long long)ctl_number(lacp, "rx_own"),
	       (long long)ctl_number(lacp, "expired"),
	       (long long)ctl_number(lacp, "rx_markers"),
	       (long long)ctl_number(lacp, "tx_marker_responses"));
}

/* The key of the members; they have one. */
static json_int_t key_of(const json_t *members)
{
	const json_t *lacp = json_object_get(json_array_get(members, 0),
					     "lacp");

	return ctl_number(json_object_get(lacp, "actor"), "key");
}

static void print_lacp(const json_t *bond, const json_t *members)
{
	const json_t *lacp = json_object_get(bond, "lacp");
	size_t i;

	printf("\n---- %s: lacp ----\n  status: %s%s\n  sys_id: %s\n"
	       "  sys_priority: %lld\n  aggregation key: %lld\n"
	       "  lacp_time: %s\n",
	       ctl_text(bond, "name"),
	       is_true(lacp, "active") ? "active" : "passive",
	       is_true(bond, "negotiated") ? " negotiated" : "",
	       ctl_text(lacp, "system"),
	       (long long)ctl_number(lacp, "system_priority"),
	       (long long)key_of(members), ctl_text(lacp, "time"));
	for (i = 0; i < json_array_size(members); i++)
		print_lacp_member(json_array_get(members, i));
}

static void print_events(const json_t *events)
{
	struct text_table t;
	size_t i;

	text_table_init(&t, ">AGO;EVENT;MEMBER;WHY");
	for (i = 0; i < json_array_size(events); i++) {
		const json_t *e = json_array_get(events, i);

		text_table_cell(&t, "%s", age_text(ctl_number(e, "age_ms")));
		text_table_cell(&t, "%s", ctl_text(e, "kind"));
		text_table_cell(&t, "%s", DASH(ctl_text(e, "member")));
		text_table_cell(&t, "%s", DASH(ctl_text(e, "why")));
	}
	if (i)
		putchar('\n');
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

/* `whole`: also which hash goes where, and what has happened. */
static void print_bond(const json_t *bond, bool whole)
{
	const json_t *members = json_object_get(bond, "members");
	size_t i;

	print_bond_head(bond);
	for (i = 0; i < json_array_size(members); i++)
		print_member(bond, json_array_get(members, i), whole);
	if (json_is_object(json_object_get(bond, "lacp")))
		print_lacp(bond, members);
	if (whole)
		print_events(json_object_get(bond, "events"));
}

/* Leave only the bond that was asked for; false: there is none. */
static bool choose_bond(json_t *result, const char *name)
{
	json_t *bonds = json_object_get(result, "bonds");
	size_t i = 0;

	while (i < json_array_size(bonds)) {
		if (strcmp(ctl_text(json_array_get(bonds, i), "name"), name))
			json_array_remove(bonds, i);
		else
			i++;
	}
	return i > 0;
}

static void print_bonds(const json_t *bonds, bool whole)
{
	size_t i;

	if (!json_array_size(bonds))
		puts("no bonds");
	for (i = 0; i < json_array_size(bonds); i++) {
		if (i)
			putchar('\n');
		print_bond(json_array_get(bonds, i), whole);
	}
}

static int set_active(struct ctl *ctl)
{
	json_t *params, *result;
	int code;

	if (ctl->argc != 3)
		return ctl_fail(ctl, CTL_USAGE,
				"usage: switchctl bond set-active BOND MEMBER");
	params = json_pack("{s:s, s:s}", "bond", ctl->argv[1], "member",
			   ctl->argv[2]);
	code = ctl_call(ctl, "bonds.set_active", params, NULL, &result);
	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	printf("%s is the active member of %s\n", ctl->argv[2], ctl->argv[1]);
	json_decref(result);
	return CTL_DONE;
}

int ctl_bond(struct ctl *ctl)
{
	const char *name = ctl->argc ? ctl->argv[0] : NULL;
	json_t *result;
	int code;

	if (name && !strcmp(name, "set-active"))
		return set_active(ctl);
	if (ctl->argc > 1)
		return ctl_fail(ctl, CTL_USAGE, "usage: switchctl bond [BOND]");
	code = ctl_call(ctl, "bonds.list", NULL, NULL, &result);
	if (code)
		return code;
	if (name && !choose_bond(result, name))
		code = ctl_fail(ctl, CTL_REFUSED, "%s: no such bond", name);
	else if (ctl->json)
		return ctl_print_json(result);
	else
		print_bonds(json_object_get(result, "bonds"), name);
	json_decref(result);
	return code;
}

/* ---- uplinks ------------------------------------------------------------ */

static void add_uplink(struct text_table *t, const json_t *u)
{
	const json_t *control = json_object_get(u, "control");
	json_int_t speed = ctl_number(u, "speed_mbps");

	text_table_cell(t, "%s", ctl_text(u, "port"));
	text_table_cell(t, "%s", DASH(ctl_text(u, "interface")));
	text_table_cell(t, "%s", DASH(ctl_text(u, "bond")));
	text_table_cell(t, "%s", is_true(u, "link") ? "up" : "down");
	if (speed > 0)
		text_table_cell(t, "%lld", (long long)speed);
	else
		text_table_cell(t, "-");
	text_table_cell(t, "%s", DASH(ctl_text(u, "mac")));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "mtu"));
	if (ctl_number(u, "link_mtu"))
		text_table_cell(t, "%lld",
				(long long)ctl_number(u, "link_mtu"));
	else
		text_table_cell(t, "-");
	text_table_cell(t, "%lld", (long long)ctl_number(control, "rx_slow"));
	text_table_cell(t, "%lld", (long long)ctl_number(control, "rx_lldp"));
	text_table_cell(t, "%lld", (long long)ctl_number(control, "tx"));
	text_table_cell(t, "%lld",
			(long long)(ctl_number(control, "rx_limited") +
				    ctl_number(control, "tx_full") +
				    ctl_number(control, "tx_failed")));
	text_table_cell(t, "%s", DASH(ctl_text(u, "waiting")));
}

static void print_uplinks(const json_t *uplinks)
{
	struct text_table t;
	size_t i;

	text_table_init(&t, "PORT;INTERFACE;BOND;LINK;>MBIT/S;MAC;>MTU;"
			    ">LINK MTU;>SLOW RX;>LLDP RX;>CONTROL TX;>LOST;WAITING");
	for (i = 0; i < json_array_size(uplinks); i++)
		add_uplink(&t, json_array_get(uplinks, i));
	if (!i)
		puts("no uplinks");
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

int ctl_uplink(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "uplinks.list", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_uplinks(json_object_get(result, "uplinks"));
	json_decref(result);
	return CTL_DONE;
}

/* ---- neighbours --------------------------------------------------------- */

static void add_neighbour(struct text_table *t, const json_t *u,
			  const json_t *n)
{
	text_table_cell(t, "%s", ctl_text(u, "port"));
	text_table_cell(t, "%s", DASH(ctl_text(n, "system_name")));
	text_table_cell(t, "%s", DASH(ctl_text(n, "chassis")));
	text_table_cell(t, "%s", DASH(ctl_text(n, "port")));
	text_table_cell(t, "%s", DASH(ctl_text(n, "port_description")));
	text_table_cell(t, "%s", DASH(ctl_text(n, "management")));
	if (ctl_number(n, "pvid"))
		text_table_cell(t, "%lld", (long long)ctl_number(n, "pvid"));
	else
		text_table_cell(t, "-");
	text_table_cell(t, "%s", is_true(n, "aggregated") ? "yes" : "no");
	text_table_cell(t, "%lld", (long long)ctl_number(n, "left_ms") / 1000);
}

static const char *lldp_way(const json_t *u)
{
	if (is_true(u, "tx"))
		return is_true(u, "rx") ? "both" : "tx";
	return is_true(u, "rx") ? "rx" : "off";
}

static void add_lldp(struct text_table *t, const json_t *u)
{
	text_table_cell(t, "%s", ctl_text(u, "port"));
	text_table_cell(t, "%s", DASH(ctl_text(u, "interface")));
	text_table_cell(t, "%s", lldp_way(u));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "tx_frames"));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "rx_frames"));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "rx_bad"));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "aged_out"));
	text_table_cell(t, "%lld", (long long)ctl_number(u, "too_many"));
}

static void print_lldp(const json_t *uplinks)
{
	struct text_table t, heard;
	size_t i, k;

	text_table_init(&t, "PORT;INTERFACE;LLDP;>SENT;>RECEIVED;>BAD;"
			    ">AGED OUT;>TOO MANY");
	text_table_init(&heard, "PORT;NEIGHBOUR;CHASSIS;ITS PORT;DESCRIPTION;"
				"MANAGEMENT;>PVID;AGGREGATED;>LEFT S");
	for (i = 0; i < json_array_size(uplinks); i++) {
		const json_t *u = json_array_get(uplinks, i);
		const json_t *all = json_object_get(u, "neighbours");

		add_lldp(&t, u);
		for (k = 0; k < json_array_size(all); k++)
			add_neighbour(&heard, u, json_array_get(all, k));
	}
	text_table_print(&t, stdout);
	puts(heard.count > heard.columns ? "" : "no neighbours");
	text_table_print(&heard, stdout);
	text_table_fini(&t);
	text_table_fini(&heard);
}

int ctl_lldp(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "lldp.list", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_lldp(json_object_get(result, "uplinks"));
	json_decref(result);
	return CTL_DONE;
}
