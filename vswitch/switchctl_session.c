/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_session.c: captures and mirrors.
 *
 * A capture lives as long as our connection.  We open the file and compile
 * the filter, with our rights and our libpcap; the switch gets a descriptor
 * and a program, and writes pcapng itself.  What is left to do here is to wait
 * for the first of: a signal, the reader of our pipe gone, the switch's word
 * that it is over.
 */
#include "vswitch/switchctl.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SNAPLEN_MAX 65535
#define LOOK_MS 200 /* how often to look whether the reader is gone */

static struct ctl_output output;
static volatile sig_atomic_t begun, interrupted;

static json_t *program_json(const struct bpf_program *prog)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < prog->bf_len; i++) {
		const struct bpf_insn *in = &prog->bf_insns[i];

		json_array_append_new(list, json_pack("[iiiI]", in->code,
						      in->jt, in->jf,
						      (json_int_t)in->k));
	}
	return list;
}

static int add_filter(const struct ctl *ctl, const char *text, json_t *params)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN_MAX);
	struct bpf_program prog;
	int code = CTL_DONE;

	if (!p)
		return ctl_fail(ctl, CTL_FILE, "libpcap does not start");
	if (pcap_compile(p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		code = ctl_fail(ctl, CTL_USAGE,
				"filter \"%s\": %s; see pcap-filter(7)", text,
				pcap_geterr(p));
	} else {
		json_object_set_new(params, "filter", program_json(&prog));
		json_object_set_new(params, "filter_text", json_string(text));
		pcap_freecode(&prog);
	}
	pcap_close(p);
	return code;
}

static void set_if(json_t *params, const char *key, uint64_t value)
{
	if (value)
		json_object_set_new(params, key, json_integer(value));
}

/* The log wants to know why; who is asked of the kernel by the switch. */
static void add_why(const struct ctl *ctl, json_t *params)
{
	const struct passwd *pw = getpwuid(getuid());

	if (ctl->reason)
		json_object_set_new(params, "why", json_string(ctl->reason));
	else
		json_object_set_new(params, "why",
				    json_sprintf("no reason given by %s",
						 pw ? pw->pw_name : "?"));
}

/* Options and filter (operands from `from` on) into a session's params. */
static int add_params(const struct ctl *ctl, int from, json_t *params)
{
	int code = CTL_DONE;
	char *filter;

	if (ctl->argc > from) {
		filter = ctl_join_operands(ctl, from);
		code = filter ? add_filter(ctl, filter, params) : CTL_FILE;
		free(filter);
	}
	if (ctl->direction)
		json_object_set_new(params, "direction",
				    json_string(ctl->direction));
	set_if(params, "snaplen", ctl->snaplen);
	set_if(params, "duration_s", ctl->duration_s);
	set_if(params, "rate_bps", ctl->rate_bps);
	add_why(ctl, params);
	return code;
}

