/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_sas.c: the IKE SAs and child SAs that there are.
 *
 * An IKE SA belongs to the thread that has checked it out; enumerating waits
 * for those.  Nothing else may be asked of the manager meanwhile, so what acts
 * is a list of jobs made first and queued after.
 */
#include "ipsec-migrate/charon_sas.h"

#include <inttypes.h>

#include <processing/jobs/callback_job.h>
#include <processing/jobs/rekey_child_sa_job.h>
#include <processing/jobs/rekey_ike_sa_job.h>

#include "ipsec-migrate/charon_lib.h"

typedef void each_fn(ike_sa_t *ike, void *arg);

static void each_ike(const char *peer, each_fn *fn, void *arg)
{
	enumerator_t *e = charon->ike_sa_manager->create_enumerator(
		charon->ike_sa_manager, TRUE);
	ike_sa_t *ike;

	while (e->enumerate(e, &ike))
		if (!peer || !strcmp(ike->get_name(ike), peer))
			fn(ike, arg);
	e->destroy(e);
}

/* ---- telling ------------------------------------------------------------- */

static json_t *host_json(host_t *host)
{
	char text[64];

	charon_host_text(host, true, text, sizeof(text));
	return json_string(text);
}

/* "aes256gcm16", from numbers; libcharon's own texts need its printf. */
static const char *cipher_name(uint16_t alg, uint16_t bits)
{
	if (alg == ENCR_AES_GCM_ICV16)
		return bits == 256 ? "aes256gcm16" : "aes128gcm16";
	return alg == ENCR_CHACHA20_POLY1305 ? "chacha20poly1305" : "other";
}

static const char *group_name(uint16_t group)
{
	switch (group) {
	case CURVE_25519: return "curve25519";
	case ECP_256_BIT: return "ecp256";
	case ECP_384_BIT: return "ecp384";
	case ECP_521_BIT: return "ecp521";
	default: return group ? "other" : "none";
	}
}

static void add_proposal(json_t *o, proposal_t *p, bool child)
{
	uint16_t alg = 0, bits = 0, group = 0, esn = 0;

	if (!p)
		return;
	p->get_algorithm(p, ENCRYPTION_ALGORITHM, &alg, &bits);
	p->get_algorithm(p, KEY_EXCHANGE_METHOD, &group, NULL);
	p->get_algorithm(p, EXTENDED_SEQUENCE_NUMBERS, &esn, NULL);
	json_object_set_new(o, "cipher", json_string(cipher_name(alg, bits)));
	json_object_set_new(o, "group", json_string(group_name(group)));
	if (child)
		json_object_set_new(o, "esn",
				    json_boolean(esn == EXT_SEQ_NUMBERS));
}

static const char *child_state(child_sa_state_t state)
{
	switch (state) {
	case CHILD_INSTALLED: return "up";
	case CHILD_REKEYING: return "rekeying";
	case CHILD_REKEYED: return "replaced";
	case CHILD_DELETING:
	case CHILD_DELETED:
	case CHILD_DESTROYING: return "ending";
	default: return "beginning";
	}
}

static void add_use(json_t *o, child_sa_t *c, bool inbound)
{
	uint64_t bytes = 0, packets = 0;
	time_t used = 0;

	c->get_usestats(c, inbound, &used, &bytes, &packets);
	json_object_set_new(o, inbound ? "bytes_in" : "bytes_out",
			    json_integer(bytes));
	json_object_set_new(o, inbound ? "packets_in" : "packets_out",
			    json_integer(packets));
}

static json_t *child_json(child_sa_t *c)
{
	time_t now = time_monotonic(NULL), rekey = c->get_lifetime(c, FALSE);
	time_t hard = c->get_lifetime(c, TRUE);
	char in[16], out[16];
	json_t *o;

	snprintf(in, sizeof(in), "%08x", ntohl(c->get_spi(c, TRUE)));
	snprintf(out, sizeof(out), "%08x", ntohl(c->get_spi(c, FALSE)));
	o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "name",
		      c->get_name(c), "state", child_state(c->get_state(c)),
		      "spi_in", in, "spi_out", out, "udp", c->has_encap(c),
		      "age_s", (json_int_t)(now - c->get_installtime(c)),
		      "rekey_s", (json_int_t)(rekey ? rekey - now : 0),
		      "left_s", (json_int_t)(hard ? hard - now : 0));
	add_proposal(o, c->get_proposal(c), true);
	add_use(o, c, true);
	add_use(o, c, false);
	return o;
}

