/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk_header.c: see disk_header.h.  Every number is read from where its
 * place within the bytes at hand has been checked, and is checked before it
 * is a place or a size itself.
 */
#include "hypervisor/disk_header.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static uint64_t be64(const uint8_t *at)
{
	return (uint64_t)be32(at) << 32 | be32(at + 4);
}

/* --- qcow2 ---------------------------------------------------------------- */

#define QCOW2_MAGIC 0x514649fbu /* "QFI", 0xfb */
#define QCOW2_V2_BYTES 72
#define QCOW2_V3_BYTES 104

enum qcow2_incompatible {
	QCOW2_DIRTY = 1 << 0, /* reference counts are rebuilt on opening */
	QCOW2_CORRUPT = 1 << 1,
	QCOW2_DATA_FILE = 1 << 2,
	QCOW2_COMPRESSION = 1 << 3,
	QCOW2_EXTENDED_L2 = 1 << 4,
};

#define QCOW2_KNOWN                                                           \
	(QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_DATA_FILE | QCOW2_COMPRESSION |  \
	 QCOW2_EXTENDED_L2)

enum qcow2_extension {
	QCOW2_EXT_END = 0,
	QCOW2_EXT_FORMAT = 0xe2792aca,
	QCOW2_EXT_ENCRYPTION = 0x0537be77,
	QCOW2_EXT_DATA_FILE = 0x44415441,
};

struct qcow2 {
	const uint8_t *at;
	size_t len; /* of what is at hand, and within the first cluster */
	uint32_t version;
	uint32_t header_len;
	uint64_t backing_at; /* 0: none */
	uint32_t backing_len;
};

/* What is said with v3's words, of either version. */
static const char *qcow2_features(const struct qcow2 *q, uint64_t features)
{
	if (features & QCOW2_CORRUPT)
		return "marked corrupt; qemu-img check -r all repairs it";
	if (features & QCOW2_DATA_FILE)
		return "with an external data file, which is not allowed";
	if (features & ~(uint64_t)QCOW2_KNOWN)
		return "with an incompatible feature that is not known";
	if (features & QCOW2_COMPRESSION &&
	    (q->header_len <= QCOW2_V3_BYTES || q->at[QCOW2_V3_BYTES] > 1))
		return "with a compression type that is not known";
	return NULL;
}

static const char *qcow2_v3(struct qcow2 *q)
{
	if (q->len < QCOW2_V3_BYTES)
		return "cut off in its header";
	q->header_len = be32(q->at + 100);
	if (q->header_len < QCOW2_V3_BYTES || q->header_len % 8 ||
	    q->header_len > q->len)
		return "with a header of an impossible length";
	if (be32(q->at + 96) > 6)
		return "with an impossible reference count width";
	return qcow2_features(q, be64(q->at + 72));
}

static const char *qcow2_begin(struct qcow2 *q)
{
	uint32_t cluster_bits;

	if (q->len < QCOW2_V2_BYTES || be32(q->at) != QCOW2_MAGIC)
		return "no qcow2 image";
	q->version = be32(q->at + 4);
	if (q->version != 2 && q->version != 3)
		return "of a version that is not known";
	cluster_bits = be32(q->at + 20);
	if (cluster_bits < 9 || cluster_bits > 21)
		return "with an impossible cluster size";
	if (q->len > (size_t)1 << cluster_bits)
		q->len = (size_t)1 << cluster_bits;
	if (be32(q->at + 32))
		return "encrypted, which is not allowed";
	q->header_len = QCOW2_V2_BYTES;
	return q->version == 3 ? qcow2_v3(q) : NULL;
}

