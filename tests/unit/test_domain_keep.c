/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of a domain: it reads back the same, damage is refused in
 * words, and nothing that may run elsewhere is started without somebody's
 * word.
 */
#include "hypervisor/domain_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/suite.h"

#define UUID "6e1f2c34-0a5b-4c6d-8e9f-000000000001"
#define UUID2 "6e1f2c34-0a5b-4c6d-8e9f-000000000002"
#define BOOT "11111111-0a5b-4c6d-8e9f-000000000001"
#define BOOT2 "22222222-0a5b-4c6d-8e9f-000000000001"

static char folder[64];

static const struct dconf_vif vifs[] = {
	{ .device = 0, .mac = { 2, 0, 0, 0, 0, 1 }, .port = "p", .mtu = 1500,
	  .queues = 1 },
	{ .device = 7, .mac = { 2, 0, 0, 0, 0, 2 }, .port = "q", .mtu = 9000,
	  .queues = 4 },
};

static struct dconf_image beneath[] = {
	{ .path = "/srv/a/base", .format = DCONF_RAW, .root = 3 },
};

static const struct dconf_disk disks[] = {
	{ .device = "vdc", .slot = 2, .read_only = true,
	  .image = { .path = "/srv/a/d", .format = DCONF_VHD } },
	{ .device = "vda", .slot = 0, .backing_count = 1, .backing = beneath,
	  .image = { .path = "/srv/a/q", .format = DCONF_QCOW2 } },
};

static void fill(struct domain_record *r)
{
	domain_record_init(r, UUID, BOOT);
	strcpy(r->name, "web");
	strcpy(r->boot_id, BOOT);
	strcpy(r->cgroup, "/sys/fs/cgroup/causeway/web");
	strcpy(r->engine, "qemu");
	r->generation = 7;
	r->pid = 4711;
	r->start_time = 123456789012;
	r->uid = 200007;
	r->epoch = 3;
	r->power = DCONF_PAUSED;
	r->wanted = DCONF_RUNNING;
	r->reboot = true;
	strcpy(r->life, "stopping");
	r->starts = 5;
	r->crashes = 2;
	r->memory_mib = 128;
	r->vcpus = 2;
	domain_record_set_end(r, DOMAIN_END_CRASH, 1700000000, 139,
			      "killed by \"signal 11\"\n\x1b[2J");
	CU_ASSERT_EQUAL(domain_record_set_vifs(r, vifs, 2), 0);
	CU_ASSERT_EQUAL(domain_record_set_disks(r, disks, 2), 0);
}

static void a_record_reads_back_the_same(void)
{
	struct domain_record r, again;
	struct domain_conf_error err;

	fill(&r);
	CU_ASSERT_EQUAL(domain_keep_save(folder, &r), 0);
	CU_ASSERT_EQUAL_FATAL(domain_keep_load(folder, UUID, &again, &err), 0);
	CU_ASSERT_STRING_EQUAL(again.uuid, UUID);
	CU_ASSERT_STRING_EQUAL(again.cgroup, r.cgroup);
	CU_ASSERT_STRING_EQUAL(again.end_text, "killed by \"signal 11\"[2J");
	CU_ASSERT_EQUAL(again.pid, 4711);
	CU_ASSERT_EQUAL(again.start_time, 123456789012);
	CU_ASSERT_EQUAL(again.uid, 200007);
	CU_ASSERT_EQUAL(again.epoch, 3);
	CU_ASSERT_EQUAL(again.power, DCONF_PAUSED);
	CU_ASSERT_EQUAL(again.wanted, DCONF_RUNNING);
	CU_ASSERT_TRUE(again.reboot);
	CU_ASSERT_STRING_EQUAL(again.life, "stopping");
	CU_ASSERT_EQUAL(again.end, DOMAIN_END_CRASH);
	CU_ASSERT_EQUAL(again.end_status, 139);
	CU_ASSERT_EQUAL_FATAL(again.vif_count, 2);
	CU_ASSERT_EQUAL(again.vifs[1].mtu, 9000);
	CU_ASSERT_EQUAL(again.vifs[1].mac[5], 2);
	CU_ASSERT_EQUAL_FATAL(again.disk_count, 2);
	CU_ASSERT_EQUAL(again.disks[0].slot, 2);
	CU_ASSERT_TRUE(again.disks[0].read_only);
	CU_ASSERT_EQUAL_FATAL(again.disks[1].backing_count, 1);
	CU_ASSERT_STRING_EQUAL(again.disks[1].backing[0].path, "/srv/a/base");
	CU_ASSERT_EQUAL(again.disks[1].backing[0].root, DCONF_NONE);
	domain_record_fini(&r);
	domain_record_fini(&again);
}

