/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain_conf_json.h: the desired state from and to a JSON value, for those
 * who have one in hand already (the daemon's RPC); all others use text, see
 * domain_conf.h.
 */
#ifndef CAUSEWAY_DOMAIN_CONF_JSON_H
#define CAUSEWAY_DOMAIN_CONF_JSON_H

#include <jansson.h>

#include "hypervisor/domain_conf.h"

/* As domain_conf_parse().  Borrows `root`. */
int domain_conf_from_json(struct domain_conf **out, const json_t *root,
			  struct domain_conf_errors *errs);

/* A new reference, or NULL without memory. */
json_t *domain_conf_to_json(const struct domain_conf *conf);

/* The errors as [{"path", "value", "expected"}...]; new reference or NULL. */
json_t *domain_conf_errors_json(const struct domain_conf_errors *errs);

#endif
