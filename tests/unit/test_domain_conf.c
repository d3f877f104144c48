/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Desired state of the hypervisor: bad values are refused with the place and
 * the remedy, good ones survive being saved, and a plan carried out step by
 * step ends in the wanted value without a port or a path being held twice.
 *
 * JSON is written with ' for " here; json() turns it back.
 */
#include "hypervisor/domain_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/domain_conf_json.h"
#include "tests/lib/suite.h"

#define TEXT_MAX (4u << 20)

static const char *json(const char *text)
{
	static char out[2][TEXT_MAX];
	static unsigned turn;
	char *to = out[turn++ & 1], *c;

	snprintf(to, TEXT_MAX, "%s", text);
	for (c = to; *c; c++)
		if (*c == '\'')
			*c = '"';
	return to;
}

static int parse(struct domain_conf **out, const char *text,
		 struct domain_conf_errors *errs)
{
	const char *t = json(text);

	return domain_conf_parse(out, t, strlen(t), errs);
}

static struct domain_conf *good(const char *text)
{
	struct domain_conf_errors errs;
	struct domain_conf *conf;

	if (parse(&conf, text, &errs) < 0)
		printf("\n  %s: %s, expected %s\n", errs.error[0].path,
		       errs.error[0].value, errs.error[0].expected);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

#define UUID(n) "6e1f2c34-0a5b-4c6d-8e9f-00000000000" n
#define ROOTS "'storage_roots':['/srv/a','/srv/b'],'block_devices':['/dev/sdb']"
#define STATE(domains)                                                        \
	"{'owner':'t','generation':1," ROOTS ",'domains':[" domains "]}"
#define KERNEL "'boot':{'kernel':'/srv/a/k'}"
#define WITH(n, name, more)                                                   \
	"{'uuid':'" UUID(n) "','name':'" name "','memory_mib':128," more "}"
#define DOM(more) WITH("1", "web", KERNEL more)
#define ONE(more) STATE(DOM("," more))
#define VIF(dev, port)                                                        \
	"{'device':" dev ",'mac':'02:00:00:00:00:01','port':'" port "'}"
#define VIFS(list) "'vifs':[" list "]"
#define DISK(dev, path) "{'device':'" dev "','path':'" path "','format':'raw'}"
#define READ(dev, path)                                                       \
	"{'device':'" dev "','path':'" path "','format':'raw',"               \
	"'read_only':true}"
#define OVER(dev, path, backing)                                              \
	"{'device':'" dev "','path':'" path "','format':'qcow2','backing':["   \
	backing "]}"
#define BASE(path, format) "{'path':'" path "','format':'" format "'}"
#define DISKS(list) "'disks':[" list "]"
#define ROOT_CASE(text) "{'owner':'t','generation':1," text "}"

static const struct bad {
	const char *text;
	const char *path;
	const char *value;    /* NULL: not looked at */
	const char *expected; /* part of it */
} bads[] = {
	/* not JSON, or not this shape */
	{ "", "", "line 1 column 0", "JSON" },
	{ "{'owner':'a'", "", NULL, "JSON" },
	{ "[]", "", "[]", "object" },
	{ "{'generation':1}", "owner", "(missing)", "letters" },
	{ "{'owner':'a'}", "generation", "(missing)", "integer" },
	{ "{'owner':'a','owner':'b'}", "", NULL, "duplicate" },
	{ "{'owner':'a b','generation':1}", "owner", "\"a b\"", "letters" },
	{ "{'owner':'a','generation':-1}", "generation", "-1", "integer 0" },
	{ ROOT_CASE("'domains':{}"), "domains", "{}", "list of at most 512" },
	{ ROOT_CASE("'domain':[]"), "domain", NULL, "\"domains\"" },
	/* storage */
	{ ROOT_CASE("'storage_roots':'/srv'"), "storage_roots", "\"/srv\"",
	  "list" },
	{ ROOT_CASE("'storage_roots':['srv']"), "storage_roots[0]",
	  "\"srv\"", "absolute" },
	{ ROOT_CASE("'storage_roots':['/']"), "storage_roots[0]", "\"/\"",
	  "a folder beneath /" },
	{ ROOT_CASE("'storage_roots':['/srv/']"), "storage_roots[0]",
	  "\"/srv/\"", "absolute" },
	{ ROOT_CASE("'storage_roots':['/srv/../etc']"), "storage_roots[0]",
	  NULL, "without ., .." },
	{ ROOT_CASE("'storage_roots':['/etc']"), "storage_roots[0]",
	  "\"/etc\"", "outside /dev" },
	{ ROOT_CASE("'storage_roots':['/proc/1/root']"), "storage_roots[0]",
	  NULL, "outside /dev" },
	{ ROOT_CASE("'storage_roots':['/srv','/srv/a']"), "storage_roots[1]",
	  "\"/srv/a\"", "neither in nor around storage_roots[0]" },
	{ ROOT_CASE("'storage_roots':['/srv/a','/srv']"), "storage_roots[1]",
	  "\"/srv\"", "neither in nor around storage_roots[0]" },
	{ ROOT_CASE("'storage_roots':['/srv','/srv']"), "storage_roots[1]",
	  "\"/srv\"", "neither" },
	{ ROOT_CASE("'block_devices':['/srv/x']"), "block_devices[0]",
	  "\"/srv/x\"", "in /dev" },
	{ ROOT_CASE("'block_devices':['/dev/../etc/shadow']"),
	  "block_devices[0]", NULL, "without ., .." },
	{ ROOT_CASE("'block_devices':['/dev/a','/dev/a']"),
	  "block_devices[1]", "\"/dev/a\"", "once" },
	/* uids */
	{ ROOT_CASE("'uids':200000"), "uids", "200000", "first and last" },
	{ ROOT_CASE("'uids':'0-10'"), "uids", "\"0-10\"", "from 65536 on" },
	{ ROOT_CASE("'uids':'200001-200000'"), "uids", NULL, "first" },
	{ ROOT_CASE("'uids':'200000-2147483647'"), "uids", NULL, "first" },
	{ ROOT_CASE("'uids':'200000-99999999999'"), "uids", NULL, "first" },
	{ ROOT_CASE("'uids':'200000-200001x'"), "uids", NULL, "first" },
	{ ROOT_CASE("'uids':'-200000'"), "uids", NULL, "first" },
	/* a domain */
	{ STATE("7"), "domains[0]", "7", "object" },
	{ STATE("{'name':'a','memory_mib':64," KERNEL "}"), "domains[0].uuid",
	  "(missing)", "uuid" },
	{ STATE("{'uuid':'6E1F2C34-0A5B-4C6D-8E9F-001122334455','name':'a',"
		"'memory_mib':64," KERNEL "}"), "domains[0].uuid", NULL,
	  "lower case" },
	{ STATE("{'uuid':'00000000-0000-0000-0000-000000000000','name':'a',"
		"'memory_mib':64," KERNEL "}"), "domains[0].uuid", NULL,
	  "uuid" },
	{ STATE("{'uuid':'" UUID("1") "0','name':'a','memory_mib':64," KERNEL
		"}"), "domains[0].uuid", NULL, "uuid" },
	{ STATE(WITH("1", "../x", KERNEL)), "domains[0].name", "\"../x\"",
	  "letters" },
	{ STATE(WITH("1", UUID("2"), KERNEL)), "domains[0].name", NULL,
	  "nobody else's uuid" },
	{ STATE("{'uuid':'" UUID("1") "','name':'a'," KERNEL "}"),
	  "domains[0].memory_mib", "(missing)", "integer 16" },
	{ ONE("'vcpus':0"), "domains[0].vcpus", "0", "integer 1 to 64" },
	{ ONE("'vcpu':1"), "domains[0].vcpu", "1", "\"vcpus\"" },
	{ ONE("'engine':'xen'"), "domains[0].engine", "\"xen\"", "\"qemu\"" },
	{ ONE("'accel':'hvf'"), "domains[0].accel", "\"hvf\"", "\"kvm\"" },
	{ ONE("'power':'on'"), "domains[0].power", "\"on\"", "\"running\"" },
	{ ONE("'on_reboot':'preserve'"), "domains[0].on_reboot", NULL,
	  "\"restart\"" },
	{ ONE("'cpu_weight':0"), "domains[0].cpu_weight", "0", "integer 1" },
	{ ONE("'cpu_limit_percent':6401"), "domains[0].cpu_limit_percent",
	  "6401", "6400" },
	{ ONE("'shutdown_timeout_s':0"), "domains[0].shutdown_timeout_s", "0",
	  "integer 1" },
	{ ONE("'console':{'vnc':1}"), "domains[0].console.vnc", "1",
	  "true or false" },
	/* boot */
	{ STATE(WITH("1", "web", "'boot':{}")), "domains[0].boot",
	  "no kernel", "kernel, or \"disk\": true" },
	{ STATE(WITH("1", "web", "'vcpus':1")), "domains[0].boot",
	  "(missing)", "object" },
	{ STATE(WITH("1", "web", "'boot':{'disk':true}")), "domains[0].boot",
	  "disk", "a disk in disks" },
	{ STATE(WITH("1", "web", "'boot':{'disk':true,'kernel':'/srv/a/k'}")),
	  "domains[0].boot", "disk and more", "either" },
	{ STATE(WITH("1", "web", "'boot':{'initrd':'/srv/a/i'}")),
	  "domains[0].boot", "no kernel", "kernel" },
	{ STATE(WITH("1", "web", "'boot':{'kernel':'/boot/vmlinuz'}")),
	  "domains[0].boot.kernel", "\"/boot/vmlinuz\"", "storage_roots" },
	{ STATE(WITH("1", "web", "'boot':{'kernel':'/dev/sdb'}")),
	  "domains[0].boot.kernel", "\"/dev/sdb\"", "storage_roots" },
	{ STATE(WITH("1", "web", "'boot':{'kernel':'/srv/a/k','initrd':"
				 "'/etc/shadow'}")),
	  "domains[0].boot.initrd", "\"/etc/shadow\"", "storage_roots" },
	{ STATE(WITH("1", "web", "'boot':{'kernel':'/srv/a/k','cmdline':"
				 "'a\\nb'}")),
	  "domains[0].boot.cmdline", NULL, "printable" },
	/* disks */
	{ ONE(DISKS("{'device':'vda','path':'/srv/a/d'}")),
	  "domains[0].disks[0].format", "(missing)", "\"raw\"" },
	{ ONE(DISKS("{'device':'vda','path':'/srv/a/d','format':'auto'}")),
	  "domains[0].disks[0].format", "\"auto\"", "\"raw\"" },
	{ ONE(DISKS(DISK("sda", "/srv/a/d"))), "domains[0].disks[0].device",
	  "\"sda\"", "\"vda\" to \"vdp\"" },
	{ ONE(DISKS(DISK("vdq", "/srv/a/d"))), "domains[0].disks[0].device",
	  "\"vdq\"", "\"vda\" to \"vdp\"" },
	{ ONE(DISKS(DISK("vda", "/srv/a/d") "," DISK("vda", "/srv/a/e"))),
	  "domains[0].disks[1].device", "\"vda\"", "disks[0] has it" },
	{ ONE(DISKS(DISK("vda", "/etc/shadow"))), "domains[0].disks[0].path",
	  "\"/etc/shadow\"", "storage_roots, or one of block_devices" },
	{ ONE(DISKS(DISK("vda", "/dev/vda"))), "domains[0].disks[0].path",
	  "\"/dev/vda\"", "or one of block_devices" },
	{ ONE(DISKS(DISK("vda", "/srv/a/../../etc/shadow"))),
	  "domains[0].disks[0].path", NULL, "without ., .." },
	{ ONE(DISKS(DISK("vda", "/srv/a"))), "domains[0].disks[0].path", NULL,
	  "below one of storage_roots" },
	{ ONE(DISKS(DISK("vda", "/srv/ab/d"))), "domains[0].disks[0].path",
	  NULL, "below one of storage_roots" },
	{ ONE(DISKS(DISK("vda", "/srv/a//d"))), "domains[0].disks[0].path",
	  NULL, "without ., .. and //" },
	{ ONE(DISKS(DISK("vda", "json:{}"))), "domains[0].disks[0].path",
	  NULL, "absolute" },
	{ ONE(DISKS(DISK("vda", "/srv/a/d") "," DISK("vdb", "/srv/a/d"))),
	  "domains[0].disks[1].path", "\"/srv/a/d\"",
	  "domains[0].disks[0].path has it" },
	{ ONE(DISKS(DISK("vda", "/srv/a/k"))), "domains[0].disks[0].path",
	  "\"/srv/a/k\"", "domains[0].boot.kernel has it" },
	/* what lies beneath */
	{ ONE(DISKS(OVER("vda", "/srv/a/d", BASE("/srv/b/d", "raw")))),
	  "domains[0].disks[0].backing[0].path", "\"/srv/b/d\"",
	  "storage root of the disk" },
	{ ONE(DISKS(OVER("vda", "/srv/a/d", BASE("/etc/shadow", "raw")))),
	  "domains[0].disks[0].backing[0].path", NULL, "storage root" },
	{ ONE(DISKS(OVER("vda", "/dev/sdb", BASE("/srv/b/d", "raw")))),
	  "domains[0].disks[0].backing[0].path", NULL, "storage root" },
	{ ONE(DISKS(OVER("vda", "/srv/a/d",
			 BASE("/srv/a/e", "raw") "," BASE("/srv/a/f", "raw")))),
	  "domains[0].disks[0].backing[1].path", NULL, "only a qcow2" },
	{ ONE(DISKS("{'device':'vda','path':'/srv/a/d','format':'vhd',"
		    "'backing':[" BASE("/srv/a/e", "vhd") "]}")),
	  "domains[0].disks[0].backing[0].path", NULL, "only a qcow2" },
	{ ONE(DISKS("{'device':'vda','path':'/srv/a/d','format':'qcow2',"
		    "'read_only':true,'backing':[" BASE("/srv/a/d", "qcow2")
		    "]}")),
	  "domains[0].disks[0].backing[0].path", NULL, "once" },
	{ ONE(DISKS(OVER("vda", "/srv/a/d", "{'path':'/srv/a/e'}"))),
	  "domains[0].disks[0].backing[0].format", "(missing)", "\"raw\"" },
	{ STATE(DOM("," DISKS(DISK("vda", "/srv/a/e"))) ","
		WITH("2", "db", KERNEL "," DISKS(OVER("vda", "/srv/a/d",
			BASE("/srv/a/e", "raw"))))),
	  "domains[1].disks[0].backing", "\"/srv/a/e\"",
	  "domains[0].disks[0].path has it" },
	/* VIFs */
	{ ONE(VIFS("{'device':0,'port':'p'}")), "domains[0].vifs[0].mac",
	  "(missing)", "unicast" },
	{ ONE(VIFS("{'device':0,'port':'p','mac':'01:00:00:00:00:01'}")),
	  "domains[0].vifs[0].mac", "\"01:00:00:00:00:01\"", "unicast" },
	{ ONE(VIFS("{'device':0,'port':'p','mac':'00:00:00:00:00:00'}")),
	  "domains[0].vifs[0].mac", NULL, "unicast" },
	{ ONE(VIFS(VIF("8", "p"))), "domains[0].vifs[0].device", "8",
	  "integer 0 to 7" },
	{ ONE(VIFS(VIF("0", "p") "," VIF("0", "q"))),
	  "domains[0].vifs[1].device", "0", "vifs[0] has it" },
	{ ONE(VIFS(VIF("0", "p") "," VIF("1", "p"))),
	  "domains[0].vifs[1].port", "\"p\"", "domains[0].vifs[0].port" },
	{ ONE(VIFS(VIF("0", "a/b"))), "domains[0].vifs[0].port", NULL,
	  "letters" },
	{ STATE(DOM("," VIFS(VIF("0", "p"))) ","
		WITH("2", "db", KERNEL "," VIFS(VIF("3", "p")))),
	  "domains[1].vifs[0].port", "\"p\"", "domains[0].vifs[0].port" },
	/* domains among themselves */
	{ STATE(DOM("") "," WITH("1", "db", KERNEL)), "domains[1].uuid", NULL,
	  "domains[0] has it" },
	{ STATE(DOM("") "," WITH("2", "web", KERNEL)), "domains[1].name",
	  "\"web\"", "domains[0] has it" },
	{ STATE(DOM("," DISKS(DISK("vda", "/srv/a/d"))) ","
		WITH("2", "db", KERNEL "," DISKS(DISK("vda", "/srv/a/d")))),
	  "domains[1].disks[0].path", "\"/srv/a/d\"",
	  "unless all only read it" },
	{ STATE(DOM("," DISKS(READ("vda", "/dev/sdb"))) ","
		WITH("2", "db", KERNEL "," DISKS(DISK("vda", "/dev/sdb")))),
	  "domains[1].disks[0].path", "\"/dev/sdb\"",
	  "unless all only read it" },
};

static bool error_is(const struct domain_conf_error *e, const struct bad *b)
{
	return !strcmp(e->path, b->path) &&
	       (!b->value || !strcmp(e->value, b->value)) &&
	       strstr(e->expected, b->expected);
}

static void bad_values_are_refused_with_place_and_remedy(void)
{
	struct domain_conf_errors errs;
	struct domain_conf *conf;
	unsigned i, k;

	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		int rc = parse(&conf, bads[i].text, &errs);
		bool found = false;

		CU_ASSERT_EQUAL(rc, -EINVAL);
		CU_ASSERT_PTR_NULL(conf);
		for (k = 0; k < errs.count; k++)
			found |= error_is(&errs.error[k], &bads[i]);
		CU_ASSERT(found);
		if (!found)
			printf("\n  %s\n  gave %s: %s, expected %s\n",
			       bads[i].text, errs.error[0].path,
			       errs.error[0].value, errs.error[0].expected);
		domain_conf_free(conf);
	}
}