static void an_empty_record_reads_back_too(void)
{
	struct domain_record r, again;
	struct domain_conf_error err;

	domain_record_init(&r, UUID, "");
	CU_ASSERT_EQUAL(domain_keep_save(folder, &r), 0);
	CU_ASSERT_EQUAL(domain_keep_load(folder, UUID, &again, &err), 0);
	CU_ASSERT_STRING_EQUAL(again.confirmed_boot, "");
	CU_ASSERT_EQUAL(again.pid, 0);
	CU_ASSERT_EQUAL(again.vif_count, 0);
	domain_record_fini(&again);
	CU_ASSERT_EQUAL(domain_keep_remove(folder, UUID), 0);
	CU_ASSERT_EQUAL(domain_keep_remove(folder, UUID), 0);
	CU_ASSERT_EQUAL(domain_keep_load(folder, UUID, &again, &err), -ENOENT);
}

static void put_file(const char *name, const char *text)
{
	char path[160];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	to = fopen(path, "w");
	fputs(text, to);
	fclose(to);
}

static void damage_is_refused_in_words(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "JSON" },
		{ "{\"version\":1,\"uuid\":\"" UUID "\"", "JSON" },
		{ "[]", "version" },
		{ "{\"uuid\":\"" UUID "\",\"power\":\"halted\"}", "version" },
		{ "{\"version\":2,\"uuid\":\"" UUID "\"}", "version" },
		{ "{\"version\":1,\"power\":\"halted\"}", "\"uuid\"" },
		{ "{\"version\":1,\"uuid\":\"" UUID "\"}", "\"power\"" },
		{ "{\"version\":1,\"uuid\":\"" UUID2
		  "\",\"power\":\"halted\"}", "file's name" },
		{ "{\"version\":1,\"uuid\":\"" UUID
		  "\",\"power\":\"halted\",\"pid\":-4}", "\"pid\"" },
		{ "{\"version\":1,\"uuid\":\"" UUID
		  "\",\"power\":\"halted\",\"disks\":[{\"device\":\"vda\"}]}",
		  "disks[0]" },
		{ "{\"version\":1,\"uuid\":\"" UUID
		  "\",\"power\":\"halted\",\"pidd\":4}", "\"pid\"" },
	};
	struct domain_conf_error err;
	struct domain_record r;
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_file(UUID ".json", cases[i].text);
		CU_ASSERT_EQUAL(domain_keep_load(folder, UUID, &r, &err),
				-EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.path, UUID ".json"));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.expected, cases[i].expected));
		if (!strstr(err.expected, cases[i].expected))
			printf("\n  %s: %s\n", cases[i].text, err.expected);
		domain_record_fini(&r);
	}
	domain_keep_remove(folder, UUID);
}

static void what_could_not_be_read_again_is_not_written(void)
{
	struct domain_record r, again;
	struct domain_conf_error err;

	fill(&r);
	strcpy(r.name, "two words");
	CU_ASSERT_EQUAL(domain_keep_save(folder, &r), -EINVAL);
	CU_ASSERT_EQUAL(domain_keep_load(folder, UUID, &again, &err), -ENOENT);
	strcpy(r.name, "word");
	r.start_time = UINT64_MAX;
	CU_ASSERT_EQUAL(domain_keep_save(folder, &r), -EINVAL);
	domain_record_fini(&r);
}

struct seen {
	unsigned good, bad;
};

static void see(const char *uuid, struct domain_record *r,
		const struct domain_conf_error *err, void *arg)
{
	struct seen *s = arg;

	if (r) {
		s->good++;
		CU_ASSERT_STRING_EQUAL(r->uuid, uuid);
	} else {
		s->bad++;
		CU_ASSERT_STRING_EQUAL(uuid, UUID2);
		CU_ASSERT(err->expected[0]);
	}
}

static void all_records_are_found_and_nothing_else(void)
{
	struct seen seen = { 0, 0 };
	struct domain_record r;

	fill(&r);
	domain_keep_save(folder, &r);
	domain_record_fini(&r);
	put_file(UUID2 ".json", "{");
	put_file(UUID ".json.new", "{");
	put_file("README", "");
	put_file("web.json", "{}");
	CU_ASSERT_EQUAL(domain_keep_each(folder, see, &seen), 0);
	CU_ASSERT_EQUAL(seen.good, 1);
	CU_ASSERT_EQUAL(seen.bad, 1);
	CU_ASSERT_EQUAL(domain_keep_each("/nowhere", see, &seen), -ENOENT);
	domain_keep_remove(folder, UUID);
}

static void a_process_is_known_by_pid_start_time_and_boot(void)
{
	struct domain_record r;

	fill(&r);
	CU_ASSERT_TRUE(domain_record_is_process(&r, BOOT, 123456789012));
	CU_ASSERT_FALSE(domain_record_is_process(&r, BOOT, 123456789013));
	CU_ASSERT_FALSE(domain_record_is_process(&r, BOOT2, 123456789012));
	r.pid = 0;
	CU_ASSERT_FALSE(domain_record_is_process(&r, BOOT, 123456789012));
	domain_record_fini(&r);
}

