/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_conf_json.h: the desired state from and to a JSON value, for those
 * who have one in hand already (the daemon's RPC); all others use text, see
 * switch_conf.h.
 */
#ifndef CAUSEWAY_SWITCH_CONF_JSON_H
#define CAUSEWAY_SWITCH_CONF_JSON_H

#include <jansson.h>

#include "vswitch/switch_conf.h"

/* As switch_conf_parse().  Borrows `root`. */
int switch_conf_from_json(struct switch_conf **out, const json_t *root,
			  struct switch_conf_errors *errs);

/* A new reference, or NULL without memory. */
json_t *switch_conf_to_json(const struct switch_conf *conf);

/* The errors as [{"path", "value", "expected"}...]; new reference or NULL. */
json_t *switch_conf_errors_json(const struct switch_conf_errors *errs);

#endif
