/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_xenstore.c: nodes, permissions, transactions, watches and domains of a
 * store, as its clients see them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/suite.h"
#include "tests/lib/xenstore_talk.h"

#define SAYS(said, expected) CU_ASSERT_STRING_EQUAL(said, expected)

static struct talk t;

static void begin(void)
{
	talk_init(&t, NULL);
	talk_heard(&t);
}

static void end(void)
{
	CU_ASSERT_TRUE(talk_is_sound(&t));
	talk_fini(&t);
}

static struct xenstore_conn *open_as(unsigned domid)
{
	struct xenstore_conn *conn;

	CU_ASSERT_FATAL(!xenstore_open(t.xs, &conn, domid, 0, 0));
	return conn;
}

/* --- nodes -------------------------------------------------------------- */

static void what_is_written_is_read_and_listed(void)
{
	begin();
	SAYS(talk_write(&t, t.control, 0, "/a/b/c", "value"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b/c"), "value");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b"), "");
	SAYS(talk_write(&t, t.control, 0, "/a/b/a", ""), "OK");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/a/b"), "a|c");
	SAYS(talk(&t, t.control, XS_RM, 0, "/a"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a/b/c"), "ENOENT");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/"), "local|tool");
	end();
}

static void a_relative_path_is_below_the_domains_own(void)
{
	begin();
	SAYS(talk_write(&t, t.guest, 0, "data/x", "1"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/local/domain/1/data/x"), "1");
	SAYS(talk_write(&t, t.control, 0, "x", "0"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/local/domain/0/x"), "0");
	SAYS(talk(&t, t.guest, XS_GET_DOMAIN_PATH, 0, "1"), "/local/domain/1");
	end();
}

static void a_value_may_hold_any_bytes(void)
{
	begin();
	SAYS(talk_bytes(&t, t.control, XS_WRITE, 0, "/v\0a\0\0b", 7), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/v"), "a||b");
	SAYS(talk_bytes(&t, t.control, XS_WRITE, 0, "/v", 3), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/v"), "");
	SAYS(talk_bytes(&t, t.control, XS_WRITE, 0, "/v", 2), "EINVAL");
	end();
}

static void removing_what_is_not_there_needs_its_parent(void)
{
	begin();
	SAYS(talk(&t, t.control, XS_RM, 0, "/tool/nothing"), "OK");
	SAYS(talk(&t, t.control, XS_RM, 0, "/nothing/nothing"), "ENOENT");
	SAYS(talk(&t, t.control, XS_RM, 0, "/"), "EINVAL");
	SAYS(talk(&t, t.control, XS_MKDIR, 0, "/tool"), "OK");
	SAYS(talk(&t, t.control, XS_MKDIR, 0, "/new/er"), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/new/er"), "");
	end();
}

static void fill_directory(unsigned count)
{
	char path[64];

	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/big/entry-%05u", i);
		SAYS(talk_write(&t, t.control, 0, path, ""), "OK");
	}
}

/* As libxenstore does it; returns how many names there are. */
static unsigned list_in_parts(void)
{
	unsigned long offset = 0;
	char args[64], *names;
	unsigned count = 0;

	do {
		snprintf(args, sizeof(args), "/big|%lu", offset);
		talk_args(&t, t.control, XS_DIRECTORY_PART, 0, args);
		names = strchr(t.reply, '|') + 1;
		offset += strlen(names);
		for (char *p = names; *p; p++)
			count += *p == '|';
	} while (strlen(names) > 1 && names[strlen(names) - 2] != '|');
	return count;
}

static void a_list_too_long_for_a_reply_is_read_in_parts(void)
{
	begin();
	fill_directory(1000);
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/big"), "E2BIG");
	talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/big|0");
	CU_ASSERT_PTR_NOT_NULL(strstr(t.reply, "|entry-00000|entry-00001"));
	SAYS(talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/big|x"),
	     "EINVAL");
	talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/big|99999");
	CU_ASSERT_EQUAL(strchr(t.reply, '|')[1], '\0'); /* no name: the end */
	end();
}

static void the_parts_of_a_list_are_the_whole(void)
{
	begin();
	fill_directory(12);
	CU_ASSERT_EQUAL(list_in_parts(), 12);
	end();
}

static void a_change_shows_in_the_generation_of_the_list(void)
{
	char first[64];

	begin();
	talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/tool|0");
	snprintf(first, sizeof(first), "%.*s",
		 (int)strcspn(t.reply, "|"), t.reply);
	talk_write(&t, t.control, 0, "/other", "");
	talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/tool|0");
	CU_ASSERT_FALSE(strncmp(first, t.reply, strlen(first)));
	talk_write(&t, t.control, 0, "/tool/new", "");
	talk_args(&t, t.control, XS_DIRECTORY_PART, 0, "/tool|0");
	CU_ASSERT_TRUE(strncmp(first, t.reply, strlen(first)));
	end();
}

/* --- paths -------------------------------------------------------------- */

static void paths_against_the_rules_are_refused(void)
{
	static const char *const paths[] = {
		"", "//", "/a//b", "/a/", "a/", "/a b", "/a.b", "/a:b", "/a\\b",
		"/\xc3\xa4", "/a*", "@releaseDomain", "@",
	};

	begin();
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		SAYS(talk(&t, t.control, XS_READ, 0, paths[i]), "EINVAL");
		SAYS(talk(&t, t.control, XS_MKDIR, 0, paths[i]), "EINVAL");
		SAYS(talk(&t, t.guest, XS_RM, 0, paths[i]), "EINVAL");
	}
	SAYS(talk_bytes(&t, t.control, XS_READ, 0, "/to\0ol", 7), "EINVAL");
	SAYS(talk_bytes(&t, t.control, XS_READ, 0, "/tool", 5), "EINVAL");
	SAYS(talk_bytes(&t, t.control, XS_READ, 0, "", 0), "EINVAL");
	SAYS(talk(&t, t.control, XS_READ, 0, "/"), "");
	end();
}

/* A path of so many bytes, as `from` and steps of 60. */
static const char *long_path(const char *from, size_t len)
{
	static char path[4096];
	size_t n = strlen(from);

	strcpy(path, from);
	for (; n < len; n++)
		path[n] = n % 60 == 59 && n + 1 < len ? '/' : 'p';
	path[n] = '\0';
	return path;
}

static void a_path_may_be_as_long_as_xens_and_no_longer(void)
{
	static const char own[] = "/local/domain/1/";
	size_t most = sizeof(own) - 1 + XENSTORE_REL_PATH_MAX;

	begin();
	SAYS(talk(&t, t.control, XS_MKDIR, 0, long_path("/", 3072)), "OK");
	SAYS(talk(&t, t.control, XS_MKDIR, 0, long_path("/", 3073)), "EINVAL");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path(own, most)), "ENOENT");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path(own, most + 1)), "EINVAL");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path("q", 2048)), "ENOENT");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path("q", 2049)), "EINVAL");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path("/", 2048)), "EACCES");
	SAYS(talk(&t, t.guest, XS_READ, 0, long_path("/", 2049)), "EINVAL");
	end();
}