static void all_errors_are_told_at_once_up_to_a_bound(void)
{
	char text[4096] = "{'owner':'t','generation':1,'domains':[";
	struct domain_conf_errors errs;
	struct domain_conf *conf;
	unsigned i;

	for (i = 0; i < 40; i++)
		strcat(text, "{},");
	strcat(text, "7]}");
	CU_ASSERT_EQUAL(parse(&conf, text, &errs), -EINVAL);
	CU_ASSERT_EQUAL(errs.count, DCONF_ERRORS_MAX);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "domains[0].uuid");
	CU_ASSERT_STRING_EQUAL(errs.error[1].path, "domains[0].name");
}

#define FULL                                                                  \
	STATE(WITH("1", "web",                                                \
		   "'vcpus':2,'engine':'qemu','accel':'tcg','boot':{"         \
		   "'kernel':'/srv/a/k','initrd':'/srv/a/i',"                 \
		   "'cmdline':'console=ttyS0 x=\\\"y\\\"'}," DISKS(            \
			   DISK("vda", "/dev/sdb") ","                        \
			   OVER("vdc", "/srv/b/d", BASE("/srv/b/e", "qcow2")  \
				"," BASE("/srv/b/f", "raw")) ","              \
			   READ("vdb", "/srv/a/iso")) ","                     \
		   VIFS(VIF("0", "p") ",{'device':7,'port':'q',"              \
			"'mac':'02:00:00:00:00:0a','mtu':9000,'queues':8}")   \
		   ",'console':{'serial':false,'vnc':false},"                 \
		   "'on_poweroff':'restart','on_reboot':'destroy',"           \
		   "'on_crash':'preserve','shutdown_timeout_s':5,"            \
		   "'migratable':true,'power':'suspended','cpu_weight':7,"    \
		   "'cpu_limit_percent':150") ","                             \
	      WITH("2", "db", "'boot':{'disk':true},"                         \
			      DISKS(READ("vda", "/srv/a/iso"))))

