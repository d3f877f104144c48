/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_table.h: rows of text in columns as wide as their longest cell.
 *
 * Cells are copied, and what is not printable ASCII becomes '?', because names
 * and texts may come from elsewhere and go to a terminal.
 */
#ifndef CAUSEWAY_TEXT_TABLE_H
#define CAUSEWAY_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS 16

struct text_table {
	unsigned columns;
	bool right[TEXT_TABLE_COLUMNS]; /* aligned right: numbers */
	size_t width[TEXT_TABLE_COLUMNS];
	char **cells; /* row after row */
	size_t count, room;
};

/* "NAME;TYPE;>FRAMES": titles; '>' aligns the column right. */
void text_table_init(struct text_table *t, const char *titles);
void text_table_fini(struct text_table *t);

/* Next cell, left to right; a full row begins the next. */
void text_table_cell(struct text_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Titles and rows; nothing at all when there is no row. */
void text_table_print(const struct text_table *t, FILE *to);

#endif
