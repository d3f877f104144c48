/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_guest_facts.c: a guest's tree of anything, read back.
 *
 * The input is lines "PATH=VALUE" of a guest's nodes, and its text as it is
 * for the texts themselves.  Whatever they say, facts are bounded maps of
 * clean texts.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/guest_facts.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/guest_text.h"

#define LINES_MAX 400

struct line {
	char path[GUEST_INFO_PATH_MAX];
	const char *value;
	size_t len;
};

struct tree {
	struct line lines[LINES_MAX];
	unsigned count, reads;
};

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void parse(struct tree *t, const char *text, size_t len)
{
	const char *end = text + len;

	for (t->count = 0; text < end && t->count < LINES_MAX;) {
		const char *nl = memchr(text, '\n', end - text);
		const char *stop = nl ? nl : end;
		const char *eq = memchr(text, '=', stop - text);
		struct line *l = &t->lines[t->count];

		if (eq && eq - text < GUEST_INFO_PATH_MAX - 20) {
			strcpy(l->path, GUEST_INFO_HOME "/");
			strncat(l->path, text, eq - text);
			l->value = eq + 1;
			l->len = stop - eq - 1;
			t->count++;
		}
		text = nl ? nl + 1 : end;
	}
}

static void add_child(json_t *children, const char *below)
{
	json_t *name = json_stringn(below, strcspn(below, "/"));

	if (name) /* jansson takes UTF-8 only, as the store's answers */
		json_array_append_new(children, name);
}

static json_t *node(void *ctx, const char *path)
{
	json_t *answer = json_object(), *children = json_array();
	size_t len = strlen(path);
	struct tree *t = ctx;
	unsigned i;

	t->reads++;
	for (i = 0; i < t->count; i++) {
		const struct line *l = &t->lines[i];

		if (strncmp(l->path, path, len))
			continue;
		if (!l->path[len])
			json_object_set_new(answer, "value",
					    json_stringn(l->value, l->len));
		else if (l->path[len] == '/')
			add_child(children, l->path + len + 1);
	}
	json_object_set_new(answer, "children", children);
	return answer;
}

static void check_text(const char *s)
{
	char again[4 * GUEST_INFO_TEXT_MAX];

	need(strlen(s) < GUEST_INFO_TEXT_MAX);
	need(guest_text(s, strlen(s), again) == strlen(s));
	need(!strchr(s, '\n') && !strchr(s, '\t'));
}

static void check_facts(const json_t *facts)
{
	const char *name, *key;
	json_t *map, *value;

	json_object_foreach((json_t *)facts, name, map) {
		need(json_object_size(map) <= 2 * GUEST_FACTS_READS_MAX);
		json_object_foreach(map, key, value) {
			check_text(key);
			need(json_is_string(value));
			check_text(json_string_value(value));
		}
	}
}

static void check_texts(const char *data, size_t size)
{
	char *shown = malloc(GUEST_TEXT_GROWTH * size + 1);
	char *again = malloc(GUEST_TEXT_GROWTH * GUEST_TEXT_GROWTH * size + 1);
	char line[32];
	size_t len;

	need(shown && again);
	len = guest_text(data, size, shown);
	need(len == strlen(shown) && len <= GUEST_TEXT_GROWTH * size);
	need(guest_text(shown, len, again) == len && !strcmp(shown, again));
	len = guest_text_line(data, size, line, sizeof(line));
	need(len == strlen(line) && len < sizeof(line));
	free(shown);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tree t;
	char *text = malloc(size + 1);
	json_t *facts;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	t.reads = 0;
	parse(&t, text, size);
	facts = guest_facts_collect(node, &t);
	need(t.reads <= GUEST_FACTS_READS_MAX);
	check_facts(facts);
	json_decref(facts);
	check_texts(text, size);
	free(text);
	return 0;
}
