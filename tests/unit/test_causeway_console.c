/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_causeway_console.c: the client on a terminal, with a real consoled and
 * a domain that is a socket of the test.  Everything runs as whoever runs the
 * test.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/rpc.h"
#include "mgmt/causeway_console.h"
#include "tests/lib/suite.h"

#define UUID "11111111-2222-4333-8444-555555555555"
#define WAIT_MS 10000

static char folder[] = "/tmp/causeway-console-client.XXXXXX";
static char sock[100], logs[100], serial[100];
static pid_t consoled, client;
static struct rpc_client *hypervisord;
static int listener, domain = -1, terminal = -1;
static char seen[65536];
static size_t seen_len;

/* ---- consoled and a domain ---------------------------------------------- */

static void start_consoled(void)
{
	char user[40];
	int ready[2];
	char line[16], fd[16];

	CU_ASSERT_FATAL(!pipe(ready));
	consoled = fork();
	if (!consoled) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(fd, sizeof(fd), "%d", ready[1]);
		setenv("CAUSEWAY_READY_FD", fd, 1);
		/* root has to become somebody */
		snprintf(user, sizeof(user), "%u:%u",
			 geteuid() ? geteuid() : 65534u,
			 geteuid() ? getegid() : 65534u);
		execl(CONSOLED, CONSOLED, "--socket", sock, "--log-dir", logs,
		      "--user", user, "--log-level", "err", NULL);
		_exit(127);
	}
	close(ready[1]);
	CU_ASSERT_EQUAL_FATAL(read(ready[0], line, sizeof(line)), 8);
	close(ready[0]);
}

static void kill_consoled(void)
{
	kill(consoled, SIGKILL);
	waitpid(consoled, NULL, 0);
}

static void say_what_consoles_there_are(void)
{
	struct rpc_error err;

	if (hypervisord)
		rpc_client_close(hypervisord);
	CU_ASSERT_FATAL(!rpc_client_open(&hypervisord, sock, &err));
	CU_ASSERT_FATAL(!rpc_call(
		hypervisord, "consoles.set",
		json_pack("{s:[{s:s, s:s, s:s, s:b}]}", "consoles", "uuid",
			  UUID, "name", "web", "serial", serial, "vnc", 1),
		NULL, WAIT_MS, NULL, &err));
	if (domain >= 0)
		close(domain);
	domain = accept(listener, NULL, NULL);
	CU_ASSERT_FATAL(domain >= 0);
}

static void begin(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	start_consoled();
	strcpy(sun.sun_path, serial);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(!bind(listener, (struct sockaddr *)&sun, sizeof(sun)));
	chmod(serial, 0666);
	CU_ASSERT_FATAL(!listen(listener, 4));
	say_what_consoles_there_are();
}

static void end(void)
{
	char command[150];

	snprintf(command, sizeof(command), "rm -rf %s", logs);
	CU_ASSERT(!system(command));
	rpc_client_close(hypervisord);
	hypervisord = NULL;
	kill_consoled();
	close(domain);
	close(listener);
	domain = -1;
	unlink(serial);
	unlink(sock);
}

/* ---- a user at a terminal ----------------------------------------------- */

static void start_client(char **argv, int argc)
{
	seen_len = 0;
	seen[0] = '\0';
	client = forkpty(&terminal, NULL, NULL, NULL);
	if (!client) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(causeway_console(argc, argv, sock));
	}
	CU_ASSERT_FATAL(client > 0);
}

/* The user looks until he sees it. */
static bool sees(const char *text)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	ssize_t n;

	while (!strstr(seen, text)) {
		if (seen_len == sizeof(seen) - 1 || poll(&p, 1, WAIT_MS) != 1)
			return false;
		n = read(terminal, seen + seen_len,
			 sizeof(seen) - 1 - seen_len);
		if (n <= 0)
			return false;
		seen_len += n;
		seen[seen_len] = '\0';
	}
	return true;
}

static bool domain_hears(const char *text)
{
	struct pollfd p = { .fd = domain, .events = POLLIN };
	char heard[256] = "";
	size_t len = 0;
	ssize_t n;

	while (!strstr(heard, text)) {
		if (poll(&p, 1, WAIT_MS) != 1)
			return false;
		n = recv(domain, heard + len, sizeof(heard) - 1 - len, 0);
		if (n <= 0)
			return false;
		len += n;
		heard[len] = '\0';
	}
	return true;
}

