/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_ctl.c: jails from the command line, for 42_jail.sh.
 *
 *	jail-ctl FOLDER run   OPTION... -- PROGRAM ARG...
 *	jail-ctl FOLDER start OPTION... -- PROGRAM ARG...   prints PID START
 *	jail-ctl FOLDER adopt NAME PID START end|kill|usage|limit=BYTES
 *	jail-ctl FOLDER time N OPTION... -- PROGRAM ARG...
 *	jail-ctl FOLDER sweep
 *
 * FOLDER is that of the cgroups.  `run` is jail_run(): it prints the output,
 * then how it ended.  `start` leaves the program running.  `adopt` finds it,
 * as a hypervisord started anew would.  `time` starts N one after the other
 * and says how long that took.
 *
 * Options: name= uid= calls=model|tool|all memory= cpu= weight= pids= nofile=
 * fsize= file=PATH image=PATH:AS (writable: imagew=) fd=N:AS oom= env= kvm
 * timeout=MS out=BYTES input=TEXT
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rpc.h"
#include "hypervisor/jail.h"
#include "hypervisor/jail_proc.h"

#define MANY 64

static const char *files[MANY];
static const char *env[MANY];
static struct jail_image images[JAIL_IMAGES_MAX];
static struct jail_fd fds[MANY];
static struct jail_spec spec = {
	.name = "t",
	.uid = 65500,
	.gid = 65500,
	.files = files,
	.env = env,
	.images = images,
	.fds = fds,
	.calls = JAIL_CALLS_MODEL,
};
static struct jail_run run = { .timeout_ms = 10000, .output_max = 65536 };
static unsigned file_count, env_count;

static int die(const struct rpc_error *err)
{
	fprintf(stderr, "%s%s%s\n", err->message, *err->hint ? ": " : "",
		err->hint);
	return 1;
}

/* "PATH:AS" is cut in two. */
static int add_image(char *value, bool writable)
{
	char *as = strrchr(value, ':');

	if (!as || spec.image_count == JAIL_IMAGES_MAX)
		return -EINVAL;
	*as++ = '\0';
	images[spec.image_count].fd = open(value, O_PATH | O_CLOEXEC);
	images[spec.image_count].as = as;
	images[spec.image_count++].writable = writable;
	return images[spec.image_count - 1].fd < 0 ? -errno : 0;
}

static void set_calls(const char *value)
{
	spec.calls = !strcmp(value, "all")  ? JAIL_CALLS_ALL :
		     !strcmp(value, "tool") ? JAIL_CALLS_TOOL :
					      JAIL_CALLS_MODEL;
}

static int set_number(const char *key, uint64_t n)
{
	struct jail_limits *l = &spec.limits;

	if (!strcmp(key, "uid"))
		spec.uid = spec.gid = (uid_t)n;
	else if (!strcmp(key, "memory"))
		l->memory_bytes = n;
	else if (!strcmp(key, "cpu"))
		l->cpu_percent = (unsigned)n;
	else if (!strcmp(key, "weight"))
		l->cpu_weight = (unsigned)n;
	else if (!strcmp(key, "pids"))
		l->pids = (unsigned)n;
	else if (!strcmp(key, "nofile"))
		l->nofile = (unsigned)n;
	else if (!strcmp(key, "fsize"))
		l->fsize_bytes = n;
	else if (!strcmp(key, "oom"))
		spec.oom_score_adj = (int)n;
	else if (!strcmp(key, "timeout"))
		run.timeout_ms = (unsigned)n;
	else if (!strcmp(key, "out"))
		run.output_max = n;
	else
		return -EINVAL;
	return 0;
}

static int set(const char *key, char *value)
{
	int rc = 0;

	if (!strcmp(key, "kvm"))
		spec.kvm = true;
	else if (!value)
		rc = -EINVAL;
	else if (!strcmp(key, "name"))
		spec.name = value;
	else if (!strcmp(key, "calls"))
		set_calls(value);
	else if (!strcmp(key, "input"))
		run.input = value;
	else if (!strcmp(key, "file") && file_count < MANY - 1)
		files[file_count++] = value;
	else if (!strcmp(key, "env") && env_count < MANY - 1)
		env[env_count++] = value;
	else if (!strncmp(key, "image", 5))
		rc = add_image(value, key[5] == 'w');
	else if (!strcmp(key, "fd") && spec.fd_count < MANY)
		rc = sscanf(value, "%d:%d", &fds[spec.fd_count].fd,
			    &fds[spec.fd_count].as) == 2 ?
			     (spec.fd_count++, 0) :
			     -EINVAL;
	else
		rc = set_number(key, strtoull(value, NULL, 10));
	if (rc)
		fprintf(stderr, "jail-ctl: %s: %s\n", key, strerror(-rc));
	return rc;
}

