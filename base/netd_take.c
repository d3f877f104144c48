/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netd_take.c: taking and giving back.
 *
 * Taking goes: save how it is, close the ingress (nftables), no IPv6 of its
 * own, no addresses, MTU, up.  The ingress comes first, so there is no moment
 * in which the host answers with half its addresses; and the record before
 * it.  All steps may be done twice, which is how taking again repairs.
 *
 * Giving back is the same in reverse, and the record goes last.  A step that
 * fails is logged and does not keep the others from being done.
 */
#include "base/netd_take.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <sys/file.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/netd_ethtool.h"
#include "base/netd_nft.h"

#define RECORD_BYTES_MAX (4u << 20)
#define TAG_BYTES 8 /* two tags */
#define MTU_MIN 68  /* RFC 791: every link carries this */
#define MTU_MAX 65535

struct netd_take {
	char dir[PATH_MAX - NAME_MAX - 2]; /* room for a file's name */
	struct netd_rtnl *rt;
	json_t *records; /* ifname: record */
	int dir_fd;	 /* the lock is on it */
};

static int words(struct rpc_error *err, int rc, const char *ifname,
		 const char *hint, const char *what)
{
	rpc_error_set(err, RPC_FAILED, "ifname", ifname, hint, "%s: %s: %s",
		      ifname, what, strerror(-rc));
	return rc;
}

/* --- records ------------------------------------------------------------ */

static void record_path(const struct netd_take *take, const char *ifname,
			char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s.json", take->dir, ifname);
}

static int record_save(struct netd_take *take, const char *ifname,
		       json_t *record)
{
	char *text = json_dumps(record, JSON_INDENT(2));
	char path[PATH_MAX];
	int rc = -ENOMEM;

	record_path(take, ifname, path);
	if (text)
		rc = daemon_save_file(path, text, strlen(text), 0600);
	free(text);
	if (!rc)
		json_object_set(take->records, ifname, record);
	return rc;
}

static void record_drop(struct netd_take *take, const char *ifname)
{
	char path[PATH_MAX];

	record_path(take, ifname, path);
	if (unlink(path) && errno != ENOENT)
		log_err("%s: %s", path, strerror(errno));
	json_object_del(take->records, ifname);
}

static void record_load(struct netd_take *take, const char *file)
{
	const char *dot = strstr(file, ".json");
	char path[PATH_MAX];
	json_error_t je;
	json_t *record;
	char *text;
	size_t len;
	int rc;

	if (!dot || dot[5] || file[0] == '.')
		return;
	snprintf(path, sizeof(path), "%s/%.*s", take->dir, NAME_MAX, file);
	rc = daemon_read_file(path, RECORD_BYTES_MAX, &text, &len);
	if (rc) {
		log_err("%s: %s", path, strerror(-rc));
		return;
	}
	record = json_loadb(text, len, 0, &je);
	free(text);
	if (record)
		json_object_setn_new(take->records, file, dot - file, record);
	else
		log_err("%s: %s", path, je.text);
}

int netd_take_open(struct netd_take **out, const char *dir,
		   struct netd_rtnl *rt)
{
	struct netd_take *take = calloc(1, sizeof(*take));
	struct dirent *e;
	DIR *d;

	if (!take)
		return -ENOMEM;
	if (strlen(dir) >= sizeof(take->dir)) {
		free(take);
		return -ENAMETOOLONG;
	}
	strcpy(take->dir, dir);
	take->rt = rt;
	take->records = json_object();
	take->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* held until this process ends, however it ends */
	d = take->dir_fd < 0 || flock(take->dir_fd, LOCK_EX | LOCK_NB)
		    ? NULL
		    : opendir(dir);
	if (!d) {
		int rc = -errno;

		netd_take_close(take);
		return rc;
	}
	while ((e = readdir(d)))
		record_load(take, e->d_name);
	closedir(d);
	*out = take;
	return 0;
}

