/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_account.h: what each domain has of a store, and its credit for
 * writes.  Private to hypervisor/xenstore*.c and their tests.
 *
 * Accounts are made when a domain is first named (as an owner, by a
 * connection) and stay until the store goes, so that a node can point at its
 * owner's; one that was released has counts of 0.
 */
#ifndef CAUSEWAY_XENSTORE_ACCOUNT_H
#define CAUSEWAY_XENSTORE_ACCOUNT_H

#include "hypervisor/xenstore.h"

struct xenstore_account {
	uint16_t domid;
	bool introduced;
	bool in_pool;		   /* shares the credit of all */
	uint32_t connections;
	uint32_t nodes;		   /* owned, outside transactions */
	int32_t nodes_pending;	   /* change of `nodes` being worked out */
	uint32_t watches;
	uint32_t transactions;
	uint32_t outstanding;
	uint64_t queued_bytes;
	uint64_t memory_bytes;	   /* all, including queued_bytes */
	uint64_t memory_peak_bytes;
	uint64_t soft_bytes;	   /* the limit */
	bool soft;		   /* is over it */
	struct xenstore_account *target; /* acts as this one as well */
	int64_t credit;		   /* in thousandths */
	uint64_t credit_ms;	   /* when that was true */
	struct xenstore_facts seen; /* the counters of it */
};

struct xenstore_accounts {
	struct xenstore_quota quota;
	struct xenstore_account **list; /* sorted by domid */
	uint32_t count, room;
	uint32_t pool;		   /* accounts that share the credit */
	int64_t reserve;	   /* credit saved for all, in thousandths */
};

void xenstore_accounts_fini(struct xenstore_accounts *all);
/* NULL: there is none. */
struct xenstore_account *
xenstore_account_find(const struct xenstore_accounts *all, unsigned domid);
/* Finds or makes it; NULL: no memory. */
struct xenstore_account *xenstore_account_get(struct xenstore_accounts *all,
					      unsigned domid);

/* Memory taken (bytes > 0) or given back. */
void xenstore_account_memory(struct xenstore_account *account, int64_t bytes);

/* After a change of `introduced` or `connections`: joins or leaves the pool. */
void xenstore_account_pool(struct xenstore_accounts *all,
			   struct xenstore_account *account, uint64_t now_ms);
/* Pays so many credits; domain 0 never does. */
void xenstore_account_debit(struct xenstore_accounts *all,
			    struct xenstore_account *account, uint32_t credits,
			    uint64_t now_ms);
/* 0: there is credit; else milliseconds until there is. */
uint64_t xenstore_account_wait_ms(struct xenstore_accounts *all,
				  struct xenstore_account *account,
				  uint64_t now_ms);

#endif
