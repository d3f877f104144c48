/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon_creds.c: a peer's credentials.
 */
#include "ipsec-migrate/charon_creds.h"

#include <errno.h>
#include <sys/stat.h>

#include <credentials/certificates/x509.h>

#include "base/daemon.h"

#define FILE_BYTES (1u << 20)

struct loader {
	const struct iconf_peer *p;
	mem_cred_t *set;
	auth_cfg_t *local, *remote;
	char *why;
	size_t size;
};

static const char *folder;

void charon_creds_init(const char *path)
{
	folder = path;
}

__attribute__((format(printf, 3, 4)))
static int refuse(struct loader *l, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, l->size, fmt, ap);
	va_end(ap);
	return rc;
}

/* ---- files --------------------------------------------------------------- */

static int check_private(struct loader *l, const char *path, const char *name)
{
	struct stat st;

	if (stat(path, &st))
		return refuse(l, -errno, "%s: %s; it must be in %s", name,
			      strerror(errno), folder);
	if (st.st_mode & 077)
		return refuse(l, -EPERM, "%s can be read by others: "
			      "chmod 600 %s", name, path);
	return 0;
}

static int read_file(struct loader *l, const char *name, bool secret,
		     chunk_t *out)
{
	char path[4096], *data;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	rc = secret ? check_private(l, path, name) : 0;
	if (rc)
		return rc;
	rc = daemon_read_file(path, FILE_BYTES, &data, &len);
	if (rc)
		return refuse(l, rc, "%s: %s; it must be in %s", name,
			      strerror(-rc), folder);
	*out = chunk_create((u_char *)data, len);
	return 0;
}

/* The bytes of the file, without the end of the line. */
static int read_secret(struct loader *l, const char *name,
		       shared_key_type_t type, shared_key_t **out)
{
	chunk_t data, key;
	int rc = read_file(l, name, true, &data);

	if (rc)
		return rc;
	key = data;
	while (key.len && (key.ptr[key.len - 1] == '\n' ||
			   key.ptr[key.len - 1] == '\r'))
		key.len--;
	if (key.len < CHARON_SECRET_MIN)
		rc = refuse(l, -EINVAL, "%s: a secret has %d bytes or more",
			    name, CHARON_SECRET_MIN);
	else
		*out = shared_key_create(type, chunk_clone(key));
	chunk_clear(&data);
	return rc;
}

static int read_cert(struct loader *l, const char *name,
		     certificate_type_t type, certificate_t **out)
{
	chunk_t data;
	int rc = read_file(l, name, false, &data);

	if (rc)
		return rc;
	*out = lib->creds->create(lib->creds, CRED_CERTIFICATE, type,
				  BUILD_BLOB_PEM, data, BUILD_END);
	chunk_free(&data);
	return *out ? 0 : refuse(l, -EINVAL, "%s: no %s in PEM or DER", name,
				 type == CERT_X509 ? "X.509 certificate" :
						     "list of revoked "
						     "certificates");
}

static int read_key(struct loader *l, const char *name, private_key_t **out)
{
	chunk_t data;
	int rc = read_file(l, name, true, &data);

	if (rc)
		return rc;
	*out = lib->creds->create(lib->creds, CRED_PRIVATE_KEY, KEY_ANY,
				  BUILD_BLOB_PEM, data, BUILD_END);
	chunk_clear(&data);
	return *out ? 0 : refuse(l, -EINVAL, "%s: no private key without a "
				 "passphrase in PEM or DER", name);
}

/* ---- secrets ------------------------------------------------------------- */

static int load_psk(struct loader *l)
{
	identification_t *me = l->local->get(l->local, AUTH_RULE_IDENTITY);
	identification_t *other = l->remote->get(l->remote,
						 AUTH_RULE_IDENTITY);
	shared_key_t *key;
	int rc = read_secret(l, l->p->auth.psk, SHARED_IKE, &key);

	if (rc)
		return rc;
	l->local->add(l->local, AUTH_RULE_AUTH_CLASS, AUTH_CLASS_PSK);
	l->remote->add(l->remote, AUTH_RULE_AUTH_CLASS, AUTH_CLASS_PSK);
	if (me->get_type(me) == ID_ANY)
		l->set->add_shared(l->set, key, other->clone(other), NULL);
	else
		l->set->add_shared(l->set, key, me->clone(me),
				   other->clone(other), NULL);
	return 0;
}

static int load_ppk(struct loader *l)
{
	shared_key_t *key;
	int rc;

	if (!l->p->ppk.id[0])
		return 0;
	rc = read_secret(l, l->p->ppk.file, SHARED_PPK, &key);
	if (rc)
		return rc;
	l->set->add_shared(l->set, key,
			   identification_create_from_string(
				   (char *)l->p->ppk.id),
			   NULL);
	return 0;
}

