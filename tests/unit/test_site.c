/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The site file: what it takes, what it fills in, and what it says about what
 * is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mgmt/site.h"
#include "tests/lib/suite.h"

#define UUID "11111111-2222-3333-4444-555555555555"

static char folder[] = "/tmp/causeway-site-XXXXXX";

/* ' for " in texts, as they are JSON. */
static int load(const char *text, struct site **site, struct site_errors *errs)
{
	struct site_paths paths;
	FILE *f;

	memset(errs, 0, sizeof(*errs));
	CU_ASSERT_EQUAL_FATAL(site_find(folder, &paths, errs), 0);
	f = fopen(paths.file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (; *text; text++)
		fputc(*text == '\'' ? '"' : *text, f);
	fclose(f);
	return site_load(&paths, site, errs);
}

static const char *text_at(const json_t *state, const char *list, size_t i,
			   const char *key)
{
	const json_t *item = json_array_get(json_object_get(state, list), i);
	const char *s = json_string_value(json_object_get(item, key));

	return s ? s : "";
}

#define DOMAIN(vifs)                                                          \
	"{'uuid':'" UUID "','name':'web','memory_mib':128,'vcpus':1,"         \
	"'boot':{'kernel':'/srv/vmlinuz'},'vifs':[" vifs "]}"
#define SITE(ports, vifs)                                                     \
	"{'owner':'o','generation':3,'switch':{'networks':[{'name':'n',"      \
	"'vlan':0}],'ports':[" ports "]},'hypervisor':{'storage_roots':"      \
	"['/srv'],'uids':'200000-200009','domains':[" DOMAIN(vifs) "]}}"
#define PORT(more)                                                            \
	"{'name':'p','type':'vhost-user','network':'n'" more "}"
#define VIF "{'device':0,'port':'p','mac':'02:00:00:00:00:01'}"

/* --- what it takes -------------------------------------------------------- */

static void a_site_may_be_nothing_but_a_name(void)
{
	struct site_errors errs;
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(
		load("{'owner':'o','generation':0}", &site, &errs), 0);
	CU_ASSERT_STRING_EQUAL(site->owner, "o");
	CU_ASSERT(site_has(site, SITE_SWITCHD));
	CU_ASSERT_FALSE(site_has(site, SITE_HYPERVISORD));
	site_free(site);
}

static void states_get_owner_and_generation_of_the_site(void)
{
	struct site_errors errs;
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(load(SITE(PORT(""), VIF), &site, &errs), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(
				site->hypervisor_state, "generation")), 3);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(
				       site->switch_state, "owner")), "o");
	CU_ASSERT(site_has(site, SITE_HYPERVISORD));
	site_free(site);
}

static void a_port_gets_its_socket_and_the_mac_of_its_vif(void)
{
	struct site_errors errs;
	char socket[PATH_MAX];
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(load(SITE(PORT(""), VIF), &site, &errs), 0);
	snprintf(socket, sizeof(socket), "%s/run/vif/p.sock", folder);
	CU_ASSERT_STRING_EQUAL(text_at(site->switch_state, "ports", 0,
				       "socket"), socket);
	CU_ASSERT_STRING_EQUAL(text_at(site->switch_state, "ports", 0, "mac"),
			       "02:00:00:00:00:01");
	site_free(site);
}

static void a_socket_of_its_own_stays_with_a_port_without_vif(void)
{
	struct site_errors errs;
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(
		load(SITE(PORT(",'socket':'/tmp/x.sock'"), ""), &site, &errs),
		0);
	CU_ASSERT_STRING_EQUAL(text_at(site->switch_state, "ports", 0,
				       "socket"), "/tmp/x.sock");
	CU_ASSERT_STRING_EQUAL(text_at(site->switch_state, "ports", 0, "mac"),
			       "");
	site_free(site);
}

/* --- what it refuses ------------------------------------------------------ */

