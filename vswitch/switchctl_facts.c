/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_facts.c: what the switch is and knows: show, ports, fdb, drops,
 * names, version.
 */
#include "vswitch/switchctl.h"

#include <stdio.h>
#include <string.h>

#include "vswitch/text_table.h"

#define DASH(text) (*(text) ? (text) : "-")

/* What is unusual about a port, in short words. */
static const char *port_notes(const json_t *port)
{
	static const char *const keys[] = { "promiscuous", "isolated",
					    "logging" };
	static char text[64];
	size_t i, at = 0;

	text[0] = '\0';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_is_true(json_object_get(port, keys[i])))
			at += snprintf(text + at, sizeof(text) - at, "%s%s",
				       at ? "," : "", keys[i]);
	return DASH(text);
}

static void add_port(struct text_table *t, const json_t *port)
{
	const json_t *c = json_object_get(port, "counters");

	text_table_cell(t, "%s", ctl_text(port, "name"));
	text_table_cell(t, "%s", ctl_text(port, "type"));
	text_table_cell(t, "%s", DASH(ctl_text(port, "role")));
	text_table_cell(t, "%s", DASH(ctl_text(port, "state")));
	text_table_cell(t, "%s", DASH(ctl_text(port, "vlan_mode")));
	text_table_cell(t, "%s", ctl_joined(port, "networks"));
	text_table_cell(t, "%s", DASH(ctl_text(port, "locking")));
	text_table_cell(t, "%s", DASH(ctl_text(port, "mac")));
	text_table_cell(t, "%lld", (long long)ctl_number(c, "rx_frames"));
	text_table_cell(t, "%lld", (long long)ctl_number(c, "tx_frames"));
	text_table_cell(t, "%lld", (long long)ctl_sum(c, "drops"));
	text_table_cell(t, "%s", port_notes(port));
}

static void print_ports(const json_t *ports)
{
	struct text_table t, errors;
	size_t i;

	text_table_init(&t, "PORT;TYPE;ROLE;STATE;VLANS;NETWORKS;LOCKING;MAC;"
			    ">RX;>TX;>DROPS;NOTES");
	text_table_init(&errors, "PORT;LAST ERROR");
	for (i = 0; i < json_array_size(ports); i++) {
		const json_t *port = json_array_get(ports, i);
		const char *error = ctl_text(port, "last_error");

		add_port(&t, port);
		if (!*error)
			continue;
		text_table_cell(&errors, "%s", ctl_text(port, "name"));
		text_table_cell(&errors, "%s", error);
	}
	if (!i)
		puts("no ports");
	text_table_print(&t, stdout);
	if (errors.count > errors.columns)
		putchar('\n');
	text_table_print(&errors, stdout);
	text_table_fini(&t);
	text_table_fini(&errors);
}

