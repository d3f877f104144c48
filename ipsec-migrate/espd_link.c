/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * espd_link.c: see espd_link.h.
 *
 * The descriptor changes hands under `lock` only: the reading thread makes and
 * closes it, senders use it with the lock held.  A sender that espd keeps
 * waiting for SEND_S gives up.
 */
#include "ipsec-migrate/espd_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/log.h"

#define RETRY_MS 1000
#define SEND_S	 2
#define BUFFER	 (1 << 20)

struct question {
	uint32_t id;
	bool answered;
	struct ike_msg_answer answer;
	TAILQ_ENTRY(question) next;
};

struct espd_link {
	const struct espd_link_ops *ops;
	void *arg;
	struct sockaddr_un to;
	bool once; /* there is no path to connect to */
	pthread_t thread;
	int stop; /* an eventfd */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	/* under the lock: */
	int fd; /* -1: not connected */
	bool up;
	uint32_t last_id;
	TAILQ_HEAD(, question) questions;
	/* the reading thread's: */
	int failed; /* why it could not connect, when last said */
	struct ike_msg msg;
};

/* ---- asking -------------------------------------------------------------- */

static struct timespec deadline(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000l;
	if (t.tv_nsec >= 1000000000l) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000l;
	}
	return t;
}

static int wait_answer(struct espd_link *l, struct question *q)
{
	struct timespec until = deadline(ESPD_LINK_ANSWER_MS);
	int rc = 0;

	while (!q->answered && l->fd >= 0 && !rc)
		rc = -pthread_cond_timedwait(&l->answered, &l->lock, &until);
	if (q->answered)
		return 0;
	return l->fd < 0 ? -ENOTCONN : rc;
}

int espd_link_ask(struct espd_link *l, struct ike_msg *msg,
		  struct ike_msg_answer *answer)
{
	struct question q = { .answered = false };
	int rc;

	pthread_mutex_lock(&l->lock);
	if (!++l->last_id)
		l->last_id = 1;
	msg->id = q.id = l->last_id;
	TAILQ_INSERT_TAIL(&l->questions, &q, next);
	rc = l->fd < 0 ? -ENOTCONN : ike_msg_send(l->fd, msg, 0);
	ike_msg_wipe(msg);
	if (!rc)
		rc = wait_answer(l, &q);
	TAILQ_REMOVE(&l->questions, &q, next);
	pthread_mutex_unlock(&l->lock);
	if (rc)
		return rc;
	if (answer)
		*answer = q.answer;
	return q.answer.rc;
}

int espd_link_tell(struct espd_link *l, struct ike_msg *msg)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = l->fd < 0 ? -ENOTCONN : ike_msg_send(l->fd, msg, MSG_DONTWAIT);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

bool espd_link_is_up(struct espd_link *l)
{
	bool up;

	pthread_mutex_lock(&l->lock);
	up = l->up;
	pthread_mutex_unlock(&l->lock);
	return up;
}

/* ---- the reading thread -------------------------------------------------- */

static void take_answer(struct espd_link *l, const struct ike_msg *msg)
{
	struct question *q;

	pthread_mutex_lock(&l->lock);
	TAILQ_FOREACH(q, &l->questions, next)
		if (q->id == msg->id) {
			q->answer = msg->u.answer;
			q->answered = true;
		}
	pthread_cond_broadcast(&l->answered);
	pthread_mutex_unlock(&l->lock);
}

static void set_up(struct espd_link *l)
{
	pthread_mutex_lock(&l->lock);
	l->up = true;
	pthread_mutex_unlock(&l->lock);
	l->ops->up(l->arg);
}

/* 0; -EPROTO: espd must not say that to us. */
static int take(struct espd_link *l, const struct ike_msg *msg)
{
	switch (msg->type) {
	case IKE_MSG_ANSWER: take_answer(l, msg); return 0;
	case IKE_MSG_DATAGRAM:
		l->ops->datagram(&msg->u.datagram, l->arg);
		return 0;
	case IKE_MSG_HELD: l->ops->held(&msg->u.held, l->arg); return 0;
	case IKE_MSG_HELD_END: set_up(l); return 0;
	case IKE_MSG_ACQUIRE:
	case IKE_MSG_EXPIRE:
	case IKE_MSG_MAPPING: l->ops->event(msg, l->arg); return 0;
	default: return -EPROTO;
	}
}

