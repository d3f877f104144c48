/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervise.c: causeway-supervise, which keeps one command running.
 *
 * It does nothing but sleep until the child dies, and starts it again with
 * one fork and exec: the first time at once, because then the guests'
 * connections are back before anybody notices; after that with a pause that
 * doubles, because a command that dies at once would otherwise use up the
 * machine.  A child that lived for a while has earned a new start.  With a log
 * to keep bounded it wakes up now and then to look at its size.
 *
 * SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 go on to the child; the first
 * two also end the restarts.  The child gets SIGTERM when we die ourselves.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/supervise_log.h"
#include "base/supervise_status.h"

#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 1000
#define HEALTHY_MS 5000 /* alive for so long: the next death is a first one */
#define WINDOW_MS 30000 /* this many deaths in this time: degraded */
#define WINDOW_DEATHS 5

struct supervise {
	const char *name;
	const char *status_path, *log_path; /* NULL: none */
	int status_fd;			    /* -1: none */
	struct supervise_status status;
	char **command;
	sigset_t signals;  /* what we wait for */
	sigset_t original; /* what the child gets */
	pid_t child;	   /* 0: none runs */
	uint64_t started_ms;
	uint64_t restart_ms; /* when, if none runs */
	unsigned pause_ms;   /* before the next restart */
	uint64_t deaths_ms[WINDOW_DEATHS];
	unsigned deaths;
	bool degraded;
	bool stopping;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void tell_status(struct supervise *s)
{
	struct timespec ts;

	s->status.degraded = s->degraded;
	if (s->status.pid != s->child) {
		clock_gettime(CLOCK_BOOTTIME, &ts);
		s->status.since_ms =
			(uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
		s->status.pid = s->child;
		s->status.start_ticks =
			s->child ? supervise_start_ticks(s->child) : 0;
	}
	if (s->status_fd >= 0)
		supervise_status_write(s->status_fd, &s->status);
}

/* --- the child ------------------------------------------------------------ */

static void run_command(const struct supervise *s, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	/* It may have died before that. */
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, &s->original, NULL);
	execvp(s->command[0], s->command);
	_exit(errno == ENOENT ? 127 : 126);
}

/* A small process forks in no time, and may do in the child what it likes. */
static void start(struct supervise *s)
{
	pid_t parent = getpid();
	pid_t pid;

	s->started_ms = now_ms();
	pid = fork();
	if (pid == 0)
		run_command(s, parent);
	if (pid < 0) {
		log_err("%s: cannot start: %s", s->name, strerror(errno));
		s->restart_ms = now_ms() + PAUSE_MAX_MS;
	}
	s->child = pid > 0 ? pid : 0;
	tell_status(s);
}

/* --- deaths --------------------------------------------------------------- */

static void tell_death(struct supervise *s, pid_t pid, int status)
{
	char *how = s->status.ended;

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(s->status.ended),
			 "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(s->status.ended), "ended with status %d%s",
			 WEXITSTATUS(status),
			 WEXITSTATUS(status) == 127 ? ": no such command?" :
						      "");
	log_warn("%s (pid %d) %s", s->name, (int)pid, how);
	tell_status(s);
}

/* Too many deaths in a short time?  Say so when that begins and ends. */
static void judge(struct supervise *s, uint64_t now)
{
	uint64_t oldest;
	bool degraded;

	s->deaths_ms[s->deaths++ % WINDOW_DEATHS] = now;
	oldest = s->deaths_ms[s->deaths % WINDOW_DEATHS];
	degraded = s->deaths >= WINDOW_DEATHS && now - oldest < WINDOW_MS;
	if (degraded && !s->degraded)
		log_err("%s degraded: %d deaths in %d s; still "
			"trying", s->name, WINDOW_DEATHS, WINDOW_MS / 1000);
	else if (!degraded && s->degraded)
		log_info("%s: no longer degraded", s->name);
	s->degraded = degraded;
}

static void plan_restart(struct supervise *s)
{
	uint64_t now = now_ms();

	s->status.restarts++;
	if (now - s->started_ms >= HEALTHY_MS)
		s->pause_ms = 0;
	s->restart_ms = now + s->pause_ms;
	if (!s->pause_ms)
		s->pause_ms = PAUSE_MIN_MS;
	else if (s->pause_ms < PAUSE_MAX_MS)
		s->pause_ms *= 2;
	if (s->pause_ms > PAUSE_MAX_MS)
		s->pause_ms = PAUSE_MAX_MS;
	if (s->restart_ms == now)
		start(s);
	judge(s, now);
}

/* As a shell would say it. */
static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* Look after dead children; -1, or the status to exit with. */
static int reap(struct supervise *s)
{
	int status;
	pid_t pid;

	/* Others may have been left to us: they are only cleaned up. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->child)
			continue;
		if (s->stopping)
			return exit_status(status);
		s->child = 0;
		plan_restart(s);
		tell_death(s, pid, status); /* talk when it runs again */
	}
	return -1;
}