static uint32_t plan_length(const struct domain_conf *a,
			    const struct domain_conf *b)
{
	struct domain_conf_plan plan;
	uint32_t n;

	CU_ASSERT_EQUAL_FATAL(domain_conf_diff(a, b, &plan), 0);
	n = plan.count;
	domain_conf_plan_fini(&plan);
	return n;
}

static void a_saved_value_reads_back_the_same(void)
{
	struct domain_conf *conf = good(FULL), *again;
	char *text = domain_conf_save(conf), *text_again;
	struct domain_conf_errors errs;

	CU_ASSERT_EQUAL(domain_conf_parse(&again, text, strlen(text), &errs),
			0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	text_again = domain_conf_save(again);
	CU_ASSERT_STRING_EQUAL(text, text_again);
	CU_ASSERT_EQUAL(plan_length(conf, again), 0);
	CU_ASSERT_EQUAL(again->domains[0].disks[1].backing_count, 2);
	CU_ASSERT_EQUAL(again->domains[0].vifs[1].queues, 8);
	free(text);
	free(text_again);
	domain_conf_free(conf);
	domain_conf_free(again);
}

static void what_is_left_out_is_filled_in(void)
{
	struct domain_conf *conf = good(ONE(DISKS(DISK("vdc", "/srv/b/d"))
					    "," VIFS(VIF("3", "p"))));
	const struct dconf_domain *d = &conf->domains[0];

	CU_ASSERT_EQUAL(conf->uid_first, 200000);
	CU_ASSERT_EQUAL(conf->uid_last, 265535);
	CU_ASSERT_EQUAL(d->vcpus, 1);
	CU_ASSERT_EQUAL(d->power, DCONF_RUNNING);
	CU_ASSERT_EQUAL(d->on_crash, DCONF_RESTART);
	CU_ASSERT_EQUAL(d->on_poweroff, DCONF_DESTROY);
	CU_ASSERT_TRUE(d->serial && d->vnc && !d->migratable);
	CU_ASSERT_EQUAL(d->cpu_weight, 100);
	CU_ASSERT_EQUAL(d->boot.kernel_root, 0);
	CU_ASSERT_EQUAL(d->boot.initrd_root, DCONF_NONE);
	CU_ASSERT_EQUAL(d->disks[0].slot, 2);
	CU_ASSERT_EQUAL(d->disks[0].image.root, 1);
	CU_ASSERT_EQUAL(d->vifs[0].mtu, 1500);
	CU_ASSERT_EQUAL(domain_conf_find_disk(d, 2), 0);
	CU_ASSERT_EQUAL(domain_conf_find_disk(d, 0), DCONF_NONE);
	CU_ASSERT_EQUAL(domain_conf_find_vif(d, 3), 0);
	CU_ASSERT_EQUAL(domain_conf_find_vif(d, 0), DCONF_NONE);
	domain_conf_free(conf);
}

static void domains_are_found_by_uuid_and_by_name(void)
{
	struct domain_conf *conf = good(STATE(
		WITH("3", "b", KERNEL) "," WITH("1", "c", KERNEL) ","
		WITH("2", "a", KERNEL)));

	CU_ASSERT_EQUAL(domain_conf_find(conf, UUID("3")), 0);
	CU_ASSERT_EQUAL(domain_conf_find(conf, UUID("2")), 2);
	CU_ASSERT_EQUAL(domain_conf_find(conf, UUID("4")), DCONF_NONE);
	CU_ASSERT_EQUAL(domain_conf_find_name(conf, "c"), 1);
	CU_ASSERT_EQUAL(domain_conf_find_name(conf, "d"), DCONF_NONE);
	domain_conf_free(conf);
}

static void readers_may_share_what_nobody_writes(void)
{
	domain_conf_free(good(STATE(
		DOM("," DISKS(READ("vda", "/srv/a/iso") ","
			      OVER("vdb", "/srv/a/x", BASE("/srv/a/base",
							   "raw")))) ","
		WITH("2", "db", KERNEL "," DISKS(READ("vda", "/srv/a/iso") ","
			OVER("vdb", "/srv/a/y", BASE("/srv/a/base",
						     "raw")))))));
}

static void only_the_owner_may_replace_and_only_forward(void)
{
	struct domain_conf *none = domain_conf_empty();
	struct domain_conf *a5 = good("{'owner':'a','generation':5}");
	struct domain_conf *a4 = good("{'owner':'a','generation':4}");
	struct domain_conf *b9 = good("{'owner':'b','generation':9}");
	struct domain_conf_errors errs;

	CU_ASSERT_EQUAL(domain_conf_may_replace(NULL, a5, false, &errs), 0);
	CU_ASSERT_EQUAL(domain_conf_may_replace(none, a5, false, &errs), 0);
	CU_ASSERT_EQUAL(domain_conf_may_replace(a4, a5, false, &errs), 0);
	CU_ASSERT_EQUAL(domain_conf_may_replace(a5, a5, false, &errs), 0);
	CU_ASSERT_EQUAL(domain_conf_may_replace(a5, a4, false, &errs),
			-ESTALE);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "generation");
	CU_ASSERT_EQUAL(domain_conf_may_replace(a5, b9, false, &errs), -EPERM);
	CU_ASSERT_STRING_EQUAL(errs.error[0].value, "\"b\"");
	CU_ASSERT_EQUAL(domain_conf_may_replace(a5, b9, true, &errs), 0);
	domain_conf_free(none);
	domain_conf_free(a5);
	domain_conf_free(a4);
	domain_conf_free(b9);
}

