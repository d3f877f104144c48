/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_drive.c: hypervisord's place taken by a script: an engine's calls as
 * lines on standard input, its events as lines on standard output.
 *
 *	engine-drive FOLDER UID CGROUP
 *
 *	start [name=N] [memory=MIB] [kernel=F] [initrd=F] [disk=SLOT:DISK]
 *	      [vif=N:SOCKET] [vnc] [paused] [restore=F] [cmdline=REST OF LINE]
 *	adopt        as the last start of this folder, by whoever
 *	pause resume reset shutdown kill facts dirty vnc free
 *	save FILE    disk SLOT:DISK    undisk SLOT    vif N:SOCKET    unvif N
 *	type TEXT    a line for the guest's serial port
 *	agent        ask the guest's agent for all it says
 *	agent-shutdown
 *
 * DISK is FORMAT,FILE[,FORMAT,FILE...][,ro], the first on top.  What comes
 * from the serial port is appended to FOLDER/serial.log.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/engine_qemu.h"
#include "hypervisor/guest_agent.h"
#include "hypervisor/jail.h"

#define UUID "6f1c1f0a-4b63-4b92-9c57-0d8e3b6f2a11"

static struct event_base *base;
static struct engine *engine;
static const char *folder;
static uid_t uid;
static char run_dir[128];
static char cmdline[1024];
static int serial = -1;
static unsigned vifs, disks; /* plugged, a bit each */
static struct event *serial_event;
static FILE *serial_log;

/* --- sockets and files ----------------------------------------------- */

static void path_of(char path[108], const char *name)
{
	snprintf(path, 108, "%s/%s", folder, name);
}

static int open_or_say(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		printf("error %s: %s\n", path, strerror(errno));
	return fd;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(fd, 1) || chmod(path, 0666))
		printf("error %s: %s\n", path, strerror(errno));
	return fd;
}

/* --- the serial port ------------------------------------------------- */

static void on_serial(evutil_socket_t fd, short what, void *arg)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0) {
		fwrite(buf, 1, n, serial_log);
		fflush(serial_log);
	} else if (!n) {
		event_del(serial_event);
	}
}

static void serial_open(void)
{
	struct sockaddr_un to;
	char path[108];

	path_of(path, "serial.log");
	if (!serial_log)
		serial_log = fopen(path, "a");
	path_of(path, "serial.sock");
	to = address(path);
	if (serial >= 0) {
		event_free(serial_event);
		close(serial);
	}
	serial = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(serial, (struct sockaddr *)&to, sizeof(to)))
		printf("error serial: %s\n", strerror(errno));
	serial_event = event_new(base, serial, EV_READ | EV_PERSIST, on_serial,
				 NULL);
	event_add(serial_event, NULL);
}

/* --- specs ----------------------------------------------------------- */

static enum engine_format format_of(const char *word)
{
	if (!strcmp(word, "qcow2"))
		return ENGINE_QCOW2;
	return strcmp(word, "vhd") ? ENGINE_RAW : ENGINE_VHD;
}

static bool parse_disk(struct engine_disk *disk, char *text)
{
	char *word, *rest = text;
	struct stat st;
	bool top = true;

	memset(disk, 0, sizeof(*disk));
	disk->slot = strtoul(strsep(&rest, ":"), NULL, 10);
	snprintf(disk->device, sizeof(disk->device), "vd%c",
		 'a' + (int)disk->slot % 26);
	disk->read_only = rest && strstr(rest, ",ro");
	while ((word = strsep(&rest, ",")) && strcmp(word, "ro")) {
		struct engine_layer *l = &disk->layers[disk->layer_count++];

		l->format = format_of(word);
		l->fd = open_or_say(strsep(&rest, ","),
				    top && !disk->read_only ? O_RDWR :
							      O_RDONLY);
		if (l->fd < 0 || fstat(l->fd, &st))
			return false;
		l->block = S_ISBLK(st.st_mode);
		top = false;
	}
	return true;
}

static bool parse_vif(struct engine_vif *vif, char *text)
{
	char *rest = text;

	memset(vif, 0, sizeof(*vif));
	vif->number = strtoul(strsep(&rest, ":"), NULL, 10);
	memcpy(vif->mac, "\2\0\0\0\x0a", 5);
	vif->mac[5] = vif->number + 1;
	vif->listen_fd = listen_at(rest ? rest : "");
	return vif->listen_fd >= 0;
}

