/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_socket.c: libcharon's socket: IKE datagrams come from espd and go
 * there.
 *
 * Between is a ring of RING datagrams; when libcharon is too slow the newest is
 * dropped, as a socket's buffer would: IKE sends again.  libcharon puts the
 * non-ESP marker before what leaves another port than 500 and wants to see it
 * on what comes (its sender.c and receiver.c); espd has its own way, so it is
 * taken off here and put on.
 */
#include "ipsec-migrate/charon_lib.h"

#include <threading/condvar.h>
#include <threading/mutex.h>
#include <threading/thread.h>

#define RING   256
#define MARKER 4

struct charon_socket {
	socket_t public;
	mutex_t *lock;
	condvar_t *more;
	packet_t *ring[RING];
	unsigned head, count;
	uint64_t dropped;
};

static struct espd_link *espd;
static uint16_t ports[2]; /* IKE, NAT-T */
static struct charon_socket *the_socket;
static bool mute;

void charon_socket_set_link(struct espd_link *to)
{
	espd = to;
}

void charon_socket_set_ports(uint16_t ike_port, uint16_t natt_port)
{
	ports[0] = ike_port;
	ports[1] = natt_port;
}

void charon_socket_mute(void)
{
	__atomic_store_n(&mute, true, __ATOMIC_RELEASE);
}

/* Whether libcharon has a marker in front of it. */
static bool has_marker(host_t *src, host_t *dst)
{
	return src->get_port(src) != IKEV2_UDP_PORT &&
	       dst->get_port(dst) != IKEV2_UDP_PORT;
}

/* ---- in ------------------------------------------------------------------ */

static packet_t *make_packet(const struct ike_msg_datagram *d)
{
	host_t *src = charon_host(&d->remote), *dst = charon_host(&d->local);
	size_t skip = has_marker(src, dst) ? MARKER : 0;
	chunk_t data = chunk_alloc(d->len + skip);

	memset(data.ptr, 0, skip);
	memcpy(data.ptr + skip, d->data, d->len);
	return packet_create_from_data(src, dst, data);
}

void charon_socket_datagram(const struct ike_msg_datagram *d)
{
	struct charon_socket *s = the_socket;

	if (!s)
		return;
	s->lock->lock(s->lock);
	if (s->count == RING) {
		s->dropped++;
	} else {
		s->ring[(s->head + s->count) % RING] = make_packet(d);
		s->count++;
		s->more->signal(s->more);
	}
	s->lock->unlock(s->lock);
}

static status_t receive(socket_t *public, packet_t **packet)
{
	struct charon_socket *s = (struct charon_socket *)public;
	bool before;

	s->lock->lock(s->lock);
	thread_cleanup_push((thread_cleanup_t)s->lock->unlock, s->lock);
	before = thread_cancelability(TRUE); /* it waits here for its end */
	while (!s->count)
		s->more->wait(s->more, s->lock);
	thread_cancelability(before);
	*packet = s->ring[s->head];
	s->head = (s->head + 1) % RING;
	s->count--;
	thread_cleanup_pop(TRUE);
	return SUCCESS;
}

/* ---- out ----------------------------------------------------------------- */

static status_t send_packet(socket_t *public, packet_t *packet)
{
	host_t *src = packet->get_source(packet);
	host_t *dst = packet->get_destination(packet);
	chunk_t data = packet->get_data(packet);
	struct ike_msg msg;

	if (has_marker(src, dst) && data.len >= MARKER)
		data = chunk_skip(data, MARKER);
	if (!data.len || data.len > IKE_MSG_DATA_MAX)
		return FAILED;
	if (__atomic_load_n(&mute, __ATOMIC_ACQUIRE))
		return SUCCESS;
	ike_msg_init(&msg, IKE_MSG_DATAGRAM, 0);
	charon_addr(src, &msg.u.datagram.local);
	charon_addr(dst, &msg.u.datagram.remote);
	if (!msg.u.datagram.local.port)
		msg.u.datagram.local.port = ports[0];
	msg.u.datagram.len = data.len;
	memcpy(msg.u.datagram.data, data.ptr, data.len);
	return espd_link_tell(espd, &msg) ? FAILED : SUCCESS;
}

/* ---- the object ---------------------------------------------------------- */

static uint16_t get_port(socket_t *public, bool nat_t)
{
	return ports[nat_t];
}

static socket_family_t supported_families(socket_t *public)
{
	return SOCKET_FAMILY_BOTH;
}

static void destroy(socket_t *public)
{
	struct charon_socket *s = (struct charon_socket *)public;

	the_socket = NULL;
	for (; s->count; s->count--) {
		s->ring[s->head]->destroy(s->ring[s->head]);
		s->head = (s->head + 1) % RING;
	}
	s->more->destroy(s->more);
	s->lock->destroy(s->lock);
	free(s);
}

socket_t *charon_socket_create(void)
{
	struct charon_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->public = (socket_t){
		.receive = receive,
		.send = send_packet,
		.get_port = get_port,
		.supported_families = supported_families,
		.destroy = destroy,
	};
	s->lock = mutex_create(MUTEX_TYPE_DEFAULT);
	s->more = condvar_create(CONDVAR_TYPE_DEFAULT);
	the_socket = s;
	return &s->public;
}