static bool may(const struct domain_record *r, bool migratable,
		const char *boot)
{
	char text[256] = "";
	int rc = domain_record_may_start(r, migratable, boot, text,
					 sizeof(text));

	CU_ASSERT(!rc || rc == -EPERM);
	CU_ASSERT_EQUAL(rc != 0, text[0] != 0);
	return !rc;
}

static void after_a_reboot_the_migratable_wait_to_be_confirmed(void)
{
	struct domain_record r;
	char text[256];

	domain_record_init(&r, UUID, BOOT); /* somebody asked for it */
	CU_ASSERT_TRUE(may(&r, true, BOOT));
	CU_ASSERT_FALSE(may(&r, true, BOOT2));
	CU_ASSERT_TRUE(may(&r, false, BOOT2));
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 0, BOOT2, text,
					      sizeof(text)), 0);
	CU_ASSERT_TRUE(may(&r, true, BOOT2));
	CU_ASSERT_FALSE(may(&r, true, BOOT));
	domain_record_init(&r, UUID, ""); /* known from an old state only */
	CU_ASSERT_FALSE(may(&r, true, BOOT));
}

static void an_older_epoch_is_refused(void)
{
	struct domain_record r;
	char text[256];

	domain_record_init(&r, UUID, "");
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 5, BOOT, text, sizeof(text)),
			0);
	CU_ASSERT_EQUAL(r.epoch, 5);
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 4, BOOT2, text,
					      sizeof(text)), -ESTALE);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "epoch 4 is older than 5"));
	CU_ASSERT_FALSE(may(&r, true, BOOT2));
	CU_ASSERT_TRUE(may(&r, true, BOOT));
}

static void what_went_away_comes_back_with_a_newer_epoch_only(void)
{
	struct domain_record r;
	char text[256];

	domain_record_init(&r, UUID, BOOT);
	r.epoch = 5;
	CU_ASSERT_EQUAL(domain_record_release(&r, 5, text, sizeof(text)),
			-ESTALE);
	CU_ASSERT_TRUE(may(&r, true, BOOT));
	CU_ASSERT_EQUAL(domain_record_release(&r, 6, text, sizeof(text)), 0);
	CU_ASSERT_FALSE(may(&r, true, BOOT));
	CU_ASSERT_FALSE(may(&r, false, BOOT)); /* whatever the state says */
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 5, BOOT, text, sizeof(text)),
			-ESTALE);
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 6, BOOT, text, sizeof(text)),
			-ESTALE);
	CU_ASSERT_EQUAL(domain_record_confirm(&r, 7, BOOT, text, sizeof(text)),
			0);
	CU_ASSERT_TRUE(may(&r, true, BOOT));
}

static void this_boot_has_an_id(void)
{
	char a[DCONF_UUID_TEXT], b[DCONF_UUID_TEXT];

	CU_ASSERT_EQUAL(domain_keep_boot_id(a), 0);
	CU_ASSERT_EQUAL(domain_keep_boot_id(b), 0);
	CU_ASSERT_STRING_EQUAL(a, b);
	CU_ASSERT_TRUE(domain_conf_is_uuid(a));
}

static void lists_may_be_replaced_by_nothing(void)
{
	struct domain_record r;

	fill(&r);
	CU_ASSERT_EQUAL(domain_record_set_vifs(&r, NULL, 0), 0);
	CU_ASSERT_EQUAL(domain_record_set_disks(&r, r.disks, 1), 0);
	CU_ASSERT_EQUAL(r.disk_count, 1);
	CU_ASSERT_EQUAL(r.vif_count, 0);
	CU_ASSERT_EQUAL(domain_record_set_disks(&r, NULL, 0), 0);
	CU_ASSERT_EQUAL(domain_keep_save(folder, &r), 0);
	domain_record_fini(&r);
	domain_record_fini(&r);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_record_reads_back_the_same),
		SUITE_TEST(an_empty_record_reads_back_too),
		SUITE_TEST(damage_is_refused_in_words),
		SUITE_TEST(what_could_not_be_read_again_is_not_written),
		SUITE_TEST(all_records_are_found_and_nothing_else),
		SUITE_TEST(a_process_is_known_by_pid_start_time_and_boot),
		SUITE_TEST(after_a_reboot_the_migratable_wait_to_be_confirmed),
		SUITE_TEST(an_older_epoch_is_refused),
		SUITE_TEST(what_went_away_comes_back_with_a_newer_epoch_only),
		SUITE_TEST(this_boot_has_an_id),
		SUITE_TEST(lists_may_be_replaced_by_nothing),
	};
	char command[128];
	int failed;

	strcpy(folder, "/tmp/cw-keep-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	failed = suite_run("domain_keep", tests,
			   sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) || failed;
}
