/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_check.c: the slow way to all that is counted on the way.
 *
 * Every tree there is (the store's, and two of each transaction) is walked;
 * what several share is charged once, so nodes and values are collected, sorted
 * by address, and each counted at its first place.
 */
#include "hypervisor/xenstore_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tally {
	const struct xenstore_account *account;
	uint64_t nodes, memory, queued;
	uint32_t watches, transactions, connections;
	int64_t outstanding;
};

/* Something charged that may be met more than once. */
struct charged {
	const void *what;
	const struct xenstore_account *account;
	size_t bytes;
};

struct check {
	const struct xenstore *xs;
	struct tally *tally; /* one for each account, in their order */
	struct charged *seen;
	size_t count, room;
	char *why;
	size_t why_size;
	bool wrong;
};

static void __attribute__((format(printf, 2, 3)))
blame(struct check *c, const char *format, ...)
{
	va_list args;

	if (c->wrong)
		return; /* the first says enough */
	c->wrong = true;
	va_start(args, format);
	vsnprintf(c->why, c->why_size, format, args);
	va_end(args);
}

static struct tally *tally_of(struct check *c,
			      const struct xenstore_account *account)
{
	struct tally *tally = c->tally;

	while (tally->account != account)
		tally++;
	return tally;
}

static void see(struct check *c, const void *what,
		const struct xenstore_account *account, size_t bytes)
{
	size_t room = c->room ? c->room * 2 : 64;
	struct charged *seen;

	if (c->count == c->room) {
		seen = realloc(c->seen, room * sizeof(*seen));
		if (!seen) {
			blame(c, "no memory to check with");
			return;
		}
		c->seen = seen;
		c->room = room;
	}
	c->seen[c->count++] = (struct charged){ what, account, bytes };
}

static void check_node(struct check *c, const struct xenstore_node *node,
		       const char *path)
{
	uint32_t names = 0;

	if (!node->refs || node->owner->domid != node->perms->entry[0].domid)
		blame(c, "%s: owner or references", path);
	for (uint32_t i = 0; i < node->children; i++) {
		names += node->child[i]->name_len + 1;
		if (i && strcmp(node->child[i - 1]->name,
				node->child[i]->name) >= 0)
			blame(c, "%s: children out of order", path);
		if (node->child[i]->below > node->below)
			blame(c, "%s: generation below", path);
	}
	if (names != node->names_bytes || node->generation > node->below)
		blame(c, "%s: names or generation", path);
	see(c, node, node->owner, node->charged);
	if (node->value)
		see(c, node->value, node->value->payer,
		    xenstore_value_cost(node->value->len));
}

static void check_tree(struct check *c, struct xenstore_node *top, bool current)
{
	struct xenstore_walk walk;
	struct xenstore_node *node;

	xenstore_walk_start(&walk, top, "");
	while ((node = xenstore_walk_next(&walk))) {
		check_node(c, node, walk.path);
		if (current && node != top)
			tally_of(c, node->owner)->nodes++;
	}
}

static void check_tx(struct check *c, struct tally *tally,
		     const struct xenstore_tx *tx)
{
	tally->transactions++;
	tally->memory += sizeof(*tx);
	for (uint32_t i = 0; i < tx->count; i++) {
		tally->memory +=
			xenstore_tx_access_cost(tx->access[i]->path_len);
		if (i && strcmp(tx->access[i - 1]->path,
				tx->access[i]->path) >= 0)
			blame(c, "transaction %u out of order", tx->id);
	}
	check_tree(c, tx->base, false);
	check_tree(c, tx->top, false);
}

static void check_conn(struct check *c, const struct xenstore_conn *conn)
{
	struct tally *tally = tally_of(c, conn->account);
	const struct xenstore_watch *watch;

	tally->connections++;
	tally->outstanding += conn->queued;
	tally->queued += conn->queued_bytes;
	tally->memory += conn->queued_bytes;
	for (watch = conn->watches; watch; watch = watch->next) {
		tally->watches++;
		tally->memory += sizeof(*watch) + watch->path_len +
				 watch->token_len + 2;
	}
	for (const struct xenstore_tx *tx = conn->txs; tx; tx = tx->next)
		check_tx(c, tally, tx);
}

static int by_address(const void *a, const void *b)
{
	const struct charged *x = a, *y = b;

	return (x->what > y->what) - (x->what < y->what);
}

static void add_charges(struct check *c)
{
	if (!c->count)
		return;
	qsort(c->seen, c->count, sizeof(*c->seen), by_address);
	for (size_t i = 0; i < c->count; i++)
		if (!i || c->seen[i].what != c->seen[i - 1].what)
			tally_of(c, c->seen[i].account)->memory +=
				c->seen[i].bytes;
}

static void compare(struct check *c, const struct tally *tally)
{
	const struct xenstore_account *a = tally->account;

	if (a->nodes != tally->nodes || a->nodes_pending)
		blame(c, "domain %u: %u nodes counted, %lu there", a->domid,
		      a->nodes, (unsigned long)tally->nodes);
	if (a->memory_bytes != tally->memory ||
	    a->queued_bytes != tally->queued)
		blame(c, "domain %u: %lu bytes counted, %lu there", a->domid,
		      (unsigned long)a->memory_bytes,
		      (unsigned long)tally->memory);
	if (a->watches != tally->watches ||
	    a->transactions != tally->transactions ||
	    a->connections != tally->connections ||
	    a->outstanding != tally->outstanding)
		blame(c, "domain %u: watches, transactions or connections",
		      a->domid);
}

bool xenstore_check(const struct xenstore *xs, char *why, size_t size)
{
	struct check c = { .xs = xs, .why = why, .why_size = size };
	uint32_t accounts = xs->accounts.count;

	c.tally = calloc(accounts, sizeof(*c.tally));
	if (!c.tally) {
		blame(&c, "no memory to check with");
		return false;
	}
	for (uint32_t i = 0; i < accounts; i++)
		c.tally[i].account = xs->accounts.list[i];
	check_tree(&c, xs->top, true);
	for (struct xenstore_conn *conn = xs->conns; conn; conn = conn->next)
		check_conn(&c, conn);
	add_charges(&c);
	for (uint32_t i = 0; i < accounts; i++)
		compare(&c, &c.tally[i]);
	free(c.seen);
	free(c.tally);
	return !c.wrong;
}
