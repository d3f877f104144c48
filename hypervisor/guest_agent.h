/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_agent.h: what the QEMU guest agent says in a guest, if one runs
 * there: who the guest is, which addresses it has; and its own way of shutting
 * the guest down.
 *
 * The agent is the guest's: it may be absent, come later, go, be a hundred
 * years old, or be whatever the guest makes of it.  So nothing here waits for
 * it: a question is asked, and answered in time or not.  Its answers are
 * bounded, cut, checked for their shape, and still a stranger's words.
 *
 * One question at a time, each begun with guest-sync-delimited and a number:
 * all that is said before that number comes back was meant for somebody
 * before us, and is dropped.  After a question that failed the connection is
 * of no more use, because what we said may still lie there unread: free it,
 * and open another for the next question.
 *
 * Everything happens on the thread of the libevent loop.
 */
#ifndef CAUSEWAY_GUEST_AGENT_H
#define CAUSEWAY_GUEST_AGENT_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct guest_agent;

#define GUEST_AGENT_TEXT_MAX 256
#define GUEST_AGENT_NICS_MAX 16
#define GUEST_AGENT_ADDRESSES_MAX 32 /* of one NIC */
#define GUEST_AGENT_ADDRESS_MAX 46   /* INET6_ADDRSTRLEN */
#define GUEST_AGENT_LINE_MAX (256u << 10)

struct guest_agent_nic {
	char name[16];
	uint8_t mac[6];
	unsigned address_count;
	/* IPv4 or IPv6 and nothing else, in its order. */
	char addresses[GUEST_AGENT_ADDRESSES_MAX][GUEST_AGENT_ADDRESS_MAX];
};

/* Texts are as the guest said them, UTF-8, cut; "": not said. */
struct guest_agent_facts {
	char version[64]; /* the agent's */
	char os_name[GUEST_AGENT_TEXT_MAX];    /* PRETTY_NAME */
	char os_distro[GUEST_AGENT_TEXT_MAX];  /* ID */
	char os_version[GUEST_AGENT_TEXT_MAX]; /* VERSION_ID */
	char os_uname[GUEST_AGENT_TEXT_MAX];   /* kernel release */
	char host_name[GUEST_AGENT_TEXT_MAX];
	unsigned nic_count;
	struct guest_agent_nic nics[GUEST_AGENT_NICS_MAX];
};

struct guest_agent_conf {
	struct event_base *base;
	unsigned answer_ms; /* how long it may take, for each; 0: 3000 */
	/*
	 * A question has been answered: 0 and what it said, which may be
	 * little; -ETIMEDOUT: there is nobody; -EPROTO: it talks nonsense.
	 * facts is valid for the call.
	 */
	void (*on_facts)(int rc, const struct guest_agent_facts *facts,
			 void *ctx);
	/* 0; -ETIMEDOUT, -EPROTO as above; -EREMOTEIO: it refuses. */
	void (*on_shutdown)(int rc, void *ctx);
	/* The connection has ended; the last call.  Then guest_agent_free(). */
	void (*on_closed)(const char *why, void *ctx);
	void *ctx;
};

/*
 * Speak on fd (engine_agent_fd()), owned from here and closed on failure.
 * conf is copied.  0 or -ENOMEM.
 */
int guest_agent_new_take(struct guest_agent **out,
			 const struct guest_agent_conf *conf, int fd);
/* Legal in every callback; a question under way is not answered. */
void guest_agent_free(struct guest_agent *a);

/*
 * Ask for all it says: on_facts.  -EBUSY: a question is under way; -EPIPE:
 * an earlier one has failed.
 */
int guest_agent_ask(struct guest_agent *a);
/*
 * Ask it to power the guest off: on_shutdown, 0 when it has not refused
 * within answer_ms, for an agent that does so says nothing.  Errors as above.
 */
int guest_agent_shutdown(struct guest_agent *a);

#endif
