/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers of images: what is odd is refused in words, and what is read is
 * never read from outside the bytes at hand (each case is cut to size in
 * memory of its own, for ASan).
 */
#include "hypervisor/disk_header.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/image_gen.h"
#include "tests/lib/suite.h"

static const char *qcow2(struct disk_header *h, const uint8_t *image,
			 size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	const char *wrong;

	memcpy(exact, image, len);
	wrong = disk_header_qcow2(h, exact, len);
	free(exact);
	return wrong;
}

static const char *vhd(struct disk_header *h, const uint8_t *image, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1), foot[DISK_HEADER_FOOT] = { 0 };
	const char *wrong;

	memcpy(exact, image, len);
	if (len >= sizeof(foot))
		memcpy(foot, image + len - sizeof(foot), sizeof(foot));
	wrong = disk_header_vhd(h, exact, len, foot, len);
	free(exact);
	return wrong;
}

static void says(const char *wrong, const char *expected)
{
	bool so = expected ? wrong && strstr(wrong, expected) : !wrong;

	CU_ASSERT(so);
	if (!so)
		printf("\n  said \"%s\", not \"%s\"\n",
		       wrong ? wrong : "good", expected ? expected : "good");
}

static void a_qcow2_header_says_its_size_and_what_is_beneath(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;

	says(qcow2(&h, image, image_qcow2(image, NULL, NULL)), NULL);
	CU_ASSERT_EQUAL(h.bytes, IMAGE_GEN_BYTES);
	CU_ASSERT_STRING_EQUAL(h.backing, "");
	says(qcow2(&h, image, image_qcow2(image, "base.raw", "raw")), NULL);
	CU_ASSERT_STRING_EQUAL(h.backing, "base.raw");
	CU_ASSERT_STRING_EQUAL(h.backing_format, "raw");
	says(qcow2(&h, image, image_qcow2(image, "/b", NULL)), NULL);
	CU_ASSERT_STRING_EQUAL(h.backing, "/b");
	CU_ASSERT_STRING_EQUAL(h.backing_format, "");
}

static void version_2_of_qcow2_has_extensions_too(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;

	image_qcow2(image, NULL, NULL);
	image_put32(image + 4, 2);
	memset(image + 72, 0, 64);
	image_put32(image + 72, 0xe2792aca);
	image_put32(image + 76, 5);
	memcpy(image + 80, "qcow2", 5);
	says(qcow2(&h, image, sizeof(image)), NULL);
	CU_ASSERT_STRING_EQUAL(h.backing_format, "qcow2");
	image_put32(image + 72, 0x44415441);
	says(qcow2(&h, image, sizeof(image)), "external data");
}

/* One field of a good image, with a backing file, changed. */
static const struct spoilt {
	unsigned at, width;
	uint64_t value;
	const char *wrong; /* NULL: nothing */
} spoilt_qcow2[] = {
	{ 0, 4, 0x514649fa, "no qcow2" },
	{ 4, 4, 1, "version" },
	{ 4, 4, 4, "version" },
	{ 20, 4, 8, "cluster size" },
	{ 20, 4, 22, "cluster size" },
	{ 20, 4, 0xffffffff, "cluster size" },
	{ 32, 4, 1, "encrypted" },
	{ 32, 4, 2, "encrypted" },
	{ 24, 8, 0, "size" },
	{ 24, 8, UINT64_MAX, "size" },
	{ 72, 8, 1 << 0, NULL }, /* dirty */
	{ 72, 8, 1 << 1, "corrupt" },
	{ 72, 8, 1 << 2, "external data" },
	{ 72, 8, 1 << 3, NULL }, /* type 0 */
	{ 72, 8, 1 << 4, NULL },
	{ 72, 8, 1 << 5, "not known" },
	{ 72, 8, 1ull << 63, "not known" },
	{ 80, 8, UINT64_MAX, NULL }, /* compatible */
	{ 88, 8, UINT64_MAX, NULL }, /* autoclear */
	{ 96, 4, 7, "reference count" },
	{ 100, 4, 96, "length" },
	{ 100, 4, 105, "length" },
	{ 100, 4, 1 << 20, "length" },
	{ 100, 4, 0xfffffff8, "length" },
	/* the backing file's name */
	{ 8, 8, 16, "impossible place" },
	{ 8, 8, IMAGE_GEN_MAX - 3, "impossible place" },
	{ 8, 8, UINT64_MAX - 3, "impossible place" },
	{ 8, 8, 1 << 16, "impossible place" },
	{ 16, 4, 0, "impossible place" },
	{ 16, 4, 1024, "impossible place" },
	{ 16, 4, 0xffffffff, "impossible place" },
	{ 16, 4, 900, "zero byte" },
	/* extensions */
	{ 112, 4, 0x0537be77, "encrypted" },
	{ 112, 4, 0x44415441, "external data" },
	{ 112, 4, 0x6803f857, NULL }, /* names of features */
	{ 116, 4, 16, "impossible" },
	{ 116, 4, 0xffffffff, "impossible length" },
	{ 116, 4, 0xfffffff9, "impossible length" },
	{ 116, 4, 0, "format" },
};

