/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a domain, as tables of specs and words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc.h"
#include "hypervisor/qemu_args.h"
#include "tests/lib/suite.h"

#define UUID "6f1c1f0a-4b63-4b92-9c57-0d8e3b6f2a11"

static const struct qemu_own_fds own = { .control = 50, .agent = 51,
					 .log = 52 };

static struct engine_spec plain(void)
{
	struct engine_spec spec;

	engine_spec_init(&spec);
	snprintf(spec.name, sizeof(spec.name), "web");
	snprintf(spec.uuid, sizeof(spec.uuid), UUID);
	spec.memory_mib = 128;
	spec.vcpus = 1;
	spec.kernel_fd = 60;
	return spec;
}

static void give_disk(struct engine_spec *spec, unsigned slot,
		      enum engine_format format, unsigned layers)
{
	struct engine_disk *d = &spec->disks[spec->disk_count++];

	d->slot = slot;
	snprintf(d->device, sizeof(d->device), "vd%c", 'a' + slot % 26);
	d->layer_count = layers;
	for (unsigned i = 0; i < layers; i++) {
		d->layers[i].fd = 70 + i;
		d->layers[i].format = format;
	}
}

static void give_vif(struct engine_spec *spec, unsigned number, unsigned queues)
{
	struct engine_vif *v = &spec->vifs[spec->vif_count++];

	*v = (struct engine_vif){ .number = number, .queues = queues,
				  .mac = { 2, 0, 0, 0, 0xa, 1 },
				  .listen_fd = 90 + number };
}

/* How often `option` is followed by `value` (NULL: by anything). */
static unsigned has(const struct qemu_args *a, const char *option,
		    const char *value)
{
	unsigned n = 0;

	for (unsigned i = 0; i + 1 < a->argc; i++)
		n += !strcmp(a->argv[i], option) &&
		     (!value || !strcmp(a->argv[i + 1], value));
	return n;
}

static unsigned has_part(const struct qemu_args *a, const char *part)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->argc; i++)
		n += !!strstr(a->argv[i], part);
	return n;
}

static int number_of(const struct qemu_args *a, int fd)
{
	for (unsigned i = 0; i < a->fd_count; i++)
		if (a->fds[i].fd == fd)
			return a->fds[i].as;
	return -1;
}

static void a_plain_domain_has_the_least(void)
{
	struct engine_spec spec = plain();
	struct qemu_args a;

	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	CU_ASSERT_PTR_NULL(a.argv[a.argc]);
	CU_ASSERT_EQUAL(has(&a, "-name", "guest=web,debug-threads=on"), 1);
	CU_ASSERT_EQUAL(has(&a, "-uuid", UUID), 1);
	CU_ASSERT_EQUAL(has(&a, "-kernel", QEMU_KERNEL_PATH), 1);
	CU_ASSERT_EQUAL(has(&a, "-accel", "tcg,tb-size=64"), 1);
	CU_ASSERT_EQUAL(has(&a, "-object",
			    "memory-backend-memfd,id=ram,size=128M,share=on,"
			    "seal=on,prealloc=on"), 1);
	CU_ASSERT_EQUAL(has(&a, "-sandbox",
			    "on,obsolete=deny,elevateprivileges=deny,"
			    "spawn=deny,resourcecontrol=deny"), 1);
	CU_ASSERT_EQUAL(has_part(&a, "pcie-root-port"), 24);
	CU_ASSERT_EQUAL(has(&a, "-initrd", NULL), 0);
	CU_ASSERT_EQUAL(has(&a, "-append", NULL), 0);
	CU_ASSERT_EQUAL(has(&a, "-incoming", NULL), 0);
	CU_ASSERT_EQUAL(has(&a, "-blockdev", NULL), 0);
	CU_ASSERT_EQUAL(has(&a, "-netdev", NULL), 0);
	CU_ASSERT_EQUAL(has(&a, "-vnc", NULL), 0);
	CU_ASSERT_EQUAL(has_part(&a, "VGA"), 0);
	CU_ASSERT_EQUAL(has_part(&a, "isa-serial"), 0);
	CU_ASSERT_EQUAL(has_part(&a, "i8042=off,graphics=off"), 1);
	qemu_args_clear(&a);
}

static void xsave_is_taken_off_where_it_would_be_lost(void)
{
	struct engine_spec spec = plain();
	struct qemu_args a;

	spec.kvm = true;
	spec.no_xsave = true;
	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	CU_ASSERT_EQUAL(has(&a, "-cpu", "host,xsave=off"), 1);
	qemu_args_clear(&a);
}

