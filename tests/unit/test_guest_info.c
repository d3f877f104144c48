/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guest_info.c: the tables of a guest's tree, what an agent adds, and
 * what is believed when it is read back.  The store is a JSON object, and its
 * client the functions at the end of this file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc.h"
#include "hypervisor/guest_agent.h"
#include "hypervisor/guest_facts.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/xenstore_client.h"
#include "tests/lib/suite.h"

#define UUID "11111111-2222-4333-8444-555555555555"
#define HOME GUEST_INFO_HOME

static struct dconf_vif vifs[2] = {
	{ .device = 0, .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 },
	{ .device = 3, .mac = { 2, 0, 0, 0, 0, 4 }, .mtu = 9000 },
};
static const struct dconf_domain web = {
	.uuid = UUID, .name = "web", .memory_mib = 256, .vcpus = 2,
	.vif_count = 2, .vifs = vifs,
};
static struct guest_info_nodes nodes;

static const char *value_of(const char *path)
{
	return json_string_value(json_object_get(nodes.values, path));
}

static void expect(const char *path, const char *value, const char *perms)
{
	const char *v = value_of(path);
	const char *p = json_string_value(json_object_get(nodes.perms, path));

	CU_ASSERT(v && !strcmp(v, value));
	CU_ASSERT(p && !strcmp(p, perms));
	if (!v || strcmp(v, value) || !p || strcmp(p, perms))
		fprintf(stderr, "%s: %s %s\n", path, v ? v : "-", p ? p : "-");
}

static void begin(void)
{
	nodes = (struct guest_info_nodes)GUEST_INFO_NODES_INIT;
}

static void end(void)
{
	guest_info_nodes_free(&nodes);
}

/* ---- the layout --------------------------------------------------------- */

static void what_the_host_says_is_read_only(void)
{
	static const char *const table[][2] = {
		{ HOME, "" },
		{ HOME "/vm", "/vm/" UUID },
		{ HOME "/name", "web" },
		{ HOME "/domid", "1" },
		{ HOME "/unique-domain-id", "start-7" },
		{ HOME "/cpu/0/availability", "online" },
		{ HOME "/cpu/1/availability", "online" },
		{ HOME "/memory/static-max", "262144" },
		{ HOME "/memory/target", "262144" },
		{ HOME "/platform/acpi", "1" },
		{ HOME "/control", "" },
		{ HOME "/control/platform-feature-multiprocessor-suspend",
		  "1" },
		{ HOME "/control/platform-feature-xs_reset_watches", "1" },
		{ HOME "/device/vif/0/mac", "02:00:00:00:00:01" },
		{ HOME "/device/vif/0/mtu", "1500" },
		{ HOME "/device/vif/3/handle", "3" },
		{ HOME "/device/vif/3/mac", "02:00:00:00:00:04" },
		{ "/vm/" UUID "/name", "web" },
		{ "/vm/" UUID "/uuid", UUID },
	};
	size_t i;

	begin();
	guest_info_layout(&web, "start-7", guest_info_add, &nodes);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		expect(table[i][0], table[i][1], "n0,r1");
	CU_ASSERT_PTR_NULL(value_of(HOME "/cpu/2"));
	CU_ASSERT_PTR_NULL(value_of(HOME "/device/vif/1"));
	end();
}

static void the_guest_may_write_its_own(void)
{
	static const char *const paths[] = {
		"attr", "data", "drivers", "error", "feature", "messages",
		"vm-data", "control/shutdown", "control/sysrq",
		"control/feature-poweroff", "control/feature-reboot",
		"control/feature-suspend", "control/feature-balloon",
	};
	char path[GUEST_INFO_PATH_MAX];
	size_t i;

	begin();
	guest_info_layout(&web, "x", guest_info_add, &nodes);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(path, sizeof(path), HOME "/%s", paths[i]);
		expect(path, "", "n1");
	}
	end();
}

struct order {
	char seen[128][GUEST_INFO_PATH_MAX];
	unsigned count;
};

static bool was_seen(const struct order *o, const char *path, size_t len)
{
	unsigned i;

	for (i = 0; i < o->count; i++)
		if (strlen(o->seen[i]) == len && !memcmp(o->seen[i], path, len))
			return true;
	return false;
}

