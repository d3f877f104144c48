/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * passed_sockets.c: causeway-sockets.so, preloaded into a program that can
 * only listen on sockets which it makes itself.
 *
 * QEMU 7.2 takes a listening descriptor for any character device but the one
 * of a vhost-user NIC: that must have a path.  It would then need socket(2),
 * bind(2) and a folder to write to; its jail has none of them.  So socket()
 * gives it a placeholder here, and bind() to the path "/fd/7" puts descriptor
 * 7, a socket that listens already, in its place.  There is no other socket
 * to have.  (No security depends on this file: the filter and the empty tree
 * deny the same to who goes around it.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PASSED "/fd/"

int socket(int domain, int type, int protocol)
{
	if (domain != AF_UNIX) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return eventfd(0, EFD_CLOEXEC);
}

/* The number in "/fd/7", or -1. */
static int passed_fd(const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)addr;
	size_t room = len - offsetof(struct sockaddr_un, sun_path);
	char *end;
	long fd;

	if (len <= offsetof(struct sockaddr_un, sun_path) ||
	    len > sizeof(*un) || un->sun_family != AF_UNIX ||
	    !memchr(un->sun_path, '\0', room) ||
	    strncmp(un->sun_path, PASSED, strlen(PASSED)))
		return -1;
	fd = strtol(un->sun_path + strlen(PASSED), &end, 10);
	return *end || fd < 3 || fd > 65535 ? -1 : (int)fd;
}

int bind(int sock, const struct sockaddr *addr, socklen_t len)
{
	int fd = passed_fd(addr, len);

	if (fd < 0) {
		errno = EACCES;
		return -1;
	}
	return dup3(fd, sock, O_CLOEXEC) < 0 ? -1 : 0;
}

/*
 * They listen already.  Again would tell who connects that it is the device
 * model's uid that does; so it stays root's, who made the socket.
 */
int listen(int sock, int backlog)
{
	return 0;
}
