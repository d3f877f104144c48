/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_account.c: credit as Xen's write rate limit (xenstored, domain.c)
 * has it, in fixed point.
 *
 * The rate is divided among the domains of the pool.  What a domain does not
 * spend it saves up to the burst; what is more goes to a reserve of all, up to
 * its own limit, and is lost beyond.  A domain in debt takes from the reserve.
 * A domain that joins gets its first burst from the reserve, which may run
 * into a debt of some such bursts.
 *
 * Credit is added for whole milliseconds only, so that many small additions
 * do not round anything away.
 */
#include "hypervisor/xenstore_account.h"

#include <stdlib.h>
#include <string.h>

#define CREDIT 1000 /* one, in thousandths */
#define LONG_MS (1000ll * 1000 * 1000) /* nobody's credit grows for longer */

static uint32_t place_of(const struct xenstore_accounts *all, unsigned domid)
{
	uint32_t low = 0, high = all->count;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (all->list[mid]->domid < domid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct xenstore_account *
xenstore_account_find(const struct xenstore_accounts *all, unsigned domid)
{
	uint32_t at = place_of(all, domid);

	if (at == all->count || all->list[at]->domid != domid)
		return NULL;
	return all->list[at];
}

static bool make_room(struct xenstore_accounts *all)
{
	uint32_t room = all->room ? all->room * 2 : 4;
	struct xenstore_account **list;

	if (all->count < all->room)
		return true;
	list = realloc(all->list, room * sizeof(*list));
	if (!list)
		return false;
	all->list = list;
	all->room = room;
	return true;
}

struct xenstore_account *xenstore_account_get(struct xenstore_accounts *all,
					      unsigned domid)
{
	struct xenstore_account *account = xenstore_account_find(all, domid);
	uint32_t at;

	if (account || !make_room(all))
		return account;
	account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	account->domid = domid;
	account->soft_bytes = domid ? all->quota.memory_soft : UINT64_MAX;
	at = place_of(all, domid);
	memmove(all->list + at + 1, all->list + at,
		(all->count - at) * sizeof(*all->list));
	all->list[at] = account;
	all->count++;
	return account;
}

void xenstore_accounts_fini(struct xenstore_accounts *all)
{
	for (uint32_t i = 0; i < all->count; i++)
		free(all->list[i]);
	free(all->list);
	memset(all, 0, sizeof(*all));
}

void xenstore_account_memory(struct xenstore_account *account, int64_t bytes)
{
	bool soft;

	account->memory_bytes += bytes;
	if (account->memory_bytes > account->memory_peak_bytes)
		account->memory_peak_bytes = account->memory_bytes;
	soft = account->memory_bytes > account->soft_bytes;
	account->seen.soft_exceeded += soft && !account->soft;
	account->soft = soft;
}

/* As much as leaves *from at least `floor` and *to at most `ceiling`. */
static void transfer(int64_t *from, int64_t floor, int64_t *to,
		     int64_t ceiling)
{
	int64_t amount = *from - floor;

	if (amount > ceiling - *to)
		amount = ceiling - *to;
	if (amount <= 0)
		return;
	*from -= amount;
	*to += amount;
}

static int64_t burst(const struct xenstore_accounts *all)
{
	return (int64_t)all->quota.write_burst * CREDIT;
}

void xenstore_account_pool(struct xenstore_accounts *all,
			   struct xenstore_account *account, uint64_t now_ms)
{
	bool in = account->domid &&
		  (account->introduced || account->connections);

	if (in == account->in_pool)
		return;
	account->in_pool = in;
	if (in) {
		all->pool++;
		account->credit = 0;
		account->credit_ms = now_ms;
		transfer(&all->reserve,
			 -burst(all) * all->quota.write_new_domains,
			 &account->credit, burst(all));
	} else {
		all->pool--;
		transfer(&account->credit, 0, &all->reserve, burst(all));
		account->credit = 0;
	}
}

static void earn(struct xenstore_accounts *all,
		 struct xenstore_account *account, uint64_t now_ms)
{
	int64_t ms = now_ms - account->credit_ms;

	if (now_ms <= account->credit_ms)
		ms = 0;
	if (ms > LONG_MS)
		ms = LONG_MS;
	account->credit += ms * all->quota.write_rate / all->pool;
	account->credit_ms = now_ms;
	transfer(&all->reserve, 0, &account->credit, 0);
	if (account->credit <= burst(all))
		return;
	transfer(&account->credit, burst(all), &all->reserve,
		 (int64_t)all->quota.write_reserve * CREDIT);
	account->credit = burst(all);
}

void xenstore_account_debit(struct xenstore_accounts *all,
			    struct xenstore_account *account, uint32_t credits,
			    uint64_t now_ms)
{
	if (!account->in_pool)
		return;
	earn(all, account, now_ms);
	account->credit -= (int64_t)credits * CREDIT;
}

uint64_t xenstore_account_wait_ms(struct xenstore_accounts *all,
				  struct xenstore_account *account,
				  uint64_t now_ms)
{
	uint64_t rate = all->quota.write_rate;

	if (!account->in_pool)
		return 0;
	earn(all, account, now_ms);
	if (account->credit >= 0)
		return 0;
	if (!rate)
		return UINT64_MAX;
	return (-account->credit * all->pool + rate - 1) / rate;
}
