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

#include <sys/stat.h>

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
	{ "{'owner':'o','generation':1,'daemons':{'switchd':{'cores':'abc'}}}",
	  "daemons.switchd.cores", "1 or 2,4-5" },
	{ "{'owner':'o','generation':1,'daemons':{'switchd':{'cores':'3-1'}}}",
	  "daemons.switchd.cores", "1 or 2,4-5" },
	{ "{'owner':'o','generation':1,'daemons':{'switchd':{'cores':'1,1'}}}",
	  "daemons.switchd.cores", "each once" },
	{ "{'owner':'o','generation':1,'daemons':{'switchd':{'cores':'1-'}}}",
	  "daemons.switchd.cores", "1 or 2,4-5" },
	{ "{'owner':'o','generation':1,"
	  "'daemons':{'switchd':{'devices':['pci:nope']}}}",
	  "daemons.switchd.devices[0]", "pci:0000:03:00.0" },
	{ "{'owner':'o','generation':1,'switch':{'networks':"
	  "[{'name':'..','vlan':0}]}}",
	  "switch.networks[0].name", "begins with" },
	{ SITE("{'name':'-x','type':'vhost-user','network':'n','mac':"
	       "'02:00:00:00:00:01'}", ""),
	  "switch.ports[0].name", "begins with" },
	{ "{'owner':'o','generation':1,'hypervisor':{'uids':'200000-200009',"
	  "'storage_roots':['/tmp']}}",
	  "hypervisor.storage_roots[0]", "neither holds" },
	{ "{'owner':'o','generation':1,'hypervisor':{'uids':'200000-200009',"
	  "'storage_roots':['/']}}",
	  "hypervisor.storage_roots[0]", "beneath /" },
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

/* Without a VIF the port has no MAC; that is not to be told. */
static void a_vif_without_its_port_is_told_and_not_what_follows(void)
{
	struct site_errors errs;
	struct site *site;

	CU_ASSERT_EQUAL(load(SITE(PORT(",'locking_mode':'locked'"),
				  "{'device':0,'port':'q',"
				  "'mac':'02:00:00:00:00:01'}"),
			     &site, &errs), -EINVAL);
	CU_ASSERT_EQUAL(errs.count, 1);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path,
			       "hypervisor.domains[0].vifs[0].port");
}

#define OPTIONS(text)                                                         \
	"{'owner':'o','generation':1,'netns':'cw-no-such','hypervisor':"      \
	"{'uids':'200000-200009','storage_roots':['/cw-no-such']},"           \
	"'daemons':{" text "}}"

static const struct {
	const char *text, *path, *expected;
} unfit[] = {
	{ OPTIONS("'switchd':{'user':'0:0'}"), "daemons.switchd.user",
	  "neither root" },
	{ OPTIONS("'switchd':{'user':'cw-no-such'}"), "daemons.switchd.user",
	  "useradd" },
	{ OPTIONS("'switchd':{'user':'7:x'}"), "daemons.switchd.user",
	  "UID:GID" },
	{ OPTIONS("'consoled':{'group':'cw-no-such'}"),
	  "daemons.consoled.group", "groupadd" },
	{ OPTIONS("'switchd':{'user':'7:7'},'xenstored':{'user':'8:8'},"
		  "'consoled':{'user':'7:9'}"),
	  "daemons.consoled.user", "switchd has it" },
	{ OPTIONS("'xenstored':{'user':'200003:7'}"), "hypervisor.uids",
	  "xenstored is 200003" },
	{ OPTIONS("'switchd':{'cores':'1023'}"), "daemons.switchd.cores",
	  "processors of this machine" },
	{ OPTIONS("'switchd':{'devices':['pci:fffe:1f:1f.7']}"),
	  "daemons.switchd.devices[0]", "lspci" },
	{ OPTIONS(""), "netns", "ip netns add" },
};

static bool has_error(const struct site_errors *errs, const char *path,
		      const char *expected)
{
	for (unsigned i = 0; i < errs->count; i++)
		if (!strcmp(errs->error[i].path, path) &&
		    strstr(errs->error[i].expected, expected))
			return true;
	return false;
}

static void what_does_not_fit_the_machine_is_named(void)
{
	struct site_errors errs, warnings;
	struct site *site;

	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		bool ok;

		memset(&warnings, 0, sizeof(warnings));
		CU_ASSERT_EQUAL_FATAL(load(unfit[i].text, &site, &errs), 0);
		CU_ASSERT_EQUAL(site_check_host(site, &errs, &warnings),
				-EINVAL);
		ok = has_error(&errs, unfit[i].path, unfit[i].expected) &&
		     has_error(&warnings, "hypervisor.storage_roots[0]",
			       "exists");
		if (!ok)
			printf("case %zu: %s: %s\n", i, errs.error[0].path,
			       errs.error[0].expected);
		CU_ASSERT(ok);
		site_free(site);
	}
}

static void root_believes_no_folder_that_others_may_write(void)
{
	struct site_errors errs;
	struct site *site;

	if (geteuid()) /* nobody else is as careful */
		return;
	chmod(folder, 0777);
	CU_ASSERT_EQUAL(load("{'owner':'o','generation':0}", &site, &errs),
			-EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(errs.error[0].expected, "chmod go-w"));
	chmod(folder, 0700);
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
		     "{'cores':'0-1','user':'7:7','devices':"
		     "['pci:0000:03:00.0','net_x']}}}",
		     &site, &errs), 0);
	CU_ASSERT_EQUAL(site_args(site, SITE_SWITCHD, true, &args), 0);
	snprintf(path, sizeof(path), "%s/run/switchd.sock", folder);
	CU_ASSERT(has_words(&args, "--socket", path));
	snprintf(path, sizeof(path), "%s/state/switchd", folder);
	CU_ASSERT(has_words(&args, "--state-dir", path));
	CU_ASSERT(has_words(&args, "--cores", "0-1"));
	CU_ASSERT(has_words(&args, "--user", "7:7"));
	CU_ASSERT(has_words(&args, "--device", "pci:0000:03:00.0"));
	CU_ASSERT(has_words(&args, "--device", "net_x"));
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
		SUITE_TEST(
			a_vif_without_its_port_is_told_and_not_what_follows),
		SUITE_TEST(what_does_not_fit_the_machine_is_named),
		SUITE_TEST(root_believes_no_folder_that_others_may_write),
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
