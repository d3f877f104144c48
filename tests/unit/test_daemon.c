/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_daemon.c: files, ids, signals, and the jail.  What cannot be undone is
 * tried in a child process, whose exit status is the verdict.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/daemon.h"
#include "base/log.h"

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void quiet(const char *line)
{
	(void)line;
}

/* Runs fn in a child: its status, or 1000 + the signal that ended it. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn());
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* --- files ---------------------------------------------------------------- */

static void saved_file_reads_back_and_replaces_the_old_one(void)
{
	struct stat st;
	char *data;
	size_t len;

	CU_ASSERT_EQUAL(daemon_save_file(in_dir("state"), "old", 3, 0600), 0);
	CU_ASSERT_EQUAL(daemon_save_file(in_dir("state"), "newer", 5, 0640),
			0);
	CU_ASSERT_EQUAL(daemon_read_file(in_dir("state"), 5, &data, &len), 0);
	CU_ASSERT_EQUAL(len, 5);
	CU_ASSERT_STRING_EQUAL(data, "newer");
	free(data);
	CU_ASSERT_EQUAL(stat(in_dir("state"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
	CU_ASSERT_EQUAL(access(in_dir("state.new"), F_OK), -1);
	unlink(in_dir("state"));
}

static void failed_save_leaves_the_old_file(void)
{
	char *data;
	size_t len;

	CU_ASSERT_EQUAL(daemon_save_file(in_dir("state"), "old", 3, 0600), 0);
	CU_ASSERT_EQUAL(mkdir(in_dir("state.new"), 0700), 0);
	CU_ASSERT(daemon_save_file(in_dir("state"), "new", 3, 0600) < 0);
	CU_ASSERT_EQUAL(daemon_read_file(in_dir("state"), 99, &data, &len), 0);
	CU_ASSERT_STRING_EQUAL(data, "old");
	free(data);
	rmdir(in_dir("state.new"));
	unlink(in_dir("state"));
}

static void reading_is_bounded_and_of_files_only(void)
{
	char *data;
	size_t len;

	daemon_save_file(in_dir("big"), "123456", 6, 0600);
	CU_ASSERT_EQUAL(daemon_read_file(in_dir("big"), 5, &data, &len),
			-EFBIG);
	unlink(in_dir("big"));
	CU_ASSERT_EQUAL(daemon_read_file(dir, 99, &data, &len), -EINVAL);
	CU_ASSERT_EQUAL(daemon_read_file(in_dir("no"), 9, &data, &len),
			-ENOENT);
	mkfifo(in_dir("pipe"), 0600);
	CU_ASSERT_EQUAL(daemon_read_file(in_dir("pipe"), 9, &data, &len),
			-EINVAL);
	unlink(in_dir("pipe"));
}

static void folder_is_made_with_its_parents(void)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/a/b", dir);
	CU_ASSERT_EQUAL(daemon_make_dir(path, 0750, -1, -1), 0);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0750);
	CU_ASSERT_EQUAL(daemon_make_dir(path, 0700, -1, -1), 0);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);
	rmdir(path);
	rmdir(in_dir("a"));
}

/* --- ids -------------------------------------------------------------------- */

static void users_are_names_or_numbers(void)
{
	static const struct {
		const char *spec;
		int rc;
		uid_t uid;
		gid_t gid;
	} cases[] = {
		{ "root", 0, 0, 0 },	    { "12:34", 0, 12, 34 },
		{ "0", 0, 0, 0 },	    { "no-such-user", -ENOENT, 0, 0 },
		{ "12:", -EINVAL, 0, 0 },   { "12x", -EINVAL, 0, 0 },
		{ "4294967295", -EINVAL, 0, 0 },
		{ "1:4294967295", -EINVAL, 0, 0 },
		{ "99999999999", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uid_t uid = 77;
		gid_t gid = 77;

		CU_ASSERT_EQUAL(daemon_lookup_user(cases[i].spec, &uid, &gid),
				cases[i].rc);
		if (cases[i].rc)
			continue;
		CU_ASSERT_EQUAL(uid, cases[i].uid);
		CU_ASSERT_EQUAL(gid, cases[i].gid);
	}
}

/* --- rights ------------------------------------------------------------------ */

static bool status_says(const char *line)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, line);
}

static int drop_all(void)
{
	if (daemon_drop(-1, -1, 0))
		return 1;
	if (!status_says("CapPrm:\t0000000000000000\n") ||
	    !status_says("CapEff:\t0000000000000000\n") ||
	    !status_says("CapInh:\t0000000000000000\n") ||
	    !status_says("NoNewPrivs:\t1\n"))
		return 2;
	if (geteuid() == 0 && !status_says("CapBnd:\t0000000000000000\n"))
		return 3;
	return 0;
}

static void drop_leaves_no_capability(void)
{
	CU_ASSERT_EQUAL(in_child(drop_all), 0);
}

static int drop_to_user(void)
{
	if (daemon_drop(1234, 2345, 1ull << 13))
		return 1;
	if (getuid() != 1234 || geteuid() != 1234 || getgid() != 2345 ||
	    getgroups(0, NULL) != 0)
		return 2;
	if (!status_says("CapEff:\t0000000000002000\n") ||
	    !status_says("CapBnd:\t0000000000000000\n"))
		return 3;
	return setuid(0) == 0 ? 4 : 0;
}

