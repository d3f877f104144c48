/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_relay.h: one domain's serial console between the domain and any
 * number of clients.
 *
 * The relay connects to the domain's socket, and again whenever the
 * connection ends, and always reads: the guest waits for no client and no
 * disk, only for its own rate (CONSOLE_RATE).  What it reads goes to
 * on_output and, while there are clients, into a ring.  A client is a place
 * in that ring; one that falls behind by more than the ring is moved on, and
 * told so.  What is typed goes the other way, from one client at a time.
 *
 * Everything runs on the thread of the event loop.  Time is what now_ms()
 * says; no callback may free the relay.
 */
#ifndef CAUSEWAY_CONSOLE_RELAY_H
#define CAUSEWAY_CONSOLE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#define CONSOLE_CLIENTS_MAX 16
#define CONSOLE_RING_BYTES (64u << 10)
#define CONSOLE_INPUT_BYTES 4096u      /* typed, not yet taken by the guest */
#define CONSOLE_RATE (1u << 20)	       /* of the guest's output, bytes/s... */
#define CONSOLE_RATE_BURST (256u << 10) /* ...and at once */
#define CONSOLE_RETRY_MIN_MS 50
#define CONSOLE_RETRY_MAX_MS 5000
#define CONSOLE_PATH_MAX 108 /* a Unix socket's, with its NUL */

struct event_base;
struct console_relay;

enum console_mode {
	CONSOLE_SHARE, /* type when nobody else does */
	CONSOLE_TAKE,  /* type; who did until now looks on */
	CONSOLE_WATCH, /* never type */
};

struct console_who {
	uid_t uid;
	pid_t pid;
};

/* What a client did, told when it is gone. */
struct console_client_facts {
	struct console_who who;
	uint64_t shown;	  /* bytes */
	uint64_t skipped; /* bytes it was too slow for */
	uint64_t typed;	  /* bytes taken from it for the guest */
};

struct console_relay_conf {
	struct event_base *base;
	uint64_t (*now_ms)(void);
	void (*on_output)(void *ctx, const char *data, size_t len);
	/* May be NULL: the connection came (true) or ended. */
	void (*on_connection)(void *ctx, bool connected);
	void (*on_client_gone)(void *ctx, const struct console_client_facts *f);
	void *ctx;
};

struct console_relay_facts {
	bool connected;
	bool has_path;
	unsigned clients;
	bool has_typist;
	struct console_who typist;
	uint64_t output_bytes;
	uint64_t input_bytes;
	uint64_t skipped_bytes; /* of all clients */
	uint64_t connects;
	int error; /* -errno of the last attempt or loss, 0: connected */
};

/* Copies *conf.  0 or -ENOMEM. */
int console_relay_new(struct console_relay **out,
		      const struct console_relay_conf *conf);
/* Closes all; on_client_gone is called. */
void console_relay_free(struct console_relay *r);

/*
 * Where the domain's socket is; NULL: nowhere.  Another path than before ends
 * the connection; the same one, when there is no connection, tries it now.
 * -ENAMETOOLONG.
 */
int console_relay_set_path(struct console_relay *r, const char *path);

/*
 * A client: fd, a connected stream socket, is the relay's from here, closed on
 * failure.  First it gets `first` (malloc()ed, may be NULL; taken), then what
 * the guest says from now on.  0, -EBUSY (CONSOLE_CLIENTS_MAX) or -ENOMEM.
 */
int console_relay_add_take(struct console_relay *r, int fd,
			   enum console_mode mode,
			   const struct console_who *who, char *first,
			   size_t first_len, bool *types);

/*
 * Do what is due: connect, read on, notice clients that are gone.  Called by
 * the relay's own timer; a test with a clock of its own calls it.
 */
void console_relay_run(struct console_relay *r);

void console_relay_facts(const struct console_relay *r,
			 struct console_relay_facts *f);

#endif
