/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_store.c: a domain's tree in the store, for as long as it runs.
 *
 * xenstored may be down or hang: nobody waits for it.  What it has not been
 * told yet is told when it answers again, and a domain starts without its
 * tree if need be.  One that was taken over keeps its tree with all that its
 * guest has written there; only if there is none, it gets one.  The same look
 * tells what could not be told of VIFs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/guest_info.h"
#include "hypervisor/host_agent.h"
#include "hypervisor/host_domain.h"
#include "hypervisor/xenstore_client.h"

#define RETRY_MS 2000

static int create(struct host_domain *hd, struct rpc_error *err)
{
	char start_id[64];

	if (!hd->want)
		return 0;
	snprintf(start_id, sizeof(start_id), "%llu.%llu",
		 (unsigned long long)time(NULL),
		 (unsigned long long)hd->rec.starts);
	return guest_info_create(hd->host->store, hd->want, start_id,
				 hd->rec.uid, err);
}

static int tell_vif(struct host_domain *hd, const struct dconf_vif *vif,
		    bool in, struct rpc_error *err)
{
	struct xenstore_client *c = hd->host->store;

	return in ? guest_info_plugged(c, hd->uuid, vif, err) :
		    guest_info_unplugged(c, hd->uuid, vif->device, err);
}

static int tell_vifs(struct host_domain *hd, struct rpc_error *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < DCONF_VIFS_MAX; i++) {
		struct dconf_vif vif = hd->vifs[i].vif;

		vif.device = i;
		rc = tell_vif(hd, &vif, hd->vifs[i].plug.state == PLUG_IN,
			      err);
	}
	return rc;
}

static int look(struct host_domain *hd, struct rpc_error *err)
{
	json_t *node = NULL;
	int rc = xenstore_client_read(hd->host->store, hd->uuid,
				      GUEST_INFO_HOME, &node, err);

	json_decref(node);
	if (rc == -EREMOTEIO && err->code == RPC_NOT_FOUND)
		return create(hd, err);
	return rc ? rc : tell_vifs(hd, err);
}

void host_store_review(struct host_domain *hd)
{
	uint64_t now = host_now_ms();
	struct rpc_error err = { .code = 0 };
	int rc;

	if (hd->store == HOST_STORE_DONE || now < hd->store_ms)
		return;
	if (hd->store == HOST_STORE_CREATE)
		rc = create(hd, &err);
	else if (hd->store == HOST_STORE_LOOK)
		rc = look(hd, &err);
	else
		rc = xenstore_client_destroy(hd->host->store, hd->uuid, &err);
	if (!rc) {
		hd->store = HOST_STORE_DONE;
		hd->store_ms = 0;
		return;
	}
	hd->store_ms = now + RETRY_MS;
	log_limited(LOG_LEVEL_WARN, 0, "%s: the store is not told: %s",
		    hd->name, err.message);
}

static void begin(struct host_domain *hd, enum host_store what)
{
	hd->store = what;
	hd->store_ms = 0;
	host_store_review(hd);
}

void host_store_started(struct host_domain *hd, bool adopted)
{
	host_agent_started(hd, adopted);
	begin(hd, adopted ? HOST_STORE_LOOK : HOST_STORE_CREATE);
}

void host_store_gone(struct host_domain *hd)
{
	host_agent_gone(hd);
	begin(hd, HOST_STORE_DESTROY);
}

void host_store_vif(struct host_domain *hd, const struct dconf_vif *vif,
		    bool in)
{
	struct rpc_error err = { .code = 0 };
	int rc;

	host_agent_vif(hd);
	if (hd->store != HOST_STORE_DONE)
		return; /* the whole is still to be told */
	rc = tell_vif(hd, vif, in, &err);
	if (!rc)
		return;
	log_warn("%s: the store is not told of VIF %u: %s", hd->name,
		 vif->device, err.message);
	hd->store = HOST_STORE_LOOK;
	hd->store_ms = host_now_ms() + RETRY_MS;
}
