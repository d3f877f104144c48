/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_watch.c: see charon_watch.h.
 *
 * Two objects hang on libcharon's bus: a listener for what happens, and a
 * logger, because only the log says why something failed.  Both run in
 * libcharon's threads, under its locks, so they only count and queue.
 *
 * An IKE SA that a peer begins has no configuration, and so no name, before it
 * has said who it is; what fails by then is put down to the peer at that
 * address.
 */
#include "ipsec-migrate/charon_watch.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/queue.h>

#include "base/log.h"
#include "ipsec-migrate/charon_lib.h"
#include "ipsec-migrate/charon_peers.h"
#include "ipsec-migrate/charon_words.h"

#define QUEUE_MAX 1024
#define PEERS_MAX (2 * ICONF_PEERS_MAX)
#define IKES_MAX  4096
#define UNNAMED	  "(unnamed)" /* libcharon's own */

struct queued {
	struct charon_event ev;
	STAILQ_ENTRY(queued) next;
};

struct watched_peer {
	char name[ICONF_NAME_MAX];
	struct charon_facts facts;
	bool exact; /* the last error is said exactly */
	LIST_ENTRY(watched_peer) next;
};

/* An IKE SA in the count of its peer. */
struct watched_ike {
	uint32_t id;
	bool connecting;
	struct watched_peer *peer;
	LIST_ENTRY(watched_ike) next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static STAILQ_HEAD(, queued) queue = STAILQ_HEAD_INITIALIZER(queue);
static unsigned queue_len;
static LIST_HEAD(, watched_peer) peers = LIST_HEAD_INITIALIZER(peers);
static LIST_HEAD(, watched_ike) ikes = LIST_HEAD_INITIALIZER(ikes);
static unsigned peer_count, ike_count;
static int wake = -1;

/* ---- events -------------------------------------------------------------- */

int charon_watch_init(void)
{
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wake < 0 ? -errno : 0;
}

int charon_watch_fd(void)
{
	return wake;
}

static void put(const struct charon_event *ev)
{
	const uint64_t one = 1;
	struct queued *q = queue_len < QUEUE_MAX ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return;
	q->ev = *ev;
	STAILQ_INSERT_TAIL(&queue, q, next);
	queue_len++;
	if (write(wake, &one, sizeof(one)) < 0)
		log_debug("events: %s", strerror(errno));
}

void charon_watch_put(const struct charon_event *ev)
{
	pthread_mutex_lock(&lock);
	put(ev);
	pthread_mutex_unlock(&lock);
}

bool charon_watch_next(struct charon_event *ev)
{
	struct queued *q;
	uint64_t n;

	pthread_mutex_lock(&lock);
	q = STAILQ_FIRST(&queue);
	if (q) {
		STAILQ_REMOVE_HEAD(&queue, next);
		queue_len--;
	} else if (read(wake, &n, sizeof(n)) < 0 && errno != EAGAIN) {
		log_err("events: %s", strerror(errno));
	}
	pthread_mutex_unlock(&lock);
	if (q)
		*ev = q->ev;
	free(q);
	return q;
}

const char *charon_event_name(enum charon_event_kind kind)
{
	static const char *const names[] = {
		[CHARON_EV_UP] = "up",
		[CHARON_EV_DOWN] = "down",
		[CHARON_EV_REKEYED] = "rekeyed",
		[CHARON_EV_IKE_REKEYED] = "ike-rekeyed",
		[CHARON_EV_IKE_DOWN] = "ike-down",
		[CHARON_EV_MOVED] = "moved",
		[CHARON_EV_FAILED] = "failed",
		[CHARON_EV_ACQUIRE] = "acquire",
		[CHARON_EV_HELD] = "held",
		[CHARON_EV_ESPD_UP] = "espd-up",
		[CHARON_EV_ESPD_DOWN] = "espd-down",
	};

	return names[kind];
}

/* Under the lock. */
static void tell(enum charon_event_kind kind, const struct watched_peer *p,
		 const char *error, const char *text)
{
	struct charon_event ev = { .kind = kind };

	snprintf(ev.peer, sizeof(ev.peer), "%s", p ? p->name : "");
	snprintf(ev.error, sizeof(ev.error), "%s", error);
	snprintf(ev.text, sizeof(ev.text), "%s", text);
	put(&ev);
}

/* ---- peers --------------------------------------------------------------- */

static struct watched_peer *find_peer(const char *name, bool make)
{
	struct watched_peer *p;