static void put(int fd, const char *text)
{
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static bool is_raw(void)
{
	struct termios t;

	tcgetattr(terminal, &t);
	return !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static int end_of_client(void)
{
	int status = -1;

	sees("\n\nnever said, but the terminal is read to its end");
	waitpid(client, &status, 0);
	close(terminal);
	return status;
}

static char *plain[] = { "console", "web", NULL };

/* ---- cases -------------------------------------------------------------- */

static void a_user_sees_history_types_and_leaves(void)
{
	int status;

	begin();
	put(domain, "booting\r\nlogin: ");
	start_client(plain, 2);
	CU_ASSERT(sees("web, connected; Ctrl-] leaves"));
	CU_ASSERT(sees("booting\r\nlogin: "));
	put(terminal, "root\r\x03\x1a"); /* the guest's, not ours */
	CU_ASSERT(domain_hears("root\r\x03\x1a"));
	CU_ASSERT(is_raw());
	put(domain, "# ");
	CU_ASSERT(sees("# "));
	put(terminal, "exit\x1d ignored");
	CU_ASSERT(domain_hears("exit"));
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
	end();
}

/* The slave's modes can be read through the master as long as it is open. */
static void the_terminal_is_as_it_was_after(void (*leave)(void), bool other)
{
	struct termios before, after;
	int keep;

	begin();
	start_client(plain, 2);
	keep = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	CU_ASSERT(sees("Ctrl-] leaves"));
	CU_ASSERT(keep >= 0);
	put(domain, other ? "\033[?10" : "text");
	CU_ASSERT(sees(other ? "\033[?10" : "text"));
	put(domain, other ? "49h full screen" : "more");
	CU_ASSERT(sees(other ? "full screen" : "more"));
	CU_ASSERT(is_raw());
	tcgetattr(keep, &before);
	leave();
	CU_ASSERT(sees("\033[?25h"));
	CU_ASSERT(!strstr(seen, "\033[?1049l") == !other);
	waitpid(client, NULL, 0);
	tcgetattr(keep, &after);
	CU_ASSERT(after.c_lflag & ICANON && after.c_lflag & ECHO);
	CU_ASSERT(after.c_oflag & OPOST);
	CU_ASSERT(before.c_lflag != after.c_lflag);
	close(keep);
	close(terminal);
	end();
}

static void leave_by_key(void)
{
	put(terminal, "\x1d");
}

static void leave_by_term(void)
{
	kill(client, SIGTERM);
}

static void leave_by_hangup(void)
{
	kill(client, SIGHUP);
}

static void the_terminal_is_restored(void)
{
	the_terminal_is_as_it_was_after(leave_by_key, false);
	the_terminal_is_as_it_was_after(leave_by_key, true);
	the_terminal_is_as_it_was_after(leave_by_term, false);
	the_terminal_is_as_it_was_after(leave_by_hangup, true);
}

static void a_signal_is_what_it_died_of(void)
{
	int status;

	begin();
	start_client(plain, 2);
	CU_ASSERT(sees("Ctrl-] leaves"));
	kill(client, SIGTERM);
	status = end_of_client();
	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	end();
}

static void the_session_outlives_consoled(void)
{
	begin();
	start_client(plain, 2);
	CU_ASSERT(sees("Ctrl-] leaves"));
	kill_consoled();
	CU_ASSERT(sees("was closed; waiting for it"));
	start_consoled();
	say_what_consoles_there_are();
	CU_ASSERT(sees("connected again"));
	put(terminal, "still here\r");
	CU_ASSERT(domain_hears("still here\r"));
	put(terminal, "\x1d");
	end_of_client();
	end();
}

/* The domain does not read: the user must be able to leave all the same. */
static void nothing_keeps_a_user_from_leaving(void)
{
	static char much[1024];
	bool rings = false;
	unsigned i;
	int status;

	memset(much, 'x', sizeof(much) - 1);
	begin();
	start_client(plain, 2);
	CU_ASSERT(sees("Ctrl-] leaves"));
	fcntl(terminal, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 100000 && !rings; i++) {
		struct pollfd p = { .fd = terminal, .events = POLLOUT };
		ssize_t n;

		poll(&p, 1, WAIT_MS);
		if (write(terminal, much, sizeof(much) - 1) < 0)
			CU_ASSERT_EQUAL(errno, EAGAIN);
		n = read(terminal, seen, sizeof(seen) - 1);
		rings = n > 0 && memchr(seen, '\a', n);
	}
	CU_ASSERT(rings);
	fcntl(terminal, F_SETFL, 0);
	put(terminal, "\x1d");
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
	end();
}

static void history_is_printed_safely(void)
{
	char *argv[] = { "console", "--history", "web", NULL };
	int status;

	begin();
	put(domain, "\033[31mred\r\n");
	start_client(plain, 2); /* so that it has been read */
	CU_ASSERT(sees("red"));
	put(terminal, "\x1d");
	end_of_client();
	start_client(argv, 3);
	CU_ASSERT(sees("^[[31mred"));
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
	CU_ASSERT_PTR_NULL(strchr(seen, '\033'));
	end();
}

/* hypervisord's part: one end of a pair to consoled, the other is a screen. */
static int give_screen(void)
{
	struct rpc_fds fds = { .send_count = 1 };
	struct rpc_error err;
	json_t *params;
	char *method;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(rpc_client_next(hypervisord, WAIT_MS, &method,
					      &params), 1);
	CU_ASSERT_STRING_EQUAL(method, "vnc.wanted");
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	fds.send = &pair[1];
	CU_ASSERT(!rpc_call(hypervisord, "vnc.give",
			    json_pack("{s:O}", "id",
				      json_object_get(params, "id")),
			    &fds, WAIT_MS, NULL, &err));
	free(method);
	json_decref(params);
	close(pair[1]);
	return pair[0];
}

static void a_viewer_is_connected_to_the_screen(void)
{
	char view[110], *argv[] = { "console", "--vnc", view, "web", NULL };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[16] = "";
	int viewer, screen, status;

	snprintf(view, sizeof(view), "%s/view", folder);
	begin();
	start_client(argv, 4);
	CU_ASSERT(sees("Ctrl-C ends"));
	viewer = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sun.sun_path, view);
	CU_ASSERT_FATAL(!connect(viewer, (struct sockaddr *)&sun,
				 sizeof(sun)));
	screen = give_screen();
	put(screen, "RFB 003.008\n");
	CU_ASSERT_EQUAL(recv(viewer, text, 12, MSG_WAITALL), 12);
	CU_ASSERT_STRING_EQUAL(text, "RFB 003.008\n");
	put(viewer, "RFB 003.003\n");
	CU_ASSERT_EQUAL(recv(screen, text, 12, MSG_WAITALL), 12);
	CU_ASSERT_STRING_EQUAL(text, "RFB 003.003\n");
	close(viewer);
	CU_ASSERT_EQUAL(recv(screen, text, 1, 0), 0);
	close(screen);
	kill(client, SIGINT);
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status));
	CU_ASSERT(access(view, F_OK));
	end();
}

