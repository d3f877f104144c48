/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_ipsec_conf.c: any bytes as a desired state of the peers.  What is
 * refused says why; what is taken can be saved, reads back as the same value,
 * and makes a plan from nothing that adds each peer once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipsec-migrate/ipsec_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool true_or_bug)
{
	if (!true_or_bug)
		abort();
}

static void check_refusal(const struct ipsec_conf_errors *errs)
{
	need(errs->count > 0 && errs->count <= ICONF_ERRORS_MAX);
	for (unsigned i = 0; i < errs->count; i++)
		need(errs->error[i].expected[0]);
}

static uint32_t plan_length(const struct ipsec_conf *a,
			    const struct ipsec_conf *b)
{
	struct ipsec_conf_plan plan;
	char text[256];
	uint32_t n;

	need(!ipsec_conf_diff(a, b, &plan));
	for (n = 0; n < plan.count; n++)
		ipsec_conf_action_text(&plan.actions[n], text, sizeof(text));
	ipsec_conf_plan_fini(&plan);
	return n;
}

static void check_value(const struct ipsec_conf *conf)
{
	struct ipsec_conf *none = ipsec_conf_empty(), *again;
	char *text = ipsec_conf_save(conf), *text_again;
	struct ipsec_conf_errors errs;

	need(text && none);
	need(!ipsec_conf_parse(&again, text, strlen(text), &errs));
	text_again = ipsec_conf_save(again);
	need(text_again && !strcmp(text, text_again));
	need(plan_length(conf, again) == 0);
	need(plan_length(none, conf) == conf->peer_count);
	need(plan_length(conf, none) == conf->peer_count);
	free(text);
	free(text_again);
	ipsec_conf_free(again);
	ipsec_conf_free(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipsec_conf_errors errs;
	struct ipsec_conf *conf;
	int rc = ipsec_conf_parse(&conf, (const char *)data, size, &errs);

	if (rc == -EINVAL)
		check_refusal(&errs);
	else
		need(!rc);
	if (!rc)
		check_value(conf);
	ipsec_conf_free(conf);
	return 0;
}
