/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp.h: the shape of an ESP packet (RFC 4303, RFC 4106, RFC 7634), and how
 * long an inner packet may be so that the outer one passes the path.
 *
 *	SPI 4 | sequence number 4 | IV 8 | inner packet | 1, 2, 3... |
 *	pad length 1 | next header 1 | ICV 16
 *
 * A packet here begins with its SPI: sockets put UDP and IP before it.  Always
 * in tunnel mode.
 */
#ifndef CAUSEWAY_ESP_H
#define CAUSEWAY_ESP_H

#include <stdbool.h>
#include <stdint.h>

#define ESP_HDR_LEN	16 /* with the IV */
#define ESP_TRAILER_LEN 2
#define ESP_ICV_LEN	16
#define ESP_LEN_MIN	(ESP_HDR_LEN + 4 + ESP_ICV_LEN)

/* What one send with UDP_SEGMENT takes. */
#define ESP_SEND_SEGS  64
#define ESP_SEND_BYTES 65507

/* With padding to 4 bytes and the ICV. */
static inline uint32_t esp_len(uint32_t inner_len)
{
	return ESP_HDR_LEN + ((inner_len + ESP_TRAILER_LEN + 3) & ~3u) +
	       ESP_ICV_LEN;
}

/*
 * The longest inner packet whose outer one is at most `path_mtu` bytes, with
 * an outer IPv4 or IPv6 header (`family` 4 or 6) and UDP or none.  1438 for
 * 1500, IPv4 and UDP.  0 if the path takes nothing.
 */
uint32_t esp_inner_mtu(uint32_t path_mtu, uint8_t family, bool udp);

#endif
