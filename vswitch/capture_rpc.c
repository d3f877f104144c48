/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture_rpc.c: a request's parameters, checked one by one, become a session.
 * The first that is wrong answers the request; the rest are passed over.
 */
#include "vswitch/capture_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>
#include <x86intrin.h>

#include "base/log.h"
#include "vswitch/pcapng.h"

/* ---- parameters ---- */

/* One request's parameters, checked as they are read; `bad` after an error. */
struct params {
	struct sw *sw;
	struct rpc_request *req;
	struct session *s;
	struct mirror_conf mc;
	struct bpf_insn *filter;
	uint64_t duration_s;
	bool bad;
};

/* `what` goes on where the key's name begins. */
static void refuse_as(struct params *p, const char *key, const char *what,
		      const char *hint)
{
	if (!p->bad) {
		struct rpc_error e = { 0 };

		rpc_error_json(&e, RPC_INVALID_PARAMS, key,
			       json_object_get(p->req->params, key), hint,
			       "%s %s", key, what);
		rpc_reply_error(p->req, &e);
	}
	p->bad = true;
}

static void refuse(struct params *p, const char *key, const char *hint)
{
	refuse_as(p, key, "is not valid", hint);
}

/* What a method takes: names between blanks, with one at each end. */
#define COMMON_KEYS                                                            \
	" direction filter filter_text snaplen duration_s rate_bps why "
#define CAPTURE_KEYS " port network" COMMON_KEYS
#define MIRROR_KEYS  " ports networks to other_network keep" COMMON_KEYS

/* A misspelt key would be a filter, or a limit, that does not hold. */
static void check_keys(struct params *p, const char *known)
{
	const char *key;
	json_t *v;

	json_object_foreach (p->req->params, key, v) {
		char word[32];
		int n = snprintf(word, sizeof(word), " %s ", key);

		if (n >= (int)sizeof(word) || strchr(key, ' ') ||
		    !strstr(known, word))
			refuse_as(p, key, "is no parameter of this method",
				  known + 1);
	}
}

static bool get_flag(struct params *p, const char *key)
{
	json_t *v = json_object_get(p->req->params, key);

	if (v && !json_is_boolean(v))
		refuse(p, key, "true or false");
	return json_is_true(v);
}

static uint64_t get_number(struct params *p, const char *key,
			   uint64_t otherwise, uint64_t min, uint64_t max)
{
	json_t *v = json_object_get(p->req->params, key);
	char hint[64];

	if (!v)
		return otherwise;
	if (json_is_integer(v) && json_integer_value(v) >= (json_int_t)min &&
	    (uint64_t)json_integer_value(v) <= max)
		return json_integer_value(v);
	snprintf(hint, sizeof(hint), "a number from %llu to %llu",
		 (unsigned long long)min, (unsigned long long)max);
	refuse(p, key, hint);
	return otherwise;
}

static void get_text(struct params *p, const char *key, char *to, size_t size,
		     bool required)
{
	json_t *given = json_object_get(p->req->params, key);
	const char *v = json_string_value(given);

	if (v && *v && strlen(v) < size)
		memcpy(to, v, strlen(v) + 1);
	else if (required || (given && !(v && !*v)))
		refuse(p, key, "a text of one to 255 characters");
}

static void get_direction(struct params *p)
{
	json_t *given = json_object_get(p->req->params, "direction");
	const char *v = json_string_value(given);

	p->s->directions = MIRROR_IN | MIRROR_OUT;
	if (!given || (v && !strcmp(v, "both")))
		return;
	if (v && !strcmp(v, "in"))
		p->s->directions = MIRROR_IN;
	else if (v && !strcmp(v, "out"))
		p->s->directions = MIRROR_OUT;
	else
		refuse(p, "direction", "in, out or both");
}