void netd_take_close(struct netd_take *take)
{
	if (!take)
		return;
	json_decref(take->records);
	if (take->dir_fd >= 0)
		close(take->dir_fd);
	free(take);
}

json_t *netd_take_dump(const struct netd_take *take)
{
	return json_deep_copy(take->records);
}

static uint32_t get_u32(const json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

static bool is_kind(const json_t *record, const char *kind)
{
	const char *is = json_string_value(json_object_get(record, "kind"));

	return is && !strcmp(is, kind);
}

/* Made by us, not taken. */
static bool is_tap(const json_t *record)
{
	return is_kind(record, "tap") || is_kind(record, "tun");
}

/* A record without a user is an older netd's: nobody's. */
static bool is_of(const json_t *record, uid_t uid)
{
	const json_t *of = json_object_get(record, "uid");

	return json_is_integer(of) && json_integer_value(of) == uid;
}

/* Who has what is there already asks for it: it is his from now on. */
static int set_user(struct netd_take *take, const char *ifname,
		    const json_t *record, uid_t uid, struct rpc_error *err)
{
	json_t *copy;
	int rc = -ENOMEM;

	if (is_of(record, uid))
		return 0;
	copy = json_deep_copy(record);
	if (copy && !json_object_set_new(copy, "uid", json_integer(uid)))
		rc = record_save(take, ifname, copy);
	json_decref(copy);
	return rc ? words(err, rc, ifname, "is there room in /run?",
			  "saving its state")
		  : 0;
}

json_t *netd_take_names(const struct netd_take *take, uid_t uid, bool taps)
{
	json_t *names = json_array();
	json_t *record;
	const char *name;

	json_object_foreach(take->records, name, record)
		if (is_kind(record, taps ? "tap" : "packet") &&
		    is_of(record, uid))
			json_array_append_new(names, json_string(name));
	return names;
}

bool netd_take_holds(const struct netd_take *take, const struct netd_link *l)
{
	json_t *record;
	const char *name;

	/* By index: somebody may have renamed it. */
	json_object_foreach(take->records, name, record)
		if (!is_tap(record) && get_u32(record, "ifindex") == l->ifindex)
			return true;
	return false;
}

/* --- IPv6 of a device --------------------------------------------------- */

/*
 * There is no netlink for this one.  -1: no IPv6 on this device, which is as
 * good as disabled.
 */
static int disable_ipv6_fd(const char *ifname, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 ifname);
	return open(path, flags | O_CLOEXEC);
}

static int disable_ipv6_get(const char *ifname)
{
	int fd = disable_ipv6_fd(ifname, O_RDONLY);
	char c = '1';

	if (fd < 0)
		return -1;
	if (read(fd, &c, 1) != 1)
		c = '1';
	close(fd);
	return c == '1';
}

static int disable_ipv6_set(const char *ifname, bool disable)
{
	int fd = disable_ipv6_fd(ifname, O_WRONLY);
	int rc = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (write(fd, disable ? "1" : "0", 1) != 1)
		rc = -errno;
	close(fd);
	return rc;
}

/* --- taking ------------------------------------------------------------- */

static uint64_t boottime_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

/* Is this a device that may be taken at all? */
static int check_device(struct netd_take *take,
			const struct netd_packet_conf *conf,
			const struct netd_device *dev, struct rpc_error *err)
{
	char hint[128];
	int rc;

	if (dev->loopback || !dev->ethernet)
		return rpc_error_set(err, RPC_REFUSED, "ifname", conf->ifname,
				     "name an Ethernet device (ip -br link)",
				     "%s is not an Ethernet device",
				     conf->ifname);
	if (dev->master) {
		snprintf(hint, sizeof(hint), "ip link set dev %s nomaster",
			 conf->ifname);
		return rpc_error_set(err, RPC_REFUSED, "ifname", conf->ifname,
				     hint, "%s belongs to a bridge or a bond",
				     conf->ifname);
	}
	rc = netd_rtnl_has_default_route(take->rt, dev->link.ifindex);
	if (rc < 0)
		return words(err, rc, conf->ifname, NULL, "reading routes");
	if (rc && !conf->force)
		return rpc_error_set(err, RPC_REFUSED, "force", "false",
				     "move the route, or set \"force\": true",
				     "the host's default route goes through %s",
				     conf->ifname);
	return 0;
}

