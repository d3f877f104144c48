/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_check.c: what objects say about each other.
 *
 * Uniqueness over many objects is found by sorting claims: one array of all
 * ports, one of all paths that anybody reads or writes; neighbours that are
 * equal are the clash.  So 512 domains cost no more than a sort.
 */
#include "hypervisor/domain_conf_keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WHERE_MAX 128

struct checker {
	struct domain_conf *conf;
	struct domain_conf_errors *errs;
};

/* Where something stands in the value; shortened if it must be. */
__attribute__((format(printf, 2, 3)))
static void place(char at[WHERE_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(at, WHERE_MAX, fmt, ap);
	va_end(ap);
}

/* --- storage roots, block devices ----------------------------------------- */

/* Folders in which no guest's data is, and much that no guest may see. */
static const char *const never_roots[] = { "/dev", "/proc", "/sys", "/etc",
					   NULL };

static bool is_never_root(const char *path)
{
	unsigned i;

	for (i = 0; never_roots[i]; i++)
		if (!strcmp(path, never_roots[i]) ||
		    dconf_path_below(path, never_roots[i]))
			return true;
	return false;
}

static void check_roots(struct checker *c)
{
	const struct dconf_path *roots = c->conf->storage_roots;
	char where[WHERE_MAX], value[DCONF_QUOTED_MAX];
	uint32_t i, k;

	for (i = 0; i < c->conf->root_count; i++) {
		const char *path = roots[i].path;

		place(where, "storage_roots[%u]", i);
		dconf_quoted(value, path);
		if (is_never_root(path))
			dconf_error(c->errs, where, value, "a folder outside "
				    "/dev, /proc, /sys and /etc");
		for (k = 0; k < i; k++)
			if (!strcmp(path, roots[k].path) ||
			    dconf_path_below(path, roots[k].path) ||
			    dconf_path_below(roots[k].path, path))
				dconf_error(c->errs, where, value,
					    "a folder neither in nor around "
					    "storage_roots[%u]", k);
	}
}

static void check_devices(struct checker *c)
{
	const struct dconf_path *devices = c->conf->block_devices;
	char where[WHERE_MAX], value[DCONF_QUOTED_MAX];
	uint32_t i, k;

	for (i = 0; i < c->conf->device_count; i++) {
		place(where, "block_devices[%u]", i);
		dconf_quoted(value, devices[i].path);
		if (!dconf_path_below(devices[i].path, "/dev"))
			dconf_error(c->errs, where, value,
				    "a block device in /dev");
		for (k = 0; k < i; k++)
			if (!strcmp(devices[i].path, devices[k].path))
				dconf_error(c->errs, where, value,
					    "each device once");
	}
}

static int32_t find_root(const struct checker *c, const char *path)
{
	uint32_t i;

	for (i = 0; i < c->conf->root_count; i++)
		if (dconf_path_below(path, c->conf->storage_roots[i].path))
			return i;
	return DCONF_NONE;
}

static bool is_device(const struct checker *c, const char *path)
{
	uint32_t i;

	for (i = 0; i < c->conf->device_count; i++)
		if (!strcmp(path, c->conf->block_devices[i].path))
			return true;
	return false;
}

/* --- one domain ----------------------------------------------------------- */

static void fail_outside(struct checker *c, const char *where, const char *key,
			 const char *path, const char *or_device)
{
	char at[WHERE_MAX], value[DCONF_QUOTED_MAX];

	place(at, "%s.%s", where, key);
	dconf_error(c->errs, at, dconf_quoted(value, path),
		    "a file below one of storage_roots%s", or_device);
}

static void resolve_boot(struct checker *c, struct dconf_domain *d,
			 const char *where)
{
	struct dconf_boot *b = &d->boot;

	b->kernel_root = b->initrd_root = DCONF_NONE;
	if (b->kernel[0])
		b->kernel_root = find_root(c, b->kernel);
	if (b->kernel[0] && b->kernel_root == DCONF_NONE)
		fail_outside(c, where, "boot.kernel", b->kernel, "");
	if (b->initrd[0])
		b->initrd_root = find_root(c, b->initrd);
	if (b->initrd[0] && b->initrd_root == DCONF_NONE)
		fail_outside(c, where, "boot.initrd", b->initrd, "");
}

static void check_boot(struct checker *c, struct dconf_domain *d,
		       const char *where)
{
	const struct dconf_boot *b = &d->boot;
	char at[WHERE_MAX];

	place(at, "%s.boot", where);
	if (b->disk && (b->kernel[0] || b->initrd[0] || b->cmdline[0]))
		dconf_error(c->errs, at, "disk and more",
			    "either disk, or kernel with initrd and cmdline");
	else if (!b->disk && !b->kernel[0])
		dconf_error(c->errs, at, "no kernel",
			    "a kernel, or \"disk\": true");
	else if (b->disk && !d->disk_count)
		dconf_error(c->errs, at, "disk", "a disk in disks, or a "
			    "kernel to boot");
	resolve_boot(c, d, where);
}

/* Is the image one of those above it?  Then it would be beneath itself. */
static bool is_above(const struct dconf_disk *disk, uint32_t i)
{
	uint32_t k;

	if (!strcmp(disk->image.path, disk->backing[i].path))
		return true;
	for (k = 0; k < i; k++)
		if (!strcmp(disk->backing[k].path, disk->backing[i].path))
			return true;
	return false;
}

static void check_backing(struct checker *c, struct dconf_disk *disk,
			  const char *where)
{
	char at[WHERE_MAX], value[DCONF_QUOTED_MAX];
	bool qcow2 = disk->image.format == DCONF_QCOW2;
	uint32_t i;

	for (i = 0; i < disk->backing_count; i++) {
		struct dconf_image *image = &disk->backing[i];

		place(at, "%s.backing[%u].path", where, i);
		dconf_quoted(value, image->path);
		image->root = find_root(c, image->path);
		if (!qcow2)
			dconf_error(c->errs, at, value, "nothing: only a "
				    "qcow2 image has another beneath");
		else if (is_above(disk, i))
			dconf_error(c->errs, at, value,
				    "each image of a disk once");
		else if (disk->image.root == DCONF_NONE ||
			 image->root != disk->image.root)
			dconf_error(c->errs, at, value,
				    "a file below the storage root of the "
				    "disk");
		qcow2 = image->format == DCONF_QCOW2;
	}
}

static void check_disk(struct checker *c, struct dconf_domain *d, uint32_t i,
		       const char *domain)
{
	struct dconf_disk *disk = &d->disks[i];
	char where[WHERE_MAX], at[WHERE_MAX], value[DCONF_QUOTED_MAX];
	uint32_t k;

	place(where, "%s.disks[%u]", domain, i);
	disk->slot = disk->device[2] - 'a';
	for (k = 0; k < i; k++) {
		if (d->disks[k].slot != disk->slot)
			continue;
		place(at, "%s.device", where);
		dconf_error(c->errs, at, dconf_quoted(value, disk->device),
			    "a device of its own; disks[%u] has it", k);
	}
	disk->image.root = find_root(c, disk->image.path);
	if (disk->image.root == DCONF_NONE && !is_device(c, disk->image.path))
		fail_outside(c, where, "path", disk->image.path,
			     ", or one of block_devices");
	check_backing(c, disk, where);
}

static void check_vif(struct checker *c, const struct dconf_domain *d,
		      uint32_t i, const char *domain)
{
	char at[WHERE_MAX], value[8];
	uint32_t k;

	for (k = 0; k < i; k++) {
		if (d->vifs[k].device != d->vifs[i].device)
			continue;
		place(at, "%s.vifs[%u].device", domain, i);
		snprintf(value, sizeof(value), "%u", d->vifs[i].device);
		dconf_error(c->errs, at, value,
			    "a number of its own; vifs[%u] has it", k);
	}
}

static void check_domain(struct checker *c, uint32_t i)
{
	struct dconf_domain *d = &c->conf->domains[i];
	char where[WHERE_MAX], at[WHERE_MAX], value[DCONF_QUOTED_MAX];
	uint32_t k;

	place(where, "domains[%u]", i);
	if (domain_conf_is_uuid(d->name) && strcmp(d->name, d->uuid)) {
		place(at, "%s.name", where);
		dconf_error(c->errs, at, dconf_quoted(value, d->name),
			    "a name that is nobody else's uuid");
	}
	for (k = 0; k < d->disk_count; k++)
		check_disk(c, d, k, where);
	for (k = 0; k < d->vif_count; k++)
		check_vif(c, d, k, where);
	check_boot(c, d, where);
}

/* --- between domains ------------------------------------------------------ */

static int order_text(const void *a, const void *b, void *arg)
{
	const char *base = arg;
	size_t size = sizeof(struct dconf_domain);
	const uint16_t *x = a, *y = b;
	int order = strcmp(base + *x * size, base + *y * size);

	return order ? order : *x - *y;
}

/* Sort indexes by the text at `offset` of each domain. */
static int index_texts(struct checker *c, uint16_t **index, size_t offset,
		       const char *key)
{
	uint32_t i, n = c->conf->domain_count;
	const char *base = (const char *)c->conf->domains + offset;
	char at[WHERE_MAX], value[DCONF_QUOTED_MAX];

	*index = calloc(n + 1, sizeof(**index));
	if (!*index)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		(*index)[i] = i;
	if (n)
		qsort_r(*index, n, sizeof(**index), order_text, (void *)base);
	for (i = 1; i < n; i++) {
		size_t was = (*index)[i - 1], is = (*index)[i];
		const char *text = base + is * sizeof(struct dconf_domain);

		if (strcmp(text, base + was * sizeof(struct dconf_domain)))
			continue;
		place(at, "domains[%zu].%s", is, key);
		dconf_error(c->errs, at, dconf_quoted(value, text),
			    "a %s of its own; domains[%zu] has it", key, was);
	}
	return 0;
}

/* Somebody uses something: a port, or a path, to read or to write. */
struct claim {
	const char *what;
	const char *list; /* "vifs", "disks", "backing", "boot" */
	bool alone;	  /* bears nobody beside it */
	uint16_t domain;
	uint16_t item;
};

struct claims {
	struct claim *claims;
	size_t count;
};

static int order_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = strcmp(x->what, y->what);

	if (order)
		return order;
	if (x->domain != y->domain)
		return x->domain - y->domain;
	order = strcmp(x->list, y->list);
	return order ? order : x->item - y->item;
}