/* --- plans ---------------------------------------------------------------- */

static void plan_text(const char *from, const char *to, bool live, char *text,
		      size_t size)
{
	struct domain_conf *a = good(from), *b = good(to);
	struct domain_conf_plan plan;
	size_t at = 0;
	uint32_t i;

	text[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(domain_conf_diff(a, b, &plan), 0);
	for (i = 0; i < plan.count; i++) {
		domain_conf_action_text(a, b, &plan.actions[i], live,
					text + at, size - at - 2);
		strcat(text, "\n");
		at = strlen(text);
	}
	domain_conf_plan_fini(&plan);
	domain_conf_free(a);
	domain_conf_free(b);
}

#define A(more) WITH("1", "a", KERNEL more)
#define B(more) WITH("2", "b", KERNEL more)

static const struct step {
	const char *from, *to;
	bool live;
	const char *plan;
} steps[] = {
	{ STATE(A("")), STATE(A("")), true, "" },
	{ STATE(A("")), STATE(""), true, "remove domain a\n" },
	{ STATE(""), STATE(A("")), true, "add domain a\n" },
	{ STATE(A("") "," B("")), STATE(B("") "," A("")), true, "" },
	{ STATE(A("")), STATE(WITH("1", "z", KERNEL)), true,
	  "change domain z: name\n" },
	{ STATE(A("")), STATE(A(",'on_crash':'destroy','cpu_weight':5")), true,
	  "change domain a: policy, cpu\n" },
	{ STATE(A("")), STATE(A(",'vcpus':2,'on_crash':'destroy'")), true,
	  "change domain a: policy; vcpus: pending until its next start\n" },
	{ STATE(A("")), STATE(A(",'vcpus':2,'accel':'kvm'")), true,
	  "change domain a: vcpus, engine: pending until its next start\n" },
	{ STATE(A("")), STATE(A(",'vcpus':2,'console':{'vnc':false}")), false,
	  "change domain a: vcpus, console\n" },
	{ STATE(A("")), STATE(WITH("1", "a", "'boot':{'kernel':'/srv/a/l'}")),
	  true, "change domain a: boot: pending until its next start\n" },
	{ STATE(A("")), STATE(A(",'power':'halted'")), true,
	  "change power of a: running to halted\n" },
	/* a power change is told before what is given up, or last of all */
	{ STATE(A("," VIFS(VIF("0", "p"))) "," B(",'power':'halted'")),
	  STATE(A(",'power':'halted'") "," B("," VIFS(VIF("0", "p")))), true,
	  "change power of a: running to halted\n"
	  "remove vif 0 (port p) of a\n"
	  "add vif 0 (port p) of b\n"
	  "change power of b: halted to running\n" },
	{ STATE(A("," DISKS(DISK("vda", "/srv/a/d")))),
	  STATE(A("," DISKS(DISK("vda", "/srv/a/d") ","
			    DISK("vdb", "/srv/a/e")))), true,
	  "add disk vdb (/srv/a/e) of a\n" },
	{ STATE(A("," DISKS(DISK("vda", "/srv/a/d")))),
	  STATE(A("," DISKS(READ("vda", "/srv/a/d")))), true,
	  "remove disk vda (/srv/a/d) of a: re-create\n"
	  "add disk vda (/srv/a/d) of a: re-create\n" },
	{ STATE(A("," VIFS(VIF("0", "p")))),
	  STATE(A("," VIFS("{'device':0,'port':'p','mac':"
			   "'02:00:00:00:00:02'}"))), true,
	  "remove vif 0 (port p) of a: re-create\n"
	  "add vif 0 (port p) of a: re-create\n" },
	/* a disk changes hands; one domain goes, another comes */
	{ STATE(A("," DISKS(DISK("vda", "/srv/a/d")))), STATE(B(
		"," DISKS(DISK("vda", "/srv/a/d")))), true,
	  "remove domain a\nadd domain b\n" },
	{ STATE(WITH("1", "a", "'boot':{'disk':true}," DISKS(
			DISK("vda", "/srv/a/d") "," DISK("vdb", "/srv/a/e")))),
	  STATE(WITH("1", "a", "'boot':{'disk':true}," DISKS(
			DISK("vdb", "/srv/a/e") "," DISK("vda", "/srv/a/d")))),
	  true, "change domain a: boot disk: pending until its next start\n" },
	{ ROOT_CASE("'uids':'70000-70001'"),
	  ROOT_CASE("'storage_roots':['/srv/x']"), true,
	  "change settings: roots, uids\n" },
};

static void plans_say_what_changes_and_no_more(void)
{
	char text[4096];
	unsigned i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		plan_text(steps[i].from, steps[i].to, steps[i].live, text,
			  sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, steps[i].plan);
		if (strcmp(text, steps[i].plan))
			printf("\n  %u: wanted\n%s  got\n%s", i,
			       steps[i].plan, text);
	}
}

