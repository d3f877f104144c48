/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_jail.c: the pure parts of the jail: where cgroups are and what goes
 * into them, which libraries a program has, which descriptor gets which
 * number, which process is meant.  What it holds is tried from inside by
 * tests/scenario/42_jail.sh.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/rpc.h"
#include "hypervisor/jail.h"
#include "hypervisor/jail_cgroup.h"
#include "hypervisor/jail_fds.h"
#include "hypervisor/jail_proc.h"
#include "hypervisor/jail_seccomp.h"
#include "hypervisor/jail_tree.h"
#include "tests/lib/suite.h"

/* --- where cgroups are ---------------------------------------------------- */

#define V1_MOUNT(c)                                                           \
	"30 25 0:31 / /sys/fs/cgroup/" c " rw,nosuid shared:9 - cgroup "      \
	"cgroup rw," c "\n"
#define V2_MOUNT                                                              \
	"40 25 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define NO_MOUNT "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"

static void v1_hierarchies_are_found_by_controller(void)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];

	jail_hierarchies_parse(h,
			       NO_MOUNT V2_MOUNT V1_MOUNT("memory")
				       V1_MOUNT("pids") V1_MOUNT("cpuacct")
					       V1_MOUNT("cpuset")
						       V1_MOUNT("cpu"),
			       "9:name=systemd:/x\n4:memory:/a/b\n3:cpuset:/\n"
			       "2:cpuacct:/\n8:pids:/p\n1:cpu:/c\n0::/u\n");
	for (int c = 0; c < JAIL_CONTROLLERS; c++) {
		CU_ASSERT_TRUE(h[c].found);
		CU_ASSERT_FALSE(h[c].v2);
	}
	CU_ASSERT_STRING_EQUAL(h[JAIL_MEMORY].own, "/sys/fs/cgroup/memory/a/b");
	CU_ASSERT_STRING_EQUAL(h[JAIL_MEMORY].root, "/sys/fs/cgroup/memory");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPU].own, "/sys/fs/cgroup/cpu/c");
	CU_ASSERT_STRING_EQUAL(h[JAIL_PIDS].own, "/sys/fs/cgroup/pids/p");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPUACCT].own, "/sys/fs/cgroup/cpuacct");
}

static void controllers_of_one_hierarchy_share_it(void)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];

	jail_hierarchies_parse(h, V1_MOUNT("cpu,cpuacct"),
			       "2:cpu,cpuacct:/s\n");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPU].own, h[JAIL_CPUACCT].own);
	CU_ASSERT_FALSE(h[JAIL_MEMORY].found);
}

static void what_v1_lacks_is_taken_from_v2(void)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];

	jail_hierarchies_parse(h, V2_MOUNT V1_MOUNT("memory"),
			       "4:memory:/m\n0::/system.slice/x.service\n");
	CU_ASSERT_FALSE(h[JAIL_MEMORY].v2);
	CU_ASSERT_TRUE(h[JAIL_PIDS].found && h[JAIL_PIDS].v2);
	CU_ASSERT_STRING_EQUAL(
		h[JAIL_PIDS].own,
		"/sys/fs/cgroup/unified/system.slice/x.service");
}

static void a_mount_may_show_a_part(void)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];

	jail_hierarchies_parse(
		h, "30 25 0:31 /docker/7 /cg\\040x rw - cgroup2 none rw\n",
		"0::/docker/7/inner\n");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPU].own, "/cg x/inner");
	/* A path outside of it: a neighbour, or a cgroup namespace. */
	jail_hierarchies_parse(h,
			       "30 25 0:31 /docker/7 /cg rw - cgroup2 n rw\n",
			       "0::/docker/77\n");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPU].own, "/cg");
	jail_hierarchies_parse(h, "30 25 0:31 / /cg rw - cgroup2 n rw\n",
			       "0::/../up\n");
	CU_ASSERT_STRING_EQUAL(h[JAIL_CPU].own, "/cg");
}

