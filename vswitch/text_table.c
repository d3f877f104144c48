/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_table.c: the title row is a row like any other; widths grow as cells
 * come.  Out of memory ends the program: it is a tool, not a daemon.
 */
#include "vswitch/text_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add_cell(struct text_table *t, char *text)
{
	size_t column = t->count % t->columns, len = strlen(text);
	char *c;

	for (c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (t->count == t->room) {
		t->room = 2 * t->room + 64;
		t->cells = realloc(t->cells, t->room * sizeof(*t->cells));
		if (!t->cells)
			abort();
	}
	t->cells[t->count++] = text;
	if (len > t->width[column])
		t->width[column] = len;
}

void text_table_init(struct text_table *t, const char *titles)
{
	char *copy = strdup(titles), *title, *rest = copy;

	memset(t, 0, sizeof(*t));
	if (!copy)
		abort();
	for (title = copy; *title; title++)
		t->columns += *title == ';';
	t->columns++;
	assert(t->columns <= TEXT_TABLE_COLUMNS);
	while ((title = strsep(&rest, ";"))) {
		t->right[t->count % t->columns] = *title == '>';
		text_table_cell(t, "%s", title + (*title == '>'));
	}
	free(copy);
}

void text_table_fini(struct text_table *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

void text_table_cell(struct text_table *t, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	add_cell(t, text);
}

void text_table_print(const struct text_table *t, FILE *to)
{
	size_t i, column;

	if (t->count <= t->columns)
		return;
	for (i = 0; i < t->count; i++) {
		column = i % t->columns;
		if (t->right[column])
			fprintf(to, "%*s", (int)t->width[column], t->cells[i]);
		else if (column + 1 < t->columns)
			fprintf(to, "%-*s", (int)t->width[column],
				t->cells[i]);
		else
			fputs(t->cells[i], to);
		fputs(column + 1 < t->columns ? "  " : "\n", to);
	}
}