static void words_follow_the_spec(void)
{
	struct engine_spec spec = plain();
	struct qemu_args a;

	spec.kvm = true;
	spec.vcpus = 4;
	spec.initrd_fd = 61;
	spec.cmdline = "console=ttyS0 a=b,c -x";
	spec.serial_fd = 62;
	spec.vnc = true;
	spec.restore_fd = 63;
	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	CU_ASSERT_EQUAL(has(&a, "-accel", "kvm"), 1);
	CU_ASSERT_EQUAL(has(&a, "-cpu", "host"), 1);
	CU_ASSERT_EQUAL(has(&a, "-smp", "4,sockets=1,cores=4,threads=1"), 1);
	CU_ASSERT_EQUAL(has(&a, "-initrd", QEMU_INITRD_PATH), 1);
	CU_ASSERT_EQUAL(has(&a, "-append", spec.cmdline), 1);
	CU_ASSERT_EQUAL(has(&a, "-incoming", "defer"), 1);
	CU_ASSERT_EQUAL(has(&a, "-vnc", "none"), 1);
	CU_ASSERT_EQUAL(has_part(&a, "VGA,bus=pcie.0,addr=02.0"), 1);
	CU_ASSERT_EQUAL(has(&a, "-device", "isa-serial,chardev=serial"), 1);
	CU_ASSERT_EQUAL(has_part(&a, "i8042=on,graphics=on"), 1);
	qemu_args_clear(&a);
}