static void lines_that_are_not_understood_are_skipped(void)
{
	struct jail_hierarchy h[JAIL_CONTROLLERS];
	char *long_line = malloc(100000);

	memset(long_line, 'x', 99999);
	long_line[99999] = '\0';
	jail_hierarchies_parse(h, "", "");
	CU_ASSERT_FALSE(h[JAIL_CPU].found);
	jail_hierarchies_parse(h, "1 2 3\n- - - - - - - -\n\n", "0\n:\n::\n");
	CU_ASSERT_FALSE(h[JAIL_CPU].found);
	jail_hierarchies_parse(h, long_line, long_line);
	CU_ASSERT_FALSE(h[JAIL_CPU].found);
	free(long_line);
}

/* --- what goes into them -------------------------------------------------- */

/* All values of a controller as "file=text file=text". */
static const char *values(enum jail_controller c, bool v2,
			  const struct jail_limits *l)
{
	static char text[512];
	struct jail_value v[JAIL_VALUES_MAX];
	unsigned n = jail_values(v, c, v2, l);

	*text = '\0';
	for (unsigned i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s=%s", i ? " " : "", v[i].file, v[i].text);
	return text;
}

static void limits_become_values_of_v1(void)
{
	const struct jail_limits l = { .memory_bytes = 1 << 20,
				       .cpu_weight = 200,
				       .cpu_percent = 150,
				       .pids = 64 };

	CU_ASSERT_STRING_EQUAL(values(JAIL_MEMORY, false, &l),
			       "memory.memsw.limit_in_bytes=1048576 "
			       "memory.limit_in_bytes=1048576 "
			       "memory.memsw.limit_in_bytes=1048576 "
			       "memory.swappiness=0");
	CU_ASSERT_STRING_EQUAL(values(JAIL_CPU, false, &l),
			       "cpu.shares=2048 cpu.cfs_period_us=100000 "
			       "cpu.cfs_quota_us=150000");
	CU_ASSERT_STRING_EQUAL(values(JAIL_PIDS, false, &l), "pids.max=64");
	CU_ASSERT_STRING_EQUAL(values(JAIL_CPUACCT, false, &l), "");
}

static void limits_become_values_of_v2(void)
{
	const struct jail_limits l = { .memory_bytes = 1 << 20,
				       .cpu_weight = 200,
				       .cpu_percent = 150,
				       .pids = 64 };

	CU_ASSERT_STRING_EQUAL(values(JAIL_MEMORY, true, &l),
			       "memory.max=1048576 memory.swap.max=0 "
			       "memory.oom.group=1");
	CU_ASSERT_STRING_EQUAL(values(JAIL_CPU, true, &l),
			       "cpu.weight=200 cpu.max=150000 100000");
	CU_ASSERT_STRING_EQUAL(values(JAIL_PIDS, true, &l), "pids.max=64");
}

static void no_limit_has_its_word(void)
{
	const struct jail_limits l = { 0 };

	CU_ASSERT_STRING_EQUAL(values(JAIL_CPU, false, &l),
			       "cpu.shares=1024 cpu.cfs_period_us=100000 "
			       "cpu.cfs_quota_us=-1");
	CU_ASSERT_STRING_EQUAL(values(JAIL_CPU, true, &l),
			       "cpu.weight=100 cpu.max=max 100000");
	CU_ASSERT_STRING_EQUAL(values(JAIL_PIDS, true, &l), "pids.max=max");
	CU_ASSERT_PTR_NOT_NULL(strstr(values(JAIL_MEMORY, true, &l),
				      "memory.max=max"));
	CU_ASSERT_PTR_NOT_NULL(strstr(values(JAIL_MEMORY, false, &l),
				      "memory.limit_in_bytes=-1"));
}

static void a_field_is_found_by_its_whole_name(void)
{
	const char *text = "low 1\noom 5\noom_kill 2\noom_group_kill 7\nx";
	uint64_t v = 99;

	CU_ASSERT_TRUE(jail_field(text, "oom_kill", &v));
	CU_ASSERT_EQUAL(v, 2);
	CU_ASSERT_TRUE(jail_field(text, "low", &v));
	CU_ASSERT_EQUAL(v, 1);
	CU_ASSERT_FALSE(jail_field(text, "kill", &v));
	CU_ASSERT_FALSE(jail_field(text, "x", &v));
	CU_ASSERT_FALSE(jail_field("", "x", &v));
}

/* --- libraries ------------------------------------------------------------ */

static void the_linkers_answer_is_read(void)
{
	struct jail_libs libs;
	char missing[64];

	CU_ASSERT_EQUAL(
		jail_libs_parse(
			&libs,
			"\tlinux-vdso.so.1 (0x00007ffd)\n"
			"\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f17)\n"
			"\tlibm.so.6 => /lib/x/libm.so.6 (0x00007f17)\n"
			"\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f17)\n"
			"\t/lib64/ld-linux-x86-64.so.2 (0x00007f30)\n",
			missing, sizeof(missing)),
		0);
	CU_ASSERT_EQUAL_FATAL(libs.count, 3);
	CU_ASSERT_STRING_EQUAL(libs.paths[0], "/lib/x/libc.so.6");
	CU_ASSERT_STRING_EQUAL(libs.paths[1], "/lib/x/libm.so.6");
	CU_ASSERT_STRING_EQUAL(libs.paths[2], "/lib64/ld-linux-x86-64.so.2");
	jail_libs_free(&libs);
}

static void a_missing_library_is_named(void)
{
	struct jail_libs libs;
	char missing[64];

	CU_ASSERT_EQUAL(jail_libs_parse(&libs,
					"\tliba.so => /a (0x1)\n"
					"\tlibgone.so.3 => not found\n",
					missing, sizeof(missing)),
			-ENOENT);
	CU_ASSERT_STRING_EQUAL(missing, "libgone.so.3");
	jail_libs_free(&libs);
}

static void nonsense_is_no_answer(void)
{
	static const char *const bad[] = { "hello\n", "liba.so => b (0x1)\n",
					   "liba.so => /a\n", "/a\n" };
	struct jail_libs libs;
	char missing[64];

	for (unsigned i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(jail_libs_parse(&libs, bad[i], missing,
						sizeof(missing)),
				-EINVAL);
		jail_libs_free(&libs);
	}
	CU_ASSERT_EQUAL(jail_libs_parse(&libs, "\tstatically linked\n",
					missing, sizeof(missing)),
			0);
	CU_ASSERT_EQUAL(libs.count, 0);
	jail_libs_free(&libs);
}

/* An ELF file with one program header, and what it names. */
struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	char interp[32];
};