/* Parents of the guest's home and of /vm/UUID are nobody's to list. */
static void put_in_order(void *ctx, const char *path, const char *value,
			 const char *perms)
{
	struct order *o = ctx;
	size_t parent = strrchr(path, '/') - path;

	if (strcmp(path, HOME) && strcmp(path, "/vm/" UUID))
		CU_ASSERT(was_seen(o, path, parent));
	CU_ASSERT(!was_seen(o, path, strlen(path)));
	CU_ASSERT_FATAL(o->count < 128);
	strcpy(o->seen[o->count++], path);
}

/* Else a parent would be made with the permissions of its own parent. */
static void parents_come_before_children_and_each_once(void)
{
	static struct order o;

	guest_info_layout(&web, "x", put_in_order, &o);
	CU_ASSERT(o.count > 40);
}

/* ---- an agent's words --------------------------------------------------- */

static void an_agents_facts_stand_where_a_xen_guests_would(void)
{
	const struct guest_info_agent a = {
		.os_name = "Debian GNU/Linux 12 (bookworm)",
		.os_distro = "debian", .os_version = "12.5",
		.os_uname = "6.1.0-18-amd64", .host_name = "web1",
		.memory_total_kib = 250000, .memory_free_kib = 100000,
		.nic_count = 2,
		.nics = { { .mac = { 2, 0, 0, 0, 0, 4 }, .address_count = 3,
			    .addresses = { "10.0.0.7", "fe80::1",
					   "10.0.0.8" } },
			  { .mac = { 0 }, .address_count = 1,
			    .addresses = { "127.0.0.1" } } },
	};

	begin();
	guest_info_agent(&web, &a, guest_info_add, &nodes);
	expect(HOME "/data/os_name", "Debian GNU/Linux 12 (bookworm)", "n1");
	expect(HOME "/data/os_distro", "debian", "n1");
	expect(HOME "/data/os_majorver", "12", "n1");
	expect(HOME "/data/os_minorver", "5", "n1");
	expect(HOME "/data/os_uname", "6.1.0-18-amd64", "n1");
	expect(HOME "/data/host_name", "web1", "n1");
	expect(HOME "/data/meminfo_total", "250000", "n1");
	expect(HOME "/data/meminfo_free", "100000", "n1");
	expect(HOME "/attr/vif/3/ipv4/0", "10.0.0.7", "n1");
	expect(HOME "/attr/vif/3/ipv4/1", "10.0.0.8", "n1");
	expect(HOME "/attr/vif/3/ipv6/0", "fe80::1", "n1");
	expect(HOME "/data/updated", "1", "n1");
	CU_ASSERT_EQUAL(json_object_size(nodes.values), 12);
	end();
}

static void what_qemus_agent_says_is_taken_over(void)
{
	static const struct guest_agent_facts facts = {
		.os_name = "Debian", .os_version = "12", .nic_count = 2,
		.nics = { { .name = "lo", .address_count = 1,
			    .addresses = { "127.0.0.1" } },
			  { .name = "ens2", .mac = { 2, 0, 0, 0, 0, 1 },
			    .address_count = 2,
			    .addresses = { "10.0.0.7", "fe80::1" } } },
	};
	struct guest_info_agent a;

	begin();
	guest_info_agent_from(&a, &facts);
	guest_info_agent(&web, &a, guest_info_add, &nodes);
	expect(HOME "/data/os_name", "Debian", "n1");
	expect(HOME "/data/os_majorver", "12", "n1");
	expect(HOME "/attr/vif/0/ipv4/0", "10.0.0.7", "n1");
	expect(HOME "/attr/vif/0/ipv6/0", "fe80::1", "n1");
	CU_ASSERT_EQUAL(json_object_size(nodes.values), 5);
	end();
}