static bool parse_word(struct engine_spec *spec, char *word)
{
	char *value = word;

	strsep(&value, "=");
	if (!strcmp(word, "vnc"))
		return spec->vnc = true;
	if (!strcmp(word, "paused"))
		return spec->paused = true;
	if (!value)
		return false;
	if (!strcmp(word, "name"))
		return snprintf(spec->name, sizeof(spec->name), "%s", value);
	if (!strcmp(word, "memory"))
		return (spec->memory_mib = strtoul(value, NULL, 10)) > 0;
	if (!strcmp(word, "kernel"))
		return (spec->kernel_fd = open_or_say(value, O_RDONLY)) >= 0;
	if (!strcmp(word, "initrd"))
		return (spec->initrd_fd = open_or_say(value, O_RDONLY)) >= 0;
	if (!strcmp(word, "restore"))
		return (spec->restore_fd = open_or_say(value, O_RDONLY)) >= 0;
	if (!strcmp(word, "disk"))
		return parse_disk(&spec->disks[spec->disk_count++], value);
	if (!strcmp(word, "vif"))
		return parse_vif(&spec->vifs[spec->vif_count++], value);
	return false;
}

static bool parse_spec(struct engine_spec *spec, char *line)
{
	char *end = strstr(line, "cmdline=");
	char *word;

	engine_spec_init(spec);
	snprintf(spec->name, sizeof(spec->name), "test");
	snprintf(spec->uuid, sizeof(spec->uuid), UUID);
	spec->memory_mib = 128;
	spec->vcpus = 1;
	spec->uid = uid;
	spec->run_dir = run_dir;
	if (end) {
		snprintf(cmdline, sizeof(cmdline), "%s", end + 8);
		spec->cmdline = cmdline;
		*end = '\0';
	}
	while ((word = strsep(&line, " ")))
		if (*word && !parse_word(spec, word))
			return false;
	return true;
}

static void close_spec(struct engine_spec *spec)
{
	close(spec->kernel_fd);
	close(spec->initrd_fd);
	close(spec->serial_fd);
	close(spec->restore_fd);
	for (unsigned i = 0; i < spec->disk_count; i++)
		for (unsigned k = 0; k < spec->disks[i].layer_count; k++)
			close(spec->disks[i].layers[k].fd);
	for (unsigned i = 0; i < spec->vif_count; i++)
		close(spec->vifs[i].listen_fd);
}

/* --- events ---------------------------------------------------------- */

/* What the next one needs to adopt. */
static void keep(void)
{
	struct engine_record record;
	char path[108];
	FILE *f;

	engine_get_record(engine, &record);
	path_of(path, "record");
	f = fopen(path, "w");
	fprintf(f, "%d %lu %x %x\n", record.pid,
		(unsigned long)record.start_time, vifs, disks);
	fclose(f);
}

static void keep_plugged(const struct engine_event *ev)
{
	if (ev->type == ENGINE_EV_VIF_PLUGGED)
		vifs |= 1u << ev->slot;
	else if (ev->type == ENGINE_EV_VIF_UNPLUGGED)
		vifs &= ~(1u << ev->slot);
	else if (ev->type == ENGINE_EV_DISK_PLUGGED)
		disks |= 1u << ev->slot;
	else if (ev->type == ENGINE_EV_DISK_UNPLUGGED)
		disks &= ~(1u << ev->slot);
	else
		return;
	keep();
}

static void on_event(struct engine *e, const struct engine_event *ev,
		     void *ctx)
{
	static const char *const ends[] = { "killed", "exit", "signal",
					    "unseen", "memory" };

	printf("%s", engine_event_name(ev->type));
	switch (ev->type) {
	case ENGINE_EV_FAILED:
		printf(" %s %u", engine_call_name(ev->call), ev->slot);
		break;
	case ENGINE_EV_EXITED:
		printf(" %s %d", ends[ev->end], ev->status);
		break;
	case ENGINE_EV_DIRTY_RATE:
		printf(" %lu", (unsigned long)ev->dirty_mib_per_s);
		break;
	case ENGINE_EV_FACTS:
		printf(" running=%d vcpus=%u memory=%lu total=%lu free=%lu",
		       ev->facts.running, ev->facts.vcpus,
		       (unsigned long)ev->facts.memory_bytes,
		       (unsigned long)ev->facts.guest_total_bytes,
		       (unsigned long)ev->facts.guest_available_bytes);
		break;
	default:
		printf(" %u", ev->slot);
	}
	printf(" %s\n", ev->text);
	keep_plugged(ev);
	if (ev->type == ENGINE_EV_EXITED) {
		engine_free(e);
		engine = NULL;
	}
}

