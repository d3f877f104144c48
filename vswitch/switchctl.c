/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl.c: look at and command a running causeway-switchd.
 *
 * One table of commands, one of options; a command says which options it
 * takes, so that a misplaced one is an error and not ignored.  Each command is
 * a function in a switchctl_*.c.
 */
#include "vswitch/switchctl.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_SOCKET = 256,
	OPT_JSON,
	OPT_FORCE,
	OPT_CHECK,
	OPT_WATCH,
	OPT_HEX,
	OPT_SNAPLEN,
	OPT_RATE,
	OPT_DURATION,
	OPT_REASON,
	OPT_DIRECTION,
	OPT_NETWORK,
	OPT_PORT,
	OPT_TO,
	OPT_OTHER_NETWORK,
	OPT_CONFIRM_WITHIN,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "watch", optional_argument, NULL, OPT_WATCH },
	{ "hex", no_argument, NULL, OPT_HEX },
	{ "write", required_argument, NULL, 'w' },
	{ "snaplen", required_argument, NULL, OPT_SNAPLEN },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "direction", required_argument, NULL, OPT_DIRECTION },
	{ "network", required_argument, NULL, OPT_NETWORK },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "to", required_argument, NULL, OPT_TO },
	{ "other-network", no_argument, NULL, OPT_OTHER_NETWORK },
	{ "confirm-within", required_argument, NULL, OPT_CONFIRM_WITHIN },
	{ NULL, 0, NULL, 0 },
};

#define SESSION_OPTIONS " snaplen rate duration reason direction network "

static const struct command {
	const char *name;
	int (*run)(struct ctl *ctl);
	int operands_min, operands_max; /* -1: any number */
	const char *options;		/* " name name " beyond the common */
	const char *usage;
	const char *help;
} commands[] = {
	{ "apply", ctl_apply, 1, 1, " force check confirm-within ",
	  "FILE|- [--check] [--force] [--confirm-within SECONDS]",
	  "make the switch what FILE says" },
	{ "confirm", ctl_confirm, 0, 0, "", "",
	  "keep what apply --confirm-within has put on trial" },
	{ "revert", ctl_revert, 0, 0, "", "",
	  "go back on it at once" },
	{ "show", ctl_show, 0, 0, "", "", "networks, ports, sessions" },
	{ "ports", ctl_ports, 0, 0, "", "", "ports and their condition" },
	{ "bond", ctl_bond, 0, 3, "", "[BOND] | set-active BOND MEMBER",
	  "bonds and their members, LACP" },
	{ "uplink", ctl_uplink, 0, 0, "", "",
	  "interfaces that lead out of the host" },
	{ "lldp", ctl_lldp, 0, 0, "", "", "neighbours on uplinks" },
	{ "fdb", ctl_fdb, 0, 1, "", "[NETWORK]", "addresses known" },
	{ "stats", ctl_stats, 0, 1, " watch ", "[--watch [SECONDS]]",
	  "counters of ports and workers" },
	{ "drops", ctl_drops, 0, 0, "", "", "what was dropped, and why" },
	{ "capture", ctl_capture, 0, -1, SESSION_OPTIONS "write ",
	  "PORT|--network NAME [FILTER] [-w FILE|-]",
	  "write frames as pcapng" },
	{ "mirror", ctl_mirror, 1, -1, SESSION_OPTIONS "port to other-network ",
	  "add --to PORT --port NAME|--network NAME [FILTER] | list | del N",
	  "copy frames to a port for a while" },
	{ "trace", ctl_trace, 2, -1, " hex ", "PORT FRAME... | PORT --hex HEX",
	  "what would happen to a frame" },
	{ "names", ctl_names, 1, 1, "", "ports|networks|bonds",
	  "names, one a line" },
	{ "version", ctl_version, 0, 0, "", "", "of switchctl and the switch" },
	{ "help", NULL, 0, 1, "", "[COMMAND]", "as --help" },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};

static const char help_text[] =
	"\n"
	"Options of every command:\n"
	"  --socket PATH       the switch's socket (default %s)\n"
	"  --json              print JSON\n"
	"  --help              this, or of one command\n"
	"\n"
	"Options of capture and mirror add:\n"
	"  -w, --write FILE    file to write (capture; default: standard "
	"output)\n"
	"  --direction WAY     in, out or both, as the switch sees it\n"
	"  --snaplen N         bytes kept of each frame\n"
	"  --rate R            cap in bit/s, such as 10M\n"
	"  --duration T        such as 90, 90s, 10m, 1h\n"
	"  --reason TEXT       why; goes to the switch's log\n"
	"\n"
	"FILTER is a pcap-filter(7).  FRAME is layers separated by /, such as\n"
	"  eth dst=02:00:00:00:00:0b / ip src=10.0.0.1 dst=10.0.0.2 / icmp\n"
	"\n"
	"Exit code: 0 done, 1 refused, 2 wrong usage, 3 no switch answers,\n"
	"4 a file cannot be read or written.\n";

