/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_conf.c: any bytes as a desired state.  What is refused says why; what
 * is taken can be saved, reads back as the same value, and makes a plan from
 * nothing that adds each object once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/switch_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool true_or_bug)
{
	if (!true_or_bug)
		abort();
}

static void check_refusal(const struct switch_conf_errors *errs)
{
	unsigned i;

	need(errs->count > 0 && errs->count <= CONF_ERRORS_MAX);
	for (i = 0; i < errs->count; i++)
		need(errs->error[i].expected[0]);
}

static uint32_t plan_length(const struct switch_conf *a,
			    const struct switch_conf *b)
{
	struct switch_conf_plan plan;
	uint32_t n;

	need(!switch_conf_diff(a, b, &plan));
	n = plan.count;
	switch_conf_plan_fini(&plan);
	return n;
}

static void check_value(const struct switch_conf *conf)
{
	struct switch_conf *none = switch_conf_empty(), *again;
	char *text = switch_conf_save(conf), *text_again;
	struct switch_conf_errors errs;

	need(text && none);
	need(!switch_conf_parse(&again, text, strlen(text), &errs));
	text_again = switch_conf_save(again);
	need(text_again && !strcmp(text, text_again));
	need(plan_length(conf, again) == 0);
	need(plan_length(none, conf) >= conf->port_count + conf->network_count);
	need(plan_length(conf, none) >= conf->port_count + conf->network_count);
	free(text);
	free(text_again);
	switch_conf_free(again);
	switch_conf_free(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct switch_conf_errors errs;
	struct switch_conf *conf;
	int rc = switch_conf_parse(&conf, (const char *)data, size, &errs);

	if (rc == -EINVAL)
		check_refusal(&errs);
	else
		need(!rc);
	if (!rc)
		check_value(conf);
	switch_conf_free(conf);
	return 0;
}
