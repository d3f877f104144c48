/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstored_keep.c: records in a file.
 *
 * A record is its length, the CRC-32C of length and items, and the items; an
 * item is its type and three fields, each a length and bytes.  Numbers are
 * little-endian and 32 bits wide, the type is one byte.
 *
 * A snapshot is a new file of many records, of which none has to be whole for
 * another's sake, because the file takes the journal's name only when it is
 * complete.
 */
#include "hypervisor/xenstored_keep.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define HEAD_BYTES 8		  /* length, CRC */
#define SNAPSHOT_RECORD (64u << 10) /* a snapshot is written in such parts */

struct keep {
	char path[PATH_MAX];
	char new_path[PATH_MAX + 4];
	int fd;	    /* the journal; -1: there is none */
	int new_fd; /* the snapshot under way; -1: none is */
	int error;  /* what broke it */
	bool said;  /* that it is broken */
	char *buf;  /* the record under way, behind room for its head */
	size_t len;
	size_t cap;
	uint64_t bytes;		 /* in the file that is written to */
	uint64_t snapshot_bytes; /* of them, the snapshot */
	uint64_t old_bytes;	 /* while a snapshot is under way */
};

/* ---- CRC-32C ------------------------------------------------------------- */

/* Eight bytes at a time: [n] is for a byte with n more behind it. */
static uint32_t crc_table[8][256];

static void crc_init(void)
{
	if (crc_table[0][1])
		return;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		crc_table[0][i] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t crc = crc_table[n - 1][i];

			crc_table[n][i] = crc >> 8 ^
					  crc_table[0][(uint8_t)crc];
		}
}

static uint32_t crc_eight(uint32_t crc, const uint8_t *p)
{
	uint64_t eight;
	uint32_t next = 0;

	memcpy(&eight, p, sizeof(eight));
	eight = le64toh(eight) ^ crc;
	for (int n = 7; n >= 0; n--, eight >>= 8)
		next ^= crc_table[n][(uint8_t)eight];
	return next;
}

static uint32_t crc_add(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; len -= 8, p += 8)
		crc = crc_eight(crc, p);
	while (len--)
		crc = crc >> 8 ^ crc_table[0][(uint8_t)crc ^ *p++];
	return crc;
}

static uint32_t record_crc(uint32_t len_le, const void *items, size_t len)
{
	return ~crc_add(crc_add(~0u, &len_le, sizeof(len_le)), items, len);
}

/* ---- reading ------------------------------------------------------------- */

/* Bytes of a whole read: 0 at the end of the file, -errno. */
static ssize_t read_whole(int fd, void *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)to + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += n;
	}
	return have;
}

static bool take_u32(const char **at, const char *end, uint32_t *value)
{
	if (end - *at < 4)
		return false;
	memcpy(value, *at, 4);
	*value = le32toh(*value);
	*at += 4;
	return true;
}

static bool take_item(const char **at, const char *end, struct keep_item *item)
{
	if (*at == end)
		return false;
	item->type = *(*at)++;
	for (unsigned i = 0; i < KEEP_FIELDS; i++) {
		struct keep_field *f = &item->field[i];

		if (!take_u32(at, end, &f->len) ||
		    f->len > (size_t)(end - *at))
			return false;
		f->data = *at;
		*at += f->len;
	}
	return true;
}

static int replay(const char *items, size_t len,
		  int (*fn)(const struct keep_item *, void *), void *ctx)
{
	const char *at = items, *end = items + len;
	struct keep_item item;

	while (at < end) {
		int rc = take_item(&at, end, &item) ? fn(&item, ctx) :
						      -EBADMSG;

		if (rc)
			return rc;
	}
	return 0;
}

/* The next record's items in *buf: their length, 0 at the end, -errno. */
static ssize_t read_record(int fd, char **buf, size_t *cap)
{
	uint32_t head[2], len;
	ssize_t n = read_whole(fd, head, sizeof(head));

	if (n <= 0)
		return n;
	len = le32toh(head[0]);
	if (n < HEAD_BYTES || !len || len > KEEP_RECORD_MAX)
		return -EBADMSG;
	if (len > *cap) {
		char *bigger = realloc(*buf, len);

		if (!bigger)
			return -ENOMEM;
		*buf = bigger;
		*cap = len;
	}
	n = read_whole(fd, *buf, len);
	if (n < 0)
		return n;
	if (n < len || record_crc(head[0], *buf, len) != le32toh(head[1]))
		return -EBADMSG;
	return len;
}

int keep_load(const char *path, int (*fn)(const struct keep_item *, void *),
	      void *ctx)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t cap = 0, records = 0;
	char *buf = NULL;
	ssize_t len;
	int rc = 0;

	if (fd < 0)
		return -errno;
	crc_init();
	while (!rc && (len = read_record(fd, &buf, &cap)) > 0) {
		rc = replay(buf, len, fn, ctx);
		records++;
	}
	if (!rc && len < 0)
		rc = len;
	if (rc == -EBADMSG && records) {
		log_warn("%s: ends after %zu steps in something else", path,
			 records);
		rc = 0;
	}
	free(buf);
	close(fd);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

static int broken(struct keep *keep, int error)
{
	if (!keep->said)
		log_err("%s: %s; changes of this tree would not survive us",
			keep->path, strerror(-error));
	keep->said = true;
	keep->error = error;
	return error;
}

