/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_trace.c: describe a frame, ask what would happen to it.
 */
#include "vswitch/switchctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vswitch/frame_text.h"
#include "vswitch/text_table.h"

/* The port's own MAC address, so that `src` may be left out. */
static int find_own(struct ctl *ctl, uint8_t own[6], bool *found)
{
	json_t *result, *ports;
	bool known = false;
	size_t i;
	int code = ctl_call_pages(ctl, "ports.list", NULL, "ports", &result);

	if (code)
		return code;
	ports = json_object_get(result, "ports");
	*found = false;
	for (i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);

		if (strcmp(ctl_text(p, "name"), ctl->argv[0]) != 0)
			continue;
		known = true;
		*found = sscanf(ctl_text(p, "mac"),
				"%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &own[0],
				&own[1], &own[2], &own[3], &own[4],
				&own[5]) == 6;
	}
	json_decref(result);
	if (known)
		return CTL_DONE;
	return ctl_fail(ctl, CTL_REFUSED, "no port %s; see switchctl ports",
			ctl->argv[0]);
}

static int build_frame(struct ctl *ctl, uint8_t *frame, int *len)
{
	char *text = ctl_join_operands(ctl, 1), err[512] = "out of memory";
	uint8_t own[6];
	bool found = false;
	int code = CTL_DONE;

	*len = -1;
	if (text && ctl->hex) {
		*len = frame_text_hex(text, frame, err, sizeof(err));
	} else if (text) {
		code = find_own(ctl, own, &found);
		if (!code)
			*len = frame_text_build(text, found ? own : NULL,
						frame, err, sizeof(err));
	}
	free(text);
	if (!code && *len < 0)
		code = ctl_fail(ctl, CTL_USAGE, "frame: %s", err);
	return code;
}

static char *to_hex(const uint8_t *frame, int len)
{
	static const char digit[] = "0123456789abcdef";
	char *text = malloc(2 * (size_t)len + 1);
	int i;

	if (!text)
		abort();
	for (i = 0; i < len; i++) {
		text[2 * i] = digit[frame[i] >> 4];
		text[2 * i + 1] = digit[frame[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

/* Tags in front of a frame given as hex: "10" or "0x88a8:20 10" or "-". */
static const char *tags_of(const char *hex)
{
	static char text[64];
	unsigned tpid, tci, at = 24;
	size_t used = 0;

	strcpy(text, "-");
	while (strlen(hex) >= at + 8 &&
	       sscanf(hex + at, "%4x%4x", &tpid, &tci) == 2 &&
	       (tpid == 0x8100 || tpid == 0x88a8 || tpid == 0x9100) &&
	       used + 16 < sizeof(text)) {
		used += sprintf(text + used, "%s", used ? " " : "");
		if (tpid != 0x8100)
			used += sprintf(text + used, "0x%04x:", tpid);
		used += sprintf(text + used, "%u", tci & 0xfff);
		at += 8;
	}
	return text;
}

static void print_deliveries(const json_t *result)
{
	const json_t *list = json_object_get(result, "deliveries");
	struct text_table t;
	size_t i;

	text_table_init(&t, "  TO PORT;RESULT;TAGS;>BYTES");
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		const char *why = ctl_text(d, "why");
		const char *frame = ctl_text(d, "frame");

		text_table_cell(&t, "  %s", ctl_text(d, "port"));
		text_table_cell(&t, "%s", strcmp(why, "none") ? why : "sent");
		text_table_cell(&t, "%s", tags_of(frame));
		text_table_cell(&t, "%zu", strlen(frame) / 2);
	}
	text_table_print(&t, stdout);
	text_table_fini(&t);
}

static void print_trace(const struct ctl *ctl, const json_t *result, int len)
{
	const json_t *steps = json_object_get(result, "steps");
	const char *verdict = ctl_text(result, "verdict");
	const char *network = ctl_text(result, "network");
	size_t i;

	for (i = 0; i < json_array_size(steps); i++)
		printf("  %s\n", json_string_value(json_array_get(steps, i)));
	if (strcmp(verdict, "none")) {
		printf("%d bytes from %s: dropped, %s: %s\n", len,
		       ctl->argv[0], verdict, ctl_text(result, "help"));
	} else {
		printf("%d bytes from %s: forwarded in network %s, %s\n", len,
		       ctl->argv[0], *network ? network : "-",
		       ctl_text(result, "out"));
		print_deliveries(result);
	}
	if (json_array_size(json_object_get(result, "copies")))
		printf("copies to %s\n", ctl_joined(result, "copies"));
}

int ctl_trace(struct ctl *ctl)
{
	static uint8_t frame[FRAME_TEXT_MAX];
	json_t *params, *result;
	int len, code = build_frame(ctl, frame, &len);
	char *hex;

	if (code)
		return code;
	hex = to_hex(frame, len);
	params = json_pack("{s:s, s:s}", "port", ctl->argv[0], "frame", hex);
	free(hex);
	code = ctl_call(ctl, "trace", params, NULL, &result);
	if (code)
		return code;
	if (ctl->json)
		return ctl_print_json(result);
	print_trace(ctl, result, len);
	json_decref(result);
	return CTL_DONE;
}