static void make_elf(struct elf *e)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->eh.e_ident, ELFMAG, SELFMAG);
	e->eh.e_ident[EI_CLASS] = ELFCLASS64;
	e->eh.e_machine = EM_X86_64;
	e->eh.e_type = ET_DYN;
	e->eh.e_phoff = offsetof(struct elf, ph);
	e->eh.e_phentsize = sizeof(e->ph);
	e->eh.e_phnum = 1;
	e->ph.p_type = PT_INTERP;
	e->ph.p_offset = offsetof(struct elf, interp);
	strcpy(e->interp, "/lib64/ld.so");
	e->ph.p_filesz = sizeof("/lib64/ld.so");
}

static enum jail_elf look(const struct elf *e)
{
	char linker[64];

	return jail_elf_look(e, sizeof(*e), linker, sizeof(linker));
}

static void a_program_names_its_linker(void)
{
	char linker[64];
	struct elf e;

	make_elf(&e);
	CU_ASSERT_EQUAL(jail_elf_look(&e, sizeof(e), linker, sizeof(linker)),
			JAIL_ELF_LINKED);
	CU_ASSERT_STRING_EQUAL(linker, "/lib64/ld.so");
	CU_ASSERT_EQUAL(jail_elf_look(&e, sizeof(e), linker, 4),
			JAIL_ELF_BROKEN);
	e.ph.p_type = PT_DYNAMIC;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_OBJECT);
	e.eh.e_type = ET_EXEC;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_STATIC);
	e.eh.e_machine = EM_PPC64;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_NOT);
	CU_ASSERT_EQUAL(jail_elf_look("#!/bin/sh\n", 10, linker, 64),
			JAIL_ELF_NOT);
}