/* "/d/d/d" of so many steps. */
static char *deep_path(const char *from, unsigned steps)
{
	static char path[XENSTORE_PAYLOAD_MAX];
	char *p = stpcpy(path, from);

	while (steps--)
		p = stpcpy(p, "/d");
	return path;
}

static void *remove_depth(void *arg)
{
	talk_write(&t, t.control, 0, deep_path("", 1536), "bottom");
	talk_args(&t, t.control, XS_WATCH, 0, deep_path("", 1000));
	SAYS(talk(&t, t.control, XS_RM, 0, "/d"), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, deep_path("data", 999)), "OK");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "data/e"), "ENOSPC");
	SAYS(talk(&t, t.control, XS_RM, 0, "/local"), "OK");
	return NULL;
}

static void the_deepest_path_is_removed_on_a_small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	begin();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 << 10);
	CU_ASSERT_FATAL(!pthread_create(&thread, &attr, remove_depth, NULL));
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/"), "tool");
	end();
}

/* --- permissions -------------------------------------------------------- */

static void a_guest_learns_nothing_of_others_nodes(void)
{
	begin();
	talk_write(&t, t.control, 0, "/local/domain/2/secret", "s");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/local/domain/2|n2");
	SAYS(talk(&t, t.guest, XS_READ, 0, "/local/domain/2/secret"), "EACCES");
	SAYS(talk(&t, t.guest, XS_READ, 0, "/local/domain/2/none"), "EACCES");
	SAYS(talk(&t, t.guest, XS_DIRECTORY, 0, "/local/domain/2"), "EACCES");
	SAYS(talk(&t, t.guest, XS_DIRECTORY, 0, "/local/domain"), "EACCES");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "/local/domain/2"), "EACCES");
	SAYS(talk_write(&t, t.guest, 0, "/local/domain/2/x", ""), "EACCES");
	SAYS(talk(&t, t.guest, XS_RM, 0, "/local/domain/2"), "EACCES");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "@releaseDomain"), "EACCES");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "@nothing"), "EACCES");
	end();
}

static void a_guest_sees_no_event_of_what_it_may_not_read(void)
{
	begin();
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "/local/domain/2|a"), "OK");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "/|b"), "OK");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "@releaseDomain|c"), "OK");
	talk_heard(&t); /* each once, as it was set */
	talk_write(&t, t.control, 0, "/local/domain/2/secret", "s");
	talk(&t, t.control, XS_RM, 0, "/local/domain/2");
	xenstore_introduce(t.xs, 2, 0);
	xenstore_release(t.xs, 2);
	SAYS(talk_heard(&t), "");
	talk_write(&t, t.guest, 0, "data/x", "");
	SAYS(talk_heard(&t), "1:/local/domain/1/data/x=b");
	end();
}

