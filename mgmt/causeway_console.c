/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_console.c: see causeway_console.h.
 *
 * The session is one loop over the terminal, consoled's stream and the
 * signals, which are blocked and read from a descriptor: so there is one
 * place where the terminal is put right, and no way around it but SIGKILL.
 *
 * Nothing the guest does may keep the user from leaving: what he types waits
 * in a small buffer when the guest does not read, and Ctrl-] is looked for
 * before anything is put there.
 *
 * What the guest says goes to the terminal as it is.  That is what a console
 * is for, and it may change the terminal's modes; those that would make a
 * shell unusable are put back at the end.
 */
#include "mgmt/causeway_console.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/rpc.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define REPLAY_BYTES 4096 /* history before a session */
#define HISTORY_BYTES (256 << 10)
#define TYPED_MAX 4096 /* not yet taken */
#define CALL_MS 10000  /* of which VNC may take five seconds */
#define RETRY_MS 200
#define RETRIES 150 /* half a minute */

static const char usage[] =
	"Usage: causeway console [OPTION]... VM\n"
	"The console of a virtual machine, on this terminal.  Ctrl-] leaves.\n"
	"\n"
	"  --take         type, also when somebody else does\n"
	"  --watch        look on, never type\n"
	"  --history      print what it has said, made safe to show, and exit\n"
	"  --vnc SOCKET   its screen, for a VNC viewer on this Unix socket\n"
	"  --vnc -        the same on standard input and output\n"
	"\n"
	"A guest's escape sequences reach the terminal, not so --history's.\n";

struct request {
	const char *socket, *vm, *mode, *vnc;
	bool history;
};

struct session {
	const struct request *req;
	int fd; /* the stream; -1: consoled is away */
	int signals;
	unsigned retries;
	bool typing; /* standard input is still open */
	bool is_terminal;
	bool other_screen; /* the guest has switched to it */
	char last[7];	   /* the end of what it said before */
	size_t last_len;
	struct termios before;
	char typed[TYPED_MAX];
	size_t typed_len;
};

/* ---- consoled ----------------------------------------------------------- */

static void say_error(const struct rpc_error *err)
{
	fprintf(stderr, "causeway console: %s%s%s\n", err->message,
		err->hint[0] ? "; " : "", err->hint);
}

/* Params name the VM; taken.  0 or -errno, *err has words. */
static int call(const struct request *req, const char *method, json_t *params,
		struct rpc_fds *fds, json_t **result, struct rpc_error *err)
{
	struct rpc_client *c;
	int rc = rpc_client_open(&c, req->socket, err);

	if (rc) {
		json_decref(params);
		return rc;
	}
	rc = rpc_call(c, method, params, fds, CALL_MS, result, err);
	rpc_client_close(c);
	return rc;
}

static void close_received(const struct rpc_fds *fds)
{
	for (unsigned i = 0; i < fds->received_count; i++)
		close(fds->received[i]);
}

/* A stream, or -errno; *answer is the caller's. */
static int open_stream(const struct request *req, const char *kind,
		       const char *mode, int history, json_t **answer,
		       struct rpc_error *err)
{
	struct rpc_fds fds = { .send = NULL };
	int rc = call(req, "console.open",
		      json_pack("{s:s, s:s, s:s, s:i}", "name", req->vm,
				"kind", kind, "mode", mode, "history",
				history),
		      &fds, answer, err);

	if (rc)
		return rc;
	if (fds.received_count == 1)
		return fds.received[0];
	close_received(&fds);
	json_decref(*answer);
	rpc_error_set(err, 0, NULL, NULL, NULL, "consoled gave no stream");
	return -EPROTO;
}

static int print_history(const struct request *req)
{
	struct rpc_error err;
	json_t *answer;
	const char *text;

	if (call(req, "console.history",
		 json_pack("{s:s, s:i}", "name", req->vm, "bytes",
			   HISTORY_BYTES),
		 NULL, &answer, &err)) {
		say_error(&err);
		return 1;
	}
	text = json_string_value(json_object_get(answer, "text"));
	if (text && *text)
		fputs(text, stdout);
	if (text && *text && text[strlen(text) - 1] != '\n')
		putchar('\n');
	json_decref(answer);
	return fflush(stdout) ? 1 : 0;
}

/* ---- the terminal ------------------------------------------------------- */