/*
 * Random values over few domains, ports and paths: whoever carries a plan out
 * in order never holds a port for two, and ends with what is wanted.
 */
#define PORTS 4
#define WORLD_DOMAINS 4

struct world {
	int holder[PORTS]; /* domain * 8 + device, or -1 */
	bool there[WORLD_DOMAINS];
};

static unsigned pick(unsigned n)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x % n;
}

static struct domain_conf *random_conf(void)
{
	char text[4096] = "{'owner':'t','generation':1,'storage_roots':"
			  "['/srv/a'],'domains':[", one[256];
	bool used[PORTS] = { false };
	unsigned i, k, port;
	const char *lead = "";

	for (i = 0; i < WORLD_DOMAINS; i++) {
		if (!pick(3))
			continue;
		snprintf(one, sizeof(one), "%s{'uuid':'" UUID("%u") "','name':"
			 "'d%u','memory_mib':64," KERNEL ",'vifs':[", lead,
			 i + 1, i);
		strcat(text, one);
		lead = ",";
		for (k = 0; k < 2; k++) {
			port = pick(PORTS);
			if (used[port])
				continue;
			used[port] = true;
			snprintf(one, sizeof(one), "%s{'device':%u,'mac':"
				 "'02:00:00:00:00:01','port':'p%u'}",
				 text[strlen(text) - 1] == '[' ? "" : ",", k,
				 port);
			strcat(text, one);
		}
		strcat(text, "]}");
	}
	strcat(text, "]}");
	return good(text);
}

