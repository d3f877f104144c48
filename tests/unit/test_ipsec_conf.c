/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The peers' state: what is taken, what is refused and how it is said, and
 * which actions lead from one to another.
 */
#include "ipsec-migrate/ipsec_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"

#define NETS "\"networks\":{\"local\":[\"10.1.0.0/24\"],"                     \
	     "\"remote\":[\"10.2.0.0/24\"]}"
#define PSK "\"auth\":{\"psk\":\"b.psk\"}"

static struct ipsec_conf_errors errs;

/* Single quotes stand for double ones; NULL: refused. */
static struct ipsec_conf *parse(const char *text)
{
	char *json = strdup(text);
	struct ipsec_conf *conf;
	int rc;

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	rc = ipsec_conf_parse(&conf, json, strlen(json), &errs);
	CU_ASSERT(rc == 0 || rc == -EINVAL);
	CU_ASSERT_EQUAL(!rc, !!conf);
	CU_ASSERT_EQUAL(!rc, !errs.count);
	free(json);
	return conf;
}

static struct ipsec_conf *parse_peers(const char *peers)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "{'owner':'t','generation':3,'peers':[%s]}", peers);
	return parse(text);
}

static void refused(const char *peers, const char *path, const char *expected)
{
	struct ipsec_conf *conf = parse_peers(peers);

	CU_ASSERT_PTR_NULL_FATAL(conf);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, path);
	if (!strstr(errs.error[0].expected, expected))
		fprintf(stderr, "%s: expected %s\n", path,
			errs.error[0].expected);
	CU_ASSERT_PTR_NOT_NULL(strstr(errs.error[0].expected, expected));
}