static int make_record(struct netd_take *take, const char *ifname, uid_t uid,
		       const struct netd_device *dev, json_t **out)
{
	uint32_t ifindex = dev->link.ifindex;
	json_t *addrs = NULL, *routes = NULL;
	int rc = netd_rtnl_save_addrs(take->rt, ifindex, &addrs);

	if (!rc)
		rc = netd_rtnl_save_routes(take->rt, ifindex, &routes);
	if (rc) {
		json_decref(addrs);
		return rc;
	}
	*out = json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:i, s:i, s:I, s:o, "
			 "s:o, s:o}",
			 "kind", "packet", "uid", (json_int_t)uid,
			 "ifindex", (json_int_t)ifindex,
			 "mtu", (json_int_t)dev->link.mtu, "up", dev->link.up,
			 "promiscuous", dev->promiscuous,
			 "addr_gen_mode", dev->addr_gen_mode, "disable_ipv6",
			 disable_ipv6_get(ifname), "saved_at_s",
			 (json_int_t)boottime_s(), "addresses", addrs,
			 "routes", routes, "ethtool",
			 netd_ethtool_save(ifname));
	return *out ? 0 : -ENOMEM;
}

/* The record of this very device; made if there is none. */
static int find_or_make_record(struct netd_take *take,
			       const struct netd_packet_conf *conf, uid_t uid,
			       const struct netd_device *dev, json_t **record,
			       struct rpc_error *err)
{
	static const struct netd_ethtool nothing = { .given = 0 };
	int rc;

	*record = json_object_get(take->records, conf->ifname);
	if (*record && get_u32(*record, "ifindex") == dev->link.ifindex) {
		if (is_tap(*record))
			return rpc_error_set(err, RPC_REFUSED, "ifname",
					     conf->ifname, "use it as a tap",
					     "%s is a tap made by netd",
					     conf->ifname);
		rc = set_user(take, conf->ifname, *record, uid, err);
		*record = json_incref(json_object_get(take->records,
						      conf->ifname));
		if (rc)
			json_decref(*record);
		return rc;
	}
	rc = check_device(take, conf, dev, err);
	if (rc)
		return rc;
	rc = make_record(take, conf->ifname, uid, dev, record);
	if (rc)
		return words(err, rc, conf->ifname, NULL, "reading its state");
	rc = record_save(take, conf->ifname, *record);
	if (rc) {
		json_decref(*record);
		return words(err, rc, conf->ifname, "is there room in /run?",
			     "saving its state");
	}
	netd_ethtool_apply(conf->ifname, &nothing,
			   json_object_get(*record, "ethtool"));
	return 0;
}

/* Nothing the host receives or sends by itself from here on. */
static int isolate(struct netd_take *take, const char *ifname,
		   const struct netd_device *dev, struct rpc_error *err)
{
	int rc = netd_nft_block(ifname);

	if (rc)
		return words(err, rc, ifname,
			     "the kernel needs nftables with netdev ingress: "
			     "modprobe nf_tables",
			     "closing its ingress with nftables");
	if (dev->addr_gen_mode >= 0) {
		rc = netd_rtnl_set_addr_gen_mode(take->rt, dev->link.ifindex,
						 IN6_ADDR_GEN_MODE_NONE);
		if (rc)
			log_warn("%s: addrgenmode none: %s", ifname,
				 strerror(-rc));
	}
	rc = disable_ipv6_set(ifname, true);
	if (rc)
		return words(err, rc, ifname, NULL, "disabling IPv6");
	rc = netd_rtnl_flush_addrs(take->rt, dev->link.ifindex);
	if (rc)
		return words(err, rc, ifname, NULL, "removing addresses");
	return 0;
}