static unsigned domain_no(const struct dconf_domain *d)
{
	return d->name[1] - '0';
}

static void hold(struct world *w, const struct dconf_domain *d,
		 const struct dconf_vif *v)
{
	int *h = &w->holder[v->port[1] - '0'];

	CU_ASSERT_EQUAL(*h, -1);
	CU_ASSERT_TRUE(w->there[domain_no(d)]);
	*h = domain_no(d) * 8 + v->device;
}

static void let_go(struct world *w, const struct dconf_domain *d,
		   const struct dconf_vif *v)
{
	int *h = &w->holder[v->port[1] - '0'];

	CU_ASSERT_EQUAL(*h, (int)domain_no(d) * 8 + v->device);
	*h = -1;
}

static void carry_out(struct world *w, const struct domain_conf *a,
		      const struct domain_conf *b,
		      const struct domain_conf_action *act)
{
	bool whole = act->object == DCONF_DOMAIN;
	const struct dconf_domain *d;
	uint32_t i;

	if (act->verb == DCONF_REMOVE) {
		d = &a->domains[act->before];
		if (act->object == DCONF_VIF)
			let_go(w, d, &d->vifs[act->item]);
		for (i = 0; whole && i < d->vif_count; i++)
			let_go(w, d, &d->vifs[i]);
		if (whole)
			w->there[domain_no(d)] = false;
	} else {
		d = &b->domains[act->after];
		if (whole)
			w->there[domain_no(d)] = true;
		for (i = 0; whole && i < d->vif_count; i++)
			hold(w, d, &d->vifs[i]);
		if (act->object == DCONF_VIF)
			hold(w, d, &d->vifs[act->item]);
	}
}