/* --- the loop ------------------------------------------------------------- */

/* The next signal, or 0 when it is time to start or to look at the log. */
static int next_signal(const struct supervise *s)
{
	uint64_t now = now_ms();
	uint64_t wait = s->restart_ms > now ? s->restart_ms - now : 0;
	struct timespec ts;
	int sig;

	if (s->child)
		wait = SUPERVISE_LOG_LOOK_MS;
	ts = (struct timespec){ wait / 1000, wait % 1000 * 1000000 };
	do {
		sig = s->child && !s->log_path ?
			      sigwaitinfo(&s->signals, NULL) :
			      sigtimedwait(&s->signals, NULL, &ts);
	} while (sig < 0 && errno == EINTR);
	return sig > 0 ? sig : 0;
}

/* One that somebody has stopped (SIGSTOP) could not end. */
static void pass_on(const struct supervise *s, int sig)
{
	kill(s->child, sig);
	if (s->stopping)
		kill(s->child, SIGCONT);
}

static int run(struct supervise *s)
{
	int status = -1;

	start(s);
	while (status < 0) {
		int sig = next_signal(s);

		if (sig == SIGTERM || sig == SIGINT)
			s->stopping = true;
		if (sig == SIGCHLD)
			status = reap(s);
		else if (sig && s->child)
			pass_on(s, sig);
		else if (s->stopping)
			status = 0; /* stopped in a pause */
		else if (!sig && !s->child)
			start(s);
		else if (!sig)
			supervise_log_bound(s->log_path);
	}
	return status;
}

static void set_signals(struct supervise *s)
{
	static const int list[] = { SIGCHLD, SIGTERM, SIGINT,
				    SIGHUP,  SIGUSR1, SIGUSR2 };

	sigemptyset(&s->signals);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sigaddset(&s->signals, list[i]);
	sigprocmask(SIG_BLOCK, &s->signals, &s->original);
}

/* --- command line --------------------------------------------------------- */

static const char usage[] =
	"Usage: causeway-supervise [OPTION]... -- COMMAND [ARGUMENT]...\n"
	"Runs COMMAND and starts it again whenever it dies.\n"
	"\n"
	"  -n, --name NAME    name it so in the log (COMMAND)\n"
	"  -f, --ready-fd N   descriptor on which COMMAND says READY=1\n"
	"                     each time it is (as CAUSEWAY_READY_FD)\n"
	"  -s, --status FILE  say there how it is; nobody else may have it\n"
	"  -l, --log FILE     append its and our output there, bounded\n"
	"  -h, --help         this\n"
	"  -V, --version      the version\n";

static const struct option options[] = {
	{ "name", required_argument, NULL, 'n' },
	{ "ready-fd", required_argument, NULL, 'f' },
	{ "status", required_argument, NULL, 's' },
	{ "log", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* One option: 0, or the exit status + 1. */
static int take_option(struct supervise *s, int c)
{
	switch (c) {
	case 'n':
		s->name = optarg;
		return 0;
	case 'f':
		if (fcntl(atoi(optarg), F_GETFD) >= 0) {
			setenv("CAUSEWAY_READY_FD", optarg, 1);
			return 0;
		}
		fprintf(stderr, "causeway-supervise: --ready-fd %s: %s\n",
			optarg, strerror(errno));
		return 1 + 2;
	case 's':
		s->status_path = optarg;
		return 0;
	case 'l':
		s->log_path = optarg;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case 'V':
		puts("causeway-supervise " CAUSEWAY_VERSION);
		return 1;
	default:
		fputs("Try 'causeway-supervise --help'.\n", stderr);
		return 1 + 2;
	}
}

/* 0, or the exit status; what fails is said where we were started. */
static int open_files(struct supervise *s)
{
	pid_t holder;
	int rc;

	if (s->status_path) {
		s->status_fd = supervise_status_take(s->status_path, &holder);
		if (s->status_fd == -EBUSY)
			log_err("%s: already supervised, by pid %d", s->name,
				(int)holder);
		else if (s->status_fd < 0)
			log_err("%s: %s", s->status_path,
				strerror(-s->status_fd));
		if (s->status_fd < 0)
			return s->status_fd == -EBUSY ? 3 : 1;
	}
	rc = s->log_path ? supervise_log_open(s->log_path) : 0;
	if (rc)
		log_err("%s: %s", s->log_path, strerror(-rc));
	return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct supervise s = { .status_fd = -1 };
	int c, rc;

	while ((c = getopt_long(argc, argv, "+n:f:s:l:hV", options, NULL)) !=
	       -1) {
		rc = take_option(&s, c);
		if (rc)
			return rc - 1;
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return 2;
	}
	s.command = argv + optind;
	if (!s.name)
		s.name = s.command[0];
	log_init("causeway-supervise", LOG_LEVEL_INFO);
	rc = open_files(&s);
	if (rc)
		return rc;
	set_signals(&s);
	return run(&s);
}