	LIST_FOREACH(p, &peers, next)
		if (!strcmp(p->name, name))
			return p;
	if (!make || peer_count == PEERS_MAX ||
	    !(p = calloc(1, sizeof(*p))))
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", name);
	LIST_INSERT_HEAD(&peers, p, next);
	peer_count++;
	return p;
}

void charon_watch_facts(const char *name, struct charon_facts *facts)
{
	struct watched_peer *p;

	memset(facts, 0, sizeof(*facts));
	pthread_mutex_lock(&lock);
	p = find_peer(name, false);
	if (p)
		*facts = p->facts;
	pthread_mutex_unlock(&lock);
}

/* Its IKE SAs may outlive it; they leave its count then. */
void charon_watch_forget(const char *name)
{
	struct watched_ike *ike;
	struct watched_peer *p;

	pthread_mutex_lock(&lock);
	p = find_peer(name, false);
	if (p) {
		LIST_FOREACH(ike, &ikes, next)
			if (ike->peer == p)
				ike->peer = NULL;
		LIST_REMOVE(p, next);
		peer_count--;
		free(p);
	}
	pthread_mutex_unlock(&lock);
}

/* By name, or by address as long as it has none.  Under the lock. */
static struct watched_peer *peer_of(ike_sa_t *ike)
{
	char name[ICONF_NAME_MAX], address[64];

	if (!ike)
		return NULL;
	if (strcmp(ike->get_name(ike), UNNAMED))
		return find_peer(ike->get_name(ike), true);
	charon_host_text(ike->get_other_host(ike), false, address,
			 sizeof(address));
	if (!charon_peers_by_address(address, name))
		return NULL;
	return find_peer(name, true);
}

/* ---- IKE SAs ------------------------------------------------------------- */

static struct watched_ike *find_ike(uint32_t id, bool make)
{
	struct watched_ike *w;