static void an_agents_lies_are_cut_and_cleaned(void)
{
	static char longer[5000];
	const struct guest_info_agent a = {
		.os_name = longer, .os_distro = "", .os_version = longer,
		.host_name = "a\nb\x1b[2J", .nic_count = 99,
		.nics = { { .mac = { 2, 0, 0, 0, 0, 1 }, .address_count = 7,
			    .addresses = { "1.2.3", "::1", "0.0.0.0",
					   "127.0.0.9", "10.1.1.1/24", "",
					   "../../vm" } },
			  { .mac = { 2, 0, 0, 0, 0, 4 }, .address_count = 1,
			    .addresses = { "10.0.0.9" } },
			  { .mac = { 2, 0, 0, 0, 0, 4 }, .address_count = 1,
			    .addresses = { "10.0.0.10" } } },
	};

	memset(longer, 'x', sizeof(longer) - 1);
	begin();
	guest_info_agent(&web, &a, guest_info_add, &nodes);
	CU_ASSERT_EQUAL(strlen(value_of(HOME "/data/os_name")),
			GUEST_INFO_TEXT_MAX - 1);
	CU_ASSERT_PTR_NULL(value_of(HOME "/data/os_distro"));
	CU_ASSERT_PTR_NULL(value_of(HOME "/data/os_majorver"));
	expect(HOME "/data/host_name", "a?b?[2J", "n1");
	CU_ASSERT_PTR_NULL(value_of(HOME "/attr/vif/0/ipv4/0"));
	CU_ASSERT_PTR_NULL(value_of(HOME "/attr/vif/0/ipv6/0"));
	expect(HOME "/attr/vif/3/ipv4/0", "10.0.0.9", "n1");
	CU_ASSERT_PTR_NULL(value_of(HOME "/attr/vif/3/ipv4/1"));
	CU_ASSERT_EQUAL(json_object_size(nodes.values), 4);
	end();
}

/* ---- reading back ------------------------------------------------------- */

static unsigned reads;

/* A node of `nodes`, as the store would show it. */
static json_t *fake_node(void *ctx, const char *path)
{
	const char *known, *value = value_of(path);
	json_t *children = json_array(), *ignored;
	size_t len = strlen(path);

	reads++;
	json_object_foreach(nodes.values, known, ignored)
		if (!strncmp(known, path, len) && known[len] == '/') {
			const char *name = known + len + 1;
			json_t *child = json_stringn(name, strcspn(name, "/"));
			bool is_new = true;
			json_t *other;
			size_t i;

			json_array_foreach(children, i, other)
				is_new &= !json_equal(other, child);
			if (is_new)
				json_array_append(children, child);
			json_decref(child);
		}
	if (!value && !json_array_size(children)) {
		json_decref(children);
		return NULL;
	}
	return json_pack("{s:s, s:o}", "value", value ? value : "", "children",
			 children);
}

static void write_node(const char *path, const char *value)
{
	char full[2 * GUEST_INFO_PATH_MAX];

	snprintf(full, sizeof(full), HOME "/%s", path);
	guest_info_add(&nodes, full, value, "n1");
}

static const char *read_fact(const json_t *facts, const char *map,
			     const char *key)
{
	const char *s = json_string_value(
		json_object_get(json_object_get(facts, map), key));

	return s ? s : "";
}

static json_t *collect(void)
{
	reads = 0;
	return guest_facts_collect(fake_node, NULL);
}

static void a_silent_guest_has_no_facts(void)
{
	json_t *facts;

	begin();
	guest_info_layout(&web, "x", guest_info_add, &nodes);
	facts = collect();
	CU_ASSERT(json_is_false(json_object_get(facts, "live")));
	CU_ASSERT_EQUAL(json_object_size(json_object_get(facts, "os_version")),
			0);
	CU_ASSERT_EQUAL(json_object_size(json_object_get(facts, "networks")),
			0);
	json_decref(facts);
	end();
}

static void facts_of_an_agent_come_back(void)
{
	const struct guest_info_agent a = {
		.os_name = "Debian", .os_version = "12", .host_name = "web1",
		.memory_total_kib = 250000, .nic_count = 1,
		.nics = { { .mac = { 2, 0, 0, 0, 0, 4 }, .address_count = 2,
			    .addresses = { "10.0.0.7", "2001:db8::7" } } },
	};
	json_t *facts;

	begin();
	guest_info_layout(&web, "x", guest_info_add, &nodes);
	guest_info_agent(&web, &a, guest_info_add, &nodes);
	facts = collect();
	CU_ASSERT(json_is_true(json_object_get(facts, "live")));
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "os_version", "name"),
			       "Debian");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "os_version", "major"), "12");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "memory", "total"), "250000");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "3/ip"),
			       "10.0.0.7");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "3/ipv4/0"),
			       "10.0.0.7");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "3/ipv6/0"),
			       "2001:db8::7");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "other", "host_name"), "web1");
	json_decref(facts);
	end();
}