static const struct {
	const char *text, *path, *expected;
} refused[] = {
	{ "{'owner':'o',", "line 1, column 13", "JSON" },
	{ "[]", "", "an object" },
	{ "{'owner':'o','owner':'p'}", "line 1, column 20", "JSON" },
	{ "{'generation':1}", "owner", "letters" },
	{ "{'owner':'o'}", "generation", "integer" },
	{ "{'owner':'o','generation':-1}", "generation", "0 or more" },
	{ "{'owner':'a b','generation':1}", "owner", "letters" },
	{ "{'owner':'o','generation':1,'nets':1}", "nets", "netns" },
	{ "{'owner':'o','generation':1,'netns':'../x'}", "netns", "letters" },
	{ "{'owner':'o','generation':1,'netns':'..'}", "netns", "ip netns" },
	{ "{'owner':'o','generation':1,'switch':[]}", "switch", "an object" },
	{ "{'owner':'o','generation':1,'switch':{'owner':'x'}}",
	  "switch.owner", "the site's own" },
	{ "{'owner':'o','generation':1,'switch':{'networks':[{'name':'n'}]}}",
	  "switch.networks[0].vlan", "" },
	{ "{'owner':'o','generation':1,'hypervisor':{'domains':{}}}",
	  "hypervisor.domains", "" },
	{ "{'owner':'o','generation':1,'daemons':{'switch':{}}}", "daemons",
	  "hypervisord" },
	{ "{'owner':'o','generation':1,'daemons':{'netd':{'cores':'1'}}}",
	  "daemons.netd.cores", "log_level" },
	{ "{'owner':'o','generation':1,'daemons':{'netd':{'log_level':'x'}}}",
	  "daemons.netd.log_level", "debug" },
	{ "{'owner':'o','generation':1,"
	  "'daemons':{'switchd':{'devices':['a b']}}}",
	  "daemons.switchd.devices[0]", "pci" },
	{ "{'owner':'o','generation':1,'daemons':{'switchd':{'cores':''}}}",
	  "daemons.switchd.cores", "1 to 63" },
	{ SITE("", VIF), "hypervisor.domains[0].vifs[0].port",
	  "switch.ports" },
	{ SITE("{'name':'p','type':'tap','interface':'p','network':'n'}", VIF),
	  "hypervisor.domains[0].vifs[0].port", "vhost-user" },
	{ SITE(PORT(",'server':true"), VIF),
	  "hypervisor.domains[0].vifs[0].port", "server" },
	{ SITE(PORT(",'socket':'/tmp/x.sock'"), VIF),
	  "hypervisor.domains[0].vifs[0].port", "run/vif/p.sock" },
	{ SITE(PORT(",'mac':'02:00:00:00:00:02'"), VIF),
	  "hypervisor.domains[0].vifs[0].mac", "switch.ports[0]" },
};

static void what_is_wrong_is_named_by_its_place(void)
{
	struct site_errors errs;
	struct site *site;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int rc = load(refused[i].text, &site, &errs);
		bool ok = rc == -EINVAL && errs.count && !site &&
			  !strcmp(errs.error[0].path, refused[i].path) &&
			  strstr(errs.error[0].expected,
				 refused[i].expected);

		if (!ok)
			printf("case %zu: %d, %u errors, %s: %s: %s\n", i, rc,
			       errs.count, errs.error[0].path,
			       errs.error[0].value, errs.error[0].expected);
		CU_ASSERT(ok);
	}
}

static void all_errors_are_told_at_once(void)
{
	struct site_errors errs;
	struct site *site;

	CU_ASSERT_EQUAL(load("{'owner':'o','generation':1,"
			     "'switch':{'networks':[{'name':'n'}]},"
			     "'hypervisor':{'domains':{}}}", &site, &errs),
			-EINVAL);
	CU_ASSERT(errs.count >= 2);
}

static void a_file_that_is_not_there_is_told_so(void)
{
	struct site_errors errs = { 0 };
	struct site_paths paths;
	struct site *site;

	site_find(folder, &paths, &errs);
	unlink(paths.file);
	CU_ASSERT_EQUAL(site_load(&paths, &site, &errs), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(errs.error[0].expected, "site.json(5)"));
	memset(&errs, 0, sizeof(errs));
	CU_ASSERT_EQUAL(site_find("/tmp/there-is-no-such", &paths, &errs),
			-ENOENT);
	CU_ASSERT_EQUAL(errs.count, 1);
}

