/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_uplink_control.c: a pair of Unix sockets for the packet socket, the
 * test at its other end.
 */
#include "vswitch/uplink_control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sys/socket.h>

#include "tests/lib/suite.h"

static struct event_base *base;
static struct uplink_control *uc;
static int wire;
static unsigned slow_count;
static size_t slow_len;

static void on_slow(void *ctx, const uint8_t *frame, size_t len)
{
	CU_ASSERT_PTR_EQUAL(ctx, &slow_count);
	slow_count++;
	slow_len = len;
}

static void begin(bool lldp)
{
	struct uplink_conf conf = { .lldp = { .chassis = { 2, 0, 0, 0, 0, 1 },
					      .mac = { 2, 0, 0, 0, 0, 2 },
					      .port = "eth0" },
				    .lldp_tx = lldp,
				    .lldp_rx = lldp,
				    .slow = on_slow,
				    .ctx = &slow_count };
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
					 SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
					 pair),
			      0);
	base = event_base_new();
	conf.base = base;
	conf.fd = pair[0];
	wire = pair[1];
	slow_count = 0;
	CU_ASSERT_EQUAL_FATAL(uplink_control_new(&uc, &conf), 0);
}

static void end(void)
{
	uplink_control_free(uc);
	event_base_free(base);
	close(wire);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* From the wire: zeros of this length but for the type. */
static void comes(unsigned type, size_t len)
{
	uint8_t frame[2000] = { 1, 0x80, 0xc2, 0, 0, 2 };

	frame[12] = type >> 8;
	frame[13] = type & 0xff;
	CU_ASSERT_EQUAL(send(wire, frame, len, 0), (ssize_t)len);
}

static struct uplink_facts facts(void)
{
	struct uplink_facts f;

	uplink_control_facts(uc, &f);
	return f;
}

static void slow_protocols_go_to_the_bond(void)
{
	begin(false);
	comes(0x8809, 124);
	turn();
	CU_ASSERT_EQUAL(slow_count, 1);
	CU_ASSERT_EQUAL(slow_len, 124);
	CU_ASSERT_EQUAL(facts().rx_slow, 1);
	end();
}

static void other_frames_go_nowhere(void)
{
	begin(false);
	comes(0x0800, 60);
	comes(0x8809, 13); /* cut off in its type */
	comes(0x8809, 1900);
	comes(0x88cc, 60);
	turn();
	CU_ASSERT_EQUAL(slow_count, 0);
	CU_ASSERT_EQUAL(facts().rx_other, 3);
	CU_ASSERT_EQUAL(facts().rx_lldp, 1);
	end();
}

static void a_flood_is_left_to_the_kernel_for_a_while(void)
{
	unsigned i;

	begin(false);
	for (i = 0; i < 100; i++)
		comes(0x8809, 124);
	for (i = 0; i < 10; i++)
		turn();
	CU_ASSERT_EQUAL(slow_count, 32);
	CU_ASSERT_EQUAL(facts().rx_limited, 1);
	end();
}

static void a_full_socket_loses_frames_and_says_so(void)
{
	const uint8_t frame[124] = { 1 };
	unsigned sent = 0;
	int rc;

	begin(false);
	while (!(rc = uplink_control_send(uc, frame, sizeof(frame))))
		sent++;
	CU_ASSERT_EQUAL(rc, -EAGAIN);
	CU_ASSERT_EQUAL(facts().tx, sent);
	CU_ASSERT_EQUAL(facts().tx_full, 1);
	end();
}

static void a_socket_that_is_closed_is_an_error_and_no_more(void)
{
	const uint8_t frame[124] = { 1 };

	begin(false);
	close(wire);
	turn();
	CU_ASSERT(uplink_control_send(uc, frame, sizeof(frame)) < 0);
	CU_ASSERT_EQUAL(facts().tx_failed, 1);
	wire = dup(0);
	end();
}

/* Type and first TTL of the LLDP frame that waits; -1: none. */
static int heard_ttl(void)
{
	uint8_t b[LLDP_FRAME_MAX];
	ssize_t n = recv(wire, b, sizeof(b), 0);
	unsigned at = 14;

	if (n < 14 || b[12] != 0x88 || b[13] != 0xcc)
		return -1;
	while (at + 4 <= n && b[at] >> 1 != 3)
		at += 2 + ((b[at] & 1) << 8 | b[at + 1]);
	return b[at + 2] << 8 | b[at + 3];
}

static void it_says_hello_with_a_link_and_goodbye_at_the_end(void)
{
	begin(true);
	CU_ASSERT_EQUAL(heard_ttl(), -1);
	uplink_control_link(uc, true);
	CU_ASSERT_EQUAL(heard_ttl(), LLDP_TTL_S);
	uplink_control_free(uc);
	uc = NULL;
	CU_ASSERT_EQUAL(heard_ttl(), 0);
	end();
}

static void lldp_goes_off_and_on(void)
{
	const struct lldp_local local = { .chassis = { 2, 0, 0, 0, 0, 1 },
					  .mac = { 2, 0, 0, 0, 0, 2 },
					  .port = "eth0" };

	begin(true);
	uplink_control_link(uc, true);
	CU_ASSERT_EQUAL(heard_ttl(), LLDP_TTL_S);
	uplink_control_lldp(uc, &local, true, true); /* nothing new */
	CU_ASSERT_EQUAL(heard_ttl(), -1);
	uplink_control_lldp(uc, &local, false, true);
	CU_ASSERT_EQUAL(heard_ttl(), 0);
	CU_ASSERT_FALSE(facts().lldp_tx);
	uplink_control_lldp(uc, &local, true, true);
	CU_ASSERT_TRUE(facts().lldp_tx);
	end();
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(slow_protocols_go_to_the_bond),
		SUITE_TEST(other_frames_go_nowhere),
		SUITE_TEST(a_flood_is_left_to_the_kernel_for_a_while),
		SUITE_TEST(a_full_socket_loses_frames_and_says_so),
		SUITE_TEST(a_socket_that_is_closed_is_an_error_and_no_more),
		SUITE_TEST(it_says_hello_with_a_link_and_goodbye_at_the_end),
		SUITE_TEST(lldp_goes_off_and_on),
	};

	return suite_run("uplink_control", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