static void an_elf_file_that_lies_is_broken(void)
{
	struct elf e;

	make_elf(&e);
	e.ph.p_offset = UINT64_MAX - 4;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.ph.p_filesz = UINT64_MAX;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.ph.p_filesz = 0;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.ph.p_filesz--; /* no NUL */
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.interp[0] = 'x';
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.eh.e_phoff = UINT64_MAX;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
	make_elf(&e);
	e.eh.e_phnum = 0xffff;
	CU_ASSERT_EQUAL(look(&e), JAIL_ELF_BROKEN);
}

/* --- the tree ------------------------------------------------------------- */

static const struct jail_mount *mount_of(const struct jail_tree *t,
					 const char *path)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (!strcmp(t->mounts[i].path, path))
			return &t->mounts[i];
	}
	return NULL;
}

/* This test's own program: it has libraries. */
static void a_tree_has_the_program_and_its_libraries(void)
{
	char self[512] = "";
	const char *files[] = { "/etc/passwd", "/etc", self, NULL };
	struct jail_tree t;
	struct rpc_error err;

	CU_ASSERT_TRUE_FATAL(readlink("/proc/self/exe", self, 511) > 0);
	CU_ASSERT_EQUAL_FATAL(jail_tree_plan(&t, self, files, &err), 0);
	CU_ASSERT_TRUE(t.count >= 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mount_of(&t, self));
	CU_ASSERT_TRUE(mount_of(&t, self)->runs);
	CU_ASSERT_PTR_NOT_NULL(mount_of(&t, "/lib64/ld-linux-x86-64.so.2"));
	/* In a folder that is shown anyway. */
	CU_ASSERT_PTR_NULL(mount_of(&t, "/etc/passwd"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mount_of(&t, "/etc"));
	CU_ASSERT_TRUE(mount_of(&t, "/etc")->folder);
	CU_ASSERT_FALSE(mount_of(&t, "/etc")->runs);
	jail_tree_free(&t);
	jail_tree_forget();
}

static void paths_that_lead_elsewhere_are_refused(void)
{
	static const char *const bad[] = { "/etc/../etc/passwd", "//etc/passwd",
					   "/etc/./passwd", "/etc/passwd/" };
	struct rpc_error err;
	char self[512] = "";
	struct jail_tree t;

	CU_ASSERT_TRUE_FATAL(readlink("/proc/self/exe", self, 511) > 0);
	for (unsigned i = 0; i < 3; i++) {
		const char *files[] = { bad[i], NULL };

		CU_ASSERT_EQUAL(jail_tree_plan(&t, self, files, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "plain"));
	}
	CU_ASSERT_EQUAL(jail_tree_plan(&t, "bin/sh", NULL, &err), -EINVAL);
	CU_ASSERT_EQUAL(jail_tree_plan(&t, "/nothing", NULL, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/nothing"));
	CU_ASSERT_EQUAL(jail_tree_plan(&t, "/etc/passwd", NULL, &err),
			-ENOEXEC);
	CU_ASSERT_EQUAL(t.count, 0);
	jail_tree_forget();
}

static void a_program_that_changed_is_asked_again(void)
{
	char self[512] = "", copy[] = "/tmp/jail-test-XXXXXX", command[1200];
	struct rpc_error err;
	struct jail_tree t;
	unsigned before;

	CU_ASSERT_TRUE_FATAL(readlink("/proc/self/exe", self, 511) > 0);
	close(mkstemp(copy));
	snprintf(command, sizeof(command), "cp %s %s", self, copy);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL_FATAL(jail_tree_plan(&t, copy, NULL, &err), 0);
	before = t.count;
	jail_tree_free(&t);
	/* Another program, with other libraries, at the same path. */
	snprintf(command, sizeof(command), "cp /usr/bin/true %s", copy);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL_FATAL(jail_tree_plan(&t, copy, NULL, &err), 0);
	CU_ASSERT_TRUE(t.count < before);
	jail_tree_free(&t);
	jail_tree_forget();
	unlink(copy);
}

/* --- descriptors ---------------------------------------------------------- */

static void descriptors_get_their_places_and_the_rest_is_closed(void)
{
	const struct jail_fd fds[] = { { 9, 7 }, { 7, 3 }, { 5, 1 } };
	struct jail_fd_plan p;
	struct rpc_error err;

	CU_ASSERT_EQUAL_FATAL(jail_fd_plan(&p, fds, 3, &err), 0);
	CU_ASSERT_EQUAL_FATAL(p.move_count, 5);
	CU_ASSERT_EQUAL(p.moves[0].fd, JAIL_FDS_NULL);
	CU_ASSERT_EQUAL(p.moves[1].fd, 5);
	CU_ASSERT_EQUAL(p.moves[2].fd, JAIL_FDS_NULL);
	CU_ASSERT_EQUAL(p.moves[3].fd, 7);
	CU_ASSERT_EQUAL(p.moves[4].as, 7);
	CU_ASSERT_EQUAL_FATAL(p.gap_count, 2);
	CU_ASSERT_EQUAL(p.gaps[0].first, 4);
	CU_ASSERT_EQUAL(p.gaps[0].last, 6);
	CU_ASSERT_EQUAL(p.gaps[1].first, 8);
	CU_ASSERT_EQUAL(p.gaps[1].last, JAIL_FDS_FLOOR - 1);
}

/* Whatever is asked for, each number is a place or in a gap, and once. */
static void no_number_is_forgotten(void)
{
	struct jail_fd fds[JAIL_FDS_MAX];
	struct jail_fd_plan p;
	struct rpc_error err;

	srandom(42);
	for (unsigned round = 0; round < 200; round++) {
		static int covered[JAIL_FD_AS_MAX];
		unsigned n = (unsigned)random() % (JAIL_FDS_MAX + 1);
		unsigned step = 1 + (unsigned)random() % 7;

		memset(covered, 0, sizeof(covered));
		for (unsigned i = 0; i < n; i++)
			fds[i] = (struct jail_fd){ (int)i, (int)(i * step) };
		CU_ASSERT_EQUAL_FATAL(jail_fd_plan(&p, fds, n, &err), 0);
		for (unsigned i = 0; i < p.move_count; i++)
			covered[p.moves[i].as]++;
		for (unsigned i = 0; i < p.gap_count; i++) {
			for (unsigned k = p.gaps[i].first; k <= p.gaps[i].last;
			     k++)
				covered[k]++;
		}
		for (unsigned k = 0; k < JAIL_FD_AS_MAX; k++)
			CU_ASSERT_EQUAL_FATAL(covered[k], 1);
	}
}

static void places_that_cannot_be_are_refused(void)
{
	const struct jail_fd twice[] = { { 4, 3 }, { 5, 3 } };
	const struct jail_fd below[] = { { 4, -1 } };
	const struct jail_fd above[] = { { 4, JAIL_FD_AS_MAX } };
	const struct jail_fd none[] = { { -1, 3 } };
	struct jail_fd_plan p;
	struct rpc_error err;

	CU_ASSERT_EQUAL(jail_fd_plan(&p, twice, 2, &err), -EINVAL);
	CU_ASSERT_EQUAL(jail_fd_plan(&p, below, 1, &err), -EINVAL);
	CU_ASSERT_EQUAL(jail_fd_plan(&p, above, 1, &err), -EINVAL);
	CU_ASSERT_EQUAL(jail_fd_plan(&p, none, 1, &err), -EINVAL);
	CU_ASSERT_EQUAL(jail_fd_plan(&p, NULL, JAIL_FDS_MAX + 1, &err),
			-EINVAL);
}

/* --- processes and calls -------------------------------------------------- */

static void a_start_time_is_found_behind_any_name(void)
{
	const char *rest = "S 1 9 9 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 "
			   "12345 3";
	char text[256];
	uint64_t t = 0;

	snprintf(text, sizeof(text), "9 (a) R 1 2 (b)) %s", rest);
	CU_ASSERT_EQUAL(jail_proc_parse(text, &t), 0);
	CU_ASSERT_EQUAL(t, 12345);
	CU_ASSERT_EQUAL(jail_proc_parse("9 (x) S 1 2", &t), -EINVAL);
	CU_ASSERT_EQUAL(jail_proc_parse("", &t), -EINVAL);
	CU_ASSERT_EQUAL(jail_proc_start(getpid(), &t), 0);
	CU_ASSERT_NOT_EQUAL(t, 12345);
}

static void filters_are_made_once(void)
{
	struct rpc_error err;
	const struct sock_fprog *model, *kvm, *tool, *all;

	model = jail_seccomp(JAIL_CALLS_MODEL, false, &err);
	kvm = jail_seccomp(JAIL_CALLS_MODEL, true, &err);
	tool = jail_seccomp(JAIL_CALLS_TOOL, false, &err);
	all = jail_seccomp(JAIL_CALLS_ALL, false, &err);
	CU_ASSERT_TRUE_FATAL(model && kvm && tool && all);
	CU_ASSERT_TRUE(model->len > 100 && model->len < 2000);
	CU_ASSERT_TRUE(kvm->len > model->len);
	CU_ASSERT_TRUE(tool->len < model->len);
	CU_ASSERT_EQUAL(all->len, 0);
	CU_ASSERT_PTR_EQUAL(jail_seccomp(JAIL_CALLS_MODEL, false, &err), model);
	jail_seccomp_forget();
}

int main(void)
{
	const struct suite_test tests[] = {
		SUITE_TEST(v1_hierarchies_are_found_by_controller),
		SUITE_TEST(controllers_of_one_hierarchy_share_it),
		SUITE_TEST(what_v1_lacks_is_taken_from_v2),
		SUITE_TEST(a_mount_may_show_a_part),
		SUITE_TEST(lines_that_are_not_understood_are_skipped),
		SUITE_TEST(limits_become_values_of_v1),
		SUITE_TEST(limits_become_values_of_v2),
		SUITE_TEST(no_limit_has_its_word),
		SUITE_TEST(a_field_is_found_by_its_whole_name),
		SUITE_TEST(the_linkers_answer_is_read),
		SUITE_TEST(a_missing_library_is_named),
		SUITE_TEST(nonsense_is_no_answer),
		SUITE_TEST(a_program_names_its_linker),
		SUITE_TEST(an_elf_file_that_lies_is_broken),
		SUITE_TEST(a_tree_has_the_program_and_its_libraries),
		SUITE_TEST(paths_that_lead_elsewhere_are_refused),
		SUITE_TEST(a_program_that_changed_is_asked_again),
		SUITE_TEST(descriptors_get_their_places_and_the_rest_is_closed),
		SUITE_TEST(no_number_is_forgotten),
		SUITE_TEST(places_that_cannot_be_are_refused),
		SUITE_TEST(a_start_time_is_found_behind_any_name),
		SUITE_TEST(filters_are_made_once),
	};

	return suite_run("jail", tests, sizeof(tests) / sizeof(tests[0]));
}