static void a_guest_reads_control_values_and_cannot_change_them(void)
{
	begin();
	talk_write(&t, t.control, 0, "/local/domain/1/control/shutdown", "off");
	talk_args(&t, t.control, XS_SET_PERMS, 0,
		  "/local/domain/1/control|n0|r1");
	talk_args(&t, t.control, XS_SET_PERMS, 0,
		  "/local/domain/1/control/shutdown|n0|r1");
	SAYS(talk(&t, t.guest, XS_READ, 0, "control/shutdown"), "off");
	SAYS(talk_write(&t, t.guest, 0, "control/shutdown", "x"), "EACCES");
	SAYS(talk(&t, t.guest, XS_RM, 0, "control/shutdown"), "EACCES");
	SAYS(talk_write(&t, t.guest, 0, "control/new", ""), "EACCES");
	SAYS(talk(&t, t.guest, XS_MKDIR, 0, "control"), "EACCES");
	SAYS(talk(&t, t.guest, XS_READ, 0, "control/new"), "ENOENT");
	end();
}

static void each_letter_grants_what_it_says(void)
{
	static const struct {
		const char *perms, *read, *write;
	} cases[] = {
		{ "/p|n0", "EACCES", "EACCES" }, { "/p|r0", "old", "EACCES" },
		{ "/p|w0", "EACCES", "OK" },	 { "/p|b0", "old", "OK" },
		{ "/p|n0|r1", "old", "EACCES" }, { "/p|n0|w1", "EACCES", "OK" },
		{ "/p|n0|b1", "old", "OK" },	 { "/p|n1", "old", "OK" },
		{ "/p|b0|n1", "EACCES", "EACCES" },
		{ "/p|n0|r1|b1", "old", "EACCES" }, /* the first counts */
		{ "/p|n0|b2", "EACCES", "EACCES" },
	};

	begin();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk_write(&t, t.control, 0, "/p", "old");
		SAYS(talk_args(&t, t.control, XS_SET_PERMS, 0, cases[i].perms),
		     "OK");
		SAYS(talk(&t, t.guest, XS_READ, 0, "/p"), cases[i].read);
		SAYS(talk_write(&t, t.guest, 0, "/p", "new"), cases[i].write);
	}
	end();
}

static void only_the_owner_sets_permissions_and_never_the_owner(void)
{
	begin();
	talk_write(&t, t.guest, 0, "data/x", "");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/x|r1|b2"), "OK");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "data/x"), "r1|b2");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/x|n0"), "EPERM");
	SAYS(talk_args(&t, t.guest, XS_SET_PERMS, 0, "data/x|n2|r1"), "EPERM");
	SAYS(talk_args(&t, open_as(2), XS_SET_PERMS, 0,
		       "/local/domain/1/data/x|n2"),
	     "EACCES"); /* may write, but does not own */
	SAYS(talk_args(&t, t.control, XS_SET_PERMS, 0,
		       "/local/domain/1/data/x|n2"),
	     "OK");
	SAYS(talk(&t, t.guest, XS_READ, 0, "data/x"), "EACCES");
	end();
}

static void a_list_of_permissions_is_well_formed_or_refused(void)
{
	static const char *const lists[] = {
		"/tool", "/tool|", "/tool|x0", "/tool|r", "/tool|r-1",
		"/tool|r65536", "/tool|r1x", "/tool|n0|", "/tool| n0",
		"/tool|n99999999999999999999",
	};

	begin();
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		SAYS(talk_args(&t, t.control, XS_SET_PERMS, 0, lists[i]),
		     "EINVAL");
	SAYS(talk_args(&t, t.control, XS_SET_PERMS, 0, "/none|n0"), "ENOENT");
	SAYS(talk_args(&t, t.control, XS_SET_PERMS, 0, "@releaseDomain|n0|r1"),
	     "OK");
	SAYS(talk(&t, t.guest, XS_GET_PERMS, 0, "@releaseDomain"), "n0|r1");
	end();
}

static void a_child_inherits_and_belongs_to_its_creator(void)
{
	begin();
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/tool|b0|r7");
	SAYS(talk_write(&t, t.guest, 0, "/tool/g/h", ""), "OK");
	SAYS(talk(&t, t.control, XS_GET_PERMS, 0, "/tool/g"), "b1|r7");
	SAYS(talk(&t, t.control, XS_GET_PERMS, 0, "/tool/g/h"), "b1|r7");
	SAYS(talk_write(&t, t.control, 0, "/tool/g/c", ""), "OK");
	SAYS(talk(&t, t.control, XS_GET_PERMS, 0, "/tool/g/c"), "b1|r7");
	end();
}

