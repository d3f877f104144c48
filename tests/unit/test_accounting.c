/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_accounting.c: numbers from files as kernels have written them, below a
 * folder of the test's; and from this process, which is real.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hypervisor/accounting.h"
#include "tests/lib/suite.h"

static char root[] = "/tmp/causeway-accounting.XXXXXX";
static struct accounting *a;
static struct accounting_domain *d;
static struct accounting_sample s;

/* Ticks of 10 ms, as sysconf() says on every Linux that is built today. */
static const char stat_text[] =
	"4242 (qemu) a) b) S 1 4242 4242 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 "
	"6 0 1000 900000000 2560 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 "
	"17 1 0 0 0 0 0\n";

static void file(const char *path, const char *text)
{
	char full[300], command[400];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	snprintf(command, sizeof(command), "mkdir -p $(dirname '%s')", full);
	CU_ASSERT_FATAL(!system(command));
	f = fopen(full, "w");
	CU_ASSERT_FATAL(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void begin(const char *mountinfo, const char *cgroup)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s/*", root);
	CU_ASSERT_FATAL(!system(command));
	file("/proc/self/mountinfo", mountinfo);
	file("/proc/self/cgroup", "4:memory:/host\n3:cpu,cpuacct:/\n"
				  "2:blkio:/\n0::/host\n");
	file("/proc/4242/cgroup", cgroup);
	file("/proc/4242/stat", stat_text);
	file("/proc/4242/io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\n"
			      "read_bytes: 4096\nwrite_bytes: 8192\n"
			      "cancelled_write_bytes: 0\n");
	CU_ASSERT_FATAL(!accounting_new(&a, root));
	CU_ASSERT_FATAL(!accounting_attach(&d, a, 4242, 1000));
}

static void end(void)
{
	accounting_detach(d);
	accounting_free(a);
}

static void sample_at(uint64_t seconds)
{
	CU_ASSERT(!accounting_sample(d, seconds * 1000000000, &s));
}

static const char v1_mounts[] =
	"22 1 0:5 / /proc rw - proc proc rw\n"
	"35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup "
	"rw,memory\n"
	"36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
	"rw,cpu,cpuacct\n"
	"37 31 0:34 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	"38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static void version_1_is_read(void)
{
	begin(v1_mounts, "12:cpuset:/other\n4:memory:/causeway/web\n"
			 "3:cpu,cpuacct:/causeway/web\n2:blkio:/causeway/web\n"
			 "0::/\n");
	accounting_detach(d);
	file("/sys/fs/cgroup/cpu,cpuacct/causeway/web/cpuacct.usage",
	     "7000000000\n");
	file("/sys/fs/cgroup/cpu,cpuacct/causeway/web/cpu.stat",
	     "nr_periods 10\nnr_throttled 3\nthrottled_time 123456\n");
	file("/sys/fs/cgroup/memory/causeway/web/memory.usage_in_bytes",
	     "104857600\n");
	file("/sys/fs/cgroup/memory/causeway/web/memory.max_usage_in_bytes",
	     "209715200\n");
	file("/sys/fs/cgroup/memory/causeway/web/memory.limit_in_bytes",
	     "9223372036854771712\n");
	file("/sys/fs/cgroup/memory/causeway/web/memory.oom_control",
	     "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	file("/sys/fs/cgroup/blkio/causeway/web/"
	     "blkio.throttle.io_service_bytes",
	     "8:0 Read 1000\n8:0 Write 20\n8:0 Sync 1020\n8:0 Async 0\n"
	     "8:0 Discard 0\n8:0 Total 1020\n8:16 Read 1\n8:16 Write 2\n"
	     "Total 1023\n");
	file("/sys/fs/cgroup/blkio/causeway/web/blkio.throttle.io_serviced",
	     "8:0 Read 5\n8:0 Write 6\n8:0 Total 11\nTotal 11\n");
	CU_ASSERT_FATAL(!accounting_attach(&d, a, 4242, 1000));
	sample_at(20);
	CU_ASSERT_EQUAL(s.cpu_ns, 7000000000);
	CU_ASSERT_EQUAL(s.throttled_ns, 123456);
	CU_ASSERT_EQUAL(s.runtime_ms, 10000);
	CU_ASSERT_EQUAL(s.memory_bytes, 104857600);
	CU_ASSERT_EQUAL(s.memory_peak_bytes, 209715200);
	CU_ASSERT_EQUAL(s.memory_limit_bytes, 0);
	CU_ASSERT_EQUAL(s.oom_kills, 2);
	CU_ASSERT_EQUAL(s.read_bytes, 1001);
	CU_ASSERT_EQUAL(s.write_bytes, 22);
	CU_ASSERT_EQUAL(s.reads, 5);
	CU_ASSERT_EQUAL(s.writes, 6);
	end();
}

static const char v2_mounts[] =
	"30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
	"rw,nsdelegate\n";

#define WEB2 "/sys/fs/cgroup/causeway/web/"

static void version_2_is_read(void)
{
	begin(v2_mounts, "0::/causeway/web\n");
	accounting_detach(d);
	file(WEB2 "cpu.stat", "usage_usec 2500000\nuser_usec 2000000\n"
			      "system_usec 500000\nnr_periods 0\n"
			      "nr_throttled 0\nthrottled_usec 77\n");
	file(WEB2 "memory.current", "1000\n");
	file(WEB2 "memory.peak", "2000\n");
	file(WEB2 "memory.max", "268435456\n");
	file(WEB2 "memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n"
				   "oom_group_kill 0\n");
	file(WEB2 "io.stat", "8:0 rbytes=100 wbytes=20 rios=3 wios=4 dbytes=9 "
			     "dios=9\n254:0 rbytes=1 wbytes=2 rios=1 wios=1 "
			     "dbytes=0 dios=0\n");
	CU_ASSERT_FATAL(!accounting_attach(&d, a, 4242, 1000));
	sample_at(11);
	CU_ASSERT_EQUAL(s.cpu_ns, 2500000000);
	CU_ASSERT_EQUAL(s.throttled_ns, 77000);
	CU_ASSERT_EQUAL(s.memory_bytes, 1000);
	CU_ASSERT_EQUAL(s.memory_peak_bytes, 2000);
	CU_ASSERT_EQUAL(s.memory_limit_bytes, 268435456);
	CU_ASSERT_EQUAL(s.oom_kills, 1);
	CU_ASSERT_EQUAL(s.read_bytes, 101);
	CU_ASSERT_EQUAL(s.write_bytes, 22);
	CU_ASSERT_EQUAL(s.reads, 4);
	CU_ASSERT_EQUAL(s.writes, 5);
	CU_ASSERT_EQUAL(s.cpu_share, 0);
	file(WEB2 "cpu.stat", "usage_usec 3500000\n");
	file(WEB2 "memory.max", "max\n");
	sample_at(13);
	CU_ASSERT_DOUBLE_EQUAL(s.cpu_share, 0.5, 1e-9);
	CU_ASSERT_EQUAL(s.memory_limit_bytes, 0);
	end();
}

/* Without the memory controller, and where only a part of it is mounted. */
static void parts_of_version_2_will_do(void)
{
	begin("30 1 0:26 /machine /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	      "0::/machine/causeway/web\n");
	accounting_detach(d);
	file(WEB2 "cpu.stat", "usage_usec 10\n");
	CU_ASSERT_FATAL(!accounting_attach(&d, a, 4242, 1000));
	sample_at(11);
	CU_ASSERT_EQUAL(s.cpu_ns, 10000);
	CU_ASSERT_EQUAL(s.memory_bytes,
			2560 * (uint64_t)sysconf(_SC_PAGESIZE));
	CU_ASSERT_EQUAL(s.read_bytes, 4096);
	end();
}

/* All the host's numbers are not this domain's. */
static void a_cgroup_of_others_is_not_read(void)
{
	begin(v1_mounts, "4:memory:/host\n3:cpu,cpuacct:/\n2:blkio:/\n0::/\n");
	accounting_detach(d);
	file("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "99\n");
	file("/sys/fs/cgroup/memory/host/memory.usage_in_bytes", "99\n");
	file("/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes",
	     "8:0 Read 99\n");
	CU_ASSERT_FATAL(!accounting_attach(&d, a, 4242, 1000));
	sample_at(11);
	CU_ASSERT_EQUAL(s.cpu_ns, 2000000000); /* 200 ticks */
	CU_ASSERT_EQUAL(s.memory_bytes,
			2560 * (uint64_t)sysconf(_SC_PAGESIZE));
	CU_ASSERT_EQUAL(s.memory_peak_bytes, 0);
	CU_ASSERT_EQUAL(s.read_bytes, 4096);
	CU_ASSERT_EQUAL(s.write_bytes, 8192);
	end();
}

static void thread(const char *tid, const char *name, const char *ns)
{
	char path[100];

	snprintf(path, sizeof(path), "/proc/4242/task/%s/comm", tid);
	file(path, name);
	snprintf(path, sizeof(path), "/proc/4242/task/%s/schedstat", tid);
	file(path, ns);
}

static void virtual_cpus_are_told_by_their_names(void)
{
	char path[100];

	begin(v2_mounts, "0::/\n");
	thread("4242", "qemu-system-x86\n", "5 0 1\n");
	thread("4250", "CPU 1/KVM\n", "2000 7 1\n");
	thread("4249", "CPU 0/TCG\n", "1000 7 1\n");
	thread("4251", "CPU 99/TCG\n", "9 9 9\n");
	thread("4252", "CPU -1/TCG\n", "9 9 9\n");
	thread("4253", "CPU 1x/TCG\n", "9 9 9\n");
	sample_at(11);
	CU_ASSERT_EQUAL(s.vcpu_count, 2);
	CU_ASSERT_EQUAL(s.vcpu_ns[0], 1000);
	CU_ASSERT_EQUAL(s.vcpu_ns[1], 2000);
	/* without schedstat, in ticks */
	snprintf(path, sizeof(path), "%s/proc/4242/task/4250/schedstat", root);
	unlink(path);
	file("/proc/4242/task/4250/stat", stat_text);
	sample_at(12);
	CU_ASSERT_EQUAL(s.vcpu_ns[1], 2000000000);
	snprintf(path, sizeof(path), "rm -r %s/proc/4242/task/4250", root);
	CU_ASSERT(!system(path));
	sample_at(13);
	CU_ASSERT_EQUAL(s.vcpu_count, 1);
	end();
}

static void another_process_of_the_same_pid_is_none(void)
{
	begin(v2_mounts, "0::/causeway/web\n");
	file("/proc/4242/stat",
	     "4242 (other) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 1001 9 9\n");
	CU_ASSERT_EQUAL(accounting_sample(d, 1, &s), -ESRCH);
	accounting_detach(d);
	CU_ASSERT_EQUAL(accounting_attach(&d, a, 4242, 1000), -ESRCH);
	CU_ASSERT_EQUAL(accounting_attach(&d, a, 4243, 1000), -ESRCH);
	CU_ASSERT(!accounting_attach(&d, a, 4242, 1001));
	file("/proc/4242/stat", "4242 (cut");
	CU_ASSERT_EQUAL(accounting_sample(d, 1, &s), -ESRCH);
	end();
}

static void facts_hold_all_of_it(void)
{
	const struct accounting_sample sample = {
		.cpu_ns = 5, .memory_limit_bytes = 7, .vcpu_count = 2,
		.vcpu_ns = { 1, 2 }, .cpu_share = 0.25,
	};
	json_t *o = accounting_json(&sample);

	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "cpu_ns")), 5);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(o, "vcpu_ns")), 2);
	CU_ASSERT_EQUAL(json_object_size(o), 13);
	json_decref(o);
}