static const char *qcow2_backing(struct qcow2 *q, struct disk_header *h)
{
	q->backing_at = be64(q->at + 8);
	q->backing_len = be32(q->at + 16);
	if (!q->backing_at)
		return NULL;
	if (!q->backing_len || q->backing_len >= sizeof(h->backing) ||
	    q->backing_at < q->header_len || q->backing_at > q->len ||
	    q->backing_len > q->len - q->backing_at)
		return "with a backing file name at an impossible place";
	memcpy(h->backing, q->at + q->backing_at, q->backing_len);
	h->backing[q->backing_len] = '\0';
	if (strlen(h->backing) != q->backing_len)
		return "with a zero byte in its backing file's name";
	return NULL;
}

static const char *qcow2_extension(struct disk_header *h, uint32_t type,
				   const uint8_t *data, uint32_t len)
{
	switch (type) {
	case QCOW2_EXT_ENCRYPTION:
		return "encrypted, which is not allowed";
	case QCOW2_EXT_DATA_FILE:
		return "with an external data file, which is not allowed";
	case QCOW2_EXT_FORMAT:
		if (!len || len >= sizeof(h->backing_format) ||
		    memchr(data, 0, len) || h->backing_format[0])
			return "with an impossible backing format";
		memcpy(h->backing_format, data, len);
		return NULL;
	default: /* bitmaps, names of features: nothing to us */
		return NULL;
	}
}

/* Up to the end mark, the backing file's name or the end of the cluster. */
static const char *qcow2_extensions(const struct qcow2 *q,
				    struct disk_header *h)
{
	size_t at = q->header_len;
	size_t end = q->backing_at ? q->backing_at : q->len;
	const char *wrong;
	uint32_t type, len;

	while (end - at >= 8) {
		type = be32(q->at + at);
		len = be32(q->at + at + 4);
		at += 8;
		if (type == QCOW2_EXT_END)
			return NULL;
		if (len > end - at)
			return "with a header extension of an impossible "
			       "length";
		wrong = qcow2_extension(h, type, q->at + at, len);
		if (wrong)
			return wrong;
		len = (len + 7) & ~7u;
		if (len > end - at)
			return NULL;
		at += len;
	}
	return NULL;
}

const char *disk_header_qcow2(struct disk_header *h, const void *head,
			      size_t len)
{
	struct qcow2 q = { .at = head, .len = len };
	const char *wrong;

	memset(h, 0, sizeof(*h));
	wrong = qcow2_begin(&q);
	if (!wrong)
		wrong = qcow2_backing(&q, h);
	if (!wrong)
		wrong = qcow2_extensions(&q, h);
	if (wrong)
		return wrong;
	h->bytes = be64(q.at + 24);
	if (!h->bytes || h->bytes > INT64_MAX)
		return "of an impossible size";
	return NULL;
}

/* --- VHD ------------------------------------------------------------------ */

#define VHD_COOKIE "conectix"
#define VHD_SPARSE "cxsparse"
#define VHD_SPARSE_BYTES 1024
#define VHD_SIZE_MAX (2040ull << 30) /* as the format has it */
#define VHD_NO_OFFSET UINT64_MAX

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

/* Ones' complement of the sum of all bytes but the sum's own. */
static bool vhd_sum_ok(const uint8_t *at, size_t len, size_t sum_at)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		if (i < sum_at || i >= sum_at + 4)
			sum += at[i];
	return be32(at + sum_at) == (uint32_t)~sum;
}

static const char *vhd_footer(const uint8_t *foot)
{
	if (memcmp(foot, VHD_COOKIE, 8))
		return "no VHD image";
	if (be32(foot + 12) != 0x00010000)
		return "of a version that is not known";
	if (!vhd_sum_ok(foot, DISK_HEADER_FOOT, 64))
		return "with a footer whose checksum is wrong";
	if (be32(foot + 60) == VHD_DIFFERENCING)
		return "differencing, which is not allowed";
	if (be32(foot + 60) != VHD_FIXED && be32(foot + 60) != VHD_DYNAMIC)
		return "of a type that is not known";
	return NULL;
}

static bool power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

