/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ike_msg.c: what causeway-iked and causeway-espd say to each other: sizes,
 * and what of a message can be judged without knowing more.
 *
 * Both sides trust each other to be of one tree and no further: a message is
 * judged whole before anybody looks into it.
 */
#include "ipsec-migrate/ike_msg.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include "ipsec-migrate/cipher.h"

static_assert(IKE_MSG_HDR_LEN == 8, "what follows is aligned");
static_assert(sizeof(struct selector) == 74, "no padding");
static_assert(sizeof(struct ike_msg_addr) == 20, "no padding");
static_assert(sizeof(struct ike_msg_peer) == 4 + 64 + 40 + 32 * 18 + 4,
	      "no padding");
static_assert(sizeof(struct ike_msg_path) == 44, "no padding");
static_assert(sizeof(struct ike_msg_policy) == 84, "no padding");
static_assert(sizeof(struct ike_msg_answer) == 32, "no padding");
static_assert(IKE_MSG_KEY_MAX >= CIPHER_KEY_MAX, "a key and its salt");

static const struct {
	const char *name;
	size_t len;
} types[IKE_MSG_TYPE_COUNT] = {
	[IKE_MSG_HELLO] = { "hello", sizeof(struct ike_msg_hello) },
	[IKE_MSG_PEER] = { "peer", sizeof(struct ike_msg_peer) },
	[IKE_MSG_PEERS_END] = { "peers end", 0 },
	[IKE_MSG_GET_SPI] = { "get spi", sizeof(struct ike_msg_get_spi) },
	[IKE_MSG_SA_ADD] = { "SA add", sizeof(struct ike_msg_sa_add) },
	[IKE_MSG_SA_UPDATE] = { "SA update",
				sizeof(struct ike_msg_sa_update) },
	[IKE_MSG_SA_DELETE] = { "SA delete", sizeof(struct ike_msg_sa_id) },
	[IKE_MSG_SA_QUERY] = { "SA query", sizeof(struct ike_msg_sa_id) },
	[IKE_MSG_POLICY_ADD] = { "policy add", sizeof(struct ike_msg_policy) },
	[IKE_MSG_POLICY_DELETE] = { "policy delete",
				    sizeof(struct ike_msg_policy) },
	[IKE_MSG_HELD_DROP] = { "held drop",
				sizeof(struct ike_msg_held_drop) },
	[IKE_MSG_DATAGRAM] = { "datagram",
			       offsetof(struct ike_msg_datagram, data) },
	[IKE_MSG_ANSWER] = { "answer", sizeof(struct ike_msg_answer) },
	[IKE_MSG_HELD] = { "held", sizeof(struct ike_msg_held) },
	[IKE_MSG_HELD_END] = { "held end", 0 },
	[IKE_MSG_ACQUIRE] = { "acquire", sizeof(struct ike_msg_group) },
	[IKE_MSG_ACQUIRE_AGAIN] = { "acquire again",
				    sizeof(struct ike_msg_group) },
	[IKE_MSG_EXPIRE] = { "expire", sizeof(struct ike_msg_expire) },
	[IKE_MSG_MAPPING] = { "mapping", sizeof(struct ike_msg_mapping) },
};

void ike_msg_init(struct ike_msg *msg, enum ike_msg_type type, uint32_t id)
{
	memset(msg, 0, IKE_MSG_HDR_LEN + types[type].len);
	msg->version = IKE_MSG_VERSION;
	msg->type = type;
	msg->id = id;
}

size_t ike_msg_len(const struct ike_msg *msg)
{
	return IKE_MSG_HDR_LEN + types[msg->type].len +
	       (msg->type == IKE_MSG_DATAGRAM ? msg->u.datagram.len : 0);
}

void ike_msg_wipe(struct ike_msg *msg)
{
	explicit_bzero(msg, sizeof(*msg));
}

const char *ike_msg_type_name(unsigned type)
{
	return type && type < IKE_MSG_TYPE_COUNT ? types[type].name : "?";
}

/* ---- what can be judged -------------------------------------------------- */

static bool family_ok(uint8_t family)
{
	return family == 4 || family == 6;
}

