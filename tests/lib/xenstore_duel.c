/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xenstore_duel.c: one store against the other. */
#include "tests/lib/xenstore_duel.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/xenstore_model.h"

#define OPS_MAX 400

static const struct xenstore_quota small = {
	.nodes = 9,
	.watches = 4,
	.transactions = 2,
	.transaction_nodes = 7,
	.node_size = 64,
	.node_permissions = 3,
	.path_max = 28,
	.outstanding = 20,
	.memory_soft = UINT32_MAX,
	.memory_hard = UINT32_MAX,
	.write_rate = 200,
	.write_burst = 10,
	.write_reserve = 1000,
	.write_new_domains = 5,
};

static const unsigned domids[MODEL_CONNS] = { 0, 1, 1, 2 };

/* Bytes that grow. */
struct text {
	char *bytes;
	size_t len, room;
};

struct duel {
	const uint8_t *data;
	size_t left;
	struct xenstore *xs;
	struct xenstore_conn *conn[MODEL_CONNS];
	struct model *model;
	struct xenstore_message msg;
	char payload[XENSTORE_PAYLOAD_MAX];
	char reply[XENSTORE_PAYLOAD_MAX]; /* the store's */
	struct xenstore_message answer;
	char *event[MODEL_EVENTS_MAX];
	unsigned events;
	struct text journal;
	char *why;
	size_t why_size;
};

