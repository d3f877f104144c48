/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * site_check.c: complete the two states and validate them.
 *
 * What the file may leave out because the other part says it: the owner and
 * generation are the site's; a vhost-user port's socket is where the domain's
 * process will listen, RUN/vif/PORT.sock; its MAC is that of the VIF which
 * names the port.
 *
 * Then each state goes through the parser of the daemon that will get it, and
 * last comes what neither can see alone: that a VIF's port exists, is one a
 * domain can be plugged into, and lets the VIF's MAC speak.
 */
#include "mgmt/site_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hypervisor/domain_conf_json.h"
#include "vswitch/switch_conf_json.h"

/* --- completing ----------------------------------------------------------- */

static int set_new(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) ? -ENOMEM : 0;
}

static int stamp(const struct site *site, json_t *state)
{
	if (!state)
		return 0;
	return set_new(state, "owner", json_string(site->owner)) |
	       set_new(state, "generation",
		       json_integer((json_int_t)site->generation));
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The MAC of the VIF that names this port; NULL: none does. */
static const json_t *mac_of_vif(const struct site *site, const char *port)
{
	json_t *domains = json_object_get(site->hypervisor_state, "domains");
	json_t *domain, *vif;
	size_t i, j;

	json_array_foreach(domains, i, domain) {
		json_array_foreach(json_object_get(domain, "vifs"), j, vif) {
			const char *named = text_of(vif, "port");

			if (named && !strcmp(named, port))
				return json_object_get(vif, "mac");
		}
	}
	return NULL;
}

static void vif_socket(const struct site *site, const char *port,
		       char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.3900s/vif/%.100s.sock", site->paths.run,
		 port);
}

/* Of a port that is not well-formed nothing is filled in: it is refused. */
static int complete_port(const struct site *site, json_t *port)
{
	const char *name = text_of(port, "name"), *type = text_of(port, "type");
	const json_t *mac;
	char socket[PATH_MAX];
	int rc = 0;

	if (!name || !type || strcmp(type, "vhost-user") != 0)
		return 0;
	mac = mac_of_vif(site, name);
	if (mac && !json_object_get(port, "mac"))
		rc |= set_new(port, "mac", json_deep_copy(mac));
	vif_socket(site, name, socket);
	if (!json_object_get(port, "socket"))
		rc |= set_new(port, "socket", json_string(socket));
	return rc;
}

static int complete(struct site *site)
{
	int rc = stamp(site, site->switch_state) |
		 stamp(site, site->hypervisor_state);
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(site->switch_state, "ports"), i,
			   port)
		rc |= complete_port(site, port);
	return rc ? -ENOMEM : 0;
}

/* --- each alone ----------------------------------------------------------- */

/* A part's path as one of the file. */
static void add_error(struct site_errors *errs, const char *part,
		      const char *path, const char *value,
		      const char *expected)
{
	char at[192];

	if (!strcmp(path, "owner") || !strcmp(path, "generation"))
		snprintf(at, sizeof(at), "%s", path);
	else
		snprintf(at, sizeof(at), "%s%s%s", part, *path ? "." : "",
			 path);
	site_error_add(errs, at, value, "%s", expected);
}

static int parse_switch(const struct site *site, struct switch_conf **out,
			struct site_errors *errs)
{
	struct switch_conf_errors es = { 0 };
	int rc = switch_conf_from_json(out, site->switch_state, &es);

	for (unsigned i = 0; i < es.count; i++)
		add_error(errs, "switch", es.error[i].path, es.error[i].value,
			  es.error[i].expected);
	return rc;
}

static int parse_hypervisor(const struct site *site, struct domain_conf **out,
			    struct site_errors *errs)
{
	struct domain_conf_errors es = { 0 };
	int rc;

	if (!site->hypervisor_state)
		return 0;
	rc = domain_conf_from_json(out, site->hypervisor_state, &es);
	for (unsigned i = 0; i < es.count; i++)
		add_error(errs, "hypervisor", es.error[i].path,
			  es.error[i].value, es.error[i].expected);
	return rc;
}

/* --- both together -------------------------------------------------------- */

static const struct conf_port *port_of(const struct switch_conf *sw,
				       const struct dconf_vif *vif)
{
	int32_t i = switch_conf_find_port(sw, vif->port);

	return i < 0 ? NULL : &sw->ports[i];
}

static int check_vif(const struct site *site, const struct switch_conf *sw,
		     const struct dconf_vif *vif, const char *path,
		     struct site_errors *errs)
{
	const struct conf_port *port = port_of(sw, vif);
	char socket[PATH_MAX], at[192];

	snprintf(at, sizeof(at), "%.150s.port", path);
	if (!port)
		return site_error_add(errs, at, vif->port,
				      "the name of one of switch.ports");
	if (port->type != CONF_VHOST_USER || port->server)
		return site_error_add(errs, at, vif->port,
				      "a port of type vhost-user, without "
				      "\"server\"");
	vif_socket(site, vif->port, socket);
	if (strcmp(port->socket, socket) != 0)
		return site_error_add(errs, at, port->socket,
				      "no \"socket\" at this port of the "
				      "switch, or %.150s", socket);
	snprintf(at, sizeof(at), "%.150s.mac", path);
	if (port->has_mac && memcmp(port->mac, vif->mac, 6) != 0)
		return site_error_add(errs, at, vif->port,
				      "the MAC that this port has in "
				      "switch.ports[%u], or none there",
				      port->place);
	return 0;
}

static int check_vifs(const struct site *site, const struct switch_conf *sw,
		      const struct domain_conf *dc, struct site_errors *errs)
{
	char path[192];
	uint32_t i, j;
	int rc = 0;

	for (i = 0; i < dc->domain_count; i++) {
		const struct dconf_domain *d = &dc->domains[i];

		for (j = 0; j < d->vif_count; j++) {
			snprintf(path, sizeof(path),
				 "hypervisor.domains[%u].vifs[%u]", i, j);
			rc |= check_vif(site, sw, &d->vifs[j], path, errs);
		}
	}
	return rc;
}

int site_check(struct site *site, struct site_errors *errs)
{
	struct switch_conf *sw = NULL;
	struct domain_conf *dc = NULL;
	int rc = complete(site);

	if (!rc)
		rc = parse_switch(site, &sw, errs);
	if (!rc || rc == -EINVAL) {
		int other = parse_hypervisor(site, &dc, errs);

		rc = rc ? rc : other;
	}
	if (!rc && dc)
		rc = check_vifs(site, sw, dc, errs);
	switch_conf_free(sw);
	domain_conf_free(dc);
	return rc;
}