static const char *vhd_dynamic(const struct disk_header *h,
			       const uint8_t *head, size_t len,
			       const uint8_t *foot, uint64_t file_bytes)
{
	uint64_t at = be64(foot + 16), table;
	const uint8_t *sparse;
	uint32_t entries, block;

	/* Who trusts the copy must not read another image than who does not. */
	if (len < DISK_HEADER_FOOT || memcmp(head, foot, DISK_HEADER_FOOT))
		return "with a copy of its footer that differs from it";
	if (at % 512 || at > len || len - at < VHD_SPARSE_BYTES)
		return "with its header at an impossible place";
	sparse = head + at;
	if (memcmp(sparse, VHD_SPARSE, 8) ||
	    !vhd_sum_ok(sparse, VHD_SPARSE_BYTES, 36))
		return "with a damaged header";
	table = be64(sparse + 16);
	entries = be32(sparse + 28);
	block = be32(sparse + 32);
	if (!power_of_two(block) || block < 512 || block > 256u << 20 ||
	    (uint64_t)entries * block < h->bytes)
		return "with an impossible block size";
	if (table % 512 || table > file_bytes ||
	    entries > (file_bytes - table) / 4)
		return "with a block table at an impossible place";
	return NULL;
}

static const char *vhd_fixed(const struct disk_header *h, const uint8_t *head,
			     size_t len, uint64_t file_bytes)
{
	if (h->bytes > file_bytes - DISK_HEADER_FOOT)
		return "larger than its file";
	/* The guest's first sector: whoever looks there first is misled. */
	if (len >= 8 && !memcmp(head, VHD_COOKIE, 8))
		return "fixed, with a VHD footer in its first sector";
	return NULL;
}

const char *disk_header_vhd(struct disk_header *h, const void *head,
			    size_t len, const void *foot, uint64_t file_bytes)
{
	const uint8_t *end = foot;
	const char *wrong;

	memset(h, 0, sizeof(*h));
	if (file_bytes < DISK_HEADER_FOOT)
		return "no VHD image";
	wrong = vhd_footer(end);
	if (wrong)
		return wrong;
	h->bytes = be64(end + 48);
	if (!h->bytes || h->bytes % 512 || h->bytes > VHD_SIZE_MAX)
		return "of an impossible size";
	if (be32(end + 60) == VHD_DYNAMIC)
		return vhd_dynamic(h, head, len, end, file_bytes);
	return vhd_fixed(h, head, len, file_bytes);
}

/* --- names ---------------------------------------------------------------- */

/* One step of a path onto the end of another; "" is the root. */
static bool push_step(char *to, size_t size, const char *step, size_t len)
{
	size_t at = strlen(to);
	char *slash;

	if (!len || (len == 1 && step[0] == '.'))
		return true;
	if (len == 2 && step[0] == '.' && step[1] == '.') {
		slash = strrchr(to, '/');
		if (slash)
			*slash = '\0';
		return slash;
	}
	if (at + 1 + len >= size)
		return false;
	to[at] = '/';
	memcpy(to + at + 1, step, len);
	to[at + 1 + len] = '\0';
	return true;
}

static bool push_steps(char *to, size_t size, const char *path, size_t path_len)
{
	size_t len;

	while (path_len) {
		for (len = 0; len < path_len && path[len] != '/'; len++)
			;
		if (!push_step(to, size, path, len))
			return false;
		if (len < path_len)
			len++;
		path += len;
		path_len -= len;
	}
	return true;
}

int disk_header_backing_path(const char *image, const char *backing, char *to,
			     size_t size)
{
	const char *folder_end = strrchr(image, '/');

	/* As QEMU: a protocol ends at a colon before the first slash. */
	if (!size || backing[strcspn(backing, ":/")] == ':')
		return -EINVAL;
	to[0] = '\0';
	if (backing[0] != '/' && folder_end &&
	    !push_steps(to, size, image, folder_end - image))
		return -EINVAL;
	if (!push_steps(to, size, backing, strlen(backing)) || !to[0])
		return -EINVAL;
	return 0;
}