/* --- commands -------------------------------------------------------- */

static const struct engine_conf *engine_conf(void)
{
	static struct engine_conf conf = { .on_event = on_event };

	conf.base = base;
	return &conf;
}

static void keep_spec(const struct engine_spec *spec)
{
	vifs = 0;
	disks = 0;
	for (unsigned i = 0; i < spec->vif_count; i++)
		vifs |= 1u << spec->vifs[i].number;
	for (unsigned i = 0; i < spec->disk_count; i++)
		disks |= 1u << spec->disks[i].slot;
	keep();
}

static void do_start(char *line)
{
	struct engine_spec spec;
	struct rpc_error err = { 0 };
	char path[108];
	int rc;

	if (!parse_spec(&spec, line)) {
		printf("error what is that?\n");
		return;
	}
	path_of(path, "serial.sock");
	spec.serial_fd = listen_at(path);
	serial_open();
	rc = engine_start(&engine_qemu_ops, &engine, engine_conf(), &spec,
			  &err);
	if (rc)
		printf("refused %d %s\n", rc, err.message);
	else
		keep_spec(&spec);
	close_spec(&spec);
}

static void do_adopt(void)
{
	struct engine_record record = { 0 };
	struct rpc_error err = { 0 };
	struct engine_spec spec;
	unsigned long start_time;
	char path[108], nothing[1] = "";
	FILE *f;
	int rc;

	path_of(path, "record");
	f = fopen(path, "r");
	if (!f || fscanf(f, "%d %lu %x %x\n", &record.pid, &start_time, &vifs,
			 &disks) != 4) {
		printf("error no record\n");
		return;
	}
	fclose(f);
	record.start_time = start_time;
	parse_spec(&spec, nothing);
	for (unsigned i = 0; i < ENGINE_VIFS_MAX; i++)
		if (vifs & 1u << i)
			spec.vifs[spec.vif_count++].number = i;
	for (unsigned i = 0; i < ENGINE_DISKS_MAX; i++)
		if (disks & 1u << i)
			spec.disks[spec.disk_count++].slot = i;
	rc = engine_adopt(&engine_qemu_ops, &engine, engine_conf(), &spec,
			  &record, &err);
	if (rc)
		printf("refused %d %s\n", rc, err.message);
	else
		serial_open();
	close_spec(&spec);
}

static int do_save(const char *path)
{
	int fd = open_or_say(path, O_RDWR | O_CREAT | O_TRUNC);
	int rc = engine_save(engine, fd);

	close(fd);
	return rc;
}

static int do_disk(char *text)
{
	struct engine_disk disk;
	int rc;

	if (!parse_disk(&disk, text))
		return -EINVAL;
	rc = engine_disk_plug(engine, &disk);
	for (unsigned i = 0; i < disk.layer_count; i++)
		close(disk.layers[i].fd);
	return rc;
}

static int do_vif(char *text)
{
	struct engine_vif vif;
	int rc;

	if (!parse_vif(&vif, text))
		return -EINVAL;
	rc = engine_vif_plug(engine, &vif);
	close(vif.listen_fd);
	return rc;
}

/* --- the agent ------------------------------------------------------- */

static struct guest_agent *agent;

static void agent_end(void)
{
	guest_agent_free(agent);
	agent = NULL;
}

static void on_agent_facts(int rc, const struct guest_agent_facts *f,
			   void *ctx)
{
	printf("agent %d version=%s os=%s,%s,%s uname=%s host=%s", rc,
	       f->version, f->os_name, f->os_distro, f->os_version,
	       f->os_uname, f->host_name);
	for (unsigned i = 0; i < f->nic_count; i++)
		for (unsigned k = 0; k < f->nics[i].address_count; k++)
			printf(" %s=%s", f->nics[i].name,
			       f->nics[i].addresses[k]);
	printf("\n");
	agent_end();
}

