/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest-ask SOCKET VERB UUID: hypervisord's part of guest information.
 *
 *	create UID	a domain `web` with two CPUs, 256 MiB and VIFs 0 and 3
 *			starts
 *	agent NAME ADDRESS  its guest agent says that of its OS and VIF 3
 *	facts		what is known of the guest, in JSON
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc.h"
#include "hypervisor/guest_facts.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/xenstore_client.h"

static struct dconf_vif vifs[2] = {
	{ .device = 0, .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 },
	{ .device = 3, .mac = { 2, 0, 0, 0, 0, 4 }, .mtu = 9000 },
};
static struct dconf_domain web = { .name = "web", .memory_mib = 256,
				   .vcpus = 2, .vif_count = 2, .vifs = vifs };

static int say_agent(struct xenstore_client *c, const char *name,
		     const char *address, struct rpc_error *err)
{
	struct guest_info_nodes last = GUEST_INFO_NODES_INIT;
	struct guest_info_nodes now = GUEST_INFO_NODES_INIT;
	const struct guest_info_agent a = {
		.os_name = name, .nic_count = 1,
		.nics = { { .mac = { 2, 0, 0, 0, 0, 4 }, .address_count = 1,
			    .addresses = { address } } },
	};
	int rc;

	guest_info_agent(&web, &a, guest_info_add, &now);
	rc = guest_info_publish(c, web.uuid, &last, &now, err);
	guest_info_nodes_free(&last);
	return rc;
}

static int print_facts(struct xenstore_client *c, struct rpc_error *err)
{
	json_t *facts;
	int rc = guest_facts_read(c, web.uuid, &facts, err);

	if (rc)
		return rc;
	json_dumpf(facts, stdout, JSON_SORT_KEYS);
	putchar('\n');
	json_decref(facts);
	return 0;
}

int main(int argc, char **argv)
{
	struct rpc_error err = { .message = "usage" };
	struct xenstore_client *c;
	int rc = -1;

	if (argc < 4 || strlen(argv[3]) >= sizeof(web.uuid) ||
	    xenstore_client_new(&c, argv[1], NULL, NULL, NULL))
		return 2;
	strcpy(web.uuid, argv[3]);
	if (!strcmp(argv[2], "create") && argc == 5)
		rc = guest_info_create(c, &web, "a start", atoi(argv[4]), &err);
	else if (!strcmp(argv[2], "agent") && argc == 6)
		rc = say_agent(c, argv[4], argv[5], &err);
	else if (!strcmp(argv[2], "facts"))
		rc = print_facts(c, &err);
	if (rc)
		fprintf(stderr, "guest-ask: %s\n", err.message);
	xenstore_client_free(c);
	return rc != 0;
}