static void check_world(const struct world *w, const struct domain_conf *conf)
{
	uint32_t i, k, held = 0;

	for (i = 0; i < conf->domain_count; i++) {
		const struct dconf_domain *d = &conf->domains[i];

		for (k = 0; k < d->vif_count; k++, held++)
			CU_ASSERT_EQUAL(w->holder[d->vifs[k].port[1] - '0'],
					(int)domain_no(d) * 8 +
						d->vifs[k].device);
	}
	for (i = 0; i < PORTS; i++)
		held -= w->holder[i] != -1;
	CU_ASSERT_EQUAL(held, 0);
}

static void plans_carried_out_end_in_the_wanted_value(void)
{
	struct world w = { .holder = { -1, -1, -1, -1 } };
	struct domain_conf *now = domain_conf_empty(), *next;
	struct domain_conf_plan plan;
	unsigned round;
	uint32_t i;

	for (round = 0; round < 2000; round++) {
		next = random_conf();
		CU_ASSERT_EQUAL_FATAL(domain_conf_diff(now, next, &plan), 0);
		for (i = 0; i < plan.count; i++)
			if (plan.actions[i].object != DCONF_SETTINGS)
				carry_out(&w, now, next, &plan.actions[i]);
		check_world(&w, next);
		domain_conf_plan_fini(&plan);
		domain_conf_free(now);
		now = next;
	}
	domain_conf_free(now);
}