static void what_is_wrong_is_said(void)
{
	char *nobody[] = { "console", "nobody", NULL };
	char *nothing[] = { "console", NULL };
	int status;

	begin();
	start_client(nobody, 2);
	CU_ASSERT(sees("there is no console nobody"));
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	start_client(nothing, 1);
	CU_ASSERT(sees("name one VM"));
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	end();
	start_client(plain, 2);
	status = end_of_client();
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "consoled.sock"));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_user_sees_history_types_and_leaves),
		SUITE_TEST(the_terminal_is_restored),
		SUITE_TEST(a_signal_is_what_it_died_of),
		SUITE_TEST(the_session_outlives_consoled),
		SUITE_TEST(nothing_keeps_a_user_from_leaving),
		SUITE_TEST(history_is_printed_safely),
		SUITE_TEST(a_viewer_is_connected_to_the_screen),
		SUITE_TEST(what_is_wrong_is_said),
	};
	char command[150];
	int rc;

	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* whatever goes wrong, it ends */
	if (!mkdtemp(folder))
		return 1;
	chmod(folder, 0755);
	snprintf(sock, sizeof(sock), "%s/consoled.sock", folder);
	snprintf(logs, sizeof(logs), "%s/logs", folder);
	snprintf(serial, sizeof(serial), "%s/serial.sock", folder);
	rc = suite_run("causeway_console", tests,
		       sizeof(tests) / sizeof(tests[0]));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : rc;
}