static bool path_ok(const struct ike_msg_path *p)
{
	return family_ok(p->local.family) &&
	       p->remote.family == p->local.family;
}

static bool name_ok(const char name[IKE_MSG_NAME_MAX])
{
	return name[0] && memchr(name, 0, IKE_MSG_NAME_MAX);
}

static bool networks_ok(const struct ike_msg_network net[])
{
	bool end = false;

	for (unsigned i = 0; i < IKE_MSG_NETWORKS_MAX; i++) {
		if (!net[i].family)
			end = true;
		else if (end || !family_ok(net[i].family) ||
			 net[i].prefix > (net[i].family == 4 ? 32 : 128))
			return false;
	}
	return true;
}

static bool peer_ok(const struct ike_msg_peer *p)
{
	return p->peer && name_ok(p->name) && networks_ok(p->local_net) &&
	       networks_ok(p->remote_net) &&
	       (!p->local.family || family_ok(p->local.family)) &&
	       (!p->remote.family || family_ok(p->remote.family));
}

static bool sa_add_ok(const struct ike_msg_sa_add *a)
{
	if (a->alg >= CIPHER_ALG_COUNT ||
	    a->key_len != cipher_key_len(a->alg) || !path_ok(&a->path) ||
	    !a->selector_count || a->selector_count > SA_SELECTORS_MAX)
		return false;
	for (unsigned i = 0; i < a->selector_count; i++)
		if (!family_ok(a->selector[i].family))
			return false;
	return true;
}

static bool datagram_ok(const struct ike_msg_datagram *d)
{
	return d->len && d->len <= IKE_MSG_DATA_MAX &&
	       family_ok(d->local.family) &&
	       d->remote.family == d->local.family;
}

static bool content_ok(const struct ike_msg *msg)
{
	switch (msg->type) {
	case IKE_MSG_PEER: return peer_ok(&msg->u.peer);
	case IKE_MSG_SA_ADD: return sa_add_ok(&msg->u.sa_add);
	case IKE_MSG_SA_UPDATE: return path_ok(&msg->u.sa_update.path);
	case IKE_MSG_POLICY_ADD:
	case IKE_MSG_POLICY_DELETE:
		return family_ok(msg->u.policy.selector.family);
	case IKE_MSG_HELD:
		return name_ok(msg->u.held.name) && path_ok(&msg->u.held.path);
	case IKE_MSG_MAPPING: return family_ok(msg->u.mapping.remote.family);
	default: return true;
	}
}

int ike_msg_check(const struct ike_msg *msg, size_t len)
{
	if (len < IKE_MSG_HDR_LEN)
		return -EBADMSG;
	if (msg->version != IKE_MSG_VERSION)
		return -EPROTO;
	if (!msg->type || msg->type >= IKE_MSG_TYPE_COUNT ||
	    len < IKE_MSG_HDR_LEN + types[msg->type].len)
		return -EBADMSG;
	if (msg->type == IKE_MSG_DATAGRAM && !datagram_ok(&msg->u.datagram))
		return -EBADMSG;
	return len == ike_msg_len(msg) && content_ok(msg) ? 0 : -EBADMSG;
}

/* ---- addresses ----------------------------------------------------------- */

void ike_msg_to_sockaddr(const struct ike_msg_addr *a,
			 struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->addr, 4);
	} else if (a->family == 6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		memcpy(&in6->sin6_addr, a->addr, 16);
	}
}

int ike_msg_from_sockaddr(const struct sockaddr *sa, struct ike_msg_addr *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->addr, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a->family = 6;
		a->port = ntohs(in6->sin6_port);
		memcpy(a->addr, &in6->sin6_addr, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}

/* ---- the socket ---------------------------------------------------------- */

int ike_msg_send(int fd, const struct ike_msg *msg, int flags)
{
	ssize_t n;

	do
		n = send(fd, msg, ike_msg_len(msg), flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int ike_msg_recv(int fd, struct ike_msg *msg, int flags)
{
	ssize_t n;

	do
		n = recv(fd, msg, sizeof(*msg), flags | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (!n)
		return -EPIPE;
	return (size_t)n > sizeof(*msg) ? -EBADMSG : ike_msg_check(msg, n);
}
