/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.c: open, look, lock; see disk.h.
 *
 * In three steps.  An O_PATH descriptor stands for what is at the path and
 * touches it in no way: opening a FIFO or a tape has consequences.  When that
 * is what it should be, it is opened for real through /proc/self/fd, which is
 * the same inode whatever the path leads to by now.  Then it is locked, and
 * only then read.
 */
#include "hypervisor/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "hypervisor/disk_header.h"
#include "hypervisor/domain_conf_keys.h"

#define WHERE_MAX 128

/* A path of the value: what it is, where it stands, where complaints go. */
struct opening {
	const char *path;
	char where[WHERE_MAX];
	struct domain_conf_error *err;
};

__attribute__((format(printf, 3, 4)))
static int refuse(const struct opening *o, int rc, const char *fmt, ...)
{
	char quoted[DCONF_QUOTED_MAX], expected[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(expected, sizeof(expected), fmt, ap);
	va_end(ap);
	dconf_error_set(o->err, o->where, dconf_quoted(quoted, o->path), "%s",
			expected);
	return rc;
}

__attribute__((format(printf, 2, 3)))
static void put_where(char where[WHERE_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where, WHERE_MAX, fmt, ap);
	va_end(ap);
}

/* --- paths ---------------------------------------------------------------- */

static int open_how(int folder, const char *path, uint64_t flags,
		    uint64_t resolve)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC,
				      .resolve = resolve };
	long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int refuse_path(const struct opening *o, int rc, bool symlinks)
{
	switch (rc) {
	case -ENOENT:
	case -ENOTDIR:
		return refuse(o, rc, "something that exists");
	case -ELOOP:
		return refuse(o, rc, symlinks ?
			      "a path without links to open files" :
			      "a path without symbolic links");
	case -EXDEV:
		return refuse(o, rc, "a path that stays in its folder");
	case -ENOSYS:
		return refuse(o, rc, "a kernel with openat2(2): 5.6 or newer");
	default:
		return refuse(o, rc, "something that can be looked at: %s",
			      strerror(-rc));
	}
}

/*
 * What is at the path below a folder, untouched.  udev names block devices by
 * links within /dev; below a storage root there shall be none.
 */
static int look(const struct opening *o, const char *root, bool symlinks)
{
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	struct opening in = *o;
	int folder, fd;

	folder = open_how(AT_FDCWD, root, O_PATH | O_DIRECTORY,
			  RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (folder < 0) {
		in.path = root;
		return refuse_path(&in, folder, symlinks);
	}
	if (!symlinks)
		resolve |= RESOLVE_NO_SYMLINKS;
	fd = open_how(folder, o->path + strlen(root) + 1, O_PATH, resolve);
	close(folder);
	return fd < 0 ? refuse_path(o, fd, symlinks) : fd;
}

static const char *kind_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a folder";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	default:
		return "something else";
	}
}

static int refuse_open(const struct opening *o, int rc, mode_t kind)
{
	if (rc == -EBUSY && kind == S_IFBLK)
		return refuse(o, rc, "a block device that is not mounted, nor "
			      "part of something in use");
	return refuse(o, rc, "%s that can be opened: %s", kind_word(kind),
		      strerror(-rc));
}

