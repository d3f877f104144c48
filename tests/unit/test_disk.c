/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening images: what is not below the root, not a file, not what it is said
 * to be, or somebody else's, is refused with the place and the reason, and no
 * descriptor is left behind.  In a folder of its own below /tmp; block
 * devices need rights and are in the scenario.
 */
#include "hypervisor/disk.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/lib/image_gen.h"
#include "tests/lib/suite.h"

static char root[64];

static const char *at(const char *name)
{
	static char path[8][128];
	static unsigned turn;
	char *to = path[turn++ % 8];

	snprintf(to, sizeof(path[0]), "%s/%s", root, name);
	return to;
}

static void put(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	CU_ASSERT_EQUAL_FATAL(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void put_raw(const char *path)
{
	static const uint8_t zero[4096];

	put(path, zero, sizeof(zero));
}

static void put_qcow2(const char *path, const char *backing,
		      const char *format)
{
	uint8_t image[IMAGE_GEN_MAX];

	put(path, image, image_qcow2(image, backing, format));
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static struct domain_conf *conf_of(const char *domain)
{
	struct domain_conf_errors errs;
	struct domain_conf *conf;
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"owner\":\"t\",\"generation\":1,\"storage_roots\":[\"%s\"],"
		 "\"block_devices\":[\"/dev/null\",\"/dev/none\","
		 "\"/dev/shm\"],\"domains\":[{\"uuid\":"
		 "\"6e1f2c34-0a5b-4c6d-8e9f-000000000001\",\"name\":\"a\","
		 "\"memory_mib\":64,%s}]}", root, domain);
	if (domain_conf_parse(&conf, text, strlen(text), &errs) < 0)
		printf("\n  %s: %s, expected %s\n", errs.error[0].path,
		       errs.error[0].value, errs.error[0].expected);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

/* Open one disk, described as in the state. */
static int try_disk(struct disk *disk, struct domain_conf_error *err,
		    const char *json)
{
	struct domain_conf *conf;
	char text[2048];
	int rc;

	snprintf(text, sizeof(text), "\"boot\":{\"disk\":true},\"disks\":[{"
		 "\"device\":\"vda\",%s}]", json);
	conf = conf_of(text);
	rc = disk_open(disk, conf, &conf->domains[0].disks[0],
		       "domains[0].disks[0]", err);
	domain_conf_free(conf);
	return rc;
}

static const char *disk_json(const char *path, const char *format,
			     const char *more)
{
	static char text[1024];

	snprintf(text, sizeof(text), "\"path\":\"%s\",\"format\":\"%s\"%s",
		 path, format, more);
	return text;
}

static void opens(struct disk *disk, const char *path, const char *format,
		  const char *more)
{
	struct domain_conf_error err = { "", "", "" };
	int rc = try_disk(disk, &err, disk_json(path, format, more));

	CU_ASSERT_EQUAL(rc, 0);
	if (rc)
		printf("\n  %s: %s, expected %s\n", err.path, err.value,
		       err.expected);
}

static void refuses(int rc, const char *path, const char *format,
		    const char *more, const char *expected)
{
	struct domain_conf_error err = { "", "", "" };
	unsigned before = open_fds();
	struct disk disk;
	int was = try_disk(&disk, &err, disk_json(path, format, more));
	bool so = was == rc && strstr(err.expected, expected) &&
		  !strncmp(err.path, "domains[0].disks[0].", 20);

	CU_ASSERT(so);
	CU_ASSERT_EQUAL(disk.count, 0);
	if (!was)
		disk_close(&disk);
	CU_ASSERT_EQUAL(open_fds(), before);
	if (!so)
		printf("\n  %s: %d, %s: %s, expected %s\n", path, was,
		       err.path, err.value, err.expected);
}

#define RO ",\"read_only\":true"

static void a_raw_image_opens_as_the_state_says(void)
{
	struct disk disk;

	put_raw(at("raw"));
	opens(&disk, at("raw"), "raw", "");
	CU_ASSERT_EQUAL(disk.count, 1);
	CU_ASSERT_EQUAL(disk.images[0].bytes, 4096);
	CU_ASSERT_FALSE(disk.images[0].block);
	CU_ASSERT_EQUAL(fcntl(disk.images[0].fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CU_ASSERT(fcntl(disk.images[0].fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(lseek(disk.images[0].fd, 0, SEEK_CUR), 0);
	disk_close(&disk);
	opens(&disk, at("raw"), "raw", RO);
	CU_ASSERT_EQUAL(fcntl(disk.images[0].fd, F_GETFL) & O_ACCMODE,
			O_RDONLY);
	CU_ASSERT_TRUE(disk.images[0].read_only);
	disk_close(&disk);
	disk_close(&disk);
	disk_close(NULL);
}

static void what_is_no_file_is_never_opened(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	refuses(-ENOENT, at("missing"), "raw", "", "exists");
	refuses(-ENOTDIR, at("raw/below"), "raw", "", "exists");
	mkdir(at("folder"), 0700);
	refuses(-EINVAL, at("folder"), "raw", "", "it is a folder");
	mkfifo(at("fifo"), 0600); /* nobody reads: opening it would hang */
	refuses(-EINVAL, at("fifo"), "raw", "", "it is a FIFO");
	refuses(-EINVAL, at("fifo"), "raw", RO, "it is a FIFO");
	strcpy(sun.sun_path, at("sock"));
	CU_ASSERT_EQUAL_FATAL(bind(sock, (struct sockaddr *)&sun, sizeof(sun)),
			      0);
	refuses(-EINVAL, at("sock"), "raw", "", "it is a socket");
	close(sock);
	refuses(-EINVAL, "/dev/null", "raw", "", "it is a character device");
	refuses(-ENOENT, "/dev/none", "raw", "", "exists");
	put(at("nothing"), "", 0);
	refuses(-EINVAL, at("nothing"), "raw", "", "empty");
}

static void no_symlink_is_followed(void)
{
	mkdir(at("real"), 0700);
	put_raw(at("real/disk"));
	symlink("/etc/shadow", at("last"));
	symlink("real/disk", at("own"));
	symlink("real", at("middle"));
	symlink("/", at("out"));
	symlink("loop", at("loop"));
	symlink("/proc/self/fd/0", at("magic"));
	refuses(-ELOOP, at("last"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("own"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("middle/disk"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("out/etc/shadow"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("out/dev/vda"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("loop"), "raw", "", "symbolic links");
	refuses(-ELOOP, at("magic"), "raw", "", "symbolic links");
}

static void a_root_that_became_a_symlink_is_refused(void)
{
	char kept[80];

	snprintf(kept, sizeof(kept), "%s.kept", root);
	put_raw(at("d"));
	rename(root, kept);
	symlink(kept, root);
	refuses(-ELOOP, at("d"), "raw", "", "symbolic links");
	unlink(root);
	refuses(-ENOENT, at("d"), "raw", "", "exists");
	rename(kept, root);
}

static void one_writes_or_several_read(void)
{
	struct disk a, b;

	put_raw(at("d"));
	opens(&a, at("d"), "raw", "");
	refuses(-EBUSY, at("d"), "raw", "", "another process");
	refuses(-EBUSY, at("d"), "raw", RO, "another process");
	disk_close(&a);
	opens(&a, at("d"), "raw", RO);
	opens(&b, at("d"), "raw", RO);
	refuses(-EBUSY, at("d"), "raw", "", "another process");
	disk_close(&a);
	disk_close(&b);
	opens(&a, at("d"), "raw", "");
	disk_close(&a);
}

static void another_name_does_not_get_around_a_lock(void)
{
	struct disk a;

	put_raw(at("d"));
	unlink(at("d2"));
	CU_ASSERT_EQUAL(link(at("d"), at("d2")), 0);
	opens(&a, at("d"), "raw", "");
	refuses(-EBUSY, at("d2"), "raw", "", "another process");
	disk_close(&a);
}

/* hypervisord passes the descriptor on and closes its own. */
static void a_lock_lives_as_long_as_the_descriptor_passed_on(void)
{
	struct disk a;
	int passed;

	put_raw(at("d"));
	opens(&a, at("d"), "raw", "");
	passed = dup(a.images[0].fd);
	disk_close(&a);
	refuses(-EBUSY, at("d"), "raw", "", "another process");
	close(passed);
	opens(&a, at("d"), "raw", "");
	disk_close(&a);
}

static void a_file_swapped_after_it_was_opened_is_not_ours(void)
{
	struct stat before, now;
	struct disk a, b;

	put_raw(at("d"));
	put_raw(at("other"));
	opens(&a, at("d"), "raw", "");
	fstat(a.images[0].fd, &before);
	rename(at("other"), at("d"));
	fstat(a.images[0].fd, &now);
	CU_ASSERT_EQUAL(before.st_ino, now.st_ino);
	opens(&b, at("d"), "raw", ""); /* another inode, nobody's */
	disk_close(&a);
	disk_close(&b);
}

static void a_raw_disk_rewritten_as_qcow2_stays_raw(void)
{
	struct disk disk;

	put_qcow2(at("d"), "/etc/shadow", "raw");
	opens(&disk, at("d"), "raw", "");
	CU_ASSERT_EQUAL(disk.count, 1);
	CU_ASSERT_EQUAL(disk.images[0].format, DCONF_RAW);
	CU_ASSERT_EQUAL(disk.images[0].bytes, IMAGE_GEN_MAX);
	disk_close(&disk);
}

static void an_image_must_be_what_the_state_says(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk disk;

	put_raw(at("raw"));
	put_qcow2(at("q"), NULL, NULL);
	put(at("v"), image, image_vhd_dynamic(image));
	put(at("vf"), image, image_vhd_fixed(image));
	refuses(-EINVAL, at("raw"), "qcow2", "", "no qcow2 image");
	refuses(-EINVAL, at("v"), "qcow2", "", "no qcow2 image");
	refuses(-EINVAL, at("q"), "vhd", "", "no VHD image");
	refuses(-EINVAL, at("nothing"), "vhd", "", "no VHD image");
	opens(&disk, at("q"), "qcow2", "");
	CU_ASSERT_EQUAL(disk.images[0].bytes, IMAGE_GEN_BYTES);
	disk_close(&disk);
	opens(&disk, at("v"), "vhd", "");
	CU_ASSERT_EQUAL(disk.images[0].bytes, IMAGE_GEN_BYTES);
	disk_close(&disk);
	opens(&disk, at("vf"), "vhd", "");
	CU_ASSERT_EQUAL(disk.images[0].bytes, 1024);
	disk_close(&disk);
}

static const char *backing(const char *a, const char *format_a, const char *b,
			   const char *format_b)
{
	static char text[512];
	int n = snprintf(text, sizeof(text), ",\"backing\":[{\"path\":\"%s\","
			 "\"format\":\"%s\"}", a, format_a);

	if (b)
		n += snprintf(text + n, sizeof(text) - n, ",{\"path\":\"%s\","
			      "\"format\":\"%s\"}", b, format_b);
	snprintf(text + n, sizeof(text) - n, "]");
	return text;
}

static void what_lies_beneath_is_opened_to_be_read(void)
{
	struct disk a, b;
	unsigned i;

	put_raw(at("base"));
	put_qcow2(at("mid"), "base", "raw");
	put_qcow2(at("q1"), at("mid"), "qcow2");
	put_qcow2(at("q2"), "./mid", NULL);
	opens(&a, at("q1"), "qcow2",
	      backing(at("mid"), "qcow2", at("base"), "raw"));
	CU_ASSERT_EQUAL_FATAL(a.count, 3);
	CU_ASSERT_EQUAL(a.images[1].format, DCONF_QCOW2);
	CU_ASSERT_EQUAL(a.images[2].format, DCONF_RAW);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(fcntl(a.images[i].fd, F_GETFL) & O_ACCMODE,
				i ? O_RDONLY : O_RDWR);
	opens(&b, at("q2"), "qcow2",
	      backing(at("mid"), "qcow2", at("base"), "raw"));
	refuses(-EBUSY, at("base"), "raw", "", "another process");
	disk_close(&a);
	disk_close(&b);
}

/* A device model taken over rewrites its image's header. */
static void a_header_that_names_another_file_opens_nothing(void)
{
	put_raw(at("base"));
	put_raw(at("theirs"));
	put_qcow2(at("q"), "theirs", "raw");
	refuses(-EINVAL, at("q"), "qcow2", "", "it names \"theirs\"");
	refuses(-EINVAL, at("q"), "qcow2",
		backing(at("base"), "raw", NULL, NULL), "it names \"theirs\"");
	put_qcow2(at("q"), "/etc/shadow", "raw");
	refuses(-EINVAL, at("q"), "qcow2", "", "\"/etc/shadow\"");
	put_qcow2(at("q"), "base", "qcow2");
	refuses(-EINVAL, at("q"), "qcow2",
		backing(at("base"), "raw", NULL, NULL), "it says \"qcow2\"");
	put_qcow2(at("q"), NULL, NULL);
	refuses(-EINVAL, at("q"), "qcow2",
		backing(at("base"), "raw", NULL, NULL), "nothing beneath");
	put_qcow2(at("q"), "json:{}", NULL);
	refuses(-EINVAL, at("q"), "qcow2",
		backing(at("base"), "raw", NULL, NULL), "json:{}");
	/* and the one beneath is no better */
	put_qcow2(at("mid"), "theirs", "raw");
	put_qcow2(at("q"), "mid", "qcow2");
	refuses(-EINVAL, at("q"), "qcow2",
		backing(at("mid"), "qcow2", NULL, NULL), "\"theirs\"");
	symlink("/etc/shadow", at("slink"));
	put_qcow2(at("q"), "slink", "raw");
	refuses(-ELOOP, at("q"), "qcow2",
		backing(at("slink"), "raw", NULL, NULL), "symbolic links");
}

static int try_boot(struct disk_boot *boot, struct domain_conf_error *err,
		    const char *kernel, const char *initrd)
{
	struct domain_conf *conf;
	char text[1024];
	int rc;

	if (initrd)
		snprintf(text, sizeof(text), "\"boot\":{\"kernel\":\"%s\","
			 "\"initrd\":\"%s\"}", kernel, initrd);
	else
		snprintf(text, sizeof(text), "\"boot\":{\"kernel\":\"%s\"}",
			 kernel);
	conf = conf_of(text);
	rc = disk_open_boot(boot, conf, &conf->domains[0].boot,
			    "domains[0].boot", err);
	domain_conf_free(conf);
	return rc;
}

static void refuses_boot(int rc, const char *kernel, const char *initrd,
			 const char *path, const char *expected)
{
	struct domain_conf_error err = { "", "", "" };
	unsigned before = open_fds();
	struct disk_boot boot;

	CU_ASSERT_EQUAL(try_boot(&boot, &err, kernel, initrd), rc);
	CU_ASSERT_STRING_EQUAL(err.path, path);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.expected, expected));
	CU_ASSERT(boot.kernel == -1 && boot.initrd == -1);
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void kernels_and_initrds_are_opened_alike(void)
{
	struct domain_conf_error err;
	uint8_t kernel[1024] = { 0 };
	struct disk_boot boot;

	memcpy(kernel + 0x1fe, "\x55\xaa", 2);
	memcpy(kernel + 0x202, "HdrS", 4);
	put(at("kernel"), kernel, sizeof(kernel));
	put(at("elf"), "\177ELF", 4); /* and no more */
	put_raw(at("initrd"));
	CU_ASSERT_EQUAL(try_boot(&boot, &err, at("kernel"), at("initrd")), 0);
	CU_ASSERT(boot.kernel >= 0 && boot.initrd >= 0);
	disk_close_boot(&boot);
	CU_ASSERT_EQUAL(try_boot(&boot, &err, at("kernel"), NULL), 0);
	CU_ASSERT_EQUAL(boot.initrd, -1);
	disk_close_boot(&boot);
	disk_close_boot(&boot);
	refuses_boot(-ENOENT, at("gone"), at("initrd"),
		     "domains[0].boot.kernel", "exists");
	refuses_boot(-ENOENT, at("kernel"), at("gone"),
		     "domains[0].boot.initrd", "exists");
	refuses_boot(-EINVAL, at("initrd"), NULL, "domains[0].boot.kernel",
		     "bzImage");
	refuses_boot(-EINVAL, at("elf"), NULL, "domains[0].boot.kernel",
		     "bzImage");
	refuses_boot(-EINVAL, at("fifo"), NULL, "domains[0].boot.kernel",
		     "FIFO");
	refuses_boot(-ELOOP, at("last"), NULL, "domains[0].boot.kernel",
		     "symbolic");
	refuses_boot(-EINVAL, at("kernel"), at("nothing"),
		     "domains[0].boot.initrd", "bytes");
}

static void a_large_raw_disk_costs_no_memory(void)
{
	struct disk disk;

	put_raw(at("large"));
	CU_ASSERT_EQUAL(truncate(at("large"), 1ll << 42), 0);
	opens(&disk, at("large"), "raw", "");
	CU_ASSERT_EQUAL(disk.images[0].bytes, 1ull << 42);
	disk_close(&disk);
	unlink(at("large"));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_raw_image_opens_as_the_state_says),
		SUITE_TEST(what_is_no_file_is_never_opened),
		SUITE_TEST(no_symlink_is_followed),
		SUITE_TEST(a_root_that_became_a_symlink_is_refused),
		SUITE_TEST(one_writes_or_several_read),
		SUITE_TEST(another_name_does_not_get_around_a_lock),
		SUITE_TEST(a_lock_lives_as_long_as_the_descriptor_passed_on),
		SUITE_TEST(a_file_swapped_after_it_was_opened_is_not_ours),
		SUITE_TEST(a_raw_disk_rewritten_as_qcow2_stays_raw),
		SUITE_TEST(an_image_must_be_what_the_state_says),
		SUITE_TEST(what_lies_beneath_is_opened_to_be_read),
		SUITE_TEST(a_header_that_names_another_file_opens_nothing),
		SUITE_TEST(kernels_and_initrds_are_opened_alike),
		SUITE_TEST(a_large_raw_disk_costs_no_memory),
	};
	char command[160];
	int failed;

	strcpy(root, "/tmp/cw-disk-XXXXXX");
	if (!mkdtemp(root))
		return 1;
	failed = suite_run("disk", tests, sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) || failed;
}