static int fit_mtu(struct netd_take *take, uint32_t mtu, bool want_tags,
		   const struct netd_device *dev, const json_t *record,
		   struct rpc_error *err)
{
	uint32_t original = get_u32(record, "mtu");
	uint32_t base = mtu ? mtu : original;
	uint32_t want = base + (want_tags ? TAG_BYTES : 0);
	char hint[256], value[16];
	int rc;

	/* A smaller port on a larger device needs no change. */
	if (want < original)
		want = original;
	if (dev->link.mtu == want)
		return 0;
	rc = netd_rtnl_set_mtu(take->rt, dev->link.ifindex, want);
	if (!rc)
		return 0;
	snprintf(hint, sizeof(hint),
		 "ip link set dev %s mtu %u; if that is refused too, the "
		 "device carries no more: set the port's mtu to %u",
		 dev->link.ifname, want,
		 original - (want_tags ? TAG_BYTES : 0));
	snprintf(value, sizeof(value), "%u", base);
	rpc_error_set(err, RPC_REFUSED, "mtu", value, hint,
		      "%s cannot carry an MTU of %u%s: %s", dev->link.ifname,
		      base,
		      want_tags ? " with 8 bytes of tags" : "",
		      strerror(-rc));
	return rc;
}

static int check_mtu(uint32_t mtu, struct rpc_error *err)
{
	if (!mtu || (mtu >= MTU_MIN && mtu <= MTU_MAX))
		return 0;
	return rpc_error_set(err, RPC_INVALID_PARAMS, "mtu", NULL,
			     "68 to 65535, or 0 for the device's own",
			     "no such MTU: %u", mtu);
}

static int find_device(struct netd_take *take, const char *ifname,
		       struct netd_device *dev, struct rpc_error *err)
{
	int rc = netd_rtnl_find(take->rt, ifname, dev);

	if (!rc)
		return 0;
	rpc_error_set(err, RPC_NOT_FOUND, "ifname", ifname,
		      "see `ip -br link`, in netd's network namespace",
		      "there is no device %s", ifname);
	return rc;
}

int netd_take_device(struct netd_take *take,
		     const struct netd_packet_conf *conf, uid_t uid,
		     struct netd_device *dev, struct rpc_error *err)
{
	bool ours = json_object_get(take->records, conf->ifname);
	struct rpc_error ignored;
	json_t *record;
	int rc;

	rc = check_mtu(conf->mtu, err);
	if (!rc)
		rc = find_device(take, conf->ifname, dev, err);
	if (!rc)
		rc = find_or_make_record(take, conf, uid, dev, &record, err);
	if (rc)
		return rc;
	rc = isolate(take, conf->ifname, dev, err);
	if (!rc)
		rc = fit_mtu(take, conf->mtu, conf->want_tags, dev, record,
			     err);
	if (!rc && !dev->link.up) {
		rc = netd_rtnl_set_up(take->rt, dev->link.ifindex, true);
		if (rc)
			words(err, rc, conf->ifname, NULL, "setting it up");
	}
	json_decref(record);
	if (!rc)
		rc = find_device(take, conf->ifname, dev, err);
	/* What was the host's before this call is the host's after it. */
	if (rc && !ours)
		netd_take_release(take, conf->ifname, &ignored);
	return rc;
}

/* The record of a device that is taken or a tap of ours, and is there. */
static const json_t *find_record(struct netd_take *take, const char *ifname,
				 struct netd_device *dev,
				 struct rpc_error *err)
{
	const json_t *record = json_object_get(take->records, ifname);

	if (record &&
	    !netd_rtnl_find_index(take->rt, get_u32(record, "ifindex"), dev))
		return record;
	rpc_error_set(err, RPC_REFUSED, "ifname", ifname,
		      "packet.open takes a device from the host",
		      "%s is not taken", ifname);
	return NULL;
}

