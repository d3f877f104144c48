/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_ask.c: asks causeway-xenstored from a shell script, through
 * hypervisord's client.
 *
 *	store-ask SOCKET create UUID [UID]
 *	store-ask SOCKET destroy UUID
 *	store-ask SOCKET write UUID PATH TEXT [PERMS]
 *	store-ask SOCKET read UUID PATH
 *	store-ask SOCKET rm UUID PATH
 *	store-ask SOCKET stats [UUID]
 *	store-ask SOCKET watch UUID PATH...
 *
 * watch prints a line for each event until it is killed, whatever becomes of
 * xenstored meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/log.h"
#include "hypervisor/xenstore_client.h"

static struct xenstore_client *client;
static struct rpc_error err;

static int do_create(int argc, char **argv)
{
	bool created;
	int rc = xenstore_client_create(client, argv[0],
					argc > 1 ? strtoul(argv[1], NULL, 10) :
						   0,
					&created, &err);

	if (!rc)
		puts(created ? "created" : "there already");
	return rc;
}

static int do_destroy(int argc, char **argv)
{
	return xenstore_client_destroy(client, argv[0], &err);
}

static int do_write(int argc, char **argv)
{
	json_t *perms = NULL;

	if (argc < 3)
		return -EINVAL;
	if (argc > 3)
		perms = json_pack("{s:s}", argv[1], argv[3]);
	return xenstore_client_write(client, argv[0],
				     json_pack("{s:s}", argv[1], argv[2]),
				     perms, &err);
}

static int print(int rc, json_t *o)
{
	if (rc)
		return rc;
	json_dumpf(o, stdout, JSON_SORT_KEYS | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(o);
	return 0;
}

static int do_read(int argc, char **argv)
{
	json_t *o = NULL;
	int rc = xenstore_client_read(client, argv[0], argc > 1 ? argv[1] : "/",
				      &o, &err);

	return print(rc, o);
}

static int do_rm(int argc, char **argv)
{
	if (argc < 2)
		return -EINVAL;
	return xenstore_client_rm(client, argv[0], argv[1], &err);
}

/* Of one tree: its own object. */
static int do_stats(int argc, char **argv)
{
	json_t *o = NULL, *trees, *tree;
	int rc = xenstore_client_stats(client, &o, &err);
	size_t i;

	if (rc || !argc)
		return print(rc, o);
	trees = json_object_get(o, "trees");
	rc = -ENOENT;
	json_array_foreach(trees, i, tree)
		if (!strcmp(json_string_value(json_object_get(tree, "uuid")),
			    argv[0]))
			rc = print(0, json_incref(tree));
	json_decref(o);
	return rc;
}

static void on_event(const char *uuid, const char *watch, const char *path,
		     void *ctx)
{
	printf("%s %s\n", path, watch);
	fflush(stdout);
}

static int do_watch(int argc, char **argv, struct event_base *base)
{
	int rc = 0;

	for (int i = 1; i < argc && !rc; i++)
		rc = xenstore_client_watch(client, argv[0], argv[i], &err);
	if (!rc)
		event_base_dispatch(base);
	return rc;
}

static int run(const char *verb, int argc, char **argv,
	       struct event_base *base)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {
		{ "create", do_create }, { "destroy", do_destroy },
		{ "write", do_write },	 { "read", do_read },
		{ "rm", do_rm },	 { "stats", do_stats },
	};

	if (!strcmp(verb, "watch"))
		return do_watch(argc, argv, base);
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verb, verbs[i].name))
			return verbs[i].run(argc, argv);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	int rc = -EINVAL;

	log_init("store-ask", LOG_LEVEL_INFO);
	if (argc > 2 && base &&
	    !xenstore_client_new(&client, argv[1], base, on_event, NULL))
		rc = run(argv[2], argc - 3, argv + 3, base);
	xenstore_client_free(client);
	if (base)
		event_base_free(base);
	if (rc)
		fprintf(stderr, "%s: %s [%s]\n", strerror(-rc), err.message,
			err.hint);
	return rc != 0;
}