static void a_restricted_connection_can_never_act_as_domain_0(void)
{
	static const struct {
		uint32_t type;
		const char *args;
	} privileged[] = {
		{ XS_CONTROL, "check" },	{ XS_INTRODUCE, "3|0|0" },
		{ XS_RELEASE, "1" },		{ XS_RESUME, "1" },
		{ XS_SET_TARGET, "1|2" },
		{ XS_IS_DOMAIN_INTRODUCED, "1" },
	};
	struct xenstore_conn *helper;

	begin();
	helper = open_as(5);
	CU_ASSERT_EQUAL(xenstore_conn_domid(helper), 5);
	SAYS(talk_write(&t, helper, 0, "/tool/x", ""), "EACCES");
	SAYS(talk_write(&t, helper, 0, "/local/domain/0/x", ""), "EACCES");
	SAYS(talk_write(&t, helper, 0, "/local/domain/1/data/x", ""), "EACCES");
	for (unsigned i = 0; i < sizeof(privileged) / sizeof(privileged[0]);
	     i++)
		SAYS(talk_args(&t, helper, privileged[i].type, 0,
			       privileged[i].args),
		     "EACCES");
	end();
}

static void a_target_lends_its_rights_and_no_others(void)
{
	struct xenstore_conn *helper;

	begin();
	helper = open_as(5);
	SAYS(talk_args(&t, t.control, XS_SET_TARGET, 0, "5|1"), "ENOENT");
	xenstore_introduce(t.xs, 5, 0);
	SAYS(talk_args(&t, t.control, XS_SET_TARGET, 0, "5|0"), "ENOENT");
	SAYS(talk_args(&t, t.control, XS_SET_TARGET, 0, "5|1"), "OK");
	SAYS(talk_write(&t, helper, 0, "/local/domain/1/data/x", ""), "OK");
	SAYS(talk_write(&t, helper, 0, "/tool/x", ""), "EACCES");
	SAYS(talk_write(&t, t.guest, 0, "/local/domain/5/x", ""), "EACCES");
	end();
}

/* --- transactions ------------------------------------------------------- */

static void a_transaction_reads_its_own_writes_alone(void)
{
	uint32_t tx;

	begin();
	talk_write(&t, t.control, 0, "/a", "a");
	tx = talk_start(&t, t.control);
	SAYS(talk(&t, t.control, XS_READ, tx, "/a"), "a");
	SAYS(talk_write(&t, t.control, tx, "/a", "b"), "OK");
	SAYS(talk_write(&t, t.control, tx, "/new/er", "n"), "OK");
	SAYS(talk(&t, t.control, XS_READ, tx, "/a"), "b");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a"), "a");
	SAYS(talk(&t, t.control, XS_READ, 0, "/new/er"), "ENOENT");
	SAYS(talk_end(&t, t.control, tx, true), "OK");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a"), "b");
	SAYS(talk(&t, t.control, XS_READ, 0, "/new/er"), "n");
	SAYS(talk_end(&t, t.control, tx, true), "ENOENT");
	end();
}

static void an_aborted_transaction_has_not_been(void)
{
	uint32_t tx;

	begin();
	tx = talk_start(&t, t.guest);
	talk_write(&t, t.guest, tx, "data/a", "1");
	talk(&t, t.guest, XS_RM, tx, "data");
	SAYS(talk_end(&t, t.guest, tx, false), "OK");
	SAYS(talk(&t, t.guest, XS_READ, 0, "data"), "");
	SAYS(talk(&t, t.guest, XS_READ, 0, "data/a"), "ENOENT");
	end();
}

static void a_conflict_is_eagain_and_changes_nothing(void)
{
	uint32_t tx;

	begin();
	talk_write(&t, t.control, 0, "/a", "a");
	tx = talk_start(&t, t.control);
	SAYS(talk(&t, t.control, XS_READ, tx, "/a"), "a");
	SAYS(talk_write(&t, t.control, 0, "/a", "b"), "OK");
	SAYS(talk(&t, t.control, XS_READ, tx, "/a"), "a");
	SAYS(talk_write(&t, t.control, tx, "/a", "c"), "OK");
	SAYS(talk_end(&t, t.control, tx, true), "EAGAIN");
	SAYS(talk(&t, t.control, XS_READ, 0, "/a"), "b");
	end();
}

