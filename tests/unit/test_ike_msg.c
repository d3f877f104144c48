/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What iked and espd say to each other: sizes to the byte, and nothing in it
 * that cannot be.
 */
#include "ipsec-migrate/ike_msg.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include "tests/lib/suite.h"

static struct ike_msg msg;

static void begin(enum ike_msg_type type)
{
	memset(&msg, 0xff, sizeof(msg));
	ike_msg_init(&msg, type, 7);
}

static int check(void)
{
	return ike_msg_check(&msg, ike_msg_len(&msg));
}

static void make_path(struct ike_msg_path *p)
{
	p->local = (struct ike_msg_addr){ .family = 4, .port = 4500,
					  .addr = { 192, 0, 2, 1 } };
	p->remote = (struct ike_msg_addr){ .family = 4, .port = 4500,
					   .addr = { 192, 0, 2, 2 } };
	p->udp = 1;
}

static void make_sa(void)
{
	struct ike_msg_sa_add *a = &msg.u.sa_add;

	begin(IKE_MSG_SA_ADD);
	make_path(&a->path);
	a->alg = CIPHER_AES_GCM_256;
	a->key_len = 36;
	a->selector_count = 1;
	a->selector[0].family = 4;
}

static void each_type_is_as_long_as_it_says(void)
{
	for (unsigned t = 1; t < IKE_MSG_TYPE_COUNT; t++) {
		begin(t);
		CU_ASSERT_EQUAL(ike_msg_check(&msg, ike_msg_len(&msg) + 1),
				-EBADMSG);
		CU_ASSERT_EQUAL(ike_msg_check(&msg, ike_msg_len(&msg) - 1),
				-EBADMSG);
		CU_ASSERT_NOT_EQUAL(*ike_msg_type_name(t), '?');
	}
}

static void other_versions_and_types_are_refused(void)
{
	begin(IKE_MSG_HELLO);
	CU_ASSERT_EQUAL(check(), 0);
	msg.version++;
	CU_ASSERT_EQUAL(check(), -EPROTO);
	begin(IKE_MSG_HELLO);
	msg.type = 0;
	CU_ASSERT_EQUAL(ike_msg_check(&msg, 12), -EBADMSG);
	msg.type = IKE_MSG_TYPE_COUNT;
	CU_ASSERT_EQUAL(ike_msg_check(&msg, 12), -EBADMSG);
	CU_ASSERT_EQUAL(ike_msg_check(&msg, 7), -EBADMSG);
}

static void an_sa_has_key_path_and_selectors(void)
{
	make_sa();
	CU_ASSERT_EQUAL(check(), 0);
	msg.u.sa_add.key_len = 35;
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	make_sa();
	msg.u.sa_add.alg = CIPHER_ALG_COUNT;
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	make_sa();
	msg.u.sa_add.selector_count = 0;
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	make_sa();
	msg.u.sa_add.selector_count = SA_SELECTORS_MAX + 1;
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	make_sa();
	msg.u.sa_add.path.remote.family = 6;
	CU_ASSERT_EQUAL(check(), -EBADMSG);
}

static void a_peer_has_name_and_networks_without_holes(void)
{
	struct ike_msg_peer *p = &msg.u.peer;

	begin(IKE_MSG_PEER);
	p->peer = 1;
	strcpy(p->name, "site-b");
	p->remote_net[0] = (struct ike_msg_network){ 4, 24, { 10, 1 } };
	CU_ASSERT_EQUAL(check(), 0);
	p->remote_net[2] = (struct ike_msg_network){ 4, 24, { 10, 2 } };
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	p->remote_net[1] = (struct ike_msg_network){ 4, 33, { 10, 3 } };
	CU_ASSERT_EQUAL(check(), -EBADMSG);
	p->remote_net[1].prefix = 32;
	CU_ASSERT_EQUAL(check(), 0);
	memset(p->name, 'x', sizeof(p->name));
	CU_ASSERT_EQUAL(check(), -EBADMSG);
}

static void a_datagram_passes_the_socket_with_its_bytes_only(void)
{
	static struct ike_msg got;
	struct ike_msg_path path;
	int fd[2];

	make_path(&path);
	begin(IKE_MSG_DATAGRAM);
	msg.u.datagram.local = path.local;
	msg.u.datagram.remote = path.remote;
	CU_ASSERT_EQUAL(check(), -EBADMSG); /* an empty one */
	msg.u.datagram.len = 3;
	memcpy(msg.u.datagram.data, "ike", 3);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	CU_ASSERT_EQUAL(ike_msg_send(fd[0], &msg, 0), 0);
	CU_ASSERT_EQUAL(ike_msg_recv(fd[1], &got, 0), 0);
	CU_ASSERT_EQUAL(got.id, 7);
	CU_ASSERT_EQUAL(memcmp(got.u.datagram.data, "ike", 3), 0);
	CU_ASSERT_EQUAL(ike_msg_recv(fd[1], &got, MSG_DONTWAIT), -EAGAIN);
	msg.u.datagram.len = IKE_MSG_DATA_MAX + 1;
	CU_ASSERT_EQUAL(ike_msg_check(&msg, sizeof(msg) + 1), -EBADMSG);
	close(fd[0]);
	CU_ASSERT_EQUAL(ike_msg_recv(fd[1], &got, 0), -EPIPE);
	close(fd[1]);
}

static void addresses_go_both_ways(void)
{
	struct sockaddr_storage ss;
	struct ike_msg_path path;
	struct ike_msg_addr a;

	make_path(&path);
	ike_msg_to_sockaddr(&path.local, &ss);
	CU_ASSERT_EQUAL(((struct sockaddr_in *)&ss)->sin_port, htons(4500));
	CU_ASSERT_EQUAL(ike_msg_from_sockaddr((void *)&ss, &a), 0);
	CU_ASSERT_EQUAL(memcmp(&a, &path.local, sizeof(a)), 0);
	path.local.family = 6;
	path.local.addr[15] = 1;
	ike_msg_to_sockaddr(&path.local, &ss);
	CU_ASSERT_EQUAL(ss.ss_family, AF_INET6);
	CU_ASSERT_EQUAL(ike_msg_from_sockaddr((void *)&ss, &a), 0);
	CU_ASSERT_EQUAL(memcmp(&a, &path.local, sizeof(a)), 0);
	path.local.family = 0;
	ike_msg_to_sockaddr(&path.local, &ss);
	CU_ASSERT_EQUAL(ss.ss_family, AF_UNSPEC);
	CU_ASSERT_EQUAL(ike_msg_from_sockaddr((void *)&ss, &a), -EAFNOSUPPORT);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(each_type_is_as_long_as_it_says),
		SUITE_TEST(other_versions_and_types_are_refused),
		SUITE_TEST(an_sa_has_key_path_and_selectors),
		SUITE_TEST(a_peer_has_name_and_networks_without_holes),
		SUITE_TEST(a_datagram_passes_the_socket_with_its_bytes_only),
		SUITE_TEST(addresses_go_both_ways),
	};

	return suite_run("ike_msg", tests, sizeof(tests) / sizeof(tests[0]));
}
