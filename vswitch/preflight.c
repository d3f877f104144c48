/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preflight.c: checks that need no rights, in the order a person would mend
 * them.  "missing" stops the switch; "without" costs speed or comfort.
 */
#include "vswitch/preflight.h"

#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/netd_client.h"

#define MEMORY_NEEDED_KB (256 * 1024)
#define FILES_NEEDED 4096

static int missing;

static void good(const char *what)
{
	printf("ok       %s\n", what);
}

static void bad(const char *what, const char *mend)
{
	printf("missing  %s\n         %s\n", what, mend);
	missing = 1;
}

static void without(const char *what, const char *mend)
{
	printf("without  %s\n         %s\n", what, mend);
}

/* First number in a file, or -1. */
static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

long preflight_free_hugepages(void)
{
	long n = read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/"
			     "free_hugepages");

	return n < 0 ? 0 : n;
}

static long available_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = -1;

	if (!f)
		return -1;
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld kB", &kb) != 1)
			kb = -1;
	fclose(f);
	return kb;
}

static void check_cores(const unsigned cores[], unsigned count)
{
	char what[96], mend[128];
	cpu_set_t set;
	unsigned i;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		CPU_ZERO(&set);
	for (i = 0; i < count; i++) {
		snprintf(what, sizeof(what), "core %u", cores[i]);
		snprintf(mend, sizeof(mend),
			 "choose among those of `taskset -cp $$` with --cores");
		if (CPU_ISSET(cores[i], &set))
			good(what);
		else
			bad(what, mend);
	}
	if (CPU_COUNT(&set) <= (int)count)
		without("a core for everything else",
			"name fewer with --cores; workers sleep when idle, "
			"but guests compete with them under load");
}

static void check_memory(void)
{
	long kb = available_kb();

	if (kb >= 0 && kb < MEMORY_NEEDED_KB)
		bad("256 MiB of free memory", "stop something, or add memory");
	else
		good("memory");
	if (preflight_free_hugepages() >= 32)
		good("hugepages");
	else
		without("hugepages (not required)",
			"echo 64 > /proc/sys/vm/nr_hugepages");
}

static void check_kernel(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_max < FILES_NEEDED)
		bad("4096 open files (about 4 a port)",
		    "ulimit -Hn 65536, or LimitNOFILE=65536 in the unit");
	else
		good("open files");
	if (syscall(SYS_memfd_create, "preflight", 1U) < 0)
		bad("memfd_create(2)", "a kernel of 3.17 or later");
	else
		good("memfd");
	if (access("/proc/sys/kernel/seccomp/actions_avail", R_OK) < 0)
		bad("seccomp filters", "a kernel with CONFIG_SECCOMP_FILTER");
	else
		good("seccomp");
}

static void check_netd(const char *path)
{
	struct netd_client *netd;
	struct rpc_error err;

	if (netd_client_open(&netd, path, &err) < 0) {
		without("causeway-netd (needed for tap and packet ports)",
			"start it as root: causeway-netd");
		return;
	}
	good("causeway-netd");
	netd_client_close(netd);
}

/* The state folder, or the nearest that exists above it. */
static void check_state_dir(const char *dir)
{
	char at[4096], what[4200], mend[4300];
	char *slash;

	snprintf(at, sizeof(at), "%s", dir);
	while (access(at, F_OK) < 0 && (slash = strrchr(at, '/')) &&
	       slash != at)
		*slash = '\0';
	snprintf(what, sizeof(what), "state folder %s", dir);
	snprintf(mend, sizeof(mend),
		 "start as root, or install -d -o $USER %s, or --state-dir",
		 dir);
	if (access(at, W_OK | X_OK) < 0)
		bad(what, mend);
	else
		good(what);
}

static void check_user(void)
{
	if (geteuid() != 0)
		good("started without root");
	else if (getpwnam("causeway-switch"))
		good("user causeway-switch");
	else
		bad("user causeway-switch (or --user)",
		    "useradd --system --no-create-home causeway-switch");
}

int preflight(const unsigned cores[], unsigned count,
	      const struct preflight_paths *paths)
{
	check_cores(cores, count);
	check_memory();
	check_kernel();
	check_user();
	check_state_dir(paths->state_dir);
	check_netd(paths->netd);
	return missing;
}

/* A pinned parent does not count: the kernel lets us go to any of our cores. */
bool preflight_cores(const unsigned cores[], unsigned count)
{
	cpu_set_t ours, one;
	bool fine = true;
	unsigned i;

	if (sched_getaffinity(0, sizeof(ours), &ours) < 0)
		return true; /* DPDK will say */
	for (i = 0; i < count && fine; i++) {
		CPU_ZERO(&one);
		CPU_SET(cores[i], &one);
		fine = sched_setaffinity(0, sizeof(one), &one) == 0;
		if (!fine)
			fprintf(stderr, "--cores: there is no core %u for us; "
					"see `nproc --all`\n", cores[i]);
	}
	sched_setaffinity(0, sizeof(ours), &ours);
	return fine;
}