static char *many_domains(unsigned n, unsigned vifs, unsigned disks)
{
	char *text = malloc(TEXT_MAX);
	size_t at;
	unsigned i, k;

	at = snprintf(text, TEXT_MAX, "{'owner':'t','generation':1,"
				      "'storage_roots':['/srv/a'],'domains':[");
	for (i = 0; i < n; i++) {
		at += snprintf(text + at, TEXT_MAX - at,
			       "%s{'uuid':'6e1f2c34-0a5b-4c6d-8e9f-%012x',"
			       "'name':'d%u','memory_mib':64," KERNEL
			       ",'vifs':[", i ? "," : "", i, i);
		for (k = 0; k < vifs; k++)
			at += snprintf(text + at, TEXT_MAX - at,
				       "%s{'device':%u,'port':'d%u.%u','mac':"
				       "'02:00:00:00:00:01'}", k ? "," : "", k,
				       i, k);
		at += snprintf(text + at, TEXT_MAX - at, "],'disks':[");
		for (k = 0; k < disks; k++)
			at += snprintf(text + at, TEXT_MAX - at,
				       "%s{'device':'vd%c','path':"
				       "'/srv/a/%u.%u','format':'raw'}",
				       k ? "," : "", 'a' + k, i, k);
		at += snprintf(text + at, TEXT_MAX - at, "]}");
	}
	snprintf(text + at, TEXT_MAX - at, "]}");
	return text;
}

static void as_many_of_everything_as_allowed_work(void)
{
	char *text = many_domains(DCONF_DOMAINS_MAX, DCONF_VIFS_MAX,
				  DCONF_DISKS_MAX);
	struct domain_conf *conf = good(text), *none = domain_conf_empty();

	CU_ASSERT_EQUAL(conf->domain_count, DCONF_DOMAINS_MAX);
	CU_ASSERT_EQUAL(plan_length(none, conf), DCONF_DOMAINS_MAX + 1);
	CU_ASSERT_EQUAL(domain_conf_find_name(conf, "d511"), 511);
	domain_conf_free(none);
	domain_conf_free(conf);
	free(text);
}

static void refuses(unsigned n, unsigned vifs, unsigned disks,
		    const char *path)
{
	char *text = many_domains(n, vifs, disks);
	struct domain_conf_errors errs;
	struct domain_conf *conf;

	CU_ASSERT_EQUAL(parse(&conf, text, &errs), -EINVAL);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, path);
	free(text);
}

static void too_many_of_anything_is_refused(void)
{
	refuses(DCONF_DOMAINS_MAX + 1, 0, 0, "domains");
	refuses(1, DCONF_VIFS_MAX + 1, 0, "domains[0].vifs");
	refuses(1, 0, DCONF_DISKS_MAX + 1, "domains[0].disks");
}

static bool page_has(const char *name, const char *row)
{
	static char text[1 << 18];
	char path[512];
	FILE *from;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, name);
	from = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	n = fread(text, 1, sizeof(text) - 1, from);
	text[n] = '\0';
	fclose(from);
	return strstr(text, row);
}

/* The row of docs/domains.md for a line of domain_conf_describe(). */
static void make_row(char *row, size_t size, const char *line)
{
	const char *key = strchr(line, '.') + 1;
	int at = snprintf(row, size, "| `%.*s` | ", (int)strcspn(key, "\t"),
			  key);

	for (key = strchr(key, '\t') + 1; *key; key++)
		at += snprintf(row + at, size - at, "%.*s",
			       *key == '\t' ? 3 : 1,
			       *key == '\t' ? " | " : key);
	snprintf(row + at, size - at, " |\n");
}

static void every_key_is_described_and_documented(void)
{
	char *text, *line, *save, row[512], tag[64];
	size_t size;
	FILE *to = open_memstream(&text, &size);
	unsigned lines = 0;

	domain_conf_describe(to);
	fclose(to);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save), lines++) {
		make_row(row, sizeof(row), line);
		line[strcspn(line, "\t")] = '\0';
		snprintf(tag, sizeof(tag), ".B %s\n", strchr(line, '.') + 1);
		if (!page_has("docs/domains.md", row) ||
		    !page_has("docs/man/causeway-hypervisor.json.5", tag)) {
			printf("\n  not documented so: %s", row);
			CU_ASSERT(false);
		}
	}
	CU_ASSERT(lines > 35);
	free(text);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(bad_values_are_refused_with_place_and_remedy),
		SUITE_TEST(all_errors_are_told_at_once_up_to_a_bound),
		SUITE_TEST(a_saved_value_reads_back_the_same),
		SUITE_TEST(what_is_left_out_is_filled_in),
		SUITE_TEST(domains_are_found_by_uuid_and_by_name),
		SUITE_TEST(readers_may_share_what_nobody_writes),
		SUITE_TEST(only_the_owner_may_replace_and_only_forward),
		SUITE_TEST(plans_say_what_changes_and_no_more),
		SUITE_TEST(plans_carried_out_end_in_the_wanted_value),
		SUITE_TEST(as_many_of_everything_as_allowed_work),
		SUITE_TEST(too_many_of_anything_is_refused),
		SUITE_TEST(every_key_is_described_and_documented),
	};

	return suite_run("domain_conf", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