/* Open what `at` stands for, if it is of this kind. */
static int open_kind(const struct opening *o, int at, mode_t kind, int flags)
{
	char self[32];
	struct stat st;
	int fd;

	if (fstat(at, &st) < 0)
		return refuse_open(o, -errno, kind);
	if ((st.st_mode & S_IFMT) != kind)
		return refuse(o, -EINVAL, "%s; it is %s", kind_word(kind),
			      kind_word(st.st_mode));
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	fd = open(self, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? refuse_open(o, -errno, kind) : fd;
}

static int open_at(const struct opening *o, const char *root, mode_t kind,
		   int flags)
{
	int at = look(o, root, kind == S_IFBLK), fd;

	if (at < 0)
		return at;
	fd = open_kind(o, at, kind, flags);
	close(at);
	return fd;
}

/* --- images --------------------------------------------------------------- */

static int lock(const struct opening *o, const struct disk_image *image)
{
	int how = image->read_only ? LOCK_SH : LOCK_EX;

	if (!flock(image->fd, how | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return refuse(o, -errno, "a file that can be locked: %s",
			      strerror(errno));
	return refuse(o, -EBUSY, image->read_only ?
		      "an image that nobody writes; another process does" :
		      "an image that nobody else uses; another process does");
}

static int open_image(const struct opening *o, const struct domain_conf *conf,
		      const struct dconf_image *want, struct disk_image *image)
{
	int flags = image->read_only ? O_RDONLY : O_RDWR;

	image->block = want->root == DCONF_NONE;
	image->format = want->format;
	strcpy(image->path, want->path);
	if (image->block) /* an exclusive one beside ours is refused */
		flags |= image->read_only ? 0 : O_EXCL;
	image->fd = open_at(o, image->block ? "/dev" :
			    conf->storage_roots[want->root].path,
			    image->block ? S_IFBLK : S_IFREG, flags);
	return image->fd < 0 ? image->fd : lock(o, image);
}

/* As many bytes as there are, up to len; -errno. */
static ssize_t read_at(int fd, void *to, size_t len, off_t at)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = pread(fd, (char *)to + done, len - done, at + done);
		if (n < 0)
			return -errno;
		done += n;
	}
	return done;
}

static const char *judge(const struct disk_image *image, off_t file_bytes,
			 struct disk_header *h)
{
	static uint8_t head[DISK_HEADER_HEAD]; /* one thread, and large */
	uint8_t foot[DISK_HEADER_FOOT] = { 0 };
	ssize_t len = read_at(image->fd, head, sizeof(head), 0);

	if (len < 0)
		return "not readable";
	if (image->format == DCONF_QCOW2)
		return disk_header_qcow2(h, head, len);
	if (file_bytes >= DISK_HEADER_FOOT &&
	    read_at(image->fd, foot, sizeof(foot),
		    file_bytes - DISK_HEADER_FOOT) < DISK_HEADER_FOOT)
		return "not readable";
	return disk_header_vhd(h, head, len, foot, file_bytes);
}

/* Is it what it is said to be?  A raw disk is whatever it is. */
static int read_header(const struct opening *o, struct disk_image *image,
		       struct disk_header *h)
{
	off_t file_bytes = lseek(image->fd, 0, SEEK_END);
	const char *wrong = NULL;

	memset(h, 0, sizeof(*h));
	if (file_bytes < 0 || lseek(image->fd, 0, SEEK_SET) < 0)
		return refuse(o, -errno, "a file that has a size");
	if (image->format == DCONF_RAW)
		h->bytes = file_bytes;
	else
		wrong = judge(image, file_bytes, h);
	if (wrong)
		return refuse(o, -EINVAL, "a %s image that can be used; this "
			      "is %s", domain_conf_format_word(image->format),
			      wrong);
	if (!h->bytes)
		return refuse(o, -EINVAL, "a disk with something in it; this "
			      "is empty");
	image->bytes = h->bytes;
	return 0;
}

/* --- what lies beneath ---------------------------------------------------- */

/* The device model's words for formats, as they stand in headers. */
static const char *header_format(uint8_t format)
{
	return format == DCONF_VHD ? "vpc" : domain_conf_format_word(format);
}

/* Does the header name what the state lists?  `next` is NULL: nothing. */
static int check_beneath(const struct opening *o, const struct disk_header *h,
			 const struct dconf_image *next)
{
	char path[DCONF_PATH_MAX];

	if (!next && !h->backing[0])
		return 0;
	if (!next)
		return refuse(o, -EINVAL, "its backing file in \"backing\", "
			      "or an image without one; it names \"%s\"",
			      h->backing);
	if (!h->backing[0])
		return refuse(o, -EINVAL, "no \"backing\": the image has "
			      "nothing beneath it");
	if (disk_header_backing_path(o->path, h->backing, path,
				     sizeof(path)) < 0 ||
	    strcmp(path, next->path))
		return refuse(o, -EINVAL, "an image on top of %s; it names "
			      "\"%s\"", next->path, h->backing);
	if (h->backing_format[0] &&
	    strcmp(h->backing_format, header_format(next->format)))
		return refuse(o, -EINVAL, "a backing file of format %s; it "
			      "says \"%s\"", header_format(next->format),
			      h->backing_format);
	return 0;
}

static int open_layer(struct disk *disk, const struct domain_conf *conf,
		      const struct dconf_disk *want, unsigned layer,
		      const char *where, struct domain_conf_error *err)
{
	const struct dconf_image *image =
		layer ? &want->backing[layer - 1] : &want->image;
	const struct dconf_image *next =
		layer < want->backing_count ? &want->backing[layer] : NULL;
	struct disk_image *to = &disk->images[layer];
	struct opening o = { .path = image->path, .err = err };
	struct disk_header h;
	int rc;

	if (layer)
		put_where(o.where, "%s.backing[%u].path", where, layer - 1);
	else
		put_where(o.where, "%s.path", where);
	*to = (struct disk_image){ .read_only = layer || want->read_only };
	rc = open_image(&o, conf, image, to);
	if (to->fd >= 0)
		disk->count = layer + 1; /* disk_close() closes it */
	if (!rc)
		rc = read_header(&o, to, &h);
	return rc ? rc : check_beneath(&o, &h, next);
}

int disk_open(struct disk *disk, const struct domain_conf *conf,
	      const struct dconf_disk *want, const char *where,
	      struct domain_conf_error *err)
{
	unsigned layer;
	int rc = 0;

	disk->count = 0;
	for (layer = 0; !rc && layer <= want->backing_count; layer++)
		rc = open_layer(disk, conf, want, layer, where, err);
	if (rc)
		disk_close(disk);
	return rc;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	while (disk->count)
		close(disk->images[--disk->count].fd);
}

/* --- kernels -------------------------------------------------------------- */

/* Linux/x86 boot protocol 1.2, or ELF: what can be started at all. */
static bool is_kernel(int fd)
{
	uint8_t head[0x206];

	if (read_at(fd, head, sizeof(head), 0) != sizeof(head))
		return false;
	return !memcmp(head, "\177ELF", 4) ||
	       (!memcmp(head + 0x1fe, "\x55\xaa", 2) &&
		!memcmp(head + 0x202, "HdrS", 4));
}

static int open_boot_file(const struct opening *o, const char *root,
			  uint64_t most)
{
	int fd = open_at(o, root, S_IFREG, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (!fstat(fd, &st) && st.st_size > 0 && (uint64_t)st.st_size <= most)
		return fd;
	close(fd);
	return refuse(o, -EINVAL, "a file of 1 to %llu bytes",
		      (unsigned long long)most);
}

static int open_kernel(struct disk_boot *boot, const struct domain_conf *conf,
		       const struct dconf_boot *want, const char *where,
		       struct domain_conf_error *err)
{
	struct opening o = { .path = want->kernel, .err = err };

	put_where(o.where, "%s.kernel", where);
	boot->kernel = open_boot_file(
		&o, conf->storage_roots[want->kernel_root].path,
		DISK_KERNEL_MAX);
	if (boot->kernel < 0)
		return boot->kernel;
	if (!is_kernel(boot->kernel))
		return refuse(&o, -EINVAL, "a Linux kernel (bzImage) or an "
			      "ELF file");
	return 0;
}

static int open_initrd(struct disk_boot *boot, const struct domain_conf *conf,
		       const struct dconf_boot *want, const char *where,
		       struct domain_conf_error *err)
{
	struct opening o = { .path = want->initrd, .err = err };

	put_where(o.where, "%s.initrd", where);
	boot->initrd = open_boot_file(
		&o, conf->storage_roots[want->initrd_root].path,
		DISK_INITRD_MAX);
	return boot->initrd < 0 ? boot->initrd : 0;
}

int disk_open_boot(struct disk_boot *boot, const struct domain_conf *conf,
		   const struct dconf_boot *want, const char *where,
		   struct domain_conf_error *err)
{
	int rc = 0;

	boot->kernel = boot->initrd = -1;
	if (want->kernel[0])
		rc = open_kernel(boot, conf, want, where, err);
	if (!rc && want->initrd[0])
		rc = open_initrd(boot, conf, want, where, err);
	if (rc)
		disk_close_boot(boot);
	return rc;
}

void disk_close_boot(struct disk_boot *boot)
{
	if (boot->kernel >= 0)
		close(boot->kernel);
	if (boot->initrd >= 0)
		close(boot->initrd);
	boot->kernel = boot->initrd = -1;
}