static void set_raw(const struct session *s)
{
	struct termios raw = s->before;

	if (!s->is_terminal)
		return;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* A line of ours; in raw mode a newline does not return. */
static void say(const struct session *s, const char *text)
{
	fprintf(stderr, "\r\n[causeway: %s]\r\n", text);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

/* Colours, the cursor, line wrap, mouse and paste modes, the main screen. */
static void restore(const struct session *s)
{
	static const char usual[] = "\033[0m\033[?25h\033[?7h\033[?1000l"
				    "\033[?1002l\033[?1003l\033[?1006l"
				    "\033[?2004l";
	static const char main_screen[] = "\033[?1049l";

	if (!s->is_terminal)
		return;
	if (isatty(STDOUT_FILENO)) {
		if (s->other_screen)
			write_all(STDOUT_FILENO, main_screen,
				  sizeof(main_screen) - 1);
		write_all(STDOUT_FILENO, usual, sizeof(usual) - 1);
	}
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);
}

/* Which screen the guest has left us on; sequences may come in two parts. */
static void note_screen(struct session *s, const char *data, size_t len)
{
	static const char mode[] = "\033[?1049";
	char text[sizeof(s->last) + 4096];
	const char *p = text;

	memcpy(text, s->last, s->last_len);
	memcpy(text + s->last_len, data, len);
	len += s->last_len;
	while ((p = memmem(p, text + len - p, mode, sizeof(mode) - 1))) {
		p += sizeof(mode) - 1;
		if (p < text + len && (*p == 'h' || *p == 'l'))
			s->other_screen = *p == 'h';
	}
	s->last_len = len < sizeof(s->last) ? len : sizeof(s->last);
	memcpy(s->last, text + len - s->last_len, s->last_len);
}

/* ---- the session -------------------------------------------------------- */

static void greet(const struct session *s, const json_t *answer)
{
	const json_t *typist = json_object_get(answer, "typist");
	char line[200];

	snprintf(line, sizeof(line), "%s, %s%s",
		 json_string_value(json_object_get(answer, "name")),
		 json_is_true(json_object_get(answer, "connected"))
			 ? "connected"
			 : "which does not run; waiting for it",
		 s->is_terminal ? "; Ctrl-] leaves" : "");
	say(s, line);
	if (!json_is_object(typist))
		return;
	snprintf(line, sizeof(line),
		 "uid %d (pid %d) types here; you look on; --take takes over",
		 (int)json_integer_value(json_object_get(typist, "uid")),
		 (int)json_integer_value(json_object_get(typist, "pid")));
	say(s, line);
}

/* Again, when consoled was away.  *err as long as it does not work. */
static bool reopen(struct session *s, struct rpc_error *err)
{
	json_t *answer;

	s->fd = open_stream(s->req, "serial", s->req->mode, 0, &answer, err);
	if (s->fd < 0)
		return false;
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	json_decref(answer);
	say(s, "connected again");
	s->retries = 0;
	return true;
}

static void lose_stream(struct session *s)
{
	close(s->fd);
	s->fd = -1;
	s->typed_len = 0;
	say(s, "the console was closed; waiting for it");
}

/* 0: go on; else the exit status + 1. */
static int retry(struct session *s)
{
	struct rpc_error err;

	if (reopen(s, &err) || ++s->retries < RETRIES)
		return 0;
	restore(s);
	s->is_terminal = false;
	say_error(&err);
	return 1 + 1;
}

static void flush_typed(struct session *s)
{
	ssize_t n;

	if (s->fd < 0)
		s->typed_len = 0;
	while (s->typed_len) {
		n = send(s->fd, s->typed, s->typed_len, MSG_NOSIGNAL);
		if (n < 0) /* full, or gone: reading will tell */
			return;
		s->typed_len -= n;
		memmove(s->typed, s->typed + n, s->typed_len);
	}
}

static void end_of_input(struct session *s)
{
	s->typing = false;
	flush_typed(s);
	if (s->fd >= 0)
		shutdown(s->fd, SHUT_WR);
}

/* True: the user leaves. */
static bool on_typed(struct session *s)
{
	char data[512];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));
	const char *escape;
	size_t len, room = sizeof(s->typed) - s->typed_len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		end_of_input(s);
		return s->is_terminal;
	}
	escape = s->is_terminal ? memchr(data, ESCAPE, n) : NULL;
	len = escape ? (size_t)(escape - data) : (size_t)n;
	if (len > room) {
		len = room;
		write_all(STDERR_FILENO, "\a", 1);
	}
	memcpy(s->typed + s->typed_len, data, len);
	s->typed_len += len;
	flush_typed(s);
	return escape;
}