int ctl_ports(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call_pages(ctl, "ports.list", NULL, "ports", &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_ports(json_object_get(result, "ports"));
	json_decref(result);
	return CTL_DONE;
}

static void add_network(struct text_table *t, const json_t *net)
{
	const json_t *mtu = json_object_get(net, "mtu");

	text_table_cell(t, "%s", ctl_text(net, "name"));
	text_table_cell(t, "%lld", (long long)ctl_number(net, "vlan"));
	text_table_cell(t, "%s", DASH(ctl_text(net, "uplink")));
	text_table_cell(t, "%lld",
			mtu ? (long long)json_integer_value(mtu) : 1500);
	text_table_cell(t, "%s", *ctl_text(net, "default_locking_mode") ?
				 ctl_text(net, "default_locking_mode") :
				 "unlocked");
	text_table_cell(t, "%s", ctl_joined(net, "link_protocols"));
}

static void print_networks(const json_t *networks)
{
	struct text_table t;
	size_t i;

	text_table_init(&t, "NETWORK;>VLAN;UPLINK;>MTU;DEFAULT LOCKING;"
			    "LINK PROTOCOLS");
	for (i = 0; i < json_array_size(networks); i++)
		add_network(&t, json_array_get(networks, i));
	if (!i)
		puts("no networks");
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

static void add_session(struct text_table *t, const json_t *s,
			const char *kind)
{
	text_table_cell(t, "%lld", (long long)ctl_number(s, "session"));
	text_table_cell(t, "%s", kind);
	text_table_cell(t, "%s", ctl_joined(s, "ports"));
	text_table_cell(t, "%s", ctl_joined(s, "networks"));
	text_table_cell(t, "%s", ctl_joined(s, "gone"));
	text_table_cell(t, "%s", DASH(ctl_text(s, "to")));
	text_table_cell(t, "%s", DASH(ctl_text(s, "direction")));
	text_table_cell(t, "%lld", (long long)ctl_number(s, "expires_s"));
	text_table_cell(t, "%lld", (long long)ctl_number(s, "packets"));
	text_table_cell(t, "%lld", (long long)ctl_number(s, "dropped"));
	text_table_cell(t, "%s", DASH(ctl_text(s, "who")));
	text_table_cell(t, "%s", DASH(ctl_text(s, "filter_text")));
	text_table_cell(t, "%s", DASH(ctl_text(s, "why")));
}

void ctl_print_sessions(const json_t *sessions)
{
	const json_t *mirrors = json_object_get(sessions, "mirrors");
	const json_t *captures = json_object_get(sessions, "captures");
	struct text_table t;
	size_t i;

	text_table_init(&t, ">SESSION;KIND;PORTS;NETWORKS;GONE;TO;DIRECTION;"
			    ">EXPIRES S;>PACKETS;>DROPPED;WHO;FILTER;WHY");
	for (i = 0; i < json_array_size(mirrors); i++)
		add_session(&t, json_array_get(mirrors, i), "mirror");
	for (i = 0; i < json_array_size(captures); i++)
		add_session(&t, json_array_get(captures, i), "capture");
	if (t.count == t.columns)
		puts("no mirrors and no captures");
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

static void print_trial(const json_t *trial)
{
	const json_t *before = json_object_get(trial, "before");

	if (!json_is_object(trial))
		return;
	printf("on trial: `switchctl confirm` within %lld s, or back to ",
	       (long long)(ctl_number(trial, "left_ms") + 999) / 1000);
	if (*ctl_text(before, "owner"))
		printf("generation %lld of %s\n",
		       (long long)ctl_number(before, "generation"),
		       ctl_text(before, "owner"));
	else
		puts("no state");
}

/* `refused`: what is wrong with the saved one; or NULL. */
static void print_generation(const json_t *state, const json_t *refused)
{
	const char *why = ctl_text(refused, "why");

	if (*ctl_text(state, "owner"))
		printf("generation %lld of %s\n",
		       (long long)ctl_number(state, "generation"),
		       ctl_text(state, "owner"));
	else if (!*why)
		puts("no state yet: switchctl apply FILE");
	else
		puts("no state");
	if (*why)
		printf("the saved state is not used: %s\n  it is in %s, too: "
		       "correct it, then switchctl apply FILE\n",
		       why, ctl_text(refused, "copy"));
}

static void print_show(const json_t *version, const json_t *state,
		       const json_t *refused, const json_t *trial,
		       const json_t *ports, const json_t *sessions)
{
	printf("causeway-switchd %s, pid %lld\n", ctl_text(version, "version"),
	       (long long)ctl_number(version, "pid"));
	print_generation(state, refused);
	print_trial(json_object_get(trial, "trial"));
	putchar('\n');
	print_networks(json_object_get(state, "networks"));
	putchar('\n');
	print_ports(json_object_get(ports, "ports"));
	if (!sessions)
		return;
	putchar('\n');
	ctl_print_sessions(sessions);
}

int ctl_show(struct ctl *ctl)
{
	json_t *version = NULL, *state = NULL, *ports = NULL;
	json_t *sessions = NULL, *trial = NULL, *saved = NULL;
	int code;

	code = ctl_call(ctl, "version", NULL, NULL, &version);
	if (!code)
		code = ctl_call(ctl, "state.get", NULL, NULL, &state);
	if (!code)
		code = ctl_call_if_known(ctl, "state.saved", &saved);
	if (!code)
		code = ctl_call_if_known(ctl, "state.trial", &trial);
	if (!code)
		code = ctl_call_pages(ctl, "ports.list", NULL, "ports",
				      &ports);
	if (!code)
		code = ctl_call_if_known(ctl, "mirror.list", &sessions);
	if (!code && ctl->json)
		code = ctl_print_json(json_pack(
			"{s:O, s:O, s:O*, s:O*, s:O, s:O*}", "version",
			version, "state", state, "refused",
			json_object_get(saved, "refused"), "trial",
			json_object_get(trial, "trial"), "ports",
			json_object_get(ports, "ports"), "sessions",
			sessions));
	else if (!code)
		print_show(version, state, json_object_get(saved, "refused"),
			   trial, ports, sessions);
	json_decref(version);
	json_decref(state);
	json_decref(saved);
	json_decref(trial);
	json_decref(ports);
	json_decref(sessions);
	return code;
}

static void print_fdb(const json_t *entries)
{
	struct text_table t;
	size_t i;

	text_table_init(&t, "NETWORK;MAC;PORT;CLASS;>AGE S");
	for (i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);

		text_table_cell(&t, "%s", ctl_text(e, "network"));
		text_table_cell(&t, "%s", ctl_text(e, "mac"));
		text_table_cell(&t, "%s", ctl_text(e, "port"));
		text_table_cell(&t, "%s", ctl_text(e, "class"));
		text_table_cell(&t, "%lld", (long long)ctl_number(e, "age_s"));
	}
	text_table_print(&t, stdout);
	text_table_fini(&t);
	printf("%zu address%s\n", i, i == 1 ? "" : "es");
}

int ctl_fdb(struct ctl *ctl)
{
	json_t *params = json_object(), *result;
	int code;

	if (ctl->argc)
		json_object_set_new(params, "network",
				    json_string(ctl->argv[0]));
	code = ctl_call_pages(ctl, "fdb.list", params, "entries", &result);
	json_decref(params);
	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_fdb(json_object_get(result, "entries"));
	json_decref(result);
	return CTL_DONE;
}

static void print_drops(const json_t *drops)
{
	struct text_table t;
	size_t i;

	text_table_init(&t, "PORT;SIDE;REASON;>FRAMES;MEANING");
	for (i = 0; i < json_array_size(drops); i++) {
		const json_t *d = json_array_get(drops, i);

		text_table_cell(&t, "%s", ctl_text(d, "port"));
		text_table_cell(&t, "%s", ctl_text(d, "side"));
		text_table_cell(&t, "%s", ctl_text(d, "reason"));
		text_table_cell(&t, "%lld",
				(long long)ctl_number(d, "frames"));
		text_table_cell(&t, "%s", ctl_text(d, "help"));
	}
	if (!i)
		puts("nothing has been dropped");
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

int ctl_drops(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "drops.get", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_drops(json_object_get(result, "drops"));
	json_decref(result);
	return CTL_DONE;
}

static json_t *names_in(const json_t *state, const char *what)
{
	bool bonds = !strcmp(what, "bonds");
	const json_t *list = json_object_get(state, bonds ? "ports" : what);
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (!bonds || !strcmp(ctl_text(o, "type"), "bond"))
			json_array_append_new(names,
					      json_string(ctl_text(o, "name")));
	}
	return names;
}

/* Names of one kind, one a line: for completion and scripts. */
int ctl_names(struct ctl *ctl)
{
	const char *what = ctl->argv[0];
	json_t *state, *names;
	size_t i;
	int code;

	if (strcmp(what, "bonds") && strcmp(what, "ports") &&
	    strcmp(what, "networks"))
		return ctl_fail(ctl, CTL_USAGE,
				"names %s: ports, networks or bonds", what);
	code = ctl_call(ctl, "state.get", NULL, NULL, &state);
	if (code)
		return code;
	names = names_in(state, what);
	json_decref(state);
	if (ctl->json)
		return ctl_print_json(json_pack("{s:o}", what, names));
	for (i = 0; i < json_array_size(names); i++)
		puts(json_string_value(json_array_get(names, i)));
	json_decref(names);
	return CTL_DONE;
}

int ctl_version(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "version", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json) {
		json_object_set_new(result, "switchctl",
				    json_string(CAUSEWAY_VERSION));
		return ctl_print_json(result);
	}
	printf("switchctl %s\ncauseway-switchd %s, pid %lld\n",
	       CAUSEWAY_VERSION, ctl_text(result, "version"),
	       (long long)ctl_number(result, "pid"));
	json_decref(result);
	return CTL_DONE;
}