static bool get_word(json_t *row, size_t i, json_int_t max, uint32_t *out)
{
	json_t *v = json_array_get(row, i);

	*out = json_integer_value(v);
	return json_is_integer(v) && json_integer_value(v) >= 0 &&
	       json_integer_value(v) <= max;
}

/* Name the instruction as well: programs are long. */
static void check_filter(struct params *p, unsigned count)
{
	char hint[128];
	unsigned at;
	const char *why = mirror_filter_check(p->filter, count, &at);

	if (!why)
		return;
	snprintf(hint, sizeof(hint), "instruction %u: %s", at, why);
	refuse(p, "filter", hint);
}

static void get_filter(struct params *p)
{
	json_t *rows = json_object_get(p->req->params, "filter");
	size_t i, n = json_array_size(rows);

	if (rows && !json_is_array(rows))
		refuse(p, "filter", "a list of instructions [code, jt, jf, k]");
	if (!n)
		return;
	p->filter = calloc(n < MIRROR_FILTER_MAX ? n : 1, sizeof(*p->filter));
	for (i = 0; p->filter && i < n && n <= MIRROR_FILTER_MAX; i++) {
		json_t *row = json_array_get(rows, i);
		uint32_t code, jt, jf, k;

		if (json_array_size(row) != 4 ||
		    !get_word(row, 0, 0xffff, &code) ||
		    !get_word(row, 1, 0xff, &jt) ||
		    !get_word(row, 2, 0xff, &jf) ||
		    !get_word(row, 3, 0xffffffff, &k))
			break;
		p->filter[i] = (struct bpf_insn){ code, jt, jf, k };
	}
	if (i < n)
		refuse(p, "filter",
		       "at most 4096 BPF instructions [code, jt, jf, k]");
	else
		check_filter(p, n);
	p->mc.filter = p->filter;
	p->mc.filter_count = n;
}

/* A port of its own: what a bond's members carry is seen at the bond. */
static bool is_port(const struct switch_conf *sc, const char *name)
{
	int32_t i = switch_conf_find_port(sc, name);

	return i != CONF_NONE && sc->ports[i].bond == CONF_NONE;
}

static bool is_watched(const struct session *s, const char *name, bool network)
{
	unsigned i;

	for (i = 0; i < s->place_count; i++)
		if (s->place[i].network == network &&
		    !strcmp(s->place[i].name, name))
			return true;
	return false;
}

static void add_place(struct params *p, const char *key, const char *name,
		      bool network)
{
	const struct switch_conf *sc = p->sw->running;
	struct session *s = p->s;
	bool there = name &&
		     (network ? switch_conf_find_network(sc, name) >= 0
			      : is_port(sc, name));

	if (!there || s->place_count == CAPTURE_PLACES_MAX) {
		refuse(p, key,
		       network ? "networks of `switchctl show`"
			       : "ports of `switchctl ports`; of a bond the "
				 "bond, not its members");
		return;
	}
	if (is_watched(s, name, network))
		return refuse_as(p, key, "names one twice", "each name once");
	s->place[s->place_count].network = network;
	snprintf(s->place[s->place_count++].name, CONF_NAME_MAX, "%s", name);
}

static void get_places(struct params *p, const char *key, bool network)
{
	json_t *v = json_object_get(p->req->params, key);
	size_t i;

	if (json_is_string(v))
		add_place(p, key, json_string_value(v), network);
	else if (v && !json_is_array(v))
		refuse(p, key, "a name, or a list of names");
	for (i = 0; i < json_array_size(v) && !p->bad; i++)
		add_place(p, key, json_string_value(json_array_get(v, i)),
			  network);
}

/* A network shows each frame once, where it comes in. */
static void check_direction(struct params *p)
{
	unsigned i;

	for (i = 0; i < p->s->place_count; i++)
		if (p->s->place[i].network && p->s->directions == MIRROR_OUT)
			refuse_as(p, "direction",
				  "is out, and a network shows what comes in",
				  "in or both; or watch ports");
}