/* What another does meanwhile, and whether that stands in the way. */
static void only_what_it_touched_is_in_a_transactions_way(void)
{
	static const struct {
		uint32_t type; /* in the transaction */
		const char *args;
		uint32_t other;
		const char *other_args;
		const char *result;
	} cases[] = {
		{ XS_READ, "/a", XS_RM, "/a", "EAGAIN" },
		{ XS_READ, "/a", XS_MKDIR, "/b", "OK" },
		{ XS_READ, "/a/x", XS_WRITE, "/a|v", "OK" },
		{ XS_READ, "/none", XS_MKDIR, "/none", "EAGAIN" },
		{ XS_READ, "/a", XS_SET_PERMS, "/a|r0", "EAGAIN" },
		{ XS_DIRECTORY, "/a", XS_MKDIR, "/a/new", "EAGAIN" },
		{ XS_DIRECTORY, "/a", XS_WRITE, "/a/x|v", "OK" },
		{ XS_MKDIR, "/a/one", XS_MKDIR, "/a/two", "EAGAIN" },
		{ XS_RM, "/a", XS_WRITE, "/a/x|v", "EAGAIN" },
		{ XS_RM, "/a", XS_MKDIR, "/a/x/deep", "EAGAIN" },
		{ XS_WRITE, "/a/x|mine", XS_RM, "/a", "EAGAIN" },
		{ XS_WRITE, "/a/x|mine", XS_WRITE, "/a|v", "OK" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t tx;

		begin();
		talk_write(&t, t.control, 0, "/a/x", "x");
		tx = talk_start(&t, t.control);
		talk_args(&t, t.control, cases[i].type, tx, cases[i].args);
		talk_args(&t, t.control, cases[i].other, 0,
			  cases[i].other_args);
		SAYS(talk_end(&t, t.control, tx, true), cases[i].result);
		end();
	}
}

static void both_sides_of_a_merge_are_kept(void)
{
	uint32_t tx;

	begin();
	talk_write(&t, t.control, 0, "/a/x", "x");
	talk_write(&t, t.control, 0, "/b/y", "y");
	tx = talk_start(&t, t.control);
	talk(&t, t.control, XS_RM, tx, "/a");
	talk_write(&t, t.control, tx, "/a/z", "z");
	talk_write(&t, t.control, 0, "/b/y", "Y");
	talk_write(&t, t.control, 0, "/b/new", "n");
	SAYS(talk_end(&t, t.control, tx, true), "OK");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/a"), "z");
	SAYS(talk(&t, t.control, XS_READ, 0, "/b/y"), "Y");
	SAYS(talk(&t, t.control, XS_READ, 0, "/b/new"), "n");
	end();
}

static void a_node_made_and_removed_in_a_transaction_is_nothing(void)
{
	struct xenstore_facts before, after;

	begin();
	talk_write(&t, t.guest, 0, "data/keep", "k");
	xenstore_facts(t.xs, 1, &before);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t tx = talk_start(&t, t.guest);

		SAYS(talk_write(&t, t.guest, tx, "data/a/b", "v"), "OK");
		SAYS(talk(&t, t.guest, XS_RM, tx, "data/a"), "OK");
		SAYS(talk_end(&t, t.guest, tx, i % 3), "OK");
	}
	xenstore_facts(t.xs, 1, &after);
	CU_ASSERT_EQUAL(after.nodes, before.nodes);
	CU_ASSERT_EQUAL(after.memory_bytes, before.memory_bytes);
	CU_ASSERT_EQUAL(after.transactions, 0);
	end();
}

static void ids_of_transactions_are_the_connections_own(void)
{
	struct xenstore_conn *other;
	uint32_t tx;

	begin();
	other = open_as(1);
	tx = talk_start(&t, t.guest);
	SAYS(talk(&t, other, XS_READ, tx, "data"), "ENOENT");
	SAYS(talk_end(&t, other, tx, true), "ENOENT");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_START, tx, ""), "EBUSY");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_START, 77, ""), "ENOENT");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_END, 0, "T"), "ENOENT");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_END, tx, "X"), "EINVAL");
	SAYS(talk(&t, t.guest, XS_TRANSACTION_END, tx, "TT"), "EINVAL");
	SAYS(talk_end(&t, t.guest, tx, true), "OK");
	end();
}

/* One client of a counter that all count up. */
struct counting {
	struct xenstore_conn *conn;
	uint32_t tx;
	unsigned step, value, done;
};

static void count_on(struct counting *c)
{
	char text[16];

	switch (c->step++ % 4) {
	case 0:
		c->tx = talk_start(&t, c->conn);
		break;
	case 1:
		c->value = atoi(talk(&t, c->conn, XS_READ, c->tx, "/n"));
		break;
	case 2:
		snprintf(text, sizeof(text), "%u", c->value + 1);
		talk_write(&t, c->conn, c->tx, "/n", text);
		break;
	case 3:
		talk_end(&t, c->conn, c->tx, true);
		c->done += !strcmp(t.reply, "OK");
		CU_ASSERT_TRUE(!strcmp(t.reply, "OK") ||
			       !strcmp(t.reply, "EAGAIN"));
	}
}

