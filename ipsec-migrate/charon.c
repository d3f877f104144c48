/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * charon.c: see charon.h.
 *
 * What libcharon would read from strongswan.conf is said here in settings; the
 * name of that file is empty.  Plugins are those that compute or parse;
 * none that opens a socket or fetches anything.
 *
 * espd's thread calls in, so a lock stands between it and the end of the
 * library.
 */
#include "ipsec-migrate/charon.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "base/log.h"
#include "ipsec-migrate/charon_lib.h"
#include "ipsec-migrate/charon_version.h"
#include "ipsec-migrate/charon_watch.h"

#include <plugins/plugin_feature.h>

#define NAME	    "causeway-iked"
#define DPKG_STATUS "/var/lib/dpkg/status"

static const char plugins[] =
	"causeway nonce openssl drbg random kdf aes sha1 sha2 hmac gcm pem "
	"pkcs1 pkcs8 x509 revocation constraints pubkey";

/* strongswan.conf(5) */
static const struct {
	const char *key, *value;
} settings[] = {
	{ "threads", "8" },
	{ "send_vendor_id", "no" },
	{ "accept_private_algs", "no" },
	{ "multiple_authentication", "no" },
	{ "prefer_configured_proposals", "yes" },
	{ "install_routes", "no" },
	{ "install_virtual_ip", "no" },
	{ "hash_and_url", "no" },
	/* against floods: cookies, and few half-open IKE SAs */
	{ "dos_protection", "yes" },
	{ "cookie_threshold", "30" },
	{ "cookie_threshold_ip", "3" },
	{ "block_threshold", "5" },
	{ "init_limit_half_open", "300" },
	{ "init_limit_job_load", "1000" },
	{ "half_open_timeout", "30" },
	{ "max_packet", "10000" },
	{ "fragment_size", "1280" },
	{ "max_ikev1_exchanges", "1" },
	/* an answer is waited for: 1, 2, 3, 5... 26 seconds in all */
	{ "retransmit_timeout", "2.0" },
	{ "retransmit_tries", "4" },
	{ "retransmit_base", "1.6" },
	{ "retransmit_jitter", "10" },
	{ "keep_alive", "20s" },
	{ "delete_rekeyed_delay", "5" },
	{ "make_before_break", "yes" },
	/* checks that must not depend on a network */
	{ "plugins.revocation.enable_ocsp", "no" },
	{ "plugins.openssl.load_legacy", "no" },
};

static pthread_mutex_t alive_lock = PTHREAD_MUTEX_INITIALIZER;
static bool alive;

/* ---- loading ------------------------------------------------------------- */

/* The library does not say its version; the package does. */
static bool same_version(const char *package)
{
	FILE *status = fopen(DPKG_STATUS, "re");
	char there[64] = "none";
	bool same;

	if (!status) {
		log_err("%s: %s; it tells which libcharon this is",
			DPKG_STATUS, strerror(errno));
		return FALSE;
	}
	same = charon_version_find(status, package, there, sizeof(there)) &&
	       charon_version_is(there, VERSION);
	fclose(status);
	if (!same)
		log_err("%s is %s, and " NAME " is built for " VERSION
			": install that, or build again", package, there);
	return same;
}

static void set_settings(const struct charon_options *o)
{
	for (unsigned i = 0; i < countof(settings); i++)
		lib->settings->set_str(lib->settings, "%s.%s",
				       (char *)settings[i].value, lib->ns,
				       settings[i].key);
	lib->settings->set_int(lib->settings, "%s.port", o->ike_port, lib->ns);
	lib->settings->set_int(lib->settings, "%s.port_nat_t", o->natt_port,
			       lib->ns);
}

/* Before there is a bus. */
static void early_log(debug_t group, level_t level, char *fmt, ...)
{
	char line[512];
	va_list args;

	if (level > LEVEL_CTRL)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_debug("%s", line);
}

static void add_features(void)
{
	static plugin_feature_t features[] = {
		PLUGIN_CALLBACK(kernel_ipsec_register, charon_ipsec_create),
			PLUGIN_PROVIDE(CUSTOM, "kernel-ipsec"),
		PLUGIN_CALLBACK(kernel_net_register, charon_net_create),
			PLUGIN_PROVIDE(CUSTOM, "kernel-net"),
		PLUGIN_CALLBACK(socket_register, charon_socket_create),
			PLUGIN_PROVIDE(CUSTOM, "socket"),
	};

	lib->plugins->add_static_features(lib->plugins, "causeway", features,
					  countof(features), TRUE, NULL, NULL);
}

static bool init_library(void)
{
	/* pthread_cancel() would load it in the jail, where nothing can be. */
	if (!dlopen("libgcc_s.so.1", RTLD_NOW)) {
		log_err("%s", dlerror());
		return FALSE;
	}
	dbg = early_log;
	if (!library_init("", NAME)) {
		log_err("libstrongswan does not start");
		return FALSE;
	}
	dbg = early_log;
	if (!libcharon_init()) {
		log_err("libcharon does not start");
		return FALSE;
	}
	return TRUE;
}

int charon_load(const struct charon_options *o)
{
	if (!same_version("libstrongswan") ||
	    !same_version("strongswan-libcharon"))
		return -ENOTSUP;
	if (!init_library())
		return -EIO;
	set_settings(o);
	charon_watch_attach();
	charon_socket_set_ports(o->ike_port, o->natt_port);
	add_features();
	if (!charon->initialize(charon, (char *)plugins)) {
		log_err("libcharon's plugins do not start; --log-level debug "
			"says more");
		return -EIO;
	}
	return 0;
}

void charon_run(struct espd_link *link)
{
	charon_ipsec_set_link(link);
	charon_socket_set_link(link);
	charon->start(charon);
	pthread_mutex_lock(&alive_lock);
	alive = true;
	pthread_mutex_unlock(&alive_lock);
}

void charon_mute(void)
{
	pthread_mutex_lock(&alive_lock);
	alive = false;
	pthread_mutex_unlock(&alive_lock);
	charon_ipsec_mute();
	charon_socket_mute();
}

void charon_leave(void)
{
	charon_watch_detach();
	libcharon_deinit();
	library_deinit();
}

/* ---- espd's thread ------------------------------------------------------- */

void charon_datagram(const struct ike_msg_datagram *d)
{
	pthread_mutex_lock(&alive_lock);
	if (alive)
		charon_socket_datagram(d);
	pthread_mutex_unlock(&alive_lock);
}

void charon_espd_event(const struct ike_msg *msg)
{
	pthread_mutex_lock(&alive_lock);
	if (alive)
		charon_ipsec_event(msg);
	pthread_mutex_unlock(&alive_lock);
}

/* ---- proposals ----------------------------------------------------------- */

/* In IKE the library encrypts; in ESP espd does, which has them all. */
static bool has_chacha(void)
{
	enumerator_t *e = lib->crypto->create_aead_enumerator(lib->crypto);
	encryption_algorithm_t alg;
	const char *plugin;
	bool found = FALSE;

	while (e->enumerate(e, &alg, &plugin))
		found |= alg == ENCR_CHACHA20_POLY1305;
	e->destroy(e);
	return found;
}

void charon_filter_proposal(const char *text, char *out, size_t size)
{
	static const char word[] = "chacha20poly1305-";
	const char *at = has_chacha() ? NULL : strstr(text, word);
	int before = at ? at - text : (int)strlen(text);

	snprintf(out, size, "%.*s%s", before, text,
		 at ? at + sizeof(word) - 1 : "");
}