static void claim_at(const struct claim *cl, char at[WHERE_MAX])
{
	if (!strcmp(cl->list, "boot"))
		place(at, "domains[%u].boot.%s", cl->domain,
			 cl->item ? "initrd" : "kernel");
	else if (!strcmp(cl->list, "backing"))
		place(at, "domains[%u].disks[%u].backing",
			 cl->domain, cl->item);
	else
		place(at, "domains[%u].%s[%u].%s", cl->domain,
			 cl->list, cl->item,
			 strcmp(cl->list, "vifs") ? "path" : "port");
}

static void claim(struct claims *to, const char *what, const char *list,
		  bool alone, uint32_t domain, uint32_t item)
{
	to->claims[to->count++] = (struct claim){ .what = what, .list = list,
		.alone = alone, .domain = domain, .item = item };
}

static size_t claims_max(const struct domain_conf *conf)
{
	size_t n = 1;
	uint32_t i, k;

	for (i = 0; i < conf->domain_count; i++) {
		const struct dconf_domain *d = &conf->domains[i];

		n += 2 + d->vif_count + d->disk_count;
		for (k = 0; k < d->disk_count; k++)
			n += d->disks[k].backing_count;
	}
	return n;
}

static void claim_ports(struct claims *to, const struct domain_conf *conf)
{
	uint32_t i, k;

	to->count = 0;
	for (i = 0; i < conf->domain_count; i++)
		for (k = 0; k < conf->domains[i].vif_count; k++)
			claim(to, conf->domains[i].vifs[k].port, "vifs", true,
			      i, k);
}