/* False: nobody reads our output any more. */
static bool on_stream(struct session *s)
{
	char data[4096];
	ssize_t n = recv(s->fd, data, sizeof(data), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		lose_stream(s);
		return true;
	}
	note_screen(s, data, n);
	return write_all(STDOUT_FILENO, data, n);
}

/* Stopped by the user's shell: the terminal is his meanwhile. */
static void stop(struct session *s)
{
	restore(s);
	raise(SIGSTOP);
	set_raw(s);
}

/* 0, or the signal that is to end us. */
static int on_signal(struct session *s)
{
	struct signalfd_siginfo si;

	if (read(s->signals, &si, sizeof(si)) != sizeof(si))
		return 0;
	if (si.ssi_signo != SIGTSTP)
		return (int)si.ssi_signo;
	stop(s);
	return 0;
}

/* In a pipe the typed text must not run ahead of the stream. */
static bool wants_input(const struct session *s)
{
	bool room = s->fd >= 0 && s->typed_len < sizeof(s->typed) / 2;

	return s->typing && (s->is_terminal || room);
}

/* One turn: 0, or the exit status + 1; *sig is set if a signal ends it. */
static int turn(struct session *s, int *sig)
{
	struct pollfd p[3] = {
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = wants_input(s) ? STDIN_FILENO : -1,
		  .events = POLLIN },
		{ .fd = s->fd,
		  .events = POLLIN | (s->typed_len ? POLLOUT : 0) },
	};
	int n = poll(p, 3, s->fd < 0 ? RETRY_MS : -1);

	if (n < 0 && errno != EINTR)
		return 1 + 1;
	if (n <= 0)
		return s->fd < 0 ? retry(s) : 0;
	if (p[0].revents) {
		*sig = on_signal(s);
		if (*sig)
			return 1 + 1;
	}
	if (p[1].revents && on_typed(s))
		return 1;
	if (p[2].revents & POLLOUT)
		flush_typed(s);
	if (s->fd >= 0 && p[2].revents & (POLLIN | POLLHUP | POLLERR) &&
	    !on_stream(s))
		return 1 + 1;
	return 0;
}

static int open_signals(bool stops)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (stops)
		sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* As if it had not been caught. */
static void die_of(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

static int serial_session(const struct request *req)
{
	struct session s = { .req = req, .typing = true };
	struct rpc_error err;
	json_t *answer;
	int rc = 0, sig = 0;

	s.fd = open_stream(req, "serial", req->mode, REPLAY_BYTES, &answer,
			   &err);
	if (s.fd < 0) {
		say_error(&err);
		return 1;
	}
	s.signals = open_signals(true);
	fcntl(s.fd, F_SETFL, O_NONBLOCK);
	s.is_terminal = isatty(STDIN_FILENO) &&
			!tcgetattr(STDIN_FILENO, &s.before);
	set_raw(&s); /* before who looks is told what he may type */
	greet(&s, answer);
	json_decref(answer);
	while (!rc)
		rc = turn(&s, &sig);
	restore(&s);
	if (s.is_terminal)
		fputs("\r\n", stderr);
	if (sig)
		die_of(sig);
	return rc - 1;
}

/* ---- VNC ---------------------------------------------------------------- */

/* One direction of a relay. */
struct pipe_end {
	int from, to;
	char data[65536];
	size_t len;
	bool ended; /* nothing more to read */
};

static bool move(struct pipe_end *e, short in, short out)
{
	ssize_t n;

	if (!e->len && !e->ended && in) {
		n = read(e->from, e->data, sizeof(e->data));
		if (n > 0)
			e->len = n;
		else if (!n || (errno != EAGAIN && errno != EINTR))
			e->ended = true;
	}
	if (e->len && (out || in)) {
		n = write(e->to, e->data, e->len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			e->len -= n;
			memmove(e->data, e->data + n, e->len);
		}
	}
	return e->len || !e->ended;
}

/* Bytes both ways until one side ends or a signal comes: that, or 0. */
static int relay(int in, int out, int stream, int signals)
{
	static struct pipe_end up, down;
	struct signalfd_siginfo si;

	up = (struct pipe_end){ .from = in, .to = stream };
	down = (struct pipe_end){ .from = stream, .to = out };
	for (;;) {
		struct pollfd p[5] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = up.len ? -1 : in, .events = POLLIN },
			{ .fd = up.len ? stream : -1, .events = POLLOUT },
			{ .fd = down.len ? -1 : stream, .events = POLLIN },
			{ .fd = down.len ? out : -1, .events = POLLOUT },
		};

		if (poll(p, 5, -1) < 0 && errno != EINTR)
			return 0;
		if (p[0].revents &&
		    read(signals, &si, sizeof(si)) == sizeof(si))
			return (int)si.ssi_signo;
		if (!move(&up, p[1].revents, p[2].revents) ||
		    !move(&down, p[3].revents, p[4].revents))
			return 0;
	}
}