static void get_common(struct params *p, uint64_t length_s)
{
	struct session *s = p->s;
	uint32_t max = p->sw->running->settings.capture_max_s;

	snprintf(s->who, sizeof(s->who), "uid %u, pid %d", p->req->peer->uid,
		 (int)p->req->peer->pid);
	get_text(p, "why", s->why, sizeof(s->why), true);
	get_text(p, "filter_text", s->filter_text, sizeof(s->filter_text),
		 false);
	get_direction(p);
	get_filter(p);
	s->snaplen = get_number(p, "snaplen", MIRROR_SNAPLEN_MAX, 14,
				MIRROR_SNAPLEN_MAX);
	s->rate_bps = get_number(p, "rate_bps", 0, 0, 1000000000000ull);
	p->duration_s = get_number(p, "duration_s",
				   length_s < max ? length_s : max, 1, max);
}

/* ---- the beginning of a session ---- */

static int free_slot(struct params *p)
{
	int i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++)
		if (!captures.session[i])
			return i;
	rpc_refuse(p->req, RPC_BUSY, NULL, NULL,
		   "end one: `switchctl mirror list`, `switchctl mirror del`",
		   "%d captures and mirrors are running", CAPTURE_SESSIONS_MAX);
	p->bad = true;
	return -1;
}

static int params_init(struct params *p, struct sw *sw, struct rpc_request *req)
{
	memset(p, 0, sizeof(*p));
	p->sw = sw;
	p->req = req;
	p->s = calloc(1, sizeof(*p->s));
	if (!p->s) {
		rpc_refuse(req, RPC_INTERNAL_ERROR, NULL, NULL, NULL,
			   "out of memory");
		return -ENOMEM;
	}
	p->s->fd = -1;
	return 0;
}

static void log_begin(const struct session *s)
{
	char what[160] = "";
	unsigned i;

	for (i = 0; i < s->place_count && strlen(what) < 100; i++)
		snprintf(what + strlen(what), sizeof(what) - strlen(what),
			 "%s%s %.32s", i ? ", " : "",
			 s->place[i].network ? "network" : "port",
			 s->place[i].name);
	log_info("%s %u by %s begins: %s; filter \"%s\"; why: %s",
		 s->fd >= 0 ? "capture" : "mirror", s->id, s->who, what,
		 s->filter_text, s->why);
}

/* Put the session to work and answer; frees it on failure. */
static void session_begin(struct params *p, int slot)
{
	struct session *s = p->s;
	struct sw *sw = p->sw;
	int rc;

	s->id = p->mc.session = ++captures.next_id;
	p->mc.directions = s->directions;
	p->mc.snaplen = s->snaplen;
	p->mc.rate_bps = s->rate_bps;
	p->mc.workers = sw->workers.count;
	p->mc.tsc_hz = sw->tsc_hz;
	p->mc.now = __rdtsc();
	s->expires_tsc = p->mc.now + p->duration_s * sw->tsc_hz;
	if (!s->keep)
		s->conn = p->req->conn;
	rc = mirror_new(&s->mirror, &p->mc);
	if (!rc) {
		captures.session[slot] = s;
		rc = switch_review(sw);
	}
	if (rc < 0) {
		captures.session[slot] = NULL;
		capture_session_free(s);
		rpc_refuse(p->req, RPC_FAILED, NULL, NULL, NULL, "%s",
			   strerror(-rc));
		return;
	}
	log_begin(s);
	capture_schedule(sw);
	rpc_reply(p->req, json_pack("{s:i, s:I}", "session", s->id, "expires_s",
				    (json_int_t)p->duration_s));
}

