/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway.c: a host as a whole: bring it up and down, look at it, command its
 * domains.
 *
 * One table of commands, one of options; a command says which options it
 * takes, so that a misplaced one is an error and not ignored.  Each command is
 * a function in a causeway_*.c.
 */
#include "mgmt/causeway.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/causeway_console.h"

enum {
	OPT_SITE = 256,
	OPT_JSON,
	OPT_NO_SYSTEMD,
	OPT_FORCE,
	OPT_KEEP_DOMAINS,
	OPT_ONLY_DOMAINS,
	OPT_TIMEOUT,
};

static const struct option long_options[] = {
	{ "site", required_argument, NULL, OPT_SITE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "no-systemd", no_argument, NULL, OPT_NO_SYSTEMD },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "keep-domains", no_argument, NULL, OPT_KEEP_DOMAINS },
	{ "only-domains", no_argument, NULL, OPT_ONLY_DOMAINS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "follow", no_argument, NULL, 'f' },
	{ "lines", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct command {
	const char *name;
	int (*run)(struct cw *cw);
	int operands_min, operands_max;
	const char *options; /* " name name " beyond the common */
	const char *usage;
	const char *help;
} commands[] = {
	{ "up", cw_up, 0, 0, " force ", "[--force]",
	  "start what is missing, and make the host what its site file says" },
	{ "apply", cw_apply, 0, 0, " force ", "[--force]",
	  "the site file has changed: hand it over, start nothing" },
	{ "check", cw_check, 0, 0, "", "", "is the site file valid?" },
	{ "down", cw_down, 0, 0, " keep-domains only-domains timeout ",
	  "[--keep-domains | --only-domains] [--timeout SECONDS]",
	  "shut the domains down and stop everything" },
	{ "status", cw_status, 0, 0, "", "",
	  "daemons, ports, bonds and domains in short" },
	{ "preflight", cw_preflight, 0, 0, "", "",
	  "what this machine can and cannot do, and what mends it" },
	{ "logs", cw_logs, 0, 1, " follow lines ",
	  "[DAEMON] [-f] [-n LINES]", "what the daemons say" },
	{ "vm", cw_vm, 1, 2, " timeout ",
	  "list | show|start|shutdown|reboot|pause|resume|suspend|kill|"
	  "confirm VM [--timeout SECONDS]",
	  "look at domains and command them" },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};

static const struct command *find_command(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static void print_help(void)
{
	const struct command *c;

	puts("Usage: causeway [--site DIR] COMMAND [OPTION]...\n"
	     "A Causeway host: its daemons, its switch, its domains.\n");
	for (c = commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->help);
	puts("  console    a domain's console on this terminal\n\n"
	     "  --site DIR     the site in this folder, not /etc/causeway\n"
	     "  --no-systemd   our own supervision, systemd or not\n"
	     "  --json         answer in JSON\n"
	     "  --help, --version; COMMAND --help\n\n"
	     "See causeway(1), causeway-site.json(5), switchctl(1).");
}

static void print_usage(const struct command *c)
{
	printf("causeway %s%s%s\n\n%s.  See causeway(1).\n", c->name,
	       *c->usage ? " " : "", c->usage, c->help);
}

/* --- options -------------------------------------------------------------- */

struct parsed {
	const struct command *command;
	bool help, version;
	unsigned given; /* bit opt - 256; 'f' and 'n' are bits 30 and 31 */
};

static unsigned bit_of(int opt)
{
	return opt == 'f' ? 1u << 30 : opt == 'n' ? 1u << 31 :
						    1u << (opt - 256);
}

static bool parse_number(const char *text, unsigned max, unsigned *to)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*to = v;
	return end != text && !*end && text[0] != '-' && v && v <= max;
}

/* NULL, or what would be valid. */
static const char *set_option(struct cw *cw, int opt, const char *arg)
{
	switch (opt) {
	case OPT_SITE:
		cw->site = arg;
		break;
	case OPT_JSON:
		cw->json = true;
		break;
	case OPT_NO_SYSTEMD:
		cw->no_systemd = true;
		break;
	case OPT_FORCE:
		cw->force = true;
		break;
	case OPT_KEEP_DOMAINS:
		cw->keep_domains = true;
		break;
	case OPT_ONLY_DOMAINS:
		cw->only_domains = true;
		break;
	case 'f':
		cw->follow = true;
		break;
	case OPT_TIMEOUT:
		return parse_number(arg, 600, &cw->timeout_s) ?
			       NULL : "seconds, 1 to 600";
	case 'n':
		return parse_number(arg, 1000000, &cw->lines) ?
			       NULL : "1 to 1000000";
	}
	return NULL;
}

/* Options may stand before and after the command. */
static int parse_options(struct cw *cw, int argc, char **argv,
			 struct parsed *p)
{
	const char *valid;
	int opt;

	while ((opt = getopt_long(argc, argv, "hVfn:", long_options, NULL)) !=
	       -1) {
		if (opt == '?')
			return CW_USAGE; /* getopt has said it */
		p->help |= opt == 'h';
		p->version |= opt == 'V';
		if (opt == 'h' || opt == 'V')
			continue;
		p->given |= bit_of(opt);
		valid = set_option(cw, opt, optarg);
		if (valid)
			return cw_fail(cw, CW_USAGE, "%s: %s", optarg, valid);
	}
	cw->argc = argc - optind;
	cw->argv = argv + optind;
	return CW_DONE;
}

/* Options that the command does not take are a mistake. */
static int check_options(const struct cw *cw, const struct parsed *p)
{
	const struct option *o;
	char word[32];

	for (o = long_options; o->name; o++) {
		if (o->val == 'h' || o->val == 'V' || o->val == OPT_SITE ||
		    o->val == OPT_JSON || o->val == OPT_NO_SYSTEMD ||
		    !(p->given & bit_of(o->val)))
			continue;
		snprintf(word, sizeof(word), " %s ", o->name);
		if (!strstr(p->command->options, word))
			return cw_fail(cw, CW_USAGE, "%s takes no --%s",
				       p->command->name, o->name);
	}
	return CW_DONE;
}

static int check_operands(const struct cw *cw, const struct command *c)
{
	if (cw->argc >= c->operands_min && cw->argc <= c->operands_max)
		return CW_DONE;
	return cw_fail(cw, CW_USAGE, "usage: causeway %s %s", c->name,
		       c->usage);
}

/* --- running -------------------------------------------------------------- */

static int open_site(struct cw *cw)
{
	struct site_errors errs = { 0 };
	int rc = site_find(cw->site, &cw->paths, &errs);

	if (rc) {
		cw->paths.file[0] = '\0';
		cw_say_site_errors(cw, &errs);
		return CW_FILE;
	}
	cw->launch.paths = &cw->paths;
	cw->launch.systemd = cw->paths.is_default && !cw->no_systemd &&
			     launch_has_systemd();
	return CW_DONE;
}

static int run(struct cw *cw, const struct parsed *p)
{
	int code = check_options(cw, p);

	if (!code)
		code = check_operands(cw, p->command);
	if (!code)
		code = open_site(cw);
	return code ? code : p->command->run(cw);
}

/* The command takes its name off the operands. */
static int choose(struct cw *cw, struct parsed *p)
{
	if (p->version) {
		puts("causeway " CAUSEWAY_VERSION);
		return CW_DONE;
	}
	if (cw->argc)
		p->command = find_command(cw->argv[0]);
	if (cw->argc && !p->command)
		return cw_fail(cw, CW_USAGE,
			       "%s: no such command; see causeway --help",
			       cw->argv[0]);
	if (!p->command) {
		print_help();
		return p->help ? CW_DONE : CW_USAGE;
	}
	if (p->help) {
		print_usage(p->command);
		return CW_DONE;
	}
	cw->argc--;
	cw->argv++;
	return run(cw, p);
}

/* `console` has options of its own: all that comes after it is its. */
static int console_at(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--site"))
			i++;
		else if (argv[i][0] != '-')
			return strcmp(argv[i], "console") ? 0 : i;
	}
	return 0;
}

static int console(struct cw *cw, int argc, char **argv, int at)
{
	struct parsed parsed = { .command = NULL };
	char socket[PATH_MAX];
	int code;

	code = parse_options(cw, at, argv, &parsed);
	if (!code)
		code = open_site(cw);
	if (code)
		return code;
	site_socket(&cw->paths, SITE_CONSOLED, socket);
	optind = 0; /* getopt begins anew */
	return causeway_console(argc - at, argv + at, socket);
}

int main(int argc, char **argv)
{
	struct cw cw = { .site = NULL };
	struct parsed parsed = { .command = NULL };
	int at = console_at(argc, argv), code;

	/* `causeway up | head` must not end halfway */
	signal(SIGPIPE, SIG_IGN);
	if (at)
		return console(&cw, argc, argv, at);
	code = parse_options(&cw, argc, argv, &parsed);
	if (!code)
		code = choose(&cw, &parsed);
	if (fflush(stdout) && !code)
		code = cw_fail(&cw, CW_FILE, "cannot write the output");
	return code;
}