static const char *ike_state(ike_sa_state_t state)
{
	switch (state) {
	case IKE_ESTABLISHED: return "up";
	case IKE_REKEYING: return "rekeying";
	case IKE_REKEYED: return "replaced";
	case IKE_DELETING:
	case IKE_DESTROYING: return "ending";
	default: return "beginning";
	}
}

static void add_identity(json_t *o, const char *key, identification_t *id)
{
	const char *fmt = "%Y"; /* libstrongswan has taught it to printf */
	char text[256];

	snprintf(text, sizeof(text), fmt, id);
	json_object_set_new(o, key, json_string(text));
}

static void add_ike(ike_sa_t *ike, void *arg)
{
	time_t up = ike->get_statistic(ike, STAT_ESTABLISHED);
	time_t rekey = ike->get_statistic(ike, STAT_REKEY);
	time_t now = time_monotonic(NULL);
	ike_sa_id_t *id = ike->get_id(ike);
	json_t *children = json_array(), *o;
	enumerator_t *e;
	child_sa_t *c;

	e = ike->create_child_sa_enumerator(ike);
	while (e->enumerate(e, &c))
		json_array_append_new(children, child_json(c));
	e->destroy(e);
	o = json_pack("{s:s, s:b, s:o, s:o, s:b, s:b, s:I, s:I, s:o}", "state",
		      ike_state(ike->get_state(ike)), "initiator",
		      id->is_initiator(id), "local",
		      host_json(ike->get_my_host(ike)), "remote",
		      host_json(ike->get_other_host(ike)), "nat_local",
		      ike->has_condition(ike, COND_NAT_HERE), "nat_remote",
		      ike->has_condition(ike, COND_NAT_THERE), "age_s",
		      (json_int_t)(up ? now - up : 0), "rekey_s",
		      (json_int_t)(rekey ? rekey - now : 0), "child_sas",
		      children);
	add_proposal(o, ike->get_proposal(ike), false);
	add_identity(o, "local_id", ike->get_my_id(ike));
	add_identity(o, "remote_id", ike->get_other_id(ike));
	json_array_append_new(arg, o);
}

json_t *charon_sas_json(const char *peer)
{
	json_t *list = json_array();

	each_ike(peer, add_ike, list);
	return list;
}

/* ---- acting -------------------------------------------------------------- */

struct ending {
	uint32_t id;
	bool now;
};

static job_requeue_t end(struct ending *e)
{
	charon->controller->terminate_ike(charon->controller, e->id, e->now,
					  NULL, NULL, 0);
	return JOB_REQUEUE_NONE;
}

static unsigned queue_jobs(linked_list_t *jobs)
{
	unsigned n = jobs->get_count(jobs);
	job_t *job;

	while (jobs->remove_first(jobs, (void **)&job) == SUCCESS)
		lib->processor->queue_job(lib->processor, job);
	jobs->destroy(jobs);
	return n;
}

struct acting {
	linked_list_t *jobs;
	bool flag;
};

static void add_ending(ike_sa_t *ike, void *arg)
{
	struct ending *e = calloc(1, sizeof(*e));
	struct acting *a = arg;

	if (!e)
		return;
	*e = (struct ending){ ike->get_unique_id(ike), a->flag };
	a->jobs->insert_last(a->jobs, callback_job_create((void *)end, e, free,
							  NULL));
}

unsigned charon_sas_end(const char *peer, bool now)
{
	struct acting a = { linked_list_create(), now };

	each_ike(peer, add_ending, &a);
	return queue_jobs(a.jobs);
}

static void add_rekeying(ike_sa_t *ike, void *arg)
{
	struct acting *a = arg;
	enumerator_t *e;
	child_sa_t *c;

	if (ike->get_state(ike) != IKE_ESTABLISHED)
		return;
	if (a->flag)
		a->jobs->insert_last(a->jobs, rekey_ike_sa_job_create(
						      ike->get_id(ike), FALSE));
	e = ike->create_child_sa_enumerator(ike);
	while (e->enumerate(e, &c))
		if (c->get_state(c) == CHILD_INSTALLED)
			a->jobs->insert_last(a->jobs, rekey_child_sa_job_create(
				PROTO_ESP, c->get_spi(c, TRUE),
				ike->get_my_host(ike)));
	e->destroy(e);
}

unsigned charon_sas_rekey(const char *peer, bool ike)
{
	struct acting a = { linked_list_create(), ike };

	each_ike(peer, add_rekeying, &a);
	return queue_jobs(a.jobs);
}