/* Take the descriptor and write the file's head. */
static void open_file(struct params *p)
{
	struct session *s = p->s;
	struct timespec ts;
	struct stat st;

	s->fd = rpc_take_fd(p->req, 0);
	s->fd_flags = fcntl(s->fd, F_GETFL);
	s->buffer = malloc(CAPTURE_BUFFER_BYTES);
	if (!s->buffer || s->fd_flags < 0 || fstat(s->fd, &st) < 0 ||
	    (s->fd_flags & O_ACCMODE) == O_RDONLY) {
		rpc_refuse(p->req, RPC_REFUSED, NULL, NULL,
			   "a file or pipe open for writing",
			   "the descriptor cannot be written");
		p->bad = true;
		return;
	}
	if (!S_ISREG(st.st_mode))
		fcntl(s->fd, F_SETFL, s->fd_flags | O_NONBLOCK);
	clock_gettime(CLOCK_REALTIME, &ts);
	s->ns0 = ts.tv_sec * 1000000000ull + ts.tv_nsec;
	s->tsc0 = __rdtsc();
	s->used = pcapng_section(s->buffer, "causeway-switchd");
}

static void add_interfaces(struct params *p)
{
	unsigned i;

	for (i = 0; i < p->s->place_count && !p->bad; i++) {
		int32_t id = capture_port_id(p->sw, p->s->place[i].name);

		if (!p->s->place[i].network && id != CONF_NONE)
			capture_interface(p->sw, p->s, id);
	}
}

void capture_rpc_start(struct rpc_request *req, void *ctx)
{
	struct params p;
	int slot;

	if (params_init(&p, ctx, req) < 0)
		return;
	check_keys(&p, CAPTURE_KEYS);
	get_common(&p, CAPTURE_S);
	get_places(&p, "port", false);
	get_places(&p, "network", true);
	if (!p.s->place_count)
		refuse(&p, "port", "the name of a port, or network: its name");
	check_direction(&p);
	slot = p.bad ? -1 : free_slot(&p);
	if (!p.bad)
		open_file(&p);
	if (!p.bad)
		add_interfaces(&p);
	p.mc.to = MIRROR_TO_RING;
	if (p.bad)
		capture_session_free(p.s);
	else
		session_begin(&p, slot);
	free(p.filter);
}

#define SAY_ACROSS                                                             \
	", or say that it copies across: switchctl mirror add "                \
	"--other-network (here other_network: true)"

/*
 * Every watched network and port must be the destination's own.  Copies have
 * no tag of their network: beyond an uplink they would be another one's.
 */
static void check_across(struct params *p)
{
	const struct switch_conf *sc = p->sw->running;
	int32_t to = switch_conf_find_port(sc, p->s->to);
	unsigned i;

	if (p->s->other_network)
		return;
	if (sc->ports[to].role == CONF_UPLINK)
		return refuse_as(p, "to",
				 "is an uplink, where copies leave "
				 "without their network's tag",
				 "a port of a guest or the host" SAY_ACROSS);
	for (i = 0; i < p->s->place_count; i++)
		if (!capture_may_copy(sc, p->s, &p->s->place[i]))
			refuse_as(p, "to",
				  "is not in every network that it "
				  "would see",
				  "a port of the same network" SAY_ACROSS);
}

static void check_destination(struct params *p)
{
	struct session *s = p->s;
	int32_t id = capture_port_id(p->sw, s->to);

	if (!is_port(p->sw->running, s->to) || id == CONF_NONE)
		return refuse(p, "to",
			      "a port of `switchctl ports`, not a member of a "
			      "bond");
	p->mc.to = id;
	if (is_watched(s, s->to, false))
		refuse_as(p, "to", "is one of the ports it watches",
			  "a port other than those");
	check_across(p);
}