static void add(struct text *t, const void *bytes, size_t len)
{
	if (t->len + len > t->room) {
		t->room = (t->len + len) * 2;
		t->bytes = realloc(t->bytes, t->room);
		assert(t->bytes);
	}
	if (len)
		memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

/* --- what the store says ------------------------------------------------ */

static void on_reply(void *ctx, struct xenstore_conn *conn,
		     const struct xenstore_message *msg)
{
	struct duel *d = ctx;

	d->answer = *msg;
	memcpy(d->reply, msg->payload, msg->len);
}

static void on_event(void *ctx, struct xenstore_conn *to,
		     struct xenstore_conn *cause,
		     const struct xenstore_message *msg)
{
	struct duel *d = ctx;
	unsigned i = 0;
	int n;

	while (d->conn[i] != to)
		i++;
	assert(d->events < MODEL_EVENTS_MAX);
	n = asprintf(&d->event[d->events++], "%u:%s=%s", i, msg->payload,
		     msg->payload + strlen(msg->payload) + 1);
	assert(n > 0);
}

static void add_record(struct text *t, const struct xenstore_record *rec)
{
	add(t, &rec->type, 1);
	for (unsigned i = 0; i < 3; i++) {
		add(t, &rec->field[i].len, sizeof(rec->field[i].len));
		add(t, rec->field[i].data, rec->field[i].len);
	}
}

static void on_record(void *ctx, const struct xenstore_record *rec)
{
	struct duel *d = ctx;

	add_record(&d->journal, rec);
}

/* --- requests from bytes ------------------------------------------------ */

static uint8_t byte(struct duel *d)
{
	if (!d->left)
		return 0;
	d->left--;
	return *d->data++;
}

static void put(struct duel *d, const void *bytes, size_t len)
{
	assert(d->msg.len + len <= sizeof(d->payload));
	memcpy(d->payload + d->msg.len, bytes, len);
	d->msg.len += len;
}

static void put_text(struct duel *d, const char *text)
{
	put(d, text, strlen(text));
}

static void put_odd_path(struct duel *d)
{
	static const char letters[] = "ab/@-_.1/0d/\0x";

	for (unsigned n = byte(d) % 32; n; n--)
		put(d, &letters[byte(d) % (sizeof(letters) - 1)], 1);
}

static void put_path(struct duel *d)
{
	static const char *const from[] = { "/", "/local/domain/1/", "",
					    "/local/domain/1/data/" };
	static const char *const special[] = { "@releaseDomain",
					       "@introduceDomain", "@other",
					       "/local" };
	static const char *const names[] = { "a", "b-b", "b" };
	uint8_t how = byte(d);
	unsigned steps = (how >> 2) % 4;

	if (how >= 0xf0) {
		put_odd_path(d);
	} else if (how >= 0xe8) {
		put_text(d, special[how % 4]);
	} else {
		put_text(d, from[how % 4]);
		how = how >> 4;
		for (unsigned i = 0; i < steps; i++) {
			put_text(d, i ? "/" : "");
			put_text(d, names[(how + i * how) % 3]);
		}
		if (!steps && d->msg.len > 1)
			d->msg.len--; /* the slash at the end */
	}
	put(d, "", 1);
}

static void put_value(struct duel *d)
{
	unsigned n = byte(d) % 72;

	for (unsigned i = 0; i < n; i++)
		put(d, i % 5 ? "v" : "", 1);
}

static void put_perms(struct duel *d)
{
	unsigned n = byte(d) % 5;
	char text[8];

	for (unsigned i = 0; i < n; i++) {
		uint8_t b = byte(d);

		snprintf(text, sizeof(text), "%c%u",
			 b > 0xf8 ? 'x' : "nrwb"[b % 4], b / 4 % 3);
		put(d, text, strlen(text) + 1);
	}
}

static void put_token(struct duel *d)
{
	put(d, byte(d) % 2 ? "t" : "u", 2);
}

static void put_domids(struct duel *d)
{
	static const char *const ids[] = { "0", "1", "2", "3", "", "1x",
					   "65536", "-1" };

	for (unsigned n = byte(d) % 4; n; n--) {
		const char *id = ids[byte(d) % 8];

		put(d, id, strlen(id) + 1);
	}
}

static void put_payload(struct duel *d)
{
	switch (d->msg.type) {
	case XS_WRITE:
		put_path(d);
		put_value(d);
		break;
	case XS_SET_PERMS:
		put_path(d);
		put_perms(d);
		break;
	case XS_WATCH:
	case XS_UNWATCH:
		put_path(d);
		put_token(d);
		break;
	case XS_TRANSACTION_END:
		put(d, byte(d) % 4 ? "T" : "F", 2);
		break;
	case XS_TRANSACTION_START:
	case XS_RESET_WATCHES:
		put(d, "", 1);
		break;
	case XS_INTRODUCE:
	case XS_RELEASE:
	case XS_GET_DOMAIN_PATH:
	case XS_IS_DOMAIN_INTRODUCED:
	case XS_RESUME:
	case XS_SET_TARGET:
		put_domids(d);
		break;
	case XS_DIRECTORY_PART:
		put_path(d);
		put_text(d, byte(d) % 2 ? "0" : "3");
		put(d, "", 1);
		break;
	default:
		put_path(d);
	}
}

/* More often what matters more. */
static uint32_t type_of(uint8_t b)
{
	static const uint32_t often[] = {
		XS_WRITE, XS_WRITE, XS_WRITE, XS_READ,
		XS_MKDIR, XS_RM, XS_RM, XS_SET_PERMS,
		XS_SET_PERMS, XS_TRANSACTION_START, XS_TRANSACTION_START,
		XS_TRANSACTION_END, XS_TRANSACTION_END, XS_WATCH,
		XS_UNWATCH, XS_DIRECTORY,
	};

	return b & 0x80 ? often[b % 16] : b % 26;
}

/* Domain 0 has no quota, but the model has. */
static uint32_t within_limits(const struct duel *d, uint32_t type)
{
	uint32_t nodes, watches, transactions;

	model_counts(d->model, 0, &nodes, &watches, &transactions);
	if (type == XS_CONTROL) /* has no words there */
		return XS_WRITE;
	if (type == XS_TRANSACTION_START && transactions == MODEL_TXS_MAX)
		return XS_TRANSACTION_END;
	if (type == XS_WATCH && watches == MODEL_WATCHES_MAX)
		return XS_RESET_WATCHES;
	return type;
}

static unsigned next_request(struct duel *d)
{
	uint8_t who = byte(d);
	unsigned i = who % MODEL_CONNS, which = who >> 2;

	memset(&d->msg, 0, sizeof(d->msg));
	d->msg.type = within_limits(d, type_of(byte(d)));
	d->msg.req_id = d->left;
	if (which % 4 == 3 || d->msg.type == XS_TRANSACTION_END)
		d->msg.tx_id = model_tx_id(d->model, i, which / 4);
	d->msg.payload = d->payload;
	put_payload(d);
	if (who >= 0xfc && d->msg.len)
		d->msg.len--; /* cut off */
	return i;
}

/* --- comparing ---------------------------------------------------------- */

static bool __attribute__((format(printf, 2, 3)))
differ(struct duel *d, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(d->why, d->why_size, "%s tx %u \"%.*s\": ",
		     xenstore_wire_type_name(d->msg.type), d->msg.tx_id,
		     (int)d->msg.len, d->payload);
	va_start(args, format);
	if (n > 0 && (size_t)n < d->why_size)
		vsnprintf(d->why + n, d->why_size - n, format, args);
	va_end(args);
	return false;
}

static bool same_reply(struct duel *d, int expected, const char *reply)
{
	const char *said = d->reply;
	uint32_t len = d->answer.len;

	if (expected < 0) {
		const char *name = xenstore_wire_error_name(expected);

		if (d->answer.type == XS_ERROR && !strcmp(name, said))
			return true;
		return differ(d, "%.*s instead of %s", (int)len, said, name);
	}
	if (d->answer.type != d->msg.type || d->answer.req_id != d->msg.req_id)
		return differ(d, "answered by %s %.*s",
			      xenstore_wire_type_name(d->answer.type), (int)len,
			      said);
	if (d->msg.type == XS_DIRECTORY_PART) { /* without the generation */
		len -= strlen(said) + 1;
		said += strlen(said) + 1;
	}
	if (len != (uint32_t)expected || memcmp(said, reply, len))
		return differ(d, "\"%.*s\" instead of \"%.*s\"", (int)len, said,
			      expected, reply);
	return true;
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static bool same_events(struct duel *d)
{
	const char *expected[MODEL_EVENTS_MAX];
	unsigned n = model_events(d->model, expected);
	bool same = n == d->events;

	qsort(expected, n, sizeof(*expected), by_text);
	qsort(d->event, d->events, sizeof(*d->event), by_text);
	for (unsigned i = 0; i < n && same; i++)
		same = !strcmp(expected[i], d->event[i]);
	if (!same)
		differ(d, "%u events (%s) instead of %u (%s)", d->events,
		       d->events ? d->event[0] : "", n, n ? expected[0] : "");
	while (d->events)
		free(d->event[--d->events]);
	return same;
}

static bool same_counts(struct duel *d)
{
	uint32_t nodes, watches, transactions;
	struct xenstore_facts facts;

	for (unsigned domid = 0; domid < 3; domid++) {
		xenstore_facts(d->xs, domid, &facts);
		model_counts(d->model, domid, &nodes, &watches, &transactions);
		if (facts.nodes != nodes || facts.watches != watches ||
		    facts.transactions != transactions)
			return differ(d, "domain %u has %u %u %u, not %u %u %u",
				      domid, facts.nodes, facts.watches,
				      facts.transactions, nodes, watches,
				      transactions);
	}
	return true;
}

static bool is_sound(struct duel *d)
{
	char why[256];

	if (xenstore_check(d->xs, why, sizeof(why)))
		return true;
	return differ(d, "%s", why);
}

static bool play_one(struct duel *d)
{
	char reply[XENSTORE_PAYLOAD_MAX];
	unsigned i = next_request(d);
	int expected;

	memset(&d->answer, 0, sizeof(d->answer));
	xenstore_request(d->conn[i], &d->msg, 0);
	expected = model_request(d->model, i, &d->msg, reply);
	return same_reply(d, expected, reply) && same_events(d) &&
	       same_counts(d);
}

/* --- restoring ---------------------------------------------------------- */

static int save_one(void *ctx, const struct xenstore_record *rec)
{
	struct xenstore_record copy = *rec;

	if (copy.type == XENSTORE_RECORD_CONN)
		copy.field[2].len = 0; /* counts restarts */
	add_record(ctx, &copy);
	return 0;
}

static struct text saved(const struct xenstore *xs)
{
	struct text t = { NULL, 0, 0 };

	assert(!xenstore_save(xs, save_one, &t));
	return t;
}

static size_t take_record(const char *at, struct xenstore_record *rec)
{
	const char *p = at;

	rec->type = *p++;
	for (unsigned i = 0; i < 3; i++) {
		memcpy(&rec->field[i].len, p, sizeof(rec->field[i].len));
		p += sizeof(rec->field[i].len);
		rec->field[i].data = p;
		p += rec->field[i].len;
	}
	return p - at;
}

static bool restores(struct duel *d, const struct text *records,
		     const char *what)
{
	struct xenstore_out nobody = { NULL, NULL, NULL, NULL };
	struct text then = saved(d->xs), now;
	struct xenstore_record rec;
	struct xenstore *xs;
	bool same = true;
	char why[128];
	int rc;

	assert(!xenstore_new(&xs, &small, &nobody));
	for (size_t at = 0; at < records->len && same;) {
		at += take_record(records->bytes + at, &rec);
		if (rec.type == XENSTORE_RECORD_CONN && !rec.field[2].len) {
			rec.field[2].data = "1";
			rec.field[2].len = 1;
		}
		rc = xenstore_restore(xs, &rec);
		same = !rc || differ(d, "%s: %d for record %d %.*s", what, rc,
				     rec.type, (int)rec.field[0].len,
				     (const char *)rec.field[0].data);
	}
	now = saved(xs);
	if (same && (now.len != then.len ||
		     memcmp(now.bytes, then.bytes, now.len)))
		same = differ(d, "%s is another store", what);
	if (same && !xenstore_check(xs, why, sizeof(why)))
		same = differ(d, "%s: %s", what, why);
	xenstore_free(xs);
	free(now.bytes);
	free(then.bytes);
	return same;
}

/* --- all of it ---------------------------------------------------------- */

static void begin(struct duel *d)
{
	struct xenstore_out out = { on_record, on_reply, on_event, d };

	assert(!xenstore_new(&d->xs, &small, &out));
	for (unsigned i = 0; i < MODEL_CONNS; i++)
		assert(!xenstore_open(d->xs, &d->conn[i], domids[i], 10 + i,
				      0));
	d->model = model_new(&small, domids);
}

static bool set_up(struct duel *d, uint32_t type, const char *payload,
		   size_t len)
{
	char reply[XENSTORE_PAYLOAD_MAX];
	int expected;

	d->msg = (struct xenstore_message){ type, 0, 0, len, d->payload };
	memcpy(d->payload, payload, len);
	xenstore_request(d->conn[0], &d->msg, 0);
	expected = model_request(d->model, 0, &d->msg, reply);
	return same_reply(d, expected, reply);
}

/* Domain 1 is there and has a folder; "/" can be read by all. */
static bool set_up_all(struct duel *d)
{
#define SET_UP(type, payload) set_up(d, type, payload, sizeof(payload))
	return SET_UP(XS_INTRODUCE, "1\0" "0\0" "0") &&
	       SET_UP(XS_MKDIR, "/local/domain/1/data") &&
	       SET_UP(XS_SET_PERMS, "/local/domain/1/data\0n1") &&
	       SET_UP(XS_SET_PERMS, "/local/domain/1\0n0\0r1") &&
	       SET_UP(XS_SET_PERMS, "/\0r0");
}

bool xenstore_duel(const uint8_t *data, size_t size, char *why, size_t why_size)
{
	struct duel *d = calloc(1, sizeof(*d));
	struct text snapshot;
	bool same;

	assert(d);
	d->data = data;
	d->left = size;
	d->why = why;
	d->why_size = why_size;
	begin(d);
	same = set_up_all(d);
	for (unsigned ops = 0; d->left && same && ops < OPS_MAX; ops++)
		same = play_one(d) && (ops % 8 || is_sound(d));
	snapshot = saved(d->xs);
	same = same && is_sound(d) && restores(d, &d->journal, "the journal") &&
	       restores(d, &snapshot, "the snapshot");
	free(snapshot.bytes);
	free(d->journal.bytes);
	xenstore_free(d->xs);
	model_free(d->model);
	free(d);
	return same;
}