/* One viewer: 0 or the signal that came; *rc is 1 if there was no screen. */
static int serve_viewer(const struct request *req, int in, int out,
			int signals, int *rc)
{
	struct rpc_error err;
	json_t *answer;
	int stream = open_stream(req, "vnc", "share", 0, &answer, &err);
	int sig;

	*rc = stream < 0;
	if (stream < 0) {
		say_error(&err);
		return 0;
	}
	json_decref(answer);
	fcntl(stream, F_SETFL, O_NONBLOCK);
	sig = relay(in, out, stream, signals);
	close(stream);
	return sig;
}

/* For us alone: the folder may be anybody's. */
static int listen_on(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask = umask(0077);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		rc = -ENAMETOOLONG;
	} else {
		strcpy(sun.sun_path, path);
		if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
		    listen(fd, 4))
			rc = -errno;
	}
	umask(mask);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	fprintf(stderr, "causeway console: %s: %s%s\n", path, strerror(-rc),
		rc == -EADDRINUSE ? "; remove it, or name another" : "");
	return rc;
}

static int vnc_socket(const struct request *req, int signals)
{
	int listener = listen_on(req->vnc);
	int sig = 0, rc = 0, viewer;

	if (listener < 0)
		return 1;
	fprintf(stderr, "%s is for one VNC viewer after the other; Ctrl-C "
			"ends\n", req->vnc);
	while (!sig) {
		struct pollfd p[2] = { { .fd = signals, .events = POLLIN },
				       { .fd = listener, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 || p[0].revents)
			break;
		viewer = accept4(listener, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (viewer < 0)
			continue;
		sig = serve_viewer(req, viewer, viewer, signals, &rc);
		close(viewer);
	}
	unlink(req->vnc);
	close(listener);
	return 0;
}

static int vnc_session(const struct request *req)
{
	int signals = open_signals(false);
	int rc;

	if (strcmp(req->vnc, "-"))
		return vnc_socket(req, signals);
	serve_viewer(req, STDIN_FILENO, STDOUT_FILENO, signals, &rc);
	return rc;
}

/* ---- command line ------------------------------------------------------- */

static int wrong(const char *why)
{
	fprintf(stderr, "causeway console: %s; see --help\n", why);
	return 2;
}

/* -1: go on, else the exit status. */
static int parse(int argc, char **argv, struct request *req)
{
	static const struct option longs[] = {
		{ "take", no_argument, NULL, 't' },
		{ "watch", no_argument, NULL, 'w' },
		{ "history", no_argument, NULL, 'H' },
		{ "vnc", required_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0; /* the caller has used getopt, too */
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 't': req->mode = "take"; break;
		case 'w': req->mode = "watch"; break;
		case 'H': req->history = true; break;
		case 'v': req->vnc = optarg; break;
		case 'h': fputs(usage, stdout); return 0;
		default: return 2;
		}
	}
	if (optind != argc - 1)
		return wrong("name one VM");
	if (req->history && req->vnc)
		return wrong("--history or --vnc, not both");
	req->vm = argv[optind];
	return -1;
}

int causeway_console(int argc, char **argv, const char *consoled_socket)
{
	struct request req = { .socket = consoled_socket, .mode = "share" };
	int rc = parse(argc, argv, &req);

	if (rc >= 0)
		return rc;
	if (req.history)
		return print_history(&req);
	return req.vnc ? vnc_session(&req) : serial_session(&req);
}