static void on_agent_shutdown(int rc, void *ctx)
{
	printf("agent-shutdown %d\n", rc);
	agent_end();
}

static void on_agent_closed(const char *why, void *ctx)
{
	printf("agent-closed %s\n", why);
	agent_end();
}

static int do_agent(bool to_shut_down)
{
	struct guest_agent_conf conf = { .base = base,
					 .on_facts = on_agent_facts,
					 .on_shutdown = on_agent_shutdown,
					 .on_closed = on_agent_closed };
	int fd = engine_agent_fd(engine);

	if (fd < 0)
		return fd;
	agent_end();
	if (guest_agent_new_take(&agent, &conf, fd))
		return -ENOMEM;
	return to_shut_down ? guest_agent_shutdown(agent) :
			      guest_agent_ask(agent);
}

/* What a VNC server says first. */
static void on_vnc(evutil_socket_t fd, short what, void *arg)
{
	char words[13] = "";

	if (read(fd, words, 12) == 12)
		printf("vnc-says %s", words);
	close(fd);
}

static int do_vnc(void)
{
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	rc = engine_vnc(engine, pair[1]);
	close(pair[1]);
	event_base_once(base, pair[0], EV_READ, on_vnc, NULL, NULL);
	return rc;
}

static int do_call(const char *word, char *rest)
{
	if (!strcmp(word, "pause"))
		return engine_pause(engine);
	if (!strcmp(word, "resume"))
		return engine_resume(engine);
	if (!strcmp(word, "reset"))
		return engine_reset(engine);
	if (!strcmp(word, "shutdown"))
		return engine_shutdown(engine);
	if (!strcmp(word, "kill"))
		return engine_kill(engine);
	if (!strcmp(word, "facts"))
		return engine_facts(engine);
	if (!strcmp(word, "dirty"))
		return engine_dirty_rate(engine, 1);
	if (!strcmp(word, "vnc"))
		return do_vnc();
	if (!strcmp(word, "agent"))
		return do_agent(false);
	if (!strcmp(word, "agent-shutdown"))
		return do_agent(true);
	if (!strcmp(word, "save"))
		return do_save(rest);
	if (!strcmp(word, "disk"))
		return do_disk(rest);
	if (!strcmp(word, "undisk"))
		return engine_disk_unplug(engine, strtoul(rest, NULL, 10));
	if (!strcmp(word, "vif"))
		return do_vif(rest);
	if (!strcmp(word, "unvif"))
		return engine_vif_unplug(engine, strtoul(rest, NULL, 10));
	return -ENOSYS;
}

static void do_line(char *line)
{
	char *rest = line;
	char *word = strsep(&rest, " ");
	int rc;

	if (!rest)
		rest = word + strlen(word);
	if (!strcmp(word, "start")) {
		do_start(rest);
	} else if (!strcmp(word, "adopt")) {
		do_adopt();
	} else if (!strcmp(word, "type")) {
		dprintf(serial, "%s\n", rest);
	} else if (!engine) {
		printf("error there is no domain\n");
	} else if (!strcmp(word, "free")) {
		engine_free(engine);
		engine = NULL;
	} else {
		rc = do_call(word, rest);
		if (rc)
			printf("refused %d %s\n", rc, word);
	}
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);
	char *end;

	if (n <= 0) {
		event_base_loopbreak(base);
		return;
	}
	len += n;
	buf[len] = '\0';
	while ((end = strchr(buf, '\n'))) {
		*end = '\0';
		do_line(buf);
		len -= end + 1 - buf;
		memmove(buf, end + 1, len + 1);
	}
}

int main(int argc, char **argv)
{
	struct rpc_error err;
	struct event *input;

	if (argc != 4)
		return 2;
	log_init("engine-drive", LOG_LEVEL_DEBUG);
	setvbuf(stdout, NULL, _IOLBF, 0);
	folder = argv[1];
	uid = strtoul(argv[2], NULL, 10);
	snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
	mkdir(run_dir, 0700);
	if (jail_init(argv[3], &err)) {
		printf("error %s\n", err.message);
		return 1;
	}
	base = event_base_new();
	input = event_new(base, 0, EV_READ | EV_PERSIST, on_input, NULL);
	event_add(input, NULL);
	event_base_dispatch(base);
	engine_free(engine);
	event_free(input);
	event_base_free(base);
	jail_fini();
	return 0;
}