static void set_fd(struct espd_link *l, int fd)
{
	pthread_mutex_lock(&l->lock);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->up = false;
	pthread_cond_broadcast(&l->answered);
	pthread_mutex_unlock(&l->lock);
}

/* False: we shall end.  Waits for the descriptor, or for time to pass. */
static bool wait_for(struct espd_link *l, int fd, int ms)
{
	struct pollfd p[2] = { { .fd = l->stop, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };

	while (poll(p, 2, ms) < 0 && errno == EINTR)
		;
	return !p[0].revents;
}

static void set_limits(int fd)
{
	const struct timeval tv = { .tv_sec = SEND_S };
	const int bytes = BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int say_hello(int fd)
{
	struct ike_msg msg;

	ike_msg_init(&msg, IKE_MSG_HELLO, 0);
	msg.u.hello.pid = getpid();
	return ike_msg_send(fd, &msg, 0);
}

static int connect_once(struct espd_link *l)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	set_limits(fd);
	rc = connect(fd, (struct sockaddr *)&l->to, sizeof(l->to)) ?
		     -errno : say_hello(fd);
	if (rc)
		close(fd);
	else
		set_fd(l, fd);
	return rc;
}

/* Once for each reason: it is tried every second. */
static int try_connect(struct espd_link *l)
{
	int rc = connect_once(l);

	if (rc && rc != l->failed)
		log_warn("causeway-espd at %s: %s; trying again",
			 l->to.sun_path, strerror(-rc));
	else if (!rc && l->failed)
		log_info("causeway-espd is there");
	l->failed = rc;
	return rc;
}

/* Until the connection is lost, or we shall end (false). */
static bool read_all(struct espd_link *l)
{
	int rc = 0;

	while (!rc) {
		if (!wait_for(l, l->fd, -1))
			return false;
		rc = ike_msg_recv(l->fd, &l->msg, MSG_DONTWAIT);
		if (!rc)
			rc = take(l, &l->msg);
		if (rc == -EAGAIN)
			rc = 0;
	}
	log_warn("causeway-espd: %s", rc == -EPIPE ? "the connection is lost" :
						     strerror(-rc));
	return true;
}

static void *reader(void *arg)
{
	struct espd_link *l = arg;
	bool go_on = true;

	while (go_on) {
		if (l->fd < 0 && try_connect(l)) {
			go_on = wait_for(l, -1, RETRY_MS);
			continue;
		}
		go_on = read_all(l);
		set_fd(l, -1);
		if (go_on)
			l->ops->down(l->arg);
		if (l->once)
			break;
	}
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static int init_sync(struct espd_link *l)
{
	pthread_condattr_t attr;
	int rc = -pthread_condattr_init(&attr);

	if (rc)
		return rc;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = -pthread_cond_init(&l->answered, &attr);
	pthread_condattr_destroy(&attr);
	return rc ? rc : -pthread_mutex_init(&l->lock, NULL);
}

static int set_target(struct espd_link *l, const char *path, int fd)
{
	l->fd = -1;
	l->to.sun_family = AF_UNIX;
	if (!path) {
		l->once = true;
		l->fd = fd;
		set_limits(fd);
		return say_hello(fd);
	}
	if (strlen(path) >= sizeof(l->to.sun_path))
		return -ENAMETOOLONG;
	strcpy(l->to.sun_path, path);
	return 0;
}

int espd_link_new(struct espd_link **out, const char *path, int fd,
		  const struct espd_link_ops *ops, void *arg)
{
	struct espd_link *l = calloc(1, sizeof(*l));
	int rc;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->ops = ops;
	l->arg = arg;
	TAILQ_INIT(&l->questions);
	rc = set_target(l, path, fd);
	if (rc)
		goto free_link;
	l->stop = eventfd(0, EFD_CLOEXEC);
	rc = l->stop < 0 ? -errno : init_sync(l);
	if (rc)
		goto close_stop;
	rc = -pthread_create(&l->thread, NULL, reader, l);
	if (rc)
		goto close_stop;
	*out = l;
	return 0;
close_stop:
	if (l->stop >= 0)
		close(l->stop);
free_link:
	free(l);
	return rc;
}

void espd_link_free(struct espd_link *l)
{
	const uint64_t one = 1;

	if (!l)
		return;
	if (write(l->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(l->thread, NULL);
	set_fd(l, -1);
	close(l->stop);
	pthread_cond_destroy(&l->answered);
	pthread_mutex_destroy(&l->lock);
	explicit_bzero(&l->msg, sizeof(l->msg));
	free(l);
}