	LIST_FOREACH(w, &ikes, next)
		if (w->id == id)
			return w;
	if (!make || ike_count == IKES_MAX || !(w = calloc(1, sizeof(*w))))
		return NULL;
	w->id = id;
	LIST_INSERT_HEAD(&ikes, w, next);
	ike_count++;
	return w;
}

static void count_ike(struct watched_ike *w, int change)
{
	if (!w->peer)
		return;
	w->peer->facts.ike_count += change;
	if (w->connecting)
		w->peer->facts.connecting += change;
}

static bool on_ike_state(listener_t *l, ike_sa_t *ike, ike_sa_state_t state)
{
	bool ends = state == IKE_DESTROYING;
	struct watched_ike *w;

	pthread_mutex_lock(&lock);
	w = find_ike(ike->get_unique_id(ike), !ends);
	if (w)
		count_ike(w, -1);
	if (w && ends) {
		tell(CHARON_EV_IKE_DOWN, w->peer, "", "");
		LIST_REMOVE(w, next);
		ike_count--;
		free(w);
	} else if (w) {
		w->peer = peer_of(ike);
		w->connecting = state == IKE_CREATED || state == IKE_CONNECTING;
		count_ike(w, 1);
	}
	pthread_mutex_unlock(&lock);
	return TRUE;
}

static bool on_ike_rekey(listener_t *l, ike_sa_t *old, ike_sa_t *new)
{
	struct watched_peer *p;

	pthread_mutex_lock(&lock);
	p = peer_of(new);
	if (p) {
		p->facts.ike_rekeys++;
		tell(CHARON_EV_IKE_REKEYED, p, "", "");
	}
	pthread_mutex_unlock(&lock);
	return TRUE;
}

static bool on_ike_update(listener_t *l, ike_sa_t *ike, host_t *local,
			  host_t *remote)
{
	struct watched_peer *p;
	char from[64], to[64], text[160];

	charon_host_text(local, true, from, sizeof(from));
	charon_host_text(remote, true, to, sizeof(to));
	snprintf(text, sizeof(text), "%s - %s", from, to);
	pthread_mutex_lock(&lock);
	p = peer_of(ike);
	if (p)
		tell(CHARON_EV_MOVED, p, "", text);
	pthread_mutex_unlock(&lock);
	return TRUE;
}

/* ---- child SAs ----------------------------------------------------------- */

static void count_up(struct watched_peer *p)
{
	if (!p->facts.child_count++) {
		p->facts.ups++;
		p->facts.up_since = time(NULL);
		tell(CHARON_EV_UP, p, "", "");
	}
	p->facts.error[0] = p->facts.error_text[0] = '\0';
	p->exact = false;
}

static void count_down(struct watched_peer *p)
{
	if (p->facts.child_count && !--p->facts.child_count) {
		p->facts.downs++;
		p->facts.up_since = 0;
		tell(CHARON_EV_DOWN, p, "", p->facts.error_text);
	}
}

static bool on_child_updown(listener_t *l, ike_sa_t *ike, child_sa_t *child,
			    bool up)
{
	struct watched_peer *p;

	pthread_mutex_lock(&lock);
	p = peer_of(ike);
	if (p && up)
		count_up(p);
	else if (p)
		count_down(p);
	pthread_mutex_unlock(&lock);
	return TRUE;
}

static bool on_child_rekey(listener_t *l, ike_sa_t *ike, child_sa_t *old,
			   child_sa_t *new)
{
	struct watched_peer *p;

	pthread_mutex_lock(&lock);
	p = peer_of(ike);
	if (p) {
		p->facts.child_rekeys++;
		tell(CHARON_EV_REKEYED, p, "", "");
	}
	pthread_mutex_unlock(&lock);
	return TRUE;
}

/* ---- errors -------------------------------------------------------------- */

/* What is said exactly is not covered by what follows from it. */
static void note_error(ike_sa_t *ike, const struct charon_words *words)
{
	struct watched_peer *p;
	bool news;

	pthread_mutex_lock(&lock);
	p = peer_of(ike);
	if (p && (words->exact || !p->exact ||
		  time(NULL) - p->facts.error_time > 2)) {
		news = strcmp(p->facts.error_text, words->text);
		snprintf(p->facts.error, sizeof(p->facts.error), "%s",
			 words->kind);
		snprintf(p->facts.error_text, sizeof(p->facts.error_text),
			 "%s", words->text);
		p->facts.error_time = time(NULL);
		p->facts.failures++;
		p->exact = words->exact;
		if (news)
			tell(CHARON_EV_FAILED, p, words->kind, words->text);
	}
	pthread_mutex_unlock(&lock);
}

static void on_log(logger_t *l, debug_t group, level_t level, int thread,
		   ike_sa_t *ike, const char *fmt, va_list args)
{
	const struct charon_words *words;
	const char *name = ike ? ike->get_name(ike) : "-";
	char line[512];

	if (vsnprintf(line, sizeof(line), fmt, args) < 0)
		return;
	words = charon_words_find(line);
	if (words) {
		log_limited(LOG_LEVEL_WARN, 0, "%s: %s [%s]", name,
			    words->text, line);
		note_error(ike, words);
	} else if (level <= LEVEL_AUDIT) {
		log_info("%s: %s", name, line);
	} else {
		log_debug("%s: %s", name, line);
	}
}

/* Level 1 has no keys in it; those would be at 4. */
static level_t get_level(logger_t *l, debug_t group)
{
	return LEVEL_CTRL;
}

/* ---- on the bus ---------------------------------------------------------- */

static listener_t listener = {
	.ike_state_change = on_ike_state,
	.ike_rekey = on_ike_rekey,
	.ike_update = on_ike_update,
	.child_updown = on_child_updown,
	.child_rekey = on_child_rekey,
};

static logger_t logger = {
	.vlog = on_log,
	.get_level = get_level,
};

void charon_watch_attach(void)
{
	charon->bus->add_listener(charon->bus, &listener);
	charon->bus->add_logger(charon->bus, &logger);
}

void charon_watch_detach(void)
{
	charon->bus->remove_listener(charon->bus, &listener);
	charon->bus->remove_logger(charon->bus, &logger);
}