#define SOCKET_DEFAULT "/run/causeway/switchd.sock"

static void print_help(void)
{
	const struct command *c;

	puts("switchctl COMMAND [OPTION...]\n");
	for (c = commands; c->name; c++)
		printf("  %s%s%s\n           %s\n", c->name,
		       *c->usage ? " " : "", c->usage, c->help);
	printf(help_text, SOCKET_DEFAULT);
}

static const struct command *find_command(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* A whole number, or with one of the letters of `units`, `step[]` times it. */
static bool parse_scaled(const char *text, const char *units,
			 const uint64_t *step, uint64_t max, uint64_t *to)
{
	const char *unit;
	char *end;
	double v = strtod(text, &end);

	if (end == text || !(v > 0))
		return false;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return false;
		v *= (double)step[unit - units];
	}
	if (v > (double)max || v < 1)
		return false;
	*to = llround(v); /* 1.1M is not exact */
	return fabs(v - (double)*to) < 1e-6;
}

static bool parse_rate(const char *text, uint64_t *to)
{
	static const uint64_t step[] = { 1000, 1000, 1000000, 1000000000 };

	return parse_scaled(text, "kKMG", step, 1000000000000, to);
}

static bool parse_duration(const char *text, uint32_t *to)
{
	static const uint64_t step[] = { 1, 60, 3600 };
	uint64_t v;

	if (!parse_scaled(text, "smh", step, 604800, &v))
		return false;
	*to = v;
	return true;
}

static bool parse_trial(const char *text, uint32_t *to)
{
	return parse_duration(text, to) && *to <= 3600;
}

static bool parse_snaplen(const char *text, uint32_t *to)
{
	uint64_t v;

	if (!parse_scaled(text, "", NULL, 65535, &v))
		return false;
	*to = v;
	return true;
}

static bool parse_watch(struct ctl *ctl, const char *text)
{
	char *end;

	ctl->watch_s = strtod(text, &end);
	return end != text && !*end && ctl->watch_s >= 0.1 &&
	       ctl->watch_s <= 86400;
}

static bool add_name(struct ctl_names *names, const char *name)
{
	if (names->count == CTL_NAMES_MAX)
		return false;
	names->name[names->count++] = name;
	return true;
}

static bool is_direction(const char *text)
{
	return !strcmp(text, "in") || !strcmp(text, "out") ||
	       !strcmp(text, "both");
}

/* One option's value; NULL, or what would be valid. */
static const char *set_value(struct ctl *ctl, int opt, const char *arg)
{
	switch (opt) {
	case OPT_SNAPLEN:
		return parse_snaplen(arg, &ctl->snaplen) ? NULL :
							   "1 to 65535";
	case OPT_RATE:
		return parse_rate(arg, &ctl->rate_bps) ?
			       NULL :
			       "bit/s, such as 500k, 10M or 1G";
	case OPT_DURATION:
		return parse_duration(arg, &ctl->duration_s) ?
			       NULL :
			       "whole seconds up to a week, such as 90s, "
			       "10m or 1h";
	case OPT_CONFIRM_WITHIN:
		return parse_trial(arg, &ctl->confirm_within_s) ?
			       NULL :
			       "whole seconds up to an hour, such as 30, 90s "
			       "or 5m";
	case OPT_WATCH:
		ctl->watch = true;
		ctl->watch_s = 1;
		return !arg || parse_watch(ctl, arg) ? NULL :
						       "seconds, 0.1 or more";
	case OPT_DIRECTION:
		ctl->direction = arg;
		return is_direction(arg) ? NULL : "in, out or both";
	case OPT_NETWORK:
		return add_name(&ctl->networks, arg) ? NULL : "at most 64";
	case OPT_PORT:
		return add_name(&ctl->ports, arg) ? NULL : "at most 64";
	}
	return NULL;
}

static void set_flag(struct ctl *ctl, int opt, const char *arg)
{
	switch (opt) {
	case OPT_SOCKET:
		ctl->socket = arg;
		break;
	case OPT_JSON:
		ctl->json = true;
		break;
	case OPT_FORCE:
		ctl->force = true;
		break;
	case OPT_CHECK:
		ctl->check = true;
		break;
	case OPT_HEX:
		ctl->hex = true;
		break;
	case 'w':
		ctl->write = arg;
		break;
	case OPT_REASON:
		ctl->reason = arg;
		break;
	case OPT_TO:
		ctl->to = arg;
		break;
	case OPT_OTHER_NETWORK:
		ctl->other_network = true;
		break;
	}
}