static void xens_own_agents_are_understood(void)
{
	json_t *facts;

	begin();
	write_node("attr/eth0/ip", "192.0.2.4");
	write_node("attr/eth0/ipv6/0/addr", "2001:db8::4");
	write_node("attr/PVAddons/MajorVersion", "7");
	write_node("attr/PVAddons/MicroVersion", "2");
	write_node("control/feature-poweroff", "1");
	write_node("feature/hotplug/vif", "1");
	write_node("feature/hotplug/vbd", "0");
	write_node("data/updated", "Mon");
	facts = collect();
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "0/ip"),
			       "192.0.2.4");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "0/ipv6/0"),
			       "2001:db8::4");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "PV_drivers_version", "major"),
			       "7");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "PV_drivers_version", "micro"),
			       "2");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "other", "feature-poweroff"),
			       "1");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(
				       facts, "can_use_hotplug_vif")), "yes");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(
				       facts, "can_use_hotplug_vbd")), "no");
	json_decref(facts);
	end();
}

static void a_guests_lies_are_not_facts(void)
{
	json_t *facts;

	begin();
	write_node("data/os_name", "Deb\nian\x1b]0;root\x07");
	write_node("data/meminfo_total", "-1");
	write_node("data/meminfo_free", "99999999999999999999");
	write_node("attr/vif/0/ipv4/0", "<script>");
	write_node("attr/vif/0/ipv4/01", "10.0.0.1");
	write_node("attr/vif/0/ipv4/1", "10.0.0.1.example.com");
	write_node("attr/vif/0/ipv6/0", "10.0.0.1");
	write_node("attr/vif/9999/ipv4/0", "10.0.0.1");
	write_node("attr/vif/x/ipv4/0", "10.0.0.1");
	facts = collect();
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "os_version", "name"),
			       "Deb?ian?]0;root?");
	CU_ASSERT_EQUAL(json_object_size(json_object_get(facts, "memory")), 0);
	CU_ASSERT_EQUAL(json_object_size(json_object_get(facts, "networks")),
			0);
	json_decref(facts);
	end();
}

static void a_guest_with_much_to_say_is_not_heard_out(void)
{
	char path[GUEST_INFO_PATH_MAX];
	unsigned vif, i;
	json_t *facts;

	begin();
	for (vif = 0; vif < 30; vif++)
		for (i = 0; i < 30; i++) {
			snprintf(path, sizeof(path), "attr/vif/%u/ipv4/%u",
				 vif, i);
			write_node(path, "10.0.0.1");
		}
	for (i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "control/feature-%u", i);
		write_node(path, "1");
	}
	facts = collect();
	CU_ASSERT(reads <= GUEST_FACTS_READS_MAX);
	CU_ASSERT(json_object_size(json_object_get(facts, "networks")) > 0);
	CU_ASSERT(json_object_size(json_object_get(facts, "networks")) <=
		  GUEST_FACTS_READS_MAX);
	json_decref(facts);
	end();
}

/* ---- into the store ----------------------------------------------------- */

static unsigned writes, removals, trees;
static int answer; /* of each call */

int xenstore_client_create(struct xenstore_client *c, const char *uuid,
			   uid_t uid, bool *created, struct rpc_error *err)
{
	CU_ASSERT(!created && uid == 4711);
	trees++;
	return answer;
}

int xenstore_client_destroy(struct xenstore_client *c, const char *uuid,
			    struct rpc_error *err)
{
	json_object_clear(nodes.values);
	json_object_clear(nodes.perms);
	return answer;
}

int xenstore_client_write(struct xenstore_client *c, const char *uuid,
			  json_t *values, json_t *perms, struct rpc_error *err)
{
	CU_ASSERT_STRING_EQUAL(uuid, UUID);
	CU_ASSERT_EQUAL(json_object_size(values), json_object_size(perms));
	if (!answer) {
		json_object_update(nodes.values, values);
		json_object_update(nodes.perms, perms);
	}
	json_decref(values);
	json_decref(perms);
	writes++;
	return answer;
}

int xenstore_client_rm(struct xenstore_client *c, const char *uuid,
		       const char *path, struct rpc_error *err)
{
	const char *known;
	json_t *value;
	void *next;

	removals++;
	json_object_foreach_safe(nodes.values, next, known, value)
		if (!answer && !strncmp(known, path, strlen(path)))
			json_object_del(nodes.values, known);
	return answer;
}

int xenstore_client_read(struct xenstore_client *c, const char *uuid,
			 const char *path, json_t **out, struct rpc_error *err)
{
	*out = answer ? NULL : fake_node(NULL, path);
	if (answer)
		return answer;
	err->code = RPC_NOT_FOUND;
	return *out ? 0 : -EREMOTEIO;
}