static void spoil(uint8_t *image, const struct spoilt *s)
{
	if (s->width == 8)
		image_put64(image + s->at, s->value);
	else
		image_put32(image + s->at, s->value);
}

static void odd_qcow2_headers_are_refused_in_words(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;
	unsigned i;

	for (i = 0; i < sizeof(spoilt_qcow2) / sizeof(spoilt_qcow2[0]); i++) {
		image_qcow2(image, "base.raw", "raw");
		spoil(image, &spoilt_qcow2[i]);
		says(qcow2(&h, image, sizeof(image)), spoilt_qcow2[i].wrong);
	}
}

static void a_qcow2_file_may_end_anywhere(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;
	size_t len;

	image_qcow2(image, "base.raw", "raw");
	for (len = 0; len < 160; len++) {
		const char *wrong = qcow2(&h, image, len);

		CU_ASSERT_EQUAL(!wrong, len >= 136 + 8);
	}
}

static void vhd_footers_say_their_size(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;

	says(vhd(&h, image, image_vhd_fixed(image)), NULL);
	CU_ASSERT_EQUAL(h.bytes, 1024);
	says(vhd(&h, image, image_vhd_dynamic(image)), NULL);
	CU_ASSERT_EQUAL(h.bytes, IMAGE_GEN_BYTES);
}

/* A field of the footer; both copies are changed and summed. */
static const struct spoilt spoilt_footer[] = {
	{ 0, 4, 0, "no VHD" },
	{ 12, 4, 0x00020000, "version" },
	{ 60, 4, 4, "differencing" },
	{ 60, 4, 0, "type" },
	{ 60, 4, 2, "larger than" }, /* a fixed one of that size */
	{ 48, 8, 0, "size" },
	{ 48, 8, 513, "size" },
	{ 48, 8, UINT64_MAX - 511, "size" },
	{ 48, 8, 2 << 20, NULL },
	{ 48, 8, (2 << 20) + 512, "block size" },
	{ 16, 8, 513, "impossible place" },
	{ 16, 8, 2048, "impossible place" },
	{ 16, 8, UINT64_MAX, "impossible place" },
	{ 16, 8, 1024, "damaged header" },
};

static const struct spoilt spoilt_sparse[] = {
	{ 0, 4, 0, "damaged header" },
	{ 16, 8, 1537, "block table" },
	{ 16, 8, UINT64_MAX, "block table" },
	{ 16, 8, 3072, "block table" },
	{ 28, 4, 0, "block size" },
	{ 28, 4, 0xffffffff, "block table" },
	{ 32, 4, 0, "block size" },
	{ 32, 4, 3 << 20, "block size" },
	{ 32, 4, 256, "block size" },
	{ 32, 4, 1u << 31, "block size" },
};

