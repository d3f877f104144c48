/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp.c: what the headers of the outer packet leave for the inner one.
 */
#include "ipsec-migrate/esp.h"

#define IPV4_LEN 20
#define IPV6_LEN 40
#define UDP_LEN	 8

uint32_t esp_inner_mtu(uint32_t path_mtu, uint8_t family, bool udp)
{
	uint32_t outer = (family == 6 ? IPV6_LEN : IPV4_LEN) +
			 (udp ? UDP_LEN : 0) + ESP_HDR_LEN + ESP_ICV_LEN;

	if (path_mtu < outer + 4)
		return 0;
	return ((path_mtu - outer) & ~3u) - ESP_TRAILER_LEN;
}