static const char *option_name(int opt)
{
	const struct option *o;

	for (o = long_options; o->name; o++)
		if (o->val == opt)
			return o->name;
	return "?";
}

static bool takes(const struct command *c, int opt)
{
	char word[32];

	if (opt == OPT_SOCKET || opt == OPT_JSON)
		return true;
	snprintf(word, sizeof(word), " %s ", option_name(opt));
	return c && strstr(c->options, word);
}

static void print_usage(const struct command *c)
{
	printf("switchctl %s%s%s\n\n%s.  See switchctl(1).\n", c->name,
	       *c->usage ? " " : "", c->usage, c->help);
}

static int check_operands(struct ctl *ctl, const struct command *c)
{
	if (ctl->argc < c->operands_min ||
	    (c->operands_max >= 0 && ctl->argc > c->operands_max))
		return ctl_fail(ctl, CTL_USAGE, "usage: switchctl %s %s",
				c->name, c->usage);
	if (c->run == ctl_stats && ctl->argc) { /* stats --watch 2 */
		if (!ctl->watch || !parse_watch(ctl, ctl->argv[0]))
			return ctl_fail(ctl, CTL_USAGE,
					"stats %s: --watch with seconds, 0.1 "
					"or more", ctl->argv[0]);
	}
	return CTL_DONE;
}

struct parsed {
	const struct command *command;
	bool help, version;
	uint64_t given; /* bit 0: -w, else opt - 255 */
};

/* "--watch -1" is two options to getopt. */
static bool is_negative(const char *word)
{
	return word && word[0] == '-' && isdigit((unsigned char)word[1]);
}

/* Options may stand before and after the command. */
static int parse_options(struct ctl *ctl, int argc, char **argv,
			 struct parsed *p)
{
	const char *arg, *valid;
	int opt;

	while ((opt = getopt_long(argc, argv, "hVw:", long_options, NULL)) !=
	       -1) {
		if (opt == '?')
			return CTL_USAGE; /* getopt has said it */
		if (opt == 'h' || opt == 'V') {
			p->help |= opt == 'h';
			p->version |= opt == 'V';
			continue;
		}
		p->given |= 1ull << (opt == 'w' ? 0 : opt - 255);
		set_flag(ctl, opt, optarg);
		arg = opt == OPT_WATCH && !optarg && is_negative(argv[optind])
			      ? argv[optind]
			      : optarg;
		valid = set_value(ctl, opt, arg);
		if (valid)
			return ctl_fail(ctl, CTL_USAGE, "--%s %s: %s",
					option_name(opt), arg, valid);
	}
	ctl->argc = argc - optind;
	ctl->argv = argv + optind;
	return CTL_DONE;
}

static int check_options(const struct ctl *ctl, const struct parsed *p)
{
	int i, opt;

	for (i = 0; i < 64; i++) {
		opt = i ? i + 255 : 'w';
		if ((p->given >> i & 1) && !takes(p->command, opt))
			return ctl_fail(ctl, CTL_USAGE,
					"%s takes no --%s",
					p->command->name, option_name(opt));
	}
	return CTL_DONE;
}

static int run(struct ctl *ctl, const struct parsed *p)
{
	int code = check_options(ctl, p);

	if (!code)
		code = check_operands(ctl, p->command);
	return code ? code : p->command->run(ctl);
}

/* "help", "help stats" are "--help", "stats --help". */
static void take_help(struct ctl *ctl, struct parsed *p)
{
	if (!ctl->argc || strcmp(ctl->argv[0], "help") != 0)
		return;
	p->help = true;
	ctl->argc--;
	ctl->argv++;
}

/* The command takes its name off the operands. */
static int choose(struct ctl *ctl, struct parsed *p)
{
	if (p->version) {
		printf("switchctl %s\n", CAUSEWAY_VERSION);
		return CTL_DONE;
	}
	take_help(ctl, p);
	if (ctl->argc)
		p->command = find_command(ctl->argv[0]);
	if (ctl->argc && !p->command)
		return ctl_fail(ctl, CTL_USAGE,
				"%s: no such command; see switchctl --help",
				ctl->argv[0]);
	if (!p->command) {
		print_help();
		return p->help ? CTL_DONE : CTL_USAGE;
	}
	if (p->help) {
		print_usage(p->command);
		return CTL_DONE;
	}
	ctl->argc--;
	ctl->argv++;
	return run(ctl, p);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .socket = SOCKET_DEFAULT };
	struct parsed parsed = { .command = NULL };
	int code = parse_options(&ctl, argc, argv, &parsed);

	if (!code)
		code = choose(&ctl, &parsed);
	rpc_client_close(ctl.rpc);
	if (fflush(stdout) && !code)
		code = ctl_fail(&ctl, CTL_FILE, "cannot write the output");
	return code;
}