void mirror_rpc_add(struct rpc_request *req, void *ctx)
{
	struct params p;
	int slot;

	if (params_init(&p, ctx, req) < 0)
		return;
	check_keys(&p, MIRROR_KEYS);
	get_common(&p, MIRROR_S);
	get_places(&p, "ports", false);
	get_places(&p, "networks", true);
	get_text(&p, "to", p.s->to, sizeof(p.s->to), true);
	p.s->keep = get_flag(&p, "keep");
	p.s->other_network = get_flag(&p, "other_network");
	if (!p.s->place_count)
		refuse(&p, "ports", "names of ports, or networks: of networks");
	check_direction(&p);
	if (!p.bad)
		check_destination(&p);
	slot = p.bad ? -1 : free_slot(&p);
	if (p.bad)
		capture_session_free(p.s);
	else
		session_begin(&p, slot);
	free(p.filter);
}

/* ---- other methods ---- */

static int find_session(struct rpc_request *req)
{
	json_t *v = json_object_get(req->params, "session");
	int i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++)
		if (captures.session[i] && json_is_integer(v) &&
		    captures.session[i]->id == json_integer_value(v))
			return i;
	rpc_refuse(req, RPC_NOT_FOUND, "session", NULL,
		   "see `switchctl mirror list`", "no such session");
	return -1;
}

void capture_rpc_stop(struct rpc_request *req, void *ctx)
{
	int i = find_session(req);

	if (i < 0)
		return;
	if (captures.session[i]->conn != req->conn) {
		rpc_refuse(req, RPC_DENIED, "session", NULL,
			   "use mirror.del (`switchctl mirror del`)",
			   "another client's session");
		return;
	}
	rpc_reply(req, capture_session_end(ctx, i, "stopped", false));
}

void mirror_rpc_del(struct rpc_request *req, void *ctx)
{
	int i = find_session(req);

	if (i >= 0)
		rpc_reply(req, capture_session_end(ctx, i, "ended by an admin",
						   true));
}

static json_t *names_json(const struct session *s, bool network)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < s->place_count; i++)
		if (s->place[i].network == network)
			json_array_append_new(list,
					      json_string(s->place[i].name));
	return list;
}

/* Of those, what is not there now; it is watched again when it comes back. */
static json_t *gone_json(const struct sw *sw, const struct session *s)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < s->place_count; i++)
		if (!capture_is_there(sw->running, &s->place[i]))
			json_array_append_new(list,
					      json_string(s->place[i].name));
	return list;
}

static json_t *session_json(const struct sw *sw, const struct session *s)
{
	static const char *const direction[] = { "", "in", "out", "both" };
	uint64_t now = __rdtsc();
	json_t *o = capture_result_json(s);

	json_object_set_new(o, "session", json_integer(s->id));
	json_object_set_new(o, "who", json_string(s->who));
	json_object_set_new(o, "why", json_string(s->why));
	json_object_set_new(o, "filter_text", json_string(s->filter_text));
	json_object_set_new(o, "direction",
			    json_string(direction[s->directions & 3]));
	json_object_set_new(o, "ports", names_json(s, false));
	json_object_set_new(o, "networks", names_json(s, true));
	json_object_set_new(o, "gone", gone_json(sw, s));
	json_object_set_new(o, "snaplen", json_integer(s->snaplen));
	json_object_set_new(o, "rate_bps", json_integer(s->rate_bps));
	json_object_set_new(
		o, "expires_s",
		json_integer(s->expires_tsc > now
				     ? (s->expires_tsc - now) / sw->tsc_hz
				     : 0));
	if (s->fd < 0) {
		json_object_set_new(o, "to", json_string(s->to));
		json_object_set_new(o, "keep", json_boolean(s->keep));
	}
	return o;
}

void mirror_rpc_list(struct rpc_request *req, void *ctx)
{
	json_t *mirrors = json_array(), *files = json_array();
	unsigned i;

	for (i = 0; i < CAPTURE_SESSIONS_MAX; i++)
		if (captures.session[i])
			json_array_append_new(
				captures.session[i]->fd < 0 ? mirrors : files,
				session_json(ctx, captures.session[i]));
	rpc_reply(req, json_pack("{s:o, s:o}", "mirrors", mirrors, "captures",
				 files));
}