static void fifty_guests_that_conflict_lose_no_update(void)
{
	struct counting c[51] = { { NULL, 0, 0, 0, 0 } };
	uint32_t random = 1;
	unsigned sum = 0;

	begin();
	talk_write(&t, t.control, 0, "/n", "0");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/n|b0");
	for (unsigned i = 0; i < 51; i++)
		c[i].conn = i ? open_as(100 + i) : t.control;
	for (unsigned loop = 0; loop < 40000; loop++) {
		random = random * 1664525 + 1013904223;
		/* Domain 0 is served before the others. */
		count_on(&c[random >> 29 ? 1 + (random >> 8) % 50 : 0]);
	}
	for (unsigned i = 0; i < 51; i++)
		sum += c[i].done;
	CU_ASSERT_EQUAL(strtoul(talk(&t, t.control, XS_READ, 0, "/n"), NULL,
				10),
			sum);
	CU_ASSERT_TRUE(c[0].done > 100);
	CU_ASSERT_TRUE(sum > c[0].done);
	end();
}

/* --- watches ------------------------------------------------------------ */

static void a_watch_is_told_once_after_it_was_set(void)
{
	begin();
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|tok"), "OK");
	CU_ASSERT_EQUAL(t.events, t.events_at_reply + 1);
	SAYS(talk_heard(&t), "1:data=tok");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|tok"), "EEXIST");
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "/local/domain/1/data|tok"),
	     "EEXIST"); /* another word for the same */
	SAYS(talk_args(&t, t.guest, XS_WATCH, 0, "data|tok|"), "EINVAL");
	SAYS(talk(&t, t.guest, XS_WATCH, 0, "data"), "EINVAL");
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data|other"), "ENOENT");
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data|tok"), "OK");
	SAYS(talk_args(&t, t.guest, XS_UNWATCH, 0, "data|tok"), "ENOENT");
	SAYS(talk_heard(&t), "");
	end();
}

static void a_watch_is_told_what_changes_at_it_and_below(void)
{
	begin();
	talk_args(&t, t.control, XS_WATCH, 0, "/a|abs");
	talk_args(&t, t.guest, XS_WATCH, 0, "data|rel");
	talk_heard(&t);
	talk_write(&t, t.control, 0, "/a/b/c", "");
	SAYS(talk_heard(&t), "0:/a/b/c=abs");
	talk_write(&t, t.control, 0, "/ab", "");
	talk(&t, t.control, XS_MKDIR, 0, "/a");
	talk(&t, t.control, XS_RM, 0, "/a/none");
	talk(&t, t.control, XS_READ, 0, "/a");
	SAYS(talk_heard(&t), "");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/a|r0");
	SAYS(talk_heard(&t), "0:/a=abs");
	talk_write(&t, t.guest, 0, "data/x", "");
	SAYS(talk_heard(&t), "1:data/x=rel");
	CU_ASSERT_PTR_EQUAL(t.cause, t.guest);
	CU_ASSERT_EQUAL(t.events, t.events_at_reply); /* before the reply */
	end();
}

static void removal_is_told_above_and_below_by_their_own_names(void)
{
	begin();
	talk_write(&t, t.control, 0, "/a/b/c/d", "");
	talk_args(&t, t.control, XS_WATCH, 0, "/a|above");
	talk_args(&t, t.control, XS_WATCH, 0, "/a/b|at");
	talk_args(&t, t.control, XS_WATCH, 0, "/a/b/c/d|below");
	talk_args(&t, t.control, XS_WATCH, 0, "/a/b/none|nowhere");
	talk_heard(&t);
	talk(&t, t.control, XS_RM, 0, "/a/b");
	SAYS(talk_heard(&t), "0:/a/b=above 0:/a/b=at 0:/a/b/c/d=below");
	end();
}

static void who_loses_the_right_to_read_is_told_so(void)
{
	begin();
	talk_write(&t, t.control, 0, "/p", "");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/p|n0|r1");
	talk_args(&t, t.guest, XS_WATCH, 0, "/p|w");
	talk_heard(&t);
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/p|n0");
	SAYS(talk_heard(&t), "1:/p=w");
	talk_write(&t, t.control, 0, "/p", "x");
	SAYS(talk_heard(&t), "");
	end();
}

static void a_transactions_events_come_at_its_commit_and_once(void)
{
	uint32_t tx;

	begin();
	talk_args(&t, t.guest, XS_WATCH, 0, "data|w");
	talk_heard(&t);
	tx = talk_start(&t, t.guest);
	for (unsigned i = 0; i < 3; i++)
		talk_write(&t, t.guest, tx, "data/a", "1");
	talk_write(&t, t.guest, tx, "data/b", "2");
	talk_write(&t, t.guest, tx, "data/gone", "3");
	talk(&t, t.guest, XS_RM, tx, "data/gone");
	SAYS(talk_heard(&t), "");
	talk_end(&t, t.guest, tx, true);
	SAYS(talk_heard(&t), "1:data/a=w 1:data/b=w");
	tx = talk_start(&t, t.guest);
	talk(&t, t.guest, XS_RM, tx, "data/a");
	talk_end(&t, t.guest, tx, false);
	SAYS(talk_heard(&t), "");
	end();
}