static uint64_t own_start_time(void)
{
	FILE *f = fopen("/proc/self/stat", "r");
	unsigned long long start = 0;

	CU_ASSERT_FATAL(f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d "
				       "%*u %*u %*u %*u %*u %*u %*u %*d %*d "
				       "%*d %*d %*d %*d %llu", &start) == 1);
	fclose(f);
	return start;
}

static void this_kernel_is_understood(void)
{
	struct timespec ts;
	unsigned i;

	CU_ASSERT_FATAL(!accounting_new(&a, ""));
	CU_ASSERT_FATAL(!accounting_attach(&d, a, getpid(), own_start_time()));
	for (i = 0; i < 13; i++) {
		clock_gettime(CLOCK_BOOTTIME, &ts);
		CU_ASSERT(!accounting_sample(
			d, ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec, &s));
	}
	CU_ASSERT(s.memory_bytes > 100000);
	CU_ASSERT(s.runtime_ms < 3600000);
	end();
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(version_1_is_read),
		SUITE_TEST(version_2_is_read),
		SUITE_TEST(parts_of_version_2_will_do),
		SUITE_TEST(a_cgroup_of_others_is_not_read),
		SUITE_TEST(virtual_cpus_are_told_by_their_names),
		SUITE_TEST(another_process_of_the_same_pid_is_none),
		SUITE_TEST(facts_hold_all_of_it),
		SUITE_TEST(this_kernel_is_understood),
	};
	char command[100];
	int rc;

	if (!mkdtemp(root))
		return 1;
	rc = suite_run("accounting", tests, sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) ? 1 : rc;
}
