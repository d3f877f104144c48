/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iked's connection to espd: who asks gets his answer, what espd tells comes
 * through, and when espd goes nobody waits.
 */
#include "ipsec-migrate/espd_link.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/log.h"
#include "tests/lib/suite.h"

static struct espd_link *conn;
static int espd; /* its end */
static sem_t told;
static struct ike_msg last;
static char calls[64];

static void note(char what)
{
	calls[strlen(calls)] = what;
	sem_post(&told);
}

static void on_datagram(const struct ike_msg_datagram *d, void *arg)
{
	memcpy(&last.u.datagram, d, sizeof(*d));
	note('d');
}

static void on_event(const struct ike_msg *msg, void *arg)
{
	last.type = msg->type;
	note('e');
}

static void on_held(const struct ike_msg_held *h, void *arg)
{
	note('h');
}

static void on_up(void *arg)
{
	note('u');
}

static void on_down(void *arg)
{
	note('x');
}

static const struct espd_link_ops ops = { on_datagram, on_event, on_held,
					  on_up, on_down };

/* What happens happens within ten seconds. */
static void wait_told(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	CU_ASSERT_EQUAL_FATAL(sem_timedwait(&told, &until), 0);
}

static struct ike_msg take(enum ike_msg_type type)
{
	static struct ike_msg msg;

	CU_ASSERT_EQUAL_FATAL(ike_msg_recv(espd, &msg, 0), 0);
	CU_ASSERT_EQUAL(msg.type, type);
	return msg;
}

static void give(enum ike_msg_type type)
{
	struct ike_msg msg;

	ike_msg_init(&msg, type, 0);
	CU_ASSERT_EQUAL(ike_msg_send(espd, &msg, 0), 0);
}

static void open_link(void)
{
	int fd[2];

	memset(calls, 0, sizeof(calls));
	sem_init(&told, 0, 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	espd = fd[1];
	CU_ASSERT_EQUAL_FATAL(espd_link_new(&conn, NULL, fd[0], &ops, NULL), 0);
	take(IKE_MSG_HELLO);
	CU_ASSERT_FALSE(espd_link_is_up(conn));
	give(IKE_MSG_HELD_END);
	wait_told();
	CU_ASSERT_TRUE(espd_link_is_up(conn));
}

static void close_link(void)
{
	espd_link_free(conn);
	close(espd);
	sem_destroy(&told);
}

/* ---- asking from a thread ------------------------------------------------ */

struct asking {
	pthread_t thread;
	uint32_t peer;
	int rc;
	struct ike_msg_answer answer;
};

static void *ask(void *arg)
{
	struct asking *a = arg;
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_GET_SPI, 0);
	msg.u.get_spi.peer = a->peer;
	a->rc = espd_link_ask(conn, &msg, &a->answer);
	return NULL;
}

static void start_asking(struct asking *a, uint32_t peer)
{
	a->peer = peer;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&a->thread, NULL, ask, a), 0);
}

static void answer(const struct ike_msg *q, int rc)
{
	struct ike_msg a;

	ike_msg_init(&a, IKE_MSG_ANSWER, q->id);
	a.u.answer.rc = rc;
	a.u.answer.spi = 100 + q->u.get_spi.peer;
	CU_ASSERT_EQUAL(ike_msg_send(espd, &a, 0), 0);
}

static void answers_find_who_has_asked(void)
{
	struct ike_msg one, other;
	struct asking a, b;

	open_link();
	start_asking(&a, 1);
	one = take(IKE_MSG_GET_SPI);
	start_asking(&b, 2);
	other = take(IKE_MSG_GET_SPI);
	CU_ASSERT_NOT_EQUAL(one.id, other.id);
	answer(&other, -ENOSPC); /* in whatever order */
	pthread_join(b.thread, NULL);
	answer(&one, 0);
	pthread_join(a.thread, NULL);
	CU_ASSERT_EQUAL(a.rc, 0);
	CU_ASSERT_EQUAL(a.answer.spi, 101);
	CU_ASSERT_EQUAL(b.rc, -ENOSPC);
	close_link();
}

static void what_espd_tells_comes_through(void)
{
	struct ike_msg msg;

	open_link();
	ike_msg_init(&msg, IKE_MSG_DATAGRAM, 0);
	msg.u.datagram.local.family = msg.u.datagram.remote.family = 4;
	msg.u.datagram.len = 3;
	memcpy(msg.u.datagram.data, "ike", 3);
	CU_ASSERT_EQUAL(ike_msg_send(espd, &msg, 0), 0);
	wait_told();
	CU_ASSERT_EQUAL(memcmp(last.u.datagram.data, "ike", 3), 0);
	give(IKE_MSG_ACQUIRE);
	wait_told();
	CU_ASSERT_EQUAL(last.type, IKE_MSG_ACQUIRE);
	CU_ASSERT_EQUAL(espd_link_tell(conn, &msg), 0);
	take(IKE_MSG_DATAGRAM);
	CU_ASSERT_STRING_EQUAL(calls, "ude");
	close_link();
}

static void when_espd_goes_nobody_waits(void)
{
	struct ike_msg msg;
	struct asking a;

	open_link();
	start_asking(&a, 1);
	take(IKE_MSG_GET_SPI);
	close(espd);
	pthread_join(a.thread, NULL);
	CU_ASSERT_EQUAL(a.rc, -ENOTCONN);
	wait_told();
	CU_ASSERT_STRING_EQUAL(calls, "ux");
	ike_msg_init(&msg, IKE_MSG_PEERS_END, 0);
	CU_ASSERT_EQUAL(espd_link_ask(conn, &msg, NULL), -ENOTCONN);
	espd_link_free(conn);
	sem_destroy(&told);
}

static void what_espd_must_not_say_ends_the_connection(void)
{
	open_link();
	give(IKE_MSG_PEERS_END);
	wait_told();
	CU_ASSERT_STRING_EQUAL(calls, "ux");
	CU_ASSERT_FALSE(espd_link_is_up(conn));
	close_link();
}

static void keys_do_not_stay_in_the_message(void)
{
	static struct ike_msg msg, zero;
	struct ike_msg_path *p = &msg.u.sa_add.path;

	open_link();
	ike_msg_init(&msg, IKE_MSG_SA_ADD, 0);
	p->local.family = p->remote.family = 4;
	msg.u.sa_add.key_len = 20;
	memset(msg.u.sa_add.key, 0x5a, 20);
	close(espd);
	espd_link_ask(conn, &msg, NULL);
	CU_ASSERT_EQUAL(memcmp(&msg, &zero, sizeof(msg)), 0);
	espd_link_free(conn);
	sem_destroy(&told);
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(answers_find_who_has_asked),
		SUITE_TEST(what_espd_tells_comes_through),
		SUITE_TEST(when_espd_goes_nobody_waits),
		SUITE_TEST(what_espd_must_not_say_ends_the_connection),
		SUITE_TEST(keys_do_not_stay_in_the_message),
	};

	log_init("test_espd_link", LOG_LEVEL_ERR);
	return suite_run("espd_link", tests, sizeof(tests) / sizeof(tests[0]));
}