/* Before there is a capture it ends us, and later the second time. */
static void on_signal(int sig)
{
	if (begun) {
		interrupted = 1;
		return;
	}
	ctl_output_drop(&output);
	raise(sig);
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The reader of a pipe has gone; files and quiet readers never say so. */
static bool reader_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

static void say_end(const struct ctl *ctl, const json_t *end)
{
	const char *why = ctl_text(end, "why");

	if (ctl->json) {
		json_dumpf(end, stderr, JSON_COMPACT);
		fputc('\n', stderr);
		return;
	}
	fprintf(stderr, "%lld packets, %lld bytes, %lld dropped%s%s\n",
		(long long)ctl_number(end, "packets"),
		(long long)ctl_number(end, "bytes"),
		(long long)ctl_number(end, "dropped"), *why ? "; " : "", why);
}

/* True with *end filled in when the switch says that `session` is over. */
static bool is_end(const char *method, json_t *params, json_int_t session)
{
	return !strcmp(method, "capture.ended") &&
	       ctl_number(params, "session") == session;
}

static int wait_for_end(struct ctl *ctl, json_int_t session, int fd,
			json_t **end)
{
	json_t *params;
	char *method;
	bool ours;
	int rc;

	while (!interrupted && !reader_gone(fd)) {
		rc = rpc_client_next(ctl->rpc, LOOK_MS, &method, &params);
		if (rc < 0)
			return ctl_fail(ctl, CTL_UNREACHABLE,
					"the switch has gone; what is "
					"captured so far is in the file");
		if (!rc)
			continue;
		ours = is_end(method, params, session);
		free(method);
		if (ours) {
			*end = params;
			return CTL_DONE;
		}
		json_decref(params);
	}
	return ctl_call(ctl, "capture.stop",
			json_pack("{s:I}", "session", session), NULL, end);
}

static int run_capture(struct ctl *ctl, json_t *params)
{
	struct rpc_fds fds = { .send = &output.fd, .send_count = 1 };
	json_t *started, *end = NULL;
	json_int_t session;
	int code;

	code = ctl_call(ctl, "capture.start", params, &fds, &started);
	if (code)
		return code;
	code = ctl_output_accept(ctl, &output);
	begun = 1;
	session = ctl_number(started, "session");
	if (!code && !ctl->json)
		fprintf(stderr, "capturing for %lld s at most; Ctrl-C ends\n",
			(long long)ctl_number(started, "expires_s"));
	json_decref(started);
	if (!code)
		code = wait_for_end(ctl, session, output.fd, &end);
	if (!code)
		say_end(ctl, end);
	if (!code && json_is_true(json_object_get(end, "failed")))
		code = CTL_FILE;
	json_decref(end);
	return code;
}

int ctl_capture(struct ctl *ctl)
{
	const char *what = ctl->networks.count ? "network" : "port";
	const char *name = ctl->networks.count ? ctl->networks.name[0] :
						 ctl->argv[0];
	int from = ctl->networks.count ? 0 : 1;
	json_t *params;
	int code;

	if (!name || ctl->networks.count > 1)
		return ctl_fail(ctl, CTL_USAGE,
				"capture: name one port, or one --network");
	params = json_pack("{s:s}", what, name);
	code = add_params(ctl, from, params);
	catch_signals();
	if (!code)
		code = ctl_output_open(ctl, ctl->write, &output);
	if (code) {
		json_decref(params);
		return code;
	}
	code = run_capture(ctl, params);
	ctl_output_close(&output);
	return code;
}

static json_t *names_json(const struct ctl_names *names)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < names->count; i++)
		json_array_append_new(list, json_string(names->name[i]));
	return list;
}

/* It outlives this program, until it expires or is deleted. */
static int mirror_add(struct ctl *ctl)
{
	json_t *params, *result;
	int code;

	if (!ctl->to || !(ctl->ports.count + ctl->networks.count))
		return ctl_fail(ctl, CTL_USAGE,
				"mirror add: --to PORT and at least one "
				"--port NAME or --network NAME");
	params = json_pack("{s:s, s:o, s:o, s:b, s:b}", "to", ctl->to, "ports",
			   names_json(&ctl->ports), "networks",
			   names_json(&ctl->networks), "other_network",
			   ctl->other_network, "keep", 1);
	code = add_params(ctl, 1, params);
	if (code) {
		json_decref(params);
		return code;
	}
	code = ctl_call(ctl, "mirror.add", params, NULL, &result);
	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	printf("session %lld, for %lld s; switchctl mirror del %lld ends it\n",
	       (long long)ctl_number(result, "session"),
	       (long long)ctl_number(result, "expires_s"),
	       (long long)ctl_number(result, "session"));
	json_decref(result);
	return CTL_DONE;
}

static int mirror_list(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_call(ctl, "mirror.list", NULL, NULL, &result);

	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	ctl_print_sessions(result);
	json_decref(result);
	return CTL_DONE;
}

static int mirror_del(struct ctl *ctl)
{
	const char *id = ctl->argc > 1 ? ctl->argv[1] : "";
	json_t *result;
	char *end;
	long long session = strtoll(id, &end, 10);
	int code;

	if (!*id || *end)
		return ctl_fail(ctl, CTL_USAGE,
				"mirror del: a session's number; see "
				"switchctl mirror list");
	code = ctl_call(ctl, "mirror.del",
			json_pack("{s:I}", "session", (json_int_t)session),
			NULL, &result);
	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	printf("session %lld ended: %lld packets, %lld bytes, %lld dropped\n",
	       session, (long long)ctl_number(result, "packets"),
	       (long long)ctl_number(result, "bytes"),
	       (long long)ctl_number(result, "dropped"));
	json_decref(result);
	return CTL_DONE;
}

int ctl_mirror(struct ctl *ctl)
{
	const char *verb = ctl->argv[0];

	if (!strcmp(verb, "add"))
		return mirror_add(ctl);
	if (!strcmp(verb, "list"))
		return mirror_list(ctl);
	if (!strcmp(verb, "del"))
		return mirror_del(ctl);
	return ctl_fail(ctl, CTL_USAGE, "mirror %s: add, list or del", verb);
}
