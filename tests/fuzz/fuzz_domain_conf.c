/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_domain_conf.c: any bytes as a desired state of the hypervisor.  What is
 * refused says why; what is taken can be saved, reads back as the same value,
 * and makes a plan from nothing that adds each domain once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/domain_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool true_or_bug)
{
	if (!true_or_bug)
		abort();
}

static void check_refusal(const struct domain_conf_errors *errs)
{
	unsigned i;

	need(errs->count > 0 && errs->count <= DCONF_ERRORS_MAX);
	for (i = 0; i < errs->count; i++)
		need(errs->error[i].expected[0]);
}

static uint32_t plan_length(const struct domain_conf *a,
			    const struct domain_conf *b)
{
	struct domain_conf_plan plan;
	char text[256];
	uint32_t i, n;

	need(!domain_conf_diff(a, b, &plan));
	for (i = 0; i < plan.count; i++)
		domain_conf_action_text(a, b, &plan.actions[i], i & 1, text,
					sizeof(text));
	n = plan.count;
	domain_conf_plan_fini(&plan);
	return n;
}

static void check_value(const struct domain_conf *conf)
{
	struct domain_conf *none = domain_conf_empty(), *again;
	char *text = domain_conf_save(conf), *text_again;
	struct domain_conf_errors errs;

	need(text && none);
	need(!domain_conf_parse(&again, text, strlen(text), &errs));
	text_again = domain_conf_save(again);
	need(text_again && !strcmp(text, text_again));
	need(plan_length(conf, again) == 0);
	need(plan_length(none, conf) >= conf->domain_count);
	need(plan_length(conf, none) >= conf->domain_count);
	free(text);
	free(text_again);
	domain_conf_free(again);
	domain_conf_free(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain_conf_errors errs;
	struct domain_conf *conf;
	int rc = domain_conf_parse(&conf, (const char *)data, size, &errs);

	if (rc == -EINVAL)
		check_refusal(&errs);
	else
		need(!rc);
	if (!rc)
		check_value(conf);
	domain_conf_free(conf);
	return 0;
}
