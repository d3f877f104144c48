/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp_drop.c: the table's words.
 */
#include "ipsec-migrate/esp_drop.h"

static const struct {
	const char *name, *help;
} table[ESP_DROP_COUNT] = {
	[ESP_DROP_NONE] = { "none", "not dropped" },
#define X(sym, name, help) [ESP_DROP_##sym] = { name, help },
	ESP_DROP_OUT(X) ESP_DROP_IN(X)
#undef X
};

const char *esp_drop_name(enum esp_drop why)
{
	return (unsigned)why < ESP_DROP_COUNT ? table[why].name : "unknown";
}

const char *esp_drop_help(enum esp_drop why)
{
	return (unsigned)why < ESP_DROP_COUNT ? table[why].help : "unknown";
}
