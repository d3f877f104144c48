/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_preflight.c: `preflight`: gather what the checks say, show it.
 */
#include "mgmt/preflight.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const words[FINDING_LEVELS] = {
	[FINDING_OK] = "ok",
	[FINDING_WITHOUT] = "without",
	[FINDING_MISSING] = "missing",
};

void finding(struct preflight *p, enum finding_level level, const char *id,
	     const char *fix, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->count[level]++;
	json_array_append_new(p->findings,
			      json_pack("{s:s, s:s, s:s, s:s}", "id", id,
					"level", words[level], "text", text,
					"fix", fix));
	if (p->cw->json)
		return;
	printf("%-8s %s\n", words[level], text);
	if (*fix)
		printf("         -> %s\n", fix);
}

void preflight_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

static void sum_up(const struct preflight *p)
{
	if (p->count[FINDING_MISSING])
		printf("\n%u missing: a host does not work so\n",
		       p->count[FINDING_MISSING]);
	else if (p->count[FINDING_WITHOUT])
		printf("\nnothing is missing; %u could be better\n",
		       p->count[FINDING_WITHOUT]);
	else
		printf("\nnothing is missing\n");
}

int cw_preflight(struct cw *cw)
{
	struct preflight p = { .cw = cw, .findings = json_array() };
	struct site_errors errs = { 0 };
	struct site *site = NULL;
	int code;

	site_load(&cw->paths, &site, &errs);
	p.site = site;
	preflight_machine(&p);
	preflight_kernel(&p);
	preflight_system(&p);
	code = p.count[FINDING_MISSING] ? CW_REFUSED : CW_DONE;
	if (cw->json)
		cw_print_json(json_pack("{s:b, s:o}", "ok", !code, "findings",
					p.findings));
	else
		sum_up(&p);
	if (!cw->json)
		json_decref(p.findings);
	site_free(site);
	return code;
}
