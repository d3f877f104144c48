/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_xenstore_wire.c: a stream of hostile bytes, as messages to a store; and
 * the same bytes as what messages are made of.
 */
#include <assert.h>
#include <string.h>

#include "hypervisor/xenstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replies;

static void on_reply(void *ctx, struct xenstore_conn *conn,
		     const struct xenstore_message *msg)
{
	char bytes[XENSTORE_MESSAGE_MAX];
	struct xenstore_message back;
	size_t len;

	replies++;
	assert(msg->len <= XENSTORE_PAYLOAD_MAX);
	len = xenstore_wire_build(bytes, msg);
	assert(xenstore_wire_take(bytes, len, &back) == (int)len);
	assert(back.type == msg->type && back.len == msg->len);
}

static void on_event(void *ctx, struct xenstore_conn *to,
		     struct xenstore_conn *cause,
		     const struct xenstore_message *msg)
{
	const char *s[2];

	assert(msg->type == XS_WATCH_EVENT && !msg->req_id && !msg->tx_id);
	assert(xenstore_wire_strings(msg, s, 2) == 2);
}

/* What can be parsed is written the same way. */
static void check_words(const struct xenstore_message *msg)
{
	char text[XENSTORE_PERM_TEXT_MAX];
	struct xenstore_perm perm, again;
	const char *s[8];
	unsigned n = xenstore_wire_strings(msg, s, 8);

	for (unsigned i = 0; i < n && i < 8; i++) {
		if (xenstore_wire_perm_parse(s[i], &perm))
			continue;
		assert(xenstore_wire_perm_text(perm, text) <= strlen(s[i]));
		assert(!xenstore_wire_perm_parse(text, &again));
		assert(again.domid == perm.domid && again.bits == perm.bits);
	}
	assert(!xenstore_wire_is_one_string(msg) || n == 1);
	(void)xenstore_wire_type_name(msg->type);
	(void)xenstore_wire_error_number(msg->payload, msg->len);
}

static void serve(struct xenstore_conn *conn[2], const uint8_t *data,
		  size_t size)
{
	struct xenstore_message msg;
	unsigned before, count = 0;
	int n;

	while ((n = xenstore_wire_take(data, size, &msg)) > 0) {
		check_words(&msg);
		before = replies;
		xenstore_request(conn[msg.req_id % 2], &msg, count++);
		assert(replies == before + 1);
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenstore_out out = { .reply = on_reply, .event = on_event };
	struct xenstore_conn *conn[2];
	struct xenstore *xs;
	char why[128];

	assert(!xenstore_new(&xs, NULL, &out));
	assert(!xenstore_open(xs, &conn[0], 0, 0, 0));
	assert(!xenstore_open(xs, &conn[1], 1, 1, 0));
	serve(conn, data, size);
	assert(xenstore_check(xs, why, sizeof(why)));
	xenstore_free(xs);
	return 0;
}