static void a_folder_whose_sockets_would_not_fit_is_refused(void)
{
	char deep[128], command[160];
	struct site_errors errs = { 0 };
	struct site_paths paths;

	snprintf(deep, sizeof(deep), "%s/%030d", folder, 0);
	snprintf(command, sizeof(command), "mkdir -p %s", deep);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL(site_find(deep, &paths, &errs), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(errs.count, 1);
}

/* --- command lines -------------------------------------------------------- */

static bool has_words(const struct site_args *a, const char *option,
		      const char *value)
{
	for (unsigned i = 0; i + 1 < a->count; i += 2)
		if (!strcmp(a->arg[i], option) && !strcmp(a->arg[i + 1], value))
			return true;
	return false;
}

static void a_daemon_gets_the_paths_of_its_site(void)
{
	struct site_errors errs;
	struct site_args args;
	char path[PATH_MAX];
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(
		load("{'owner':'o','generation':1,'daemons':{'switchd':"
		     "{'cores':'0-1','user':'7:7','devices':['pci:1','x']}}}",
		     &site, &errs), 0);
	CU_ASSERT_EQUAL(site_args(site, SITE_SWITCHD, true, &args), 0);
	snprintf(path, sizeof(path), "%s/run/switchd.sock", folder);
	CU_ASSERT(has_words(&args, "--socket", path));
	snprintf(path, sizeof(path), "%s/state/switchd", folder);
	CU_ASSERT(has_words(&args, "--state-dir", path));
	CU_ASSERT(has_words(&args, "--cores", "0-1"));
	CU_ASSERT(has_words(&args, "--user", "7:7"));
	CU_ASSERT(has_words(&args, "--device", "pci:1"));
	CU_ASSERT(has_words(&args, "--device", "x"));
	CU_ASSERT_PTR_NULL(args.arg[args.count]);
	site_args_fini(&args);
	CU_ASSERT_EQUAL(site_args(site, SITE_NETD, true, &args), 0);
	CU_ASSERT(has_words(&args, "--allow-user", "7:7"));
	site_args_fini(&args);
	site_free(site);
}

static void a_unit_gets_only_what_the_file_says(void)
{
	struct site_errors errs;
	struct site_args args;
	struct site *site;

	CU_ASSERT_EQUAL_FATAL(
		load("{'owner':'o','generation':1,"
		     "'daemons':{'switchd':{'cores':'1'}}}", &site, &errs), 0);
	CU_ASSERT_EQUAL(site_args(site, SITE_SWITCHD, false, &args), 0);
	CU_ASSERT_EQUAL(args.count, 2);
	CU_ASSERT(has_words(&args, "--cores", "1"));
	site_args_fini(&args);
	for (int d = 0; d < SITE_DAEMONS; d++) {
		if (d == SITE_SWITCHD)
			continue;
		CU_ASSERT_EQUAL(site_args(site, d, false, &args), 0);
		CU_ASSERT_EQUAL(args.count, 0);
		site_args_fini(&args);
	}
	site_free(site);
}

static void daemons_are_found_by_either_name(void)
{
	CU_ASSERT_EQUAL(site_daemon_find("netd"), SITE_NETD);
	CU_ASSERT_EQUAL(site_daemon_find("causeway-consoled"), SITE_CONSOLED);
	CU_ASSERT_EQUAL(site_daemon_find("init"), SITE_DAEMONS);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_site_may_be_nothing_but_a_name),
		SUITE_TEST(states_get_owner_and_generation_of_the_site),
		SUITE_TEST(a_port_gets_its_socket_and_the_mac_of_its_vif),
		SUITE_TEST(a_socket_of_its_own_stays_with_a_port_without_vif),
		SUITE_TEST(what_is_wrong_is_named_by_its_place),
		SUITE_TEST(all_errors_are_told_at_once),
		SUITE_TEST(a_file_that_is_not_there_is_told_so),
		SUITE_TEST(a_folder_whose_sockets_would_not_fit_is_refused),
		SUITE_TEST(a_daemon_gets_the_paths_of_its_site),
		SUITE_TEST(a_unit_gets_only_what_the_file_says),
		SUITE_TEST(daemons_are_found_by_either_name),
	};
	char command[64];
	int rc;

	if (!mkdtemp(folder))
		return 1;
	rc = suite_run("site", tests, sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) || rc;
}
