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
 * domain can be plugged into, and lets the VIF's MAC speak; and that no guest's
 * image is among the site's own files.
 */
#include "mgmt/site_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/*
 * A port whose VIF names another one by mistake has got no MAC from it: when a
 * VIF's name is wrong, that is what there is to mend.
 */
static bool follows(const struct switch_conf_error *e)
{
	size_t len = strlen(e->path);

	return !strncmp(e->path, "ports[", 6) && len > 4 &&
	       !strcmp(e->path + len - 4, ".mac") &&
	       !strcmp(e->value, "(missing)");
}

static int parse_switch(const struct site *site, struct switch_conf **out,
			bool lost_vifs, struct site_errors *errs)
{
	struct switch_conf_errors es = { 0 };
	int rc = switch_conf_from_json(out, site->switch_state, &es);

	for (unsigned i = 0; i < es.count; i++)
		if (!lost_vifs || !follows(&es.error[i]))
			add_error(errs, "switch", es.error[i].path,
				  es.error[i].value, es.error[i].expected);
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

/* --- names ---------------------------------------------------------------- */

static bool has_port(const struct site *site, const char *name)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(site->switch_state, "ports"), i,
			   port) {
		const char *is = text_of(port, "name");

		if (is && !strcmp(is, name))
			return true;
	}
	return false;
}

/* Told before what follows from it.  -EINVAL: some VIF has no port. */
static int check_ports_of_vifs(const struct site *site,
			       struct site_errors *errs)
{
	json_t *domains = json_object_get(site->hypervisor_state, "domains");
	json_t *domain, *vif;
	char at[192];
	size_t i, j;
	int rc = 0;

	json_array_foreach(domains, i, domain) {
		json_array_foreach(json_object_get(domain, "vifs"), j, vif) {
			const char *port = text_of(vif, "port");

			if (!port || has_port(site, port))
				continue;
			snprintf(at, sizeof(at),
				 "hypervisor.domains[%zu].vifs[%zu].port", i,
				 j);
			rc = site_error_add(errs, at, port,
					    "the name of one of switch.ports");
		}
	}
	return rc;
}

/* Names are typed behind commands, and become parts of paths. */
static int check_names(const json_t *state, const char *part,
		       const char *list, struct site_errors *errs)
{
	json_t *item;
	char at[192];
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(state, list), i, item) {
		const char *name = text_of(item, "name");

		if (!name || (name[0] != '-' && name[0] != '.'))
			continue;
		snprintf(at, sizeof(at), "%s.%s[%zu].name", part, list, i);
		rc = site_error_add(errs, at, name,
				    "a name that begins with a letter or a "
				    "digit");
	}
	return rc;
}

static int check_all_names(const struct site *site, struct site_errors *errs)
{
	int rc = check_names(site->switch_state, "switch", "networks", errs);

	rc |= check_names(site->switch_state, "switch", "ports", errs);
	return rc | check_names(site->hypervisor_state, "hypervisor",
				"domains", errs);
}

/* --- storage -------------------------------------------------------------- */

static bool is_in(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) &&
	       (path[len] == '/' || !path[len]);
}

/* A guest's image there would be one of the host's own files, or beside. */
static int check_root(const struct site *site, const char *root,
		      const char *at, struct site_errors *errs)
{
	const struct site_paths *p = &site->paths;
	const char *const ours[] = { p->run, p->state, p->log };
	char real[PATH_MAX];

	if (!realpath(root, real)) /* not there yet */
		snprintf(real, sizeof(real), "%s", root);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (is_in(ours[i], real) || is_in(real, ours[i]))
			return site_error_add(errs, at, root,
					      "a folder that neither holds "
					      "nor is in %.180s", ours[i]);
	if (is_in(p->file, real))
		return site_error_add(errs, at, root, "a folder that does "
				      "not hold %.180s", p->file);
	return 0;
}

static int check_roots(const struct site *site, const struct domain_conf *dc,
		       struct site_errors *errs)
{
	char at[64];
	int rc = 0;

	for (uint32_t i = 0; i < dc->root_count; i++) {
		snprintf(at, sizeof(at), "hypervisor.storage_roots[%u]", i);
		rc |= check_root(site, dc->storage_roots[i].path, at, errs);
	}
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

/* All of it, whatever is found first: a person mends it in one go. */
static int check_parts(const struct site *site, struct switch_conf **sw,
		       struct domain_conf **dc, struct site_errors *errs)
{
	bool lost = check_ports_of_vifs(site, errs);
	int rc = check_all_names(site, errs), other;

	other = parse_switch(site, sw, lost, errs);
	if (other && other != -EINVAL)
		return other;
	rc |= other;
	other = parse_hypervisor(site, dc, errs);
	if (other && other != -EINVAL)
		return other;
	if (*dc)
		rc |= check_roots(site, *dc, errs);
	return rc || other || lost ? -EINVAL : 0;
}

int site_check(struct site *site, struct site_errors *errs)
{
	struct switch_conf *sw = NULL;
	struct domain_conf *dc = NULL;
	int rc = complete(site);

	if (!rc)
		rc = check_parts(site, &sw, &dc, errs);
	if (!rc && dc)
		rc = check_vifs(site, sw, dc, errs);
	switch_conf_free(sw);
	domain_conf_free(dc);
	return rc;
}