static void an_event_too_long_for_a_message_is_not_sent(void)
{
	char args[4096], token[3000];

	begin();
	memset(token, 't', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	snprintf(args, sizeof(args), "/|%s", token);
	SAYS(talk_args(&t, t.control, XS_WATCH, 0, args), "OK");
	CU_ASSERT_EQUAL(t.events, 1);
	talk(&t, t.control, XS_MKDIR, 0, long_path("/", 1200));
	CU_ASSERT_EQUAL(t.events, 1);
	talk(&t, t.control, XS_MKDIR, 0, "/x");
	CU_ASSERT_EQUAL(t.events, 2);
	end();
}

static void reset_takes_watches_and_transactions(void)
{
	struct xenstore_facts facts;

	begin();
	talk_args(&t, t.guest, XS_WATCH, 0, "data|w");
	talk_start(&t, t.guest);
	SAYS(talk(&t, t.guest, XS_RESET_WATCHES, talk_start(&t, t.guest), ""),
	     "OK");
	xenstore_facts(t.xs, 1, &facts);
	CU_ASSERT_EQUAL(facts.watches, 0);
	CU_ASSERT_EQUAL(facts.transactions, 0);
	end();
}

/* --- domains ------------------------------------------------------------ */

static void domains_come_and_go_with_special_events(void)
{
	begin();
	talk_args(&t, t.control, XS_WATCH, 0, "@introduceDomain|i");
	talk_args(&t, t.control, XS_WATCH, 0, "@releaseDomain|r");
	talk_args(&t, t.control, XS_WATCH, 0, "/|root");
	talk_heard(&t);
	SAYS(talk_args(&t, t.control, XS_INTRODUCE, 0, "2|99|3"), "OK");
	SAYS(talk_args(&t, t.control, XS_INTRODUCE, 0, "2|99|3"), "OK");
	SAYS(talk_heard(&t), "0:@introduceDomain=i");
	SAYS(talk(&t, t.control, XS_IS_DOMAIN_INTRODUCED, 0, "2"), "T");
	SAYS(talk(&t, t.control, XS_RESUME, 0, "2"), "OK");
	SAYS(talk(&t, t.control, XS_RELEASE, 0, "2"), "OK");
	SAYS(talk_heard(&t), "0:@releaseDomain=r");
	SAYS(talk(&t, t.control, XS_RELEASE, 0, "2"), "ENOENT");
	SAYS(talk(&t, t.control, XS_RESUME, 0, "2"), "ENOENT");
	SAYS(talk(&t, t.control, XS_RELEASE, 0, "0"), "EINVAL");
	SAYS(talk(&t, t.control, XS_RELEASE, 0, "65536"), "EINVAL");
	SAYS(talk(&t, t.control, XS_IS_DOMAIN_INTRODUCED, 0, "2"), "F");
	SAYS(talk(&t, t.control, XS_IS_DOMAIN_INTRODUCED, 0, "0"), "T");
	end();
}

static void a_released_id_is_new_again(void)
{
	struct xenstore_facts facts;

	begin();
	talk_write(&t, t.control, 0, "/shared", "s");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "/shared|r2|b1|r3");
	talk_args(&t, t.control, XS_SET_PERMS, 0, "@releaseDomain|n1");
	talk_write(&t, t.guest, 0, "data/a/b", "old");
	talk_args(&t, t.guest, XS_WATCH, 0, "/|w");
	talk_write(&t, t.guest, talk_start(&t, t.guest), "data/c", "");
	SAYS(talk(&t, t.control, XS_RELEASE, 0, "1"), "OK");
	xenstore_facts(t.xs, 1, &facts);
	CU_ASSERT_EQUAL(facts.connections, 1);
	facts.connections = 0;
	CU_ASSERT_FALSE(facts.introduced || facts.nodes || facts.watches ||
			facts.transactions || facts.memory_bytes ||
			facts.memory_peak_bytes || facts.requests);
	talk_args(&t, t.control, XS_INTRODUCE, 0, "1|0|0");
	SAYS(talk(&t, t.control, XS_GET_PERMS, 0, "/shared"), "r2|r3");
	SAYS(talk(&t, t.control, XS_GET_PERMS, 0, "@releaseDomain"), "n0");
	SAYS(talk(&t, t.guest, XS_READ, 0, "data/a/b"), "EACCES");
	SAYS(talk(&t, t.control, XS_DIRECTORY, 0, "/local/domain/1"), "");
	talk_heard(&t);
	talk_write(&t, t.control, 0, "/shared", "x");
	SAYS(talk_heard(&t), "");
	end();
}

