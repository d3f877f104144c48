/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenstore_wire.c: a header of four numbers, then a payload whose meaning is
 * NUL-terminated strings for most types and raw bytes at the end of some.
 *
 * A length beyond the limit cannot be skipped, for the sender might mean 4 GiB
 * by it: like Xen we give up on such a connection.  A payload that does not
 * have the strings its type wants costs its sender an EINVAL and no more.
 */
#include "hypervisor/xenstore_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[XS_TYPES] = {
	[XS_CONTROL] = "CONTROL",
	[XS_DIRECTORY] = "DIRECTORY",
	[XS_READ] = "READ",
	[XS_GET_PERMS] = "GET_PERMS",
	[XS_WATCH] = "WATCH",
	[XS_UNWATCH] = "UNWATCH",
	[XS_TRANSACTION_START] = "TRANSACTION_START",
	[XS_TRANSACTION_END] = "TRANSACTION_END",
	[XS_INTRODUCE] = "INTRODUCE",
	[XS_RELEASE] = "RELEASE",
	[XS_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
	[XS_WRITE] = "WRITE",
	[XS_MKDIR] = "MKDIR",
	[XS_RM] = "RM",
	[XS_SET_PERMS] = "SET_PERMS",
	[XS_WATCH_EVENT] = "WATCH_EVENT",
	[XS_ERROR] = "ERROR",
	[XS_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
	[XS_RESUME] = "RESUME",
	[XS_SET_TARGET] = "SET_TARGET",
	[XS_RESET_WATCHES] = "RESET_WATCHES",
	[XS_DIRECTORY_PART] = "DIRECTORY_PART",
};

/* The errors that may be on the wire: xs_wire.h, xsd_errors. */
static const struct {
	int number;
	const char *name;
} errors[] = {
	{ EINVAL, "EINVAL" },	{ EACCES, "EACCES" },
	{ EEXIST, "EEXIST" },	{ EISDIR, "EISDIR" },
	{ ENOENT, "ENOENT" },	{ ENOMEM, "ENOMEM" },
	{ ENOSPC, "ENOSPC" },	{ EIO, "EIO" },
	{ ENOTEMPTY, "ENOTEMPTY" }, { ENOSYS, "ENOSYS" },
	{ EROFS, "EROFS" },	{ EBUSY, "EBUSY" },
	{ EAGAIN, "EAGAIN" },	{ EISCONN, "EISCONN" },
	{ E2BIG, "E2BIG" },	{ EPERM, "EPERM" },
};

#define ERRORS (sizeof(errors) / sizeof(errors[0]))

int xenstore_wire_take(const void *bytes, size_t len,
		       struct xenstore_message *msg)
{
	uint32_t header[4];

	if (len < XENSTORE_HEADER_BYTES)
		return 0;
	memcpy(header, bytes, sizeof(header));
	if (header[3] > XENSTORE_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (len - XENSTORE_HEADER_BYTES < header[3])
		return 0;
	*msg = (struct xenstore_message){
		.type = header[0],
		.req_id = header[1],
		.tx_id = header[2],
		.len = header[3],
		.payload = (const char *)bytes + XENSTORE_HEADER_BYTES,
	};
	return XENSTORE_HEADER_BYTES + header[3];
}

size_t xenstore_wire_build(void *bytes, const struct xenstore_message *msg)
{
	uint32_t header[4] = { msg->type, msg->req_id, msg->tx_id, msg->len };

	memcpy(bytes, header, sizeof(header));
	if (msg->len)
		memcpy((char *)bytes + XENSTORE_HEADER_BYTES, msg->payload,
		       msg->len);
	return XENSTORE_HEADER_BYTES + msg->len;
}

const char *xenstore_wire_type_name(uint32_t type)
{
	if (type >= XS_TYPES || !type_names[type])
		return "unknown";
	return type_names[type];
}

const char *xenstore_wire_error_name(int error)
{
	int number = error < 0 ? -error : error;

	for (size_t i = 0; i < ERRORS; i++)
		if (errors[i].number == number)
			return errors[i].name;
	return "EINVAL";
}

int xenstore_wire_error_number(const char *name, size_t len)
{
	if (len && !name[len - 1])
		len--;
	for (size_t i = 0; i < ERRORS; i++)
		if (strlen(errors[i].name) == len &&
		    !memcmp(errors[i].name, name, len))
			return errors[i].number;
	return EIO;
}

bool xenstore_wire_is_one_string(const struct xenstore_message *msg)
{
	return msg->len &&
	       memchr(msg->payload, '\0', msg->len) ==
		       msg->payload + msg->len - 1;
}

unsigned xenstore_wire_strings(const struct xenstore_message *msg,
			       const char *strings[], unsigned max)
{
	const char *p = msg->payload, *nul;
	size_t left = msg->len;
	unsigned n = 0;

	while (left && (nul = memchr(p, '\0', left))) {
		if (n < max)
			strings[n] = p;
		n++;
		left -= nul + 1 - p;
		p = nul + 1;
	}
	return n;
}

int xenstore_wire_number(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*out = n;
	return 0;
}

static const char perm_letters[] = "nrwb"; /* in the order of the bits */

int xenstore_wire_perm_parse(const char *text, struct xenstore_perm *out)
{
	const char *letter;
	uint32_t domid;

	letter = *text ? strchr(perm_letters, *text) : NULL;
	if (!letter || xenstore_wire_number(text + 1, XENSTORE_DOMID_MAX,
					    &domid))
		return -EINVAL;
	out->domid = domid;
	out->bits = letter - perm_letters;
	return 0;
}

size_t xenstore_wire_perm_text(struct xenstore_perm perm,
			       char text[XENSTORE_PERM_TEXT_MAX])
{
	return snprintf(text, XENSTORE_PERM_TEXT_MAX, "%c%u",
			perm_letters[perm.bits & 3], perm.domid);
}