/* A tap has no MTU of its own that it had before us. */
static int set_tap_mtu(struct netd_take *take, uint32_t mtu,
		       const struct netd_device *dev, struct rpc_error *err)
{
	int rc = 0;

	if (mtu && mtu != dev->link.mtu)
		rc = netd_rtnl_set_mtu(take->rt, dev->link.ifindex, mtu);
	if (rc)
		rpc_error_set(err, RPC_REFUSED, "mtu", NULL, "68 to 65521",
			      "%s cannot have an MTU of %u: %s",
			      dev->link.ifname, mtu, strerror(-rc));
	return rc;
}

int netd_take_set(struct netd_take *take, const struct netd_link_conf *conf,
		  struct netd_device *dev, struct rpc_error *err)
{
	const json_t *record;
	bool promiscuous;
	int rc = check_mtu(conf->mtu, err);

	if (rc)
		return rc;
	record = find_record(take, conf->ifname, dev, err);
	if (!record)
		return -EINVAL;
	rc = is_tap(record) ? set_tap_mtu(take, conf->mtu, dev, err)
			    : fit_mtu(take, conf->mtu, conf->want_tags, dev,
				      record, err);
	if (rc)
		return rc;
	promiscuous = conf->promiscuous ||
		      json_is_true(json_object_get(record, "promiscuous"));
	if (promiscuous != dev->promiscuous)
		rc = netd_rtnl_set_promiscuous(take->rt, dev->link.ifindex,
					       promiscuous);
	if (rc)
		return words(err, rc, conf->ifname, NULL,
			     "setting it promiscuous");
	return find_device(take, dev->link.ifname, dev, err);
}

int netd_take_ethtool(struct netd_take *take, const char *ifname,
		      const struct netd_ethtool *want, uint32_t *unsupported,
		      struct rpc_error *err)
{
	struct netd_device dev;
	const json_t *record = find_record(take, ifname, &dev, err);

	if (!record)
		return -EINVAL;
	*unsupported = netd_ethtool_apply(dev.link.ifname, want,
					  json_object_get(record, "ethtool"));
	return 0;
}

/* --- taps --------------------------------------------------------------- */

int netd_take_find_tap(struct netd_take *take, const char *name, bool *exists,
		       struct rpc_error *err)
{
	const json_t *record = json_object_get(take->records, name);
	struct netd_device dev;
	char hint[128];

	*exists = !netd_rtnl_find(take->rt, name, &dev);
	if (!*exists || (record && is_tap(record) &&
			 get_u32(record, "ifindex") == dev.link.ifindex))
		return 0;
	snprintf(hint, sizeof(hint),
		 "choose another name, or type: ip link delete dev %s", name);
	return rpc_error_set(err, RPC_REFUSED, "name", name, hint,
			     "a device %s exists, and netd did not make it",
			     name);
}

int netd_take_add_tap(struct netd_take *take, const char *name,
		      uint32_t ifindex, bool tun, uid_t uid,
		      struct rpc_error *err)
{
	json_t *record = json_object_get(take->records, name);
	int rc;

	/* That one knows how the tap was when it was new. */
	if (record && is_tap(record) && get_u32(record, "ifindex") == ifindex)
		return set_user(take, name, record, uid, err);
	record = json_pack("{s:s, s:I, s:I, s:o}", "kind",
			   tun ? "tun" : "tap", "uid", (json_int_t)uid,
			   "ifindex", (json_int_t)ifindex, "ethtool",
			   netd_ethtool_save(name));
	rc = record ? record_save(take, name, record) : -ENOMEM;
	json_decref(record);
	if (rc)
		return words(err, rc, name, "is there room in /run?",
			     "saving its state");
	return 0;
}

bool netd_take_is_addressed(const struct netd_take *take, const char *name)
{
	return json_is_true(json_object_get(json_object_get(take->records,
							    name),
					    "addressed"));
}

int netd_take_set_addressed(struct netd_take *take, const char *name,
			    bool addressed)
{
	json_t *record;
	int rc = 0;

	if (netd_take_is_addressed(take, name) == addressed)
		return 0;
	record = json_deep_copy(json_object_get(take->records, name));
	if (!record || json_object_set_new(record, "addressed",
					   json_boolean(addressed)))
		rc = -ENOMEM;
	if (!rc)
		rc = record_save(take, name, record);
	json_decref(record);
	return rc;
}