/* ---- certificates -------------------------------------------------------- */

/* Who we are is in the certificate if nobody says it. */
static int use_identity(struct loader *l, certificate_t *cert)
{
	identification_t *id = l->local->get(l->local, AUTH_RULE_IDENTITY);
	enumerator_t *rules;
	auth_rule_t rule;
	void *value;

	if (id->get_type(id) != ID_ANY) {
		if (cert->has_subject(cert, id))
			return 0;
		return refuse(l, -EINVAL, "%s: local_id %s is not in it",
			      l->p->auth.cert, l->p->local_id);
	}
	id = cert->get_subject(cert);
	rules = l->local->create_enumerator(l->local);
	while (rules->enumerate(rules, &rule, &value))
		if (rule == AUTH_RULE_IDENTITY)
			l->local->replace(l->local, rules, rule,
					  id->clone(id));
	rules->destroy(rules);
	return 0;
}

static int load_key(struct loader *l, certificate_t *cert)
{
	public_key_t *public = cert->get_public_key(cert);
	private_key_t *key;
	bool fits;
	int rc = read_key(l, l->p->auth.key, &key);

	if (!rc) {
		fits = public && key->belongs_to(key, public);
		l->set->add_key(l->set, key);
		if (!fits)
			rc = refuse(l, -EINVAL, "%s is not the key of %s",
				    l->p->auth.key, l->p->auth.cert);
	}
	DESTROY_IF(public);
	return rc;
}

static int load_own(struct loader *l)
{
	certificate_t *cert;
	int rc = read_cert(l, l->p->auth.cert, CERT_X509, &cert);

	if (rc)
		return rc;
	cert = l->set->add_cert_ref(l->set, TRUE, cert);
	l->local->add(l->local, AUTH_RULE_AUTH_CLASS, AUTH_CLASS_PUBKEY);
	l->local->add(l->local, AUTH_RULE_SUBJECT_CERT, cert);
	rc = use_identity(l, cert);
	return rc ? rc : load_key(l, cert);
}

static int load_ca(struct loader *l, const char *name)
{
	certificate_t *cert;
	x509_t *x509;
	int rc = read_cert(l, name, CERT_X509, &cert);

	if (rc)
		return rc;
	x509 = (x509_t *)cert;
	if (!(x509->get_flags(x509) & X509_CA)) {
		cert->destroy(cert);
		return refuse(l, -EINVAL, "%s is not a CA's certificate",
			      name);
	}
	cert = l->set->add_cert_ref(l->set, TRUE, cert);
	l->remote->add(l->remote, AUTH_RULE_CA_CERT, cert);
	return 0;
}

/* libcharon finds a list by the key that has signed it. */
static int load_crl(struct loader *l, const char *name)
{
	certificate_t *cert;
	crl_t *crl;
	int rc = read_cert(l, name, CERT_X509_CRL, &cert);

	if (rc)
		return rc;
	crl = (crl_t *)cert;
	if (!crl->get_authKeyIdentifier(crl).len) {
		cert->destroy(cert);
		return refuse(l, -EINVAL, "%s does not say which key has "
			      "signed it (authorityKeyIdentifier)", name);
	}
	l->set->add_crl(l->set, crl);
	return 0;
}

static int load_certs(struct loader *l)
{
	const struct iconf_auth *a = &l->p->auth;
	int rc = load_own(l);

	for (int i = 0; i < ICONF_FILES_MAX && a->ca.name[i][0] && !rc; i++)
		rc = load_ca(l, a->ca.name[i]);
	for (int i = 0; i < ICONF_FILES_MAX && a->crl.name[i][0] && !rc; i++)
		rc = load_crl(l, a->crl.name[i]);
	l->remote->add(l->remote, AUTH_RULE_AUTH_CLASS, AUTH_CLASS_PUBKEY);
	l->remote->add(l->remote, AUTH_RULE_RSA_STRENGTH, (uintptr_t)2048);
	l->remote->add(l->remote, AUTH_RULE_ECDSA_STRENGTH, (uintptr_t)256);
	if (a->revocation == ICONF_REVOCATION_STRICT)
		l->remote->add(l->remote, AUTH_RULE_CRL_VALIDATION,
			       VALIDATION_GOOD);
	return rc;
}

int charon_creds_load(const struct iconf_peer *p, mem_cred_t **set,
		      auth_cfg_t *local, auth_cfg_t *remote, char *why,
		      size_t size)
{
	struct loader l = { p, mem_cred_create(), local, remote, why, size };
	int rc = p->auth.psk[0] ? load_psk(&l) : load_certs(&l);

	if (!rc)
		rc = load_ppk(&l);
	if (rc)
		l.set->destroy(l.set);
	else
		*set = l.set;
	return rc;
}
