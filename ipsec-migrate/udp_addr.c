/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udp_addr.c: outer addresses.
 */
#include <stdio.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ipsec-migrate/udp.h"

/* Both families have their port in the same place. */
uint16_t udp_port(const struct sockaddr_storage *a)
{
	return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

void udp_set_port(struct sockaddr_storage *a, uint16_t port)
{
	((struct sockaddr_in *)a)->sin_port = htons(port);
}

static const void *bytes_of(const struct sockaddr_storage *a, size_t *len)
{
	if (a->ss_family == AF_INET) {
		*len = 4;
		return &((const struct sockaddr_in *)a)->sin_addr;
	}
	*len = 16;
	return &((const struct sockaddr_in6 *)a)->sin6_addr;
}

bool udp_same_addr(const struct sockaddr_storage *a,
		   const struct sockaddr_storage *b)
{
	size_t len;
	const void *x = bytes_of(a, &len), *y = bytes_of(b, &len);

	return a->ss_family == b->ss_family && !memcmp(x, y, len);
}

bool udp_is_any(const struct sockaddr_storage *a)
{
	static const uint8_t zero[16];
	size_t len;
	const void *x = bytes_of(a, &len);

	return !memcmp(x, zero, len);
}

const char *udp_text(const struct sockaddr_storage *a, char text[64])
{
	bool v6 = a->ss_family == AF_INET6;
	char address[INET6_ADDRSTRLEN] = "?";
	size_t len;

	inet_ntop(v6 ? AF_INET6 : AF_INET, bytes_of(a, &len), address,
		  sizeof(address));
	if (udp_port(a))
		snprintf(text, 64, v6 ? "[%s]:%u" : "%s:%u", address,
			 udp_port(a));
	else
		snprintf(text, 64, "%s", address);
	return text;
}