/* --- giving back -------------------------------------------------------- */

static void note(const char *ifname, const char *what, int rc)
{
	if (rc)
		log_warn("%s: %s: %s", ifname, what, strerror(-rc));
}

/* `now` is the device's name today, `ifname` the one it was taken under. */
static void give_back(struct netd_take *take, const char *ifname,
		      const struct netd_device *dev, const json_t *record)
{
	uint32_t ifindex = dev->link.ifindex;
	const char *now = dev->link.ifname;
	uint64_t age_s = boottime_s() - get_u32(record, "saved_at_s");
	int mode = json_integer_value(json_object_get(record,
						      "addr_gen_mode"));

	if (dev->link.mtu != get_u32(record, "mtu"))
		note(now, "restoring the MTU",
		     netd_rtnl_set_mtu(take->rt, ifindex,
				       get_u32(record, "mtu")));
	netd_ethtool_restore(now, json_object_get(record, "ethtool"));
	if (dev->promiscuous && !json_is_true(json_object_get(record,
							      "promiscuous")))
		note(now, "ending its promiscuity",
		     netd_rtnl_set_promiscuous(take->rt, ifindex, false));
	if (!json_is_true(json_object_get(record, "up")))
		note(now, "setting it down",
		     netd_rtnl_set_up(take->rt, ifindex, false));
	note(ifname, "opening its ingress", netd_nft_unblock(ifname));
	if (mode >= 0)
		note(now, "restoring addrgenmode",
		     netd_rtnl_set_addr_gen_mode(take->rt, ifindex, mode));
	if (json_integer_value(json_object_get(record, "disable_ipv6")) == 0)
		note(now, "enabling IPv6", disable_ipv6_set(now, false));
	netd_rtnl_restore_addrs(take->rt, ifindex,
				json_object_get(record, "addresses"), age_s);
	netd_rtnl_restore_routes(take->rt, ifindex,
				 json_object_get(record, "routes"));
}

static int delete_tap(struct netd_take *take, const char *name,
		      const struct netd_device *dev, struct rpc_error *err)
{
	int rc = netd_rtnl_delete(take->rt, dev->link.ifindex);

	if (rc && rc != -ENODEV)
		return words(err, rc, name, NULL, "deleting the tap");
	return 0;
}

int netd_take_release(struct netd_take *take, const char *ifname,
		      struct rpc_error *err)
{
	json_t *record = json_incref(json_object_get(take->records, ifname));
	struct netd_device dev;
	int rc = 0;

	if (!record)
		return 0;
	if (netd_rtnl_find_index(take->rt, get_u32(record, "ifindex"), &dev)) {
		log_info("%s is gone: nothing to give back", ifname);
		if (!is_tap(record))
			note(ifname, "removing its nftables chain",
			     netd_nft_unblock(ifname));
	} else if (is_tap(record)) {
		rc = delete_tap(take, ifname, &dev, err);
	} else {
		give_back(take, ifname, &dev, record);
		log_info("%s given back to the host", ifname);
	}
	if (!rc)
		record_drop(take, ifname);
	json_decref(record);
	return rc;
}

bool netd_take_is_tap(const json_t *record)
{
	return is_tap(record);
}

static unsigned release_kind(struct netd_take *take, json_t *records,
			     bool taps)
{
	unsigned failed = 0;
	const char *name;
	struct rpc_error e;
	json_t *record;

	json_object_foreach(records, name, record)
		if (is_tap(record) == taps &&
		    netd_take_release(take, name, &e)) {
			log_err("%s", e.message);
			failed++;
		}
	return failed;
}

unsigned netd_take_release_all(struct netd_take *take)
{
	json_t *records = json_deep_copy(take->records);
	unsigned failed = release_kind(take, records, true);

	failed += release_kind(take, records, false);
	json_decref(records);
	return failed;
}