static int options(char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++) {
		char *value = strchr(*argv, '=');

		if (value)
			*value++ = '\0';
		if (set(*argv, value))
			return -EINVAL;
	}
	if (!*argv)
		return -EINVAL;
	spec.argv = (const char *const *)argv + 1;
	return 0;
}

static int do_run(void)
{
	struct rpc_error err;

	if (jail_run(&spec, &run, &err))
		return die(&err);
	fwrite(run.output, 1, run.output_len, stdout);
	printf("it %s%s%s\n", run.end.text,
	       run.timed_out ? ", time was up" : "",
	       run.cut ? ", its output is cut" : "");
	free(run.output);
	return run.end.known && !run.end.signalled ? run.end.status : 99;
}

static int do_start(void)
{
	struct jail_process p;
	struct rpc_error err;

	fds[spec.fd_count++] = (struct jail_fd){ 2, 2 };
	if (jail_spawn(&spec, &p, &err))
		return die(&err);
	printf("%d %llu\n", (int)p.pid, (unsigned long long)p.start_time);
	jail_leave(&p);
	return 0;
}

static int end(struct jail_process *p)
{
	struct jail_end e;

	jail_proc_wait(p->pidfd, 20000);
	if (jail_ended(p, &e))
		return 1;
	printf("it %s\n", e.text);
	for (int i = 0; i < 1000 && jail_gone(p) == -EBUSY; i++)
		poll(NULL, 0, 1);
	return 0;
}

static int do_adopt(char **argv)
{
	struct jail_usage u;
	struct jail_process p;
	struct rpc_error err;

	if (jail_adopt(argv[0], atoi(argv[1]), strtoull(argv[2], NULL, 10), &p,
		       &err))
		return die(&err);
	if (!strcmp(argv[3], "kill"))
		jail_kill(&p);
	if (!strcmp(argv[3], "kill") || !strcmp(argv[3], "end"))
		return end(&p);
	if (!strncmp(argv[3], "limit=", 6)) {
		struct jail_limits l = { .memory_bytes = strtoull(
						 argv[3] + 6, NULL, 10) };

		if (jail_set_limits(&p, &l, &err))
			return die(&err);
	}
	if (jail_usage(&p, &u))
		return 1;
	printf("cpu_ms=%llu memory=%llu peak=%llu pids=%u oom=%u "
	       "throttled_ms=%llu\n",
	       (unsigned long long)u.cpu_ns / 1000000,
	       (unsigned long long)u.memory_bytes,
	       (unsigned long long)u.memory_peak_bytes, u.pids, u.oom_kills,
	       (unsigned long long)u.throttled_ns / 1000000);
	jail_leave(&p);
	return 0;
}

static int do_time(int n)
{
	struct timespec a, b;
	double ms, worst = 0, sum = 0;
	int free_fd = dup(0); /* the lowest that is free */

	for (int i = 0; i < n; i++) {
		struct jail_process p;
		struct rpc_error err;

		clock_gettime(CLOCK_MONOTONIC, &a);
		if (jail_spawn(&spec, &p, &err))
			return die(&err);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 +
		     (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		sum += ms;
		worst = ms > worst ? ms : worst;
		jail_kill(&p);
		jail_proc_wait(p.pidfd, 5000);
		for (int t = 0; t < 1000 && jail_gone(&p) == -EBUSY; t++)
			poll(NULL, 0, 1);
	}
	printf("mean %.1f ms, worst %.1f ms, %d descriptors more\n", sum / n,
	       worst, dup(0) - free_fd - 1);
	return 0;
}

static bool none(const char *name, void *arg)
{
	return false;
}

int main(int argc, char **argv)
{
	struct rpc_error err;

	if (argc < 3)
		return 2;
	if (jail_init(argv[1], &err))
		return die(&err);
	if (!strcmp(argv[2], "sweep")) {
		printf("%u removed\n", jail_sweep(none, NULL));
		return 0;
	}
	if (!strcmp(argv[2], "adopt"))
		return argc == 7 ? do_adopt(argv + 3) : 2;
	if (!strcmp(argv[2], "time"))
		return argc < 5 || options(argv + 4) ? 2 :
						       do_time(atoi(argv[3]));
	if (options(argv + 3))
		return 2;
	return !strcmp(argv[2], "run") ? do_run() : do_start();
}