static void ten_lines_make_a_peer_with_strong_defaults(void)
{
	struct ipsec_conf *conf = parse_peers(
		"{'name':'b','remote':'192.0.2.2'," PSK "," NETS "}");
	const struct iconf_peer *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	p = ipsec_conf_find(conf, "b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(p->start, ICONF_START_ALWAYS);
	CU_ASSERT_EQUAL(p->encap, ICONF_ENCAP_UDP);
	CU_ASSERT_EQUAL(p->streams, 1);
	CU_ASSERT_EQUAL(p->dpd_s, 10);
	CU_ASSERT_EQUAL(p->replay_window, 4096);
	CU_ASSERT_EQUAL(p->child_s, 3600);
	CU_ASSERT_TRUE(p->mobike);
	CU_ASSERT_FALSE(p->ppk.required);
	CU_ASSERT_PTR_NOT_NULL(strstr(p->ike.text[0], "prfsha384"));
	CU_ASSERT_PTR_NOT_NULL(strstr(p->esp.text[0], "curve25519"));
	CU_ASSERT_EQUAL(p->remote_net[0].prefix, 24);
	CU_ASSERT_EQUAL(p->remote_net[0].addr[1], 2);
	ipsec_conf_free(conf);
}

static void a_certificate_has_its_key_beside_it(void)
{
	struct ipsec_conf *conf = parse_peers(
		"{'name':'b','start':'respond','remote_id':'%any',"
		"'auth':{'cert':'host.crt','ca':['pool.pem']}," NETS "}");

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	CU_ASSERT_STRING_EQUAL(conf->peers[0].auth.key, "host.key");
	CU_ASSERT_STRING_EQUAL(conf->peers[0].auth.ca.name[0], "pool.pem");
	ipsec_conf_free(conf);
}

static void what_is_saved_parses_to_the_same(void)
{
	struct ipsec_conf *conf = parse_peers(
		"{'name':'b','local':'2001:db8::1','remote':'2001:db8::2',"
		"'local_id':'a.example','remote_id':'b.example',"
		"'auth':{'cert':'h.pem','key':'k.pem','ca':['c1','c2'],"
		"'crl':['c.crl'],'revocation':'strict'},"
		"'ppk':{'id':'p1','file':'p1.ppk','required':false},"
		"'networks':{'local':['fd00:1::/64','10.1.0.1'],"
		"'remote':['fd00:2::/64','10.2.0.0/16']},"
		"'proposals':{'ike':['aes256gcm16-prfsha384-ecp384'],"
		"'esp':['aes256gcm16-ecp384-esn','aes128gcm16-ecp256-noesn']},"
		"'lifetimes':{'ike_s':600,'child_s':60,'child_bytes':0,"
		"'child_packets':1000},'start':'on-demand','encap':'auto',"
		"'streams':4,'dpd_s':0,'mobike':false,'copy_dscp':true,"
		"'mtu':1400,'replay_window':128}");
	struct ipsec_conf_plan plan;
	struct ipsec_conf *again;
	char *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	text = ipsec_conf_save(conf);
	again = parse(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_EQUAL(again->generation, 3);
	CU_ASSERT_EQUAL(ipsec_conf_diff(conf, again, &plan), 0);
	CU_ASSERT_EQUAL(plan.count, 0);
	ipsec_conf_plan_fini(&plan);
	free(text);
	ipsec_conf_free(again);
	ipsec_conf_free(conf);
}

static void what_is_wrong_is_named_with_its_place(void)
{
	refused("{'name':'b','remote':'host.example'," PSK "," NETS "}",
		"peers[0].remote", "IPv4 or IPv6 address");
	refused("{'name':'b'," PSK "," NETS "}", "peers[0].remote",
		"start: respond");
	refused("{'name':'b','start':'respond'," PSK "," NETS "}",
		"peers[0].remote_id", "who it is");
	refused("{'name':'b','remote':'192.0.2.2'," PSK "}",
		"peers[0].networks", "object");
	refused("{'name':'b','remote':'192.0.2.2','auth':{}," NETS "}",
		"peers[0].auth", "either psk");
	refused("{'name':'b','remote':'192.0.2.2',"
		"'auth':{'psk':'../../etc/shadow'}," NETS "}",
		"peers[0].auth.psk", "key folder");
	refused("{'name':'b','remote':'192.0.2.2','auth':{'cert':'a.pem'},"
		NETS "}", "peers[0].auth.ca", "whose certificates");
	refused("{'name':'b','remote':'192.0.2.2','colour':1," PSK "," NETS
		"}", "peers[0].colour", "no such key");
	refused("{'name':'b','remote':'192.0.2.2','mtu':900," PSK "," NETS
		"}", "peers[0].mtu", "1280");
	refused("{'name':'b','local':'2001:db8::1','remote':'192.0.2.2'," PSK
		"," NETS "}", "peers[0].remote", "same family");
}

static void networks_have_one_way_to_go(void)
{
	refused("{'name':'b','remote':'192.0.2.2'," PSK ",'networks':"
		"{'local':['10.0.0.0/8'],'remote':['10.2.0.0/24']}}",
		"peers[0].networks.remote", "not local too");
	refused("{'name':'b','remote':'192.0.2.2'," PSK ",'networks':"
		"{'local':['10.0.0.0/24'],'remote':['10.2.0.1/24']}}",
		"peers[0].networks.remote", "without host bits");
	refused("{'name':'b','remote':'192.0.2.2'," PSK ",'networks':"
		"{'local':['10.0.0.0/24'],'remote':['10.2.0.0/24',"
		"'10.2.0.7']}}", "peers[0].networks.remote", "overlap");
	refused("{'name':'b','remote':'192.0.2.2'," PSK "," NETS "},"
		"{'name':'c','remote':'192.0.2.3'," PSK "," NETS "}",
		"peers[1].networks.remote", "peer b does not have");
	refused("{'name':'b','remote':'192.0.2.2'," PSK ",'networks':"
		"{'local':['10.0.0.1','10.0.0.2','10.0.0.3','10.0.0.4',"
		"'10.0.0.5'],'remote':['10.2.0.1','10.2.0.2','10.2.0.3',"
		"'10.2.0.4']}}", "peers[0].networks", "16 pairs");
}

static void weak_proposals_have_no_words(void)
{
	static const char *const cases[][2] = {
		{ "'esp':['3des-sha1-modp1024']", "no word \\\"3des\\\"" },
		{ "'esp':['aes256gcm16-esn']", "a group is missing" },
		{ "'esp':['aes256gcm16-ecp384']", "esn or noesn" },
		{ "'esp':['null']", "no word" },
		{ "'esp':['']", "words" },
		{ "'esp':['aes256gcm16-']", "no word" },
		{ "'ike':['aes256gcm16-ecp384']", "a PRF is missing" },
		{ "'ike':['aes256gcm16-prfsha1-ecp384']", "prfsha1" },
		{ "'ike':['prfsha384-ecp384']", "a cipher is missing" },
		{ "'ike':['aes256gcm16-prfsha384-ecp384-esn']", "esn" },
		{ "'ike':[]", "1 to 4" },
	};
	char peer[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipsec_conf *conf;

		snprintf(peer, sizeof(peer), "{'name':'b','remote':"
			 "'192.0.2.2'," PSK "," NETS ",'proposals':{%s}}",
			 cases[i][0]);
		conf = parse_peers(peer);
		CU_ASSERT_PTR_NULL(conf);
		CU_ASSERT_EQUAL(errs.count, 1);
		ipsec_conf_free(conf);
	}
}

static void another_owner_or_an_older_state_is_refused(void)
{
	struct ipsec_conf *empty = ipsec_conf_empty();
	struct ipsec_conf *a = parse("{'owner':'a','generation':5}");
	struct ipsec_conf *b = parse("{'owner':'b','generation':9}");
	struct ipsec_conf *old = parse("{'owner':'a','generation':4}");

	CU_ASSERT_EQUAL(ipsec_conf_may_replace(empty, a, false, &errs), 0);
	CU_ASSERT_EQUAL(ipsec_conf_may_replace(a, a, false, &errs), 0);
	CU_ASSERT_EQUAL(ipsec_conf_may_replace(a, b, false, &errs), -EPERM);
	CU_ASSERT_STRING_EQUAL(errs.error[0].path, "owner");
	CU_ASSERT_EQUAL(ipsec_conf_may_replace(a, old, false, &errs), -ESTALE);
	CU_ASSERT_EQUAL(ipsec_conf_may_replace(a, b, true, &errs), 0);
	ipsec_conf_free(empty);
	ipsec_conf_free(a);
	ipsec_conf_free(b);
	ipsec_conf_free(old);
}

#define PEER_OF(name, net, more)                                              \
	"{'name':'" name "','remote':'192.0.2.2'," PSK ",'networks':"         \
	"{'local':['10.1.0.0/24'],'remote':['" net "']}" more "}"

static void actions_remove_before_they_add(void)
{
	static const char *const expected[] = {
		"remove peer gone", "change peer b", "change peer s: start",
		"add peer new",
	};
	struct ipsec_conf *running = parse_peers(
		PEER_OF("b", "10.2.0.0/24", "") ","
		PEER_OF("gone", "10.3.0.0/24", "") ","
		PEER_OF("s", "10.5.0.0/24", ""));
	struct ipsec_conf *wanted = parse_peers(
		PEER_OF("new", "10.3.0.0/24", "") ","
		PEER_OF("b", "10.2.0.0/24", ",'streams':2") ","
		PEER_OF("s", "10.5.0.0/24", ",'start':'on-demand'"));
	struct ipsec_conf_plan plan;
	char text[128];

	CU_ASSERT_PTR_NOT_NULL_FATAL(running);
	CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
	CU_ASSERT_EQUAL_FATAL(ipsec_conf_diff(running, wanted, &plan), 0);
	CU_ASSERT_EQUAL_FATAL(plan.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		ipsec_conf_action_text(&plan.actions[i], text, sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, expected[i]);
	}
	ipsec_conf_plan_fini(&plan);
	ipsec_conf_free(running);
	ipsec_conf_free(wanted);
}

static void the_page_has_the_table(void)
{
	FILE *page = fopen(SOURCE_ROOT "/docs/ipsec.md", "r");
	char *table = NULL, *text;
	size_t len = 0, n;
	FILE *to = open_memstream(&table, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	ipsec_conf_describe(to);
	fclose(to);
	text = calloc(1, 1 << 17);
	n = fread(text, 1, (1 << 17) - 1, page);
	CU_ASSERT(n > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, table));
	fclose(page);
	free(text);
	free(table);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(ten_lines_make_a_peer_with_strong_defaults),
		SUITE_TEST(a_certificate_has_its_key_beside_it),
		SUITE_TEST(what_is_saved_parses_to_the_same),
		SUITE_TEST(what_is_wrong_is_named_with_its_place),
		SUITE_TEST(networks_have_one_way_to_go),
		SUITE_TEST(weak_proposals_have_no_words),
		SUITE_TEST(another_owner_or_an_older_state_is_refused),
		SUITE_TEST(actions_remove_before_they_add),
		SUITE_TEST(the_page_has_the_table),
	};

	return suite_run("ipsec_conf", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