static void descriptors_have_numbers_of_their_own(void)
{
	struct engine_spec spec = plain();
	struct qemu_args a;
	char word[80];

	spec.serial_fd = 62;
	give_disk(&spec, 0, ENGINE_QCOW2, 2);
	give_vif(&spec, 1, 1);
	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	for (unsigned i = 0; i < a.fd_count; i++)
		for (unsigned k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(a.fds[i].as, a.fds[k].as);
	CU_ASSERT_EQUAL(number_of(&a, own.log), 1);
	snprintf(word, sizeof(word),
		 "socket,id=control,fd=%d,server=on,wait=off",
		 number_of(&a, own.control));
	CU_ASSERT_EQUAL(has(&a, "-chardev", word), 1);
	snprintf(word, sizeof(word),
		 "socket,id=vif1,path=/fd/%d,server=on,wait=off",
		 number_of(&a, 91));
	CU_ASSERT_EQUAL(has(&a, "-chardev", word), 1);
	snprintf(word, sizeof(word), "fd=%d,set=1", number_of(&a, 70));
	CU_ASSERT_EQUAL(has(&a, "-add-fd", word), 1);
	snprintf(word, sizeof(word), "fd=%d,set=2", number_of(&a, 71));
	CU_ASSERT_EQUAL(has(&a, "-add-fd", word), 1);
	/* Kernel and initrd are files of the jail, not descriptors. */
	CU_ASSERT_EQUAL(number_of(&a, spec.kernel_fd), -1);
	qemu_args_clear(&a);
}

static void check_json(json_t *json, const char *want)
{
	char *text = json_dumps(json, JSON_COMPACT);

	CU_ASSERT_STRING_EQUAL(text, want);
	if (text && strcmp(text, want))
		printf("%s\n%s\n", text, want);
	free(text);
	json_decref(json);
}

static void formats_and_backing_are_always_said(void)
{
	struct engine_spec spec = plain();
	struct engine_disk *d;

	give_disk(&spec, 2, ENGINE_QCOW2, 2);
	d = &spec.disks[0];
	d->layers[1].format = ENGINE_RAW;
	d->layers[1].block = true;
	check_json(qemu_layer_json(d, 0),
		   "{\"driver\":\"qcow2\",\"node-name\":\"disk2.l0\",\"file\":"
		   "{\"driver\":\"file\",\"filename\":\"/dev/fdset/33\","
		   "\"aio\":\"threads\",\"locking\":\"off\",\"read-only\":"
		   "false,\"discard\":\"unmap\"},\"read-only\":false,\"discard\":\"unmap\","
		   "\"backing\":\"disk2.l1\"}");
	check_json(qemu_layer_json(d, 1),
		   "{\"driver\":\"raw\",\"node-name\":\"disk2.l1\",\"file\":"
		   "{\"driver\":\"host_device\",\"filename\":"
		   "\"/dev/fdset/34\",\"aio\":\"threads\",\"locking\":\"off\","
		   "\"read-only\":true,"
		   "\"discard\":\"unmap\"},\"read-only\":true,\"discard\":"
		   "\"unmap\"}");
	d->layer_count = 1;
	d->read_only = true;
	check_json(qemu_layer_json(d, 0),
		   "{\"driver\":\"qcow2\",\"node-name\":\"disk2.l0\",\"file\":"
		   "{\"driver\":\"file\",\"filename\":\"/dev/fdset/33\","
		   "\"aio\":\"threads\",\"locking\":\"off\",\"read-only\":"
		   "true,\"discard\":\"unmap\"},\"read-only\":true,\"discard\":\"unmap\","
		   "\"backing\":null}");
	d->layers[0].format = ENGINE_VHD;
	check_json(qemu_layer_json(d, 0),
		   "{\"driver\":\"vpc\",\"node-name\":\"disk2.l0\",\"file\":"
		   "{\"driver\":\"file\",\"filename\":\"/dev/fdset/33\","
		   "\"aio\":\"threads\",\"locking\":\"off\",\"read-only\":"
		   "true,\"discard\":\"unmap\"},\"read-only\":true,\"discard\":\"unmap\"}");
}

static void a_vif_says_what_its_engine_can(void)
{
	struct engine_spec spec = plain();

	give_vif(&spec, 3, 0);
	check_json(qemu_vif_json(&spec.vifs[0], true),
		   "{\"driver\":\"virtio-net-pci\",\"id\":\"vif3\",\"bus\":"
		   "\"port3\",\"netdev\":\"vif3\",\"mac\":"
		   "\"02:00:00:00:0a:01\",\"romfile\":\"\"}");
	spec.vifs[0].queues = 2;
	spec.vifs[0].mtu = 9000;
	check_json(qemu_vif_json(&spec.vifs[0], false),
		   "{\"driver\":\"virtio-net-pci\",\"id\":\"vif3\",\"bus\":"
		   "\"port3\",\"netdev\":\"vif3\",\"mac\":"
		   "\"02:00:00:00:0a:01\",\"romfile\":\"\",\"mq\":true,"
		   "\"host_mtu\":9000,\"vectors\":0}");
	check_json(qemu_netdev_json(&spec.vifs[0]),
		   "{\"type\":\"vhost-user\",\"id\":\"vif3\",\"chardev\":"
		   "\"vif3\",\"queues\":2}");
	check_json(qemu_chardev_json("vif3", 27),
		   "{\"id\":\"vif3\",\"backend\":{\"type\":\"socket\","
		   "\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":"
		   "\"/fd/27\"}},\"server\":true,\"wait\":false}}}");
}

static void only_the_first_disk_is_booted(void)
{
	struct engine_spec spec = plain();
	struct qemu_args a;

	spec.kernel_fd = -1;
	give_disk(&spec, 5, ENGINE_RAW, 1);
	give_disk(&spec, 0, ENGINE_RAW, 1);
	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	CU_ASSERT_EQUAL(has_part(&a, "bootindex"), 1);
	CU_ASSERT_EQUAL(has(&a, "-device",
			    "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk5\","
			    "\"bus\":\"port13\",\"drive\":\"disk5.l0\","
			    "\"serial\":\"vdf\",\"werror\":\"enospc\","
			    "\"rerror\":\"report\",\"bootindex\":0}"), 1);
	CU_ASSERT_EQUAL(has(&a, "-kernel", NULL), 0);
	qemu_args_clear(&a);
}

static void the_largest_domain_fits(void)
{
	struct engine_spec spec = plain();
	struct rpc_error err;
	struct qemu_args a;

	for (unsigned i = 0; i < ENGINE_DISKS_MAX; i++)
		give_disk(&spec, i, ENGINE_QCOW2, ENGINE_LAYERS_MAX);
	for (unsigned i = 0; i < ENGINE_VIFS_MAX; i++)
		give_vif(&spec, i, ENGINE_QUEUES_MAX);
	CU_ASSERT_EQUAL(qemu_args_check(&spec, &err), 0);
	CU_ASSERT_EQUAL(qemu_args_build(&a, &spec, &own), 0);
	qemu_args_clear(&a);
}

static void ids_are_read_back(void)
{
	static const struct {
		const char *id;
		bool ok, is_vif;
		unsigned slot;
	} cases[] = {
		{ "vif0", true, true, 0 },     { "vif7", true, true, 7 },
		{ "vif8", false, false, 0 },   { "disk0", true, false, 0 },
		{ "disk15", true, false, 15 }, { "disk16", false, false, 0 },
		{ "disk", false, false, 0 },   { "disk01", false, false, 0 },
		{ "disk0.l0", false, false, 0 }, { "", false, false, 0 },
		{ "vif-1", false, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_vif;
		unsigned slot;
		bool ok = qemu_parse_id(cases[i].id, &is_vif, &slot);

		CU_ASSERT_EQUAL(ok, cases[i].ok);
		if (ok && cases[i].ok) {
			CU_ASSERT_EQUAL(is_vif, cases[i].is_vif);
			CU_ASSERT_EQUAL(slot, cases[i].slot);
		}
	}
}

static void spoil_name(struct engine_spec *s) { s->name[1] = ','; }
static void spoil_no_name(struct engine_spec *s) { s->name[0] = '\0'; }
static void spoil_uuid(struct engine_spec *s) { s->uuid[4] = '/'; }
static void spoil_short_uuid(struct engine_spec *s) { s->uuid[35] = '\0'; }
static void spoil_memory(struct engine_spec *s) { s->memory_mib = 8; }
static void spoil_vcpus(struct engine_spec *s) { s->vcpus = 0; }
static void spoil_slot(struct engine_spec *s) { s->disks[0].slot = 16; }
static void spoil_layers(struct engine_spec *s) { s->disks[0].layer_count = 0; }
static void spoil_device(struct engine_spec *s) { s->disks[0].device[0] = '"'; }
static void spoil_number(struct engine_spec *s) { s->vifs[0].number = 8; }
static void spoil_socket(struct engine_spec *s) { s->vifs[0].listen_fd = -1; }
static void spoil_queues(struct engine_spec *s) { s->vifs[0].queues = 9; }
static void spoil_twice(struct engine_spec *s) { give_vif(s, 0, 1); }
static void spoil_disk_twice(struct engine_spec *s)
{
	give_disk(s, 0, ENGINE_RAW, 1);
}
static void spoil_boot(struct engine_spec *s)
{
	s->kernel_fd = -1;
	s->disk_count = 0;
}

static void what_is_no_domain_is_refused(void)
{
	static void (*const spoil[])(struct engine_spec *) = {
		spoil_name, spoil_no_name, spoil_uuid, spoil_short_uuid,
		spoil_memory, spoil_vcpus, spoil_slot, spoil_layers,
		spoil_device, spoil_number, spoil_socket, spoil_queues,
		spoil_twice, spoil_disk_twice, spoil_boot,
	};

	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct engine_spec spec = plain();
		struct rpc_error err = { 0 };

		give_disk(&spec, 0, ENGINE_RAW, 1);
		give_vif(&spec, 0, 1);
		CU_ASSERT_EQUAL(qemu_args_check(&spec, &err), 0);
		spoil[i](&spec);
		CU_ASSERT_EQUAL(qemu_args_check(&spec, &err), -EINVAL);
		CU_ASSERT_NOT_EQUAL(err.message[0], '\0');
	}
}

static void overhead_grows_with_the_domain(void)
{
	struct engine_spec spec = plain();
	uint64_t least = qemu_args_overhead_bytes(&spec);

	spec.kvm = true;
	CU_ASSERT(qemu_args_overhead_bytes(&spec) < least);
	spec.kvm = false;
	spec.vcpus = 8;
	spec.vnc = true;
	give_vif(&spec, 0, 1);
	CU_ASSERT(qemu_args_overhead_bytes(&spec) > least);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_plain_domain_has_the_least),
		SUITE_TEST(words_follow_the_spec),
		SUITE_TEST(xsave_is_taken_off_where_it_would_be_lost),
		SUITE_TEST(descriptors_have_numbers_of_their_own),
		SUITE_TEST(formats_and_backing_are_always_said),
		SUITE_TEST(a_vif_says_what_its_engine_can),
		SUITE_TEST(only_the_first_disk_is_booted),
		SUITE_TEST(the_largest_domain_fits),
		SUITE_TEST(ids_are_read_back),
		SUITE_TEST(what_is_no_domain_is_refused),
		SUITE_TEST(overhead_grows_with_the_domain),
	};

	return suite_run("qemu_args", tests, sizeof(tests) / sizeof(tests[0]));
}