static void claim_disk(struct claims *to, const struct dconf_disk *disk,
		       uint32_t domain, uint32_t item)
{
	uint32_t i;

	claim(to, disk->image.path, "disks", !disk->read_only, domain, item);
	for (i = 0; i < disk->backing_count; i++)
		claim(to, disk->backing[i].path, "backing", false, domain,
		      item);
}

static void claim_paths(struct claims *to, const struct domain_conf *conf)
{
	uint32_t i, k;

	to->count = 0;
	for (i = 0; i < conf->domain_count; i++) {
		const struct dconf_domain *d = &conf->domains[i];

		for (k = 0; k < d->disk_count; k++)
			claim_disk(to, &d->disks[k], i, k);
		if (d->boot.kernel[0])
			claim(to, d->boot.kernel, "boot", false, i, 0);
		if (d->boot.initrd[0])
			claim(to, d->boot.initrd, "boot", false, i, 1);
	}
}

/* Where one who is to be alone is not, the later of the two is told. */
static void check_claims(struct checker *c, struct claims *all,
			 const char *expected)
{
	char at[WHERE_MAX], by[WHERE_MAX], value[DCONF_QUOTED_MAX];
	size_t i, first = 0;
	bool alone = false;

	qsort(all->claims, all->count, sizeof(*all->claims), order_claims);
	for (i = 0; i < all->count; i++) {
		const struct claim *cl = &all->claims[i];

		if (!i || strcmp(cl->what, all->claims[first].what)) {
			first = i;
			alone = cl->alone;
			continue;
		}
		alone |= cl->alone;
		if (!alone)
			continue;
		claim_at(cl, at);
		claim_at(&all->claims[first], by);
		dconf_error(c->errs, at, dconf_quoted(value, cl->what),
			    expected, by);
	}
}

static int check_shared(struct checker *c)
{
	struct claims all = { .count = 0 };

	all.claims = calloc(claims_max(c->conf), sizeof(*all.claims));
	if (!all.claims)
		return -ENOMEM;
	claim_ports(&all, c->conf);
	check_claims(c, &all, "a port of its own; %s has it");
	claim_paths(&all, c->conf);
	check_claims(c, &all, "a path that nobody else uses, unless all only "
		     "read it; %s has it");
	free(all.claims);
	return 0;
}

int dconf_check(struct domain_conf *conf, struct domain_conf_errors *errs)
{
	struct checker c = { .conf = conf, .errs = errs };
	uint32_t i;

	check_roots(&c);
	check_devices(&c);
	for (i = 0; i < conf->domain_count; i++)
		check_domain(&c, i);
	if (index_texts(&c, &conf->by_uuid,
			offsetof(struct dconf_domain, uuid), "uuid") < 0 ||
	    index_texts(&c, &conf->by_name,
			offsetof(struct dconf_domain, name), "name") < 0 ||
	    check_shared(&c) < 0)
		return -ENOMEM;
	return errs->count ? -EINVAL : 0;
}