/* --- odds --------------------------------------------------------------- */

static void unknown_types_are_not_implemented(void)
{
	static const uint32_t types[] = { XS_WATCH_EVENT, XS_ERROR, 20, 23, 26,
					  128, UINT32_MAX };

	begin();
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		SAYS(talk(&t, t.guest, types[i], 0, "x"), "ENOSYS");
		SAYS(talk(&t, t.control, types[i], 0, "x"), "ENOSYS");
	}
	end();
}

static void control_checks_and_names_the_quotas(void)
{
	begin();
	SAYS(talk(&t, t.control, XS_CONTROL, 0, "check"), "OK");
	CU_ASSERT_PTR_NOT_NULL(strstr(talk(&t, t.control, XS_CONTROL, 0,
					   "quota"),
				      "nodes: 1000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(talk(&t, t.control, XS_CONTROL, 0,
					   "help"),
				      "quota"));
	SAYS(talk(&t, t.control, XS_CONTROL, 0, "live-update"), "EINVAL");
	end();
}

static void a_call_of_our_own_gets_its_answer_directly(void)
{
	char reply[XENSTORE_PAYLOAD_MAX];
	size_t len;

	begin();
	CU_ASSERT_EQUAL(xenstore_call(t.control, XS_WRITE, 0, "/a\0bc", 5, NULL,
				      NULL, 0),
			0);
	CU_ASSERT_EQUAL(xenstore_call(t.control, XS_READ, 0, "/a", 3, reply,
				      &len, 0),
			0);
	CU_ASSERT_TRUE(len == 2 && !memcmp(reply, "bc", 2));
	CU_ASSERT_EQUAL(xenstore_call(t.control, XS_READ, 0, "/b", 3, reply,
				      &len, 0),
			-ENOENT);
	CU_ASSERT_EQUAL(len, 0);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(what_is_written_is_read_and_listed),
		SUITE_TEST(a_relative_path_is_below_the_domains_own),
		SUITE_TEST(a_value_may_hold_any_bytes),
		SUITE_TEST(removing_what_is_not_there_needs_its_parent),
		SUITE_TEST(a_list_too_long_for_a_reply_is_read_in_parts),
		SUITE_TEST(the_parts_of_a_list_are_the_whole),
		SUITE_TEST(a_change_shows_in_the_generation_of_the_list),
		SUITE_TEST(paths_against_the_rules_are_refused),
		SUITE_TEST(a_path_may_be_as_long_as_xens_and_no_longer),
		SUITE_TEST(the_deepest_path_is_removed_on_a_small_stack),
		SUITE_TEST(a_guest_learns_nothing_of_others_nodes),
		SUITE_TEST(a_guest_sees_no_event_of_what_it_may_not_read),
		SUITE_TEST(a_guest_reads_control_values_and_cannot_change_them),
		SUITE_TEST(each_letter_grants_what_it_says),
		SUITE_TEST(only_the_owner_sets_permissions_and_never_the_owner),
		SUITE_TEST(a_list_of_permissions_is_well_formed_or_refused),
		SUITE_TEST(a_child_inherits_and_belongs_to_its_creator),
		SUITE_TEST(a_restricted_connection_can_never_act_as_domain_0),
		SUITE_TEST(a_target_lends_its_rights_and_no_others),
		SUITE_TEST(a_transaction_reads_its_own_writes_alone),
		SUITE_TEST(an_aborted_transaction_has_not_been),
		SUITE_TEST(a_conflict_is_eagain_and_changes_nothing),
		SUITE_TEST(only_what_it_touched_is_in_a_transactions_way),
		SUITE_TEST(both_sides_of_a_merge_are_kept),
		SUITE_TEST(a_node_made_and_removed_in_a_transaction_is_nothing),
		SUITE_TEST(ids_of_transactions_are_the_connections_own),
		SUITE_TEST(fifty_guests_that_conflict_lose_no_update),
		SUITE_TEST(a_watch_is_told_once_after_it_was_set),
		SUITE_TEST(a_watch_is_told_what_changes_at_it_and_below),
		SUITE_TEST(removal_is_told_above_and_below_by_their_own_names),
		SUITE_TEST(who_loses_the_right_to_read_is_told_so),
		SUITE_TEST(a_transactions_events_come_at_its_commit_and_once),
		SUITE_TEST(an_event_too_long_for_a_message_is_not_sent),
		SUITE_TEST(reset_takes_watches_and_transactions),
		SUITE_TEST(domains_come_and_go_with_special_events),
		SUITE_TEST(a_released_id_is_new_again),
		SUITE_TEST(unknown_types_are_not_implemented),
		SUITE_TEST(control_checks_and_names_the_quotas),
		SUITE_TEST(a_call_of_our_own_gets_its_answer_directly),
	};

	return suite_run("xenstore", tests, sizeof(tests) / sizeof(tests[0]));
}