static void odd_vhd_headers_are_refused_in_words(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;
	unsigned i;
	size_t len;

	for (i = 0; i < sizeof(spoilt_footer) / sizeof(spoilt_footer[0]); i++) {
		len = image_vhd_dynamic(image);
		spoil(image, &spoilt_footer[i]);
		image_vhd_sum(image, 512, 64);
		memcpy(image + len - 512, image, 512);
		says(vhd(&h, image, len), spoilt_footer[i].wrong);
	}
	for (i = 0; i < sizeof(spoilt_sparse) / sizeof(spoilt_sparse[0]); i++) {
		len = image_vhd_dynamic(image);
		spoil(image + 512, &spoilt_sparse[i]);
		image_vhd_sum(image + 512, 1024, 36);
		says(vhd(&h, image, len), spoilt_sparse[i].wrong);
	}
}

static void vhd_copies_and_sums_must_agree(void)
{
	uint8_t image[IMAGE_GEN_MAX];
	struct disk_header h;
	size_t len = image_vhd_dynamic(image);

	image[40] ^= 1;
	says(vhd(&h, image, len), "copy of its footer");
	memcpy(image + len - 512, image, 512);
	says(vhd(&h, image, len), "checksum");
	len = image_vhd_dynamic(image);
	image[600] ^= 1;
	says(vhd(&h, image, len), "damaged header");
	says(vhd(&h, image, 511), "no VHD");
	says(vhd(&h, image, 0), "no VHD");
}

/* Whoever looks at the first sector first must not take it for the footer. */
static void a_fixed_vhd_whose_guest_wrote_a_footer_is_refused(void)
{
	uint8_t image[IMAGE_GEN_MAX], other[IMAGE_GEN_MAX];
	struct disk_header h;
	size_t len = image_vhd_fixed(image);

	image_vhd_dynamic(other);
	memcpy(image, other, 512);
	says(vhd(&h, image, len), "first sector");
}

static void a_backing_name_is_a_path_from_its_image_s_folder(void)
{
	static const struct {
		const char *image, *backing, *path; /* NULL: refused */
	} cases[] = {
		{ "/srv/a/d", "base", "/srv/a/base" },
		{ "/srv/a/d", "./base", "/srv/a/base" },
		{ "/srv/a/d", "sub//base", "/srv/a/sub/base" },
		{ "/srv/a/d", "../b/base", "/srv/b/base" },
		{ "/srv/a/d", "/etc/shadow", "/etc/shadow" },
		{ "/srv/a/d", "/srv/../etc/./shadow", "/etc/shadow" },
		{ "/srv/a/d", "../../../etc/shadow", NULL },
		{ "/srv/a/d", "/..", NULL },
		{ "/srv/a/d", "nbd:unix:/sock", NULL },
		{ "/srv/a/d", "json:{\"driver\":\"nbd\"}", NULL },
		{ "/srv/a/d", "fat:rw:/etc", NULL },
		{ "/srv/a/d", "./odd:name", "/srv/a/odd:name" },
		{ "/srv/a/d", "..", "/srv" },
		{ "/srv/a/d", "", "/srv/a" },
		{ "/d", "..", NULL },
	};
	char path[64];
	unsigned i;
	int rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rc = disk_header_backing_path(cases[i].image, cases[i].backing,
					      path, sizeof(path));
		CU_ASSERT_EQUAL(rc, cases[i].path ? 0 : -EINVAL);
		if (!rc && cases[i].path)
			CU_ASSERT_STRING_EQUAL(path, cases[i].path);
	}
	CU_ASSERT_EQUAL(disk_header_backing_path("/a/b", "cdefg", path, 8),
			-EINVAL);
	CU_ASSERT_EQUAL(disk_header_backing_path("/a/b", "cdef", path, 8), 0);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_qcow2_header_says_its_size_and_what_is_beneath),
		SUITE_TEST(version_2_of_qcow2_has_extensions_too),
		SUITE_TEST(odd_qcow2_headers_are_refused_in_words),
		SUITE_TEST(a_qcow2_file_may_end_anywhere),
		SUITE_TEST(vhd_footers_say_their_size),
		SUITE_TEST(odd_vhd_headers_are_refused_in_words),
		SUITE_TEST(vhd_copies_and_sums_must_agree),
		SUITE_TEST(a_fixed_vhd_whose_guest_wrote_a_footer_is_refused),
		SUITE_TEST(a_backing_name_is_a_path_from_its_image_s_folder),
	};

	return suite_run("disk_header", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