/* What is under way, and a buffer that was needed once. */
static void forget(struct keep *keep)
{
	keep->len = HEAD_BYTES;
	if (keep->cap <= 2 * SNAPSHOT_RECORD)
		return;
	free(keep->buf);
	keep->buf = NULL;
	keep->cap = 0;
}

int keep_new(struct keep **out, const char *path)
{
	struct keep *keep = calloc(1, sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	snprintf(keep->path, sizeof(keep->path), "%s", path);
	snprintf(keep->new_path, sizeof(keep->new_path), "%s.new", path);
	keep->fd = keep->new_fd = -1;
	forget(keep);
	crc_init();
	*out = keep;
	return 0;
}

void keep_free(struct keep *keep)
{
	if (!keep)
		return;
	if (keep->fd >= 0)
		close(keep->fd);
	if (keep->new_fd >= 0)
		close(keep->new_fd);
	free(keep->buf);
	free(keep);
}

static int target(const struct keep *keep)
{
	return keep->new_fd >= 0 ? keep->new_fd : keep->fd;
}

/* Nothing is put where nothing can be written: a snapshot brings it all. */
static bool writable(const struct keep *keep)
{
	return keep->new_fd >= 0 || (keep->fd >= 0 && !keep->error);
}

static int make_room(struct keep *keep, size_t len)
{
	size_t cap = keep->cap ? keep->cap : 4096;
	char *bigger;

	if (keep->len + len > HEAD_BYTES + KEEP_RECORD_MAX)
		return -EFBIG;
	while (cap < keep->len + len)
		cap *= 2;
	if (cap == keep->cap)
		return 0;
	bigger = realloc(keep->buf, cap);
	if (!bigger)
		return -ENOMEM;
	keep->buf = bigger;
	keep->cap = cap;
	return 0;
}

static void add(struct keep *keep, const void *data, size_t len)
{
	if (len)
		memcpy(keep->buf + keep->len, data, len);
	keep->len += len;
}

static int write_whole(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int write_record(struct keep *keep)
{
	size_t len = keep->len - HEAD_BYTES;
	uint32_t head[2] = { htole32(len), 0 };
	int rc;

	if (!len)
		return 0;
	head[1] = htole32(record_crc(head[0], keep->buf + HEAD_BYTES, len));
	memcpy(keep->buf, head, HEAD_BYTES);
	rc = write_whole(target(keep), keep->buf, keep->len);
	keep->bytes += keep->len;
	forget(keep);
	return rc;
}

void keep_put(struct keep *keep, const struct keep_item *item)
{
	size_t len = 1;
	int rc;

	if (!writable(keep))
		return;
	for (unsigned i = 0; i < KEEP_FIELDS; i++)
		len += 4 + item->field[i].len;
	rc = make_room(keep, len);
	if (rc) {
		broken(keep, rc);
		return;
	}
	add(keep, &item->type, 1);
	for (unsigned i = 0; i < KEEP_FIELDS; i++) {
		uint32_t field_len = htole32(item->field[i].len);

		add(keep, &field_len, 4);
		add(keep, item->field[i].data, item->field[i].len);
	}
	if (keep->new_fd >= 0 && keep->len >= SNAPSHOT_RECORD) {
		rc = write_record(keep);
		if (rc)
			broken(keep, rc);
	}
}

bool keep_pending(const struct keep *keep)
{
	return keep->len > HEAD_BYTES;
}

int keep_step(struct keep *keep)
{
	int rc = keep->error;

	if (!rc && keep->fd >= 0)
		rc = write_record(keep);
	forget(keep);
	return rc ? broken(keep, rc) : 0;
}

/* ---- snapshots ----------------------------------------------------------- */

bool keep_broken(const struct keep *keep)
{
	return keep->error;
}

bool keep_wants_snapshot(const struct keep *keep)
{
	return keep->error ||
	       keep->bytes > 3 * keep->snapshot_bytes + KEEP_SLACK;
}

uint64_t keep_bytes(const struct keep *keep)
{
	return keep->bytes;
}

int keep_snapshot_begin(struct keep *keep)
{
	forget(keep); /* it is in the snapshot */
	keep->new_fd = open(keep->new_path,
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
				    O_NOFOLLOW,
			    0600);
	if (keep->new_fd < 0)
		return broken(keep, -errno);
	keep->error = 0;
	keep->old_bytes = keep->bytes;
	keep->bytes = 0;
	return 0;
}

static int give_up(struct keep *keep, int rc)
{
	close(keep->new_fd);
	keep->new_fd = -1;
	unlink(keep->new_path);
	forget(keep);
	keep->bytes = keep->old_bytes;
	return broken(keep, rc);
}

int keep_snapshot_end(struct keep *keep, int error)
{
	int rc = error ? error : keep->error;

	if (!rc)
		rc = write_record(keep);
	if (!rc && rename(keep->new_path, keep->path))
		rc = -errno;
	if (rc)
		return give_up(keep, rc);
	if (keep->fd >= 0)
		close(keep->fd);
	keep->fd = keep->new_fd;
	keep->new_fd = -1;
	keep->snapshot_bytes = keep->bytes;
	if (keep->said)
		log_info("%s: whole again", keep->path);
	keep->said = false;
	return 0;
}
