/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_wire.h: Xen's Xenstore protocol as bytes (xen/include/public/io/
 * xs_wire.h and docs/misc/xenstore.txt): messages, the strings within them,
 * error names, permission strings.
 *
 * Pure.  What comes from a wire is hostile: every function says what it does
 * with anything at all.  Numbers are in the host's byte order, as Xen has it.
 */
#ifndef CAUSEWAY_XENSTORE_WIRE_H
#define CAUSEWAY_XENSTORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XENSTORE_HEADER_BYTES	16
#define XENSTORE_PAYLOAD_MAX	4096
#define XENSTORE_MESSAGE_MAX	(XENSTORE_HEADER_BYTES + XENSTORE_PAYLOAD_MAX)
#define XENSTORE_ABS_PATH_MAX	3072
#define XENSTORE_REL_PATH_MAX	2048
#define XENSTORE_DOMID_MAX	65535
#define XENSTORE_PERM_TEXT_MAX	7 /* "b65535" and its NUL */

enum xenstore_type {
	XS_CONTROL,
	XS_DIRECTORY,
	XS_READ,
	XS_GET_PERMS,
	XS_WATCH,
	XS_UNWATCH,
	XS_TRANSACTION_START,
	XS_TRANSACTION_END,
	XS_INTRODUCE,
	XS_RELEASE,
	XS_GET_DOMAIN_PATH,
	XS_WRITE,
	XS_MKDIR,
	XS_RM,
	XS_SET_PERMS,
	XS_WATCH_EVENT,
	XS_ERROR,
	XS_IS_DOMAIN_INTRODUCED,
	XS_RESUME,
	XS_SET_TARGET,
	/* 20 was XS_RESTRICT, which Xen no longer has. */
	XS_RESET_WATCHES = 21,
	XS_DIRECTORY_PART,
	XS_TYPES, /* Xen's XS_TYPE_COUNT, as of 4.17 */
};

struct xenstore_message {
	uint32_t type; /* enum xenstore_type, or anything from a wire */
	uint32_t req_id;
	uint32_t tx_id;
	uint32_t len; /* of the payload */
	const char *payload; /* may hold NULs; ends at len, not with a NUL */
};

/*
 * The first message in len bytes: returns how many bytes it takes, with *msg
 * pointing into them; 0: it is not all there yet; -EMSGSIZE: it claims more
 * than XENSTORE_PAYLOAD_MAX, which ends the connection.
 */
int xenstore_wire_take(const void *bytes, size_t len,
		       struct xenstore_message *msg);
/* To bytes[XENSTORE_HEADER_BYTES + msg->len]; returns that length. */
size_t xenstore_wire_build(void *bytes, const struct xenstore_message *msg);

/* "READ"; "unknown" for what is no type. */
const char *xenstore_wire_type_name(uint32_t type);

/* "ENOENT" for ENOENT or -ENOENT; "EINVAL" for what Xen has no name for. */
const char *xenstore_wire_error_name(int error);
/* The other way, positive, from len bytes with or without their NUL; EIO for
 * a name that Xen does not have. */
int xenstore_wire_error_number(const char *name, size_t len);

/* Does the payload consist of one string and its NUL at the very end? */
bool xenstore_wire_is_one_string(const struct xenstore_message *msg);
/*
 * Points strings[] at the first `max` NUL-terminated strings; returns how
 * many there are in all.  What follows the last NUL is ignored.
 */
unsigned xenstore_wire_strings(const struct xenstore_message *msg,
			       const char *strings[], unsigned max);
/* A decimal number up to `max` and nothing else.  0 or -EINVAL. */
int xenstore_wire_number(const char *text, uint32_t max, uint32_t *out);

enum xenstore_perm_bit {
	XENSTORE_PERM_READ = 1 << 0,
	XENSTORE_PERM_WRITE = 1 << 1,
};

struct xenstore_perm {
	uint16_t domid;
	uint8_t bits; /* enum xenstore_perm_bit */
};

/* "n1", "r1", "w1", "b1".  0 or -EINVAL. */
int xenstore_wire_perm_parse(const char *text, struct xenstore_perm *out);
/* Returns strlen of the text. */
size_t xenstore_wire_perm_text(struct xenstore_perm perm,
			       char text[XENSTORE_PERM_TEXT_MAX]);

#endif