static void drop_to_a_user_keeps_what_is_named(void)
{
	if (geteuid() == 0)
		CU_ASSERT_EQUAL(in_child(drop_to_user), 0);
}

/* --- jail ---------------------------------------------------------------------- */

/* With sanitizers, which call more than a daemon does, this cannot be tried. */
#if defined(__SANITIZE_ADDRESS__)
#define JAIL_WORKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JAIL_WORKS false
#endif
#endif
#ifndef JAIL_WORKS
#define JAIL_WORKS true
#endif

static int allowed_things(void)
{
	static const int calls[] = { DAEMON_SECCOMP_FILES };
	char *data;
	size_t len;

	if (daemon_seccomp(calls, sizeof(calls) / sizeof(calls[0]), NULL,
			   NULL))
		return 1;
	if (daemon_save_file(in_dir("jailed"), "x", 1, 0600))
		return 2;
	if (daemon_read_file(in_dir("jailed"), 9, &data, &len))
		return 3;
	free(data);
	free(malloc(10 << 20));
	return 0;
}

static int open_socket(void)
{
	if (daemon_seccomp(NULL, 0, NULL, NULL))
		return 1;
	socket(AF_INET, SOCK_STREAM, 0);
	return 0;
}

static int map_code(void)
{
	if (daemon_seccomp(NULL, 0, NULL, NULL))
		return 1;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static pthread_barrier_t jailed;

static void *violate(void *unused)
{
	pthread_barrier_wait(&jailed);
	socket(AF_INET, SOCK_STREAM, 0);
	return NULL;
}

static int other_thread(void)
{
	pthread_t thread;

	pthread_barrier_init(&jailed, NULL, 2);
	pthread_create(&thread, NULL, violate, NULL);
	if (daemon_seccomp(NULL, 0, NULL, NULL))
		return 1;
	pthread_barrier_wait(&jailed);
	pthread_join(thread, NULL);
	return 0;
}

static void jail_lets_a_state_file_be_saved(void)
{
	if (JAIL_WORKS)
		CU_ASSERT_EQUAL(in_child(allowed_things), 0);
	unlink(in_dir("jailed"));
}

static void jail_kills_on_sockets_and_new_code_in_every_thread(void)
{
	if (!JAIL_WORKS)
		return;
	CU_ASSERT_EQUAL(in_child(open_socket), 1000 + SIGSYS);
	CU_ASSERT_EQUAL(in_child(map_code), 1000 + SIGSYS);
	CU_ASSERT_EQUAL(in_child(other_thread), 1000 + SIGSYS);
}

/* --- signals and ready ------------------------------------------------------ */

static unsigned stops, hups;

static void on_stop(void *arg)
{
	stops++;
}

static void on_hup(void *arg)
{
	hups++;
}

static void signals_end_the_loop(void)
{
	struct event_base *base = event_base_new();

	daemon_block_signals();
	CU_ASSERT_EQUAL(daemon_stop_on_signals(base, on_stop, on_hup, NULL),
			0);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	CU_ASSERT_EQUAL(event_base_dispatch(base), 0);
	CU_ASSERT_EQUAL(stops, 1);
	CU_ASSERT_EQUAL(hups, 1);
	daemon_signals_free();
	event_base_free(base);
}

static void ready_is_said_on_the_named_descriptor(void)
{
	char text[32] = "", num[16];
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	snprintf(num, sizeof(num), "%d", fds[1]);
	setenv("CAUSEWAY_READY_FD", num, 1);
	unsetenv("NOTIFY_SOCKET");
	daemon_ready_prepare();
	daemon_ready();
	CU_ASSERT_EQUAL(read(fds[0], text, sizeof(text) - 1), 8);
	CU_ASSERT_STRING_EQUAL(text, "READY=1\n");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	static const CU_TestInfo tests[] = {
#define T(fn) { #fn, fn }
		T(saved_file_reads_back_and_replaces_the_old_one),
		T(failed_save_leaves_the_old_file),
		T(reading_is_bounded_and_of_files_only),
		T(folder_is_made_with_its_parents),
		T(users_are_names_or_numbers),
		T(drop_leaves_no_capability),
		T(drop_to_a_user_keeps_what_is_named),
		T(jail_lets_a_state_file_be_saved),
		T(jail_kills_on_sockets_and_new_code_in_every_thread),
		T(signals_end_the_loop),
		T(ready_is_said_on_the_named_descriptor),
#undef T
		CU_TEST_INFO_NULL,
	};
	unsigned failures;
	CU_pSuite suite;

	strcpy(dir, "/tmp/causeway-test-daemon-XXXXXX");
	if (!mkdtemp(dir) || CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	unsetenv("CAUSEWAY_SECCOMP");
	log_test_hooks(quiet, NULL);
	suite = CU_add_suite("daemon", NULL, NULL);
	for (const CU_TestInfo *i = tests; i->pName; i++)
		CU_add_test(suite, i->pName, i->pTestFunc);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	rmdir(dir);
	return failures ? 1 : 0;
}