static struct guest_info_nodes agent_nodes(const char *name,
					   const char *address)
{
	struct guest_info_nodes n = GUEST_INFO_NODES_INIT;
	const struct guest_info_agent agent = {
		.os_name = name, .nic_count = 1,
		.nics = { { .mac = { 2, 0, 0, 0, 0, 1 }, .address_count = 1,
			    .addresses = { address } } },
	};

	guest_info_agent(&web, &agent, guest_info_add, &n);
	return n;
}

static int publish(struct guest_info_nodes *last, const char *name,
		   const char *address)
{
	struct guest_info_nodes now = agent_nodes(name, address);
	struct rpc_error err;

	writes = removals = 0;
	return guest_info_publish(NULL, UUID, last, &now, &err);
}

static void a_start_begins_with_an_empty_tree(void)
{
	struct rpc_error err;

	begin();
	write_node("data/os_name", "of the last start");
	CU_ASSERT(!guest_info_create(NULL, &web, "x", 4711, &err));
	CU_ASSERT(trees == 1);
	CU_ASSERT_PTR_NULL(value_of(HOME "/data/os_name"));
	expect(HOME "/data", "", "n1");
	CU_ASSERT(!guest_info_unplugged(NULL, UUID, 3, &err));
	CU_ASSERT_PTR_NULL(value_of(HOME "/device/vif/3/mac"));
	CU_ASSERT(!guest_info_plugged(NULL, UUID, &vifs[1], &err));
	expect(HOME "/device/vif/3/mac", "02:00:00:00:00:04", "n0,r1");
	end();
}

static void only_what_differs_is_published(void)
{
	struct guest_info_nodes last = GUEST_INFO_NODES_INIT;

	begin();
	CU_ASSERT(!publish(&last, "Debian", "10.0.0.1"));
	CU_ASSERT(writes == 1 && !removals);
	expect(HOME "/attr/vif/0/ipv4/0", "10.0.0.1", "n1");
	CU_ASSERT(!publish(&last, "Debian", "10.0.0.1"));
	CU_ASSERT(!writes && !removals);
	CU_ASSERT(!publish(&last, "Debian", "2001:db8::1"));
	CU_ASSERT(writes == 1 && removals == 1);
	CU_ASSERT_PTR_NULL(value_of(HOME "/attr/vif/0/ipv4/0"));
	expect(HOME "/attr/vif/0/ipv6/0", "2001:db8::1", "n1");
	guest_info_nodes_free(&last);
	end();
}

static void after_a_failure_all_is_published_again(void)
{
	struct guest_info_nodes last = GUEST_INFO_NODES_INIT;
	json_t *facts = NULL;
	struct rpc_error err;

	begin();
	CU_ASSERT(!publish(&last, "Debian", "10.0.0.1"));
	answer = -ETIMEDOUT;
	CU_ASSERT_EQUAL(publish(&last, "Other", "10.0.0.1"), -ETIMEDOUT);
	CU_ASSERT_EQUAL(guest_facts_read(NULL, UUID, &facts, &err), -ETIMEDOUT);
	CU_ASSERT_PTR_NULL(facts);
	answer = 0;
	json_object_clear(nodes.values); /* a new xenstored */
	CU_ASSERT(!publish(&last, "Other", "10.0.0.1"));
	expect(HOME "/attr/vif/0/ipv4/0", "10.0.0.1", "n1");
	CU_ASSERT(!guest_facts_read(NULL, UUID, &facts, &err));
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "os_version", "name"), "Other");
	CU_ASSERT_STRING_EQUAL(read_fact(facts, "networks", "0/ip"),
			       "10.0.0.1");
	json_decref(facts);
	guest_info_nodes_free(&last);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_the_host_says_is_read_only),
		SUITE_TEST(the_guest_may_write_its_own),
		SUITE_TEST(parents_come_before_children_and_each_once),
		SUITE_TEST(an_agents_facts_stand_where_a_xen_guests_would),
		SUITE_TEST(what_qemus_agent_says_is_taken_over),
		SUITE_TEST(an_agents_lies_are_cut_and_cleaned),
		SUITE_TEST(a_silent_guest_has_no_facts),
		SUITE_TEST(facts_of_an_agent_come_back),
		SUITE_TEST(xens_own_agents_are_understood),
		SUITE_TEST(a_guests_lies_are_not_facts),
		SUITE_TEST(a_guest_with_much_to_say_is_not_heard_out),
		SUITE_TEST(a_start_begins_with_an_empty_tree),
		SUITE_TEST(only_what_differs_is_published),
		SUITE_TEST(after_a_failure_all_is_published_again),
	};

	return suite_run("guest_info", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
