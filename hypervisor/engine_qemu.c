/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_qemu.c: a QEMU process from its first moment to its last.
 *
 * Start.  Two listening sockets and a FIFO are made in run_dir, the command
 * line is built, jail_spawn() runs it, and we connect to the control socket:
 * the connection waits in its backlog until QEMU is ready to greet, which is
 * after the memory is there and the switch has connected to every VIF.  The
 * listening descriptors are QEMU's alone then: nothing of ours is needed for
 * a later hypervisord to connect again, which is all there is to adoption.
 *
 * End.  The pidfd says that the process has ended; what it last said is read
 * from its log, its jail is removed, its files are, and then EXITED is told.
 * A control connection that breaks while the process lives is made again, at
 * growing intervals; all that was under way has FAILED then.
 *
 * Events are queued and handed over by the loop, so that no handler runs
 * inside a call.  engine_free() from a handler takes effect when it returns.
 */
#include "hypervisor/engine_qemu.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rpc.h"
#include "hypervisor/qemu_args.h"
#include "hypervisor/qemu_domain.h"
#include "hypervisor/qemu_log.h"

#define START_GREETING_MS 300000 /* memory is filled and switches are slow */
#define GREETING_MS 10000
#define CONNECT_FIRST_MS 50
#define CONNECT_MAX_MS 5000
#define GONE_MS 20
#define GONE_TRIES 250
#define STATS_SECONDS 10 /* how often the guest's driver says what is free */
#define THREADS 192	 /* QEMU's own and 64 of its pool, besides vCPUs */
#define FILES 1024
#define JAIL_FILES_MAX 16

#define CONTROL "control"
#define AGENT "agent"
#define LOG "log"

#define domain_of(e) ((struct qemu_domain *)(e))

void qemu_path(const struct qemu_domain *d, char path[QEMU_PATH_MAX],
	       const char *name)
{
	snprintf(path, QEMU_PATH_MAX, "%s/%s", d->run_dir, name);
}

/* --- events ---------------------------------------------------------- */

struct qemu_queued {
	TAILQ_ENTRY(qemu_queued) link;
	struct engine_event ev;
	char text[ENGINE_TEXT_MAX];
};

void qemu_emit(struct qemu_domain *d, const struct engine_event *ev,
	       const char *text)
{
	struct qemu_queued *q = calloc(1, sizeof(*q));

	if (!q) {
		log_limited(LOG_LEVEL_ERR, 0, "no memory: %s is lost",
			    engine_event_name(ev->type));
		return;
	}
	q->ev = *ev;
	snprintf(q->text, sizeof(q->text), "%s", text ? text : "");
	q->ev.text = q->text;
	TAILQ_INSERT_TAIL(&d->queue, q, link);
	event_active(d->queue_event, EV_TIMEOUT, 0);
}

void qemu_emit_type(struct qemu_domain *d, enum engine_event_type type)
{
	struct engine_event ev = { .type = type };

	qemu_emit(d, &ev, NULL);
}

static void domain_destroy(struct qemu_domain *d);

static void on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_domain *d = arg;
	struct qemu_queued *q;

	d->dispatching = true;
	while (!d->freed && (q = TAILQ_FIRST(&d->queue))) {
		TAILQ_REMOVE(&d->queue, q, link);
		d->conf.on_event(&d->pub, &q->ev, d->conf.ctx);
		free(q);
	}
	d->dispatching = false;
	if (d->freed)
		domain_destroy(d);
}

/* --- its log --------------------------------------------------------- */

static void on_log_line(const char *line, void *ctx)
{
	struct engine_event ev = { .type = ENGINE_EV_LOG };
	struct qemu_domain *d = ctx;

	if (qemu_state_line(d, line) || qemu_log_is_chatter(line))
		return;
	snprintf(d->last_line, sizeof(d->last_line), "%s", line);
	qemu_emit(d, &ev, line);
}

/* --- the connection -------------------------------------------------- */

static int connect_to(const struct qemu_domain *d, const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -errno;
	qemu_path(d, to.sun_path, name);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		int rc = -errno; /* -EAGAIN: nobody accepts */

		close(fd);
		return rc;
	}
	return fd;
}

static void connect_later(struct qemu_domain *d)
{
	unsigned ms = CONNECT_FIRST_MS << (d->connect_tries < 8 ?
						   d->connect_tries : 8);
	struct timeval wait;

	if (ms > CONNECT_MAX_MS)
		ms = CONNECT_MAX_MS;
	d->connect_tries++;
	wait = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	event_add(d->connect_event, &wait);
}

static void on_ready(void *ctx)
{
	struct qemu_domain *d = ctx;

	d->ready = true;
	d->connect_tries = 0;
	/* Whoever was here before may have been in the middle of a reset. */
	qemu_command(d, "set-action",
		     json_pack("{s:s}", "reboot", "shutdown"));
	qemu_command(d, "qom-set",
		     json_pack("{s:s s:s s:i}", "path", QEMU_BALLOON_PATH,
			       "property", "guest-stats-polling-interval",
			       "value", STATS_SECONDS));
	if (d->announced) {
		qemu_state_refresh(d);
	} else if (d->adopted) {
		qemu_state_announce(d, ENGINE_EV_ADOPTED);
	} else if (!d->begun) {
		d->begun = true;
		if (qemu_op_start(d))
			log_err("no memory to start %s", d->process.name);
	}
}

static void on_event(const char *name, const json_t *data, void *ctx)
{
	struct qemu_domain *d = ctx;

	qemu_state_event(d, name, data);
	if (!strcmp(name, "DEVICE_DELETED"))
		qemu_plug_deleted(d, data);
	qemu_op_event(d, name, (json_t *)data);
}

static void on_closed(const char *why, void *ctx)
{
	struct qemu_domain *d = ctx;

	if (d->ready || !d->connect_tries)
		snprintf(d->lost, sizeof(d->lost), "%s", why);
	d->ready = false;
	qmp_free(d->qmp);
	d->qmp = NULL;
	qemu_op_end_all(d, why);
	connect_later(d);
}

/* Said only now: if the process itself has ended, this is no news. */
static void lost_say(struct qemu_domain *d)
{
	struct engine_event ev = {
		.type = ENGINE_EV_FAILED,
		.call = d->announced ? ENGINE_CALL_NONE :
			d->adopted   ? ENGINE_CALL_ADOPT :
				       ENGINE_CALL_START,
	};

	if (d->lost[0] && !d->killed)
		qemu_emit(d, &ev, d->lost);
	d->lost[0] = '\0';
}

static int control_open(struct qemu_domain *d)
{
	struct qmp_conf conf = { .base = d->conf.base,
				 .greeting_ms = d->adopted || d->begun ?
							GREETING_MS :
							START_GREETING_MS,
				 .on_ready = on_ready,
				 .on_event = on_event,
				 .on_closed = on_closed,
				 .ctx = d };
	int fd = connect_to(d, CONTROL);

	return fd < 0 ? fd : qmp_new_take(&d->qmp, &conf, fd);
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_domain *d = arg;

	lost_say(d);
	if (control_open(d))
		connect_later(d);
}

static int qemu_agent_fd(struct engine *e)
{
	return connect_to(domain_of(e), AGENT);
}

/* --- lifetime -------------------------------------------------------- */

static void event_drop(struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
}

static void domain_destroy(struct qemu_domain *d)
{
	struct qemu_queued *q;

	while ((q = TAILQ_FIRST(&d->queue))) {
		TAILQ_REMOVE(&d->queue, q, link);
		free(q);
	}
	event_drop(&d->queue_event);
	free(d);
}

/* Everything that could call us back, or be of use. */
static void domain_silence(struct qemu_domain *d)
{
	d->ready = false;
	qmp_free(d->qmp);
	d->qmp = NULL;
	qemu_op_end_all(d, NULL);
	qemu_state_fini(d);
	event_drop(&d->process_event);
	event_drop(&d->connect_event);
	event_drop(&d->gone_event);
	qemu_log_free(d->log);
	d->log = NULL;
	if (d->restore_fd >= 0)
		close(d->restore_fd);
	d->restore_fd = -1;
}

static void qemu_free(struct engine *e)
{
	struct qemu_domain *d = domain_of(e);

	if (d->freed)
		return;
	domain_silence(d);
	jail_leave(&d->process);
	d->freed = true;
	if (!d->dispatching)
		domain_destroy(d);
}

static void qemu_record(const struct engine *e, struct engine_record *record)
{
	const struct qemu_domain *d = (const struct qemu_domain *)e;

	memset(record, 0, sizeof(*record));
	record->pid = d->process.pid;
	record->start_time = d->process.start_time;
}

static void remove_files(const struct qemu_domain *d)
{
	static const char *const names[] = { CONTROL, AGENT, LOG, "ended" };
	char path[QEMU_PATH_MAX];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		qemu_path(d, path, names[i]);
		unlink(path);
	}
}

static void exited(struct qemu_domain *d)
{
	struct engine_event ev = { .type = ENGINE_EV_EXITED,
				   .status = d->end.status };
	char text[JAIL_TEXT_MAX + ENGINE_TEXT_MAX + 2];

	if (d->end.out_of_memory)
		ev.end = ENGINE_END_MEMORY;
	else if (d->killed)
		ev.end = ENGINE_END_KILLED;
	else if (!d->end.known)
		ev.end = ENGINE_END_UNSEEN;
	else
		ev.end = d->end.signalled ? ENGINE_END_SIGNAL :
					    ENGINE_END_EXIT;
	snprintf(text, sizeof(text), "%s%s%s", d->end.text,
		 d->last_line[0] ? ": " : "", d->last_line);
	remove_files(d);
	qemu_emit(d, &ev, text);
}

static void on_gone(evutil_socket_t fd, short what, void *arg)
{
	struct timeval wait = { .tv_usec = GONE_MS * 1000 };
	struct qemu_domain *d = arg;
	int rc = jail_gone(&d->process);

	if (rc == -EBUSY && ++d->gone_tries < GONE_TRIES) {
		event_add(d->gone_event, &wait);
		return;
	}
	if (rc)
		log_err("the jail of %s stays behind: %s", d->process.name,
			strerror(-rc));
	exited(d);
}

static void on_process(evutil_socket_t fd, short what, void *arg)
{
	struct qemu_domain *d = arg;

	if (jail_ended(&d->process, &d->end) == -EAGAIN)
		return;
	event_del(d->process_event);
	event_del(d->connect_event);
	d->ended = true;
	d->ready = false;
	qmp_free(d->qmp);
	d->qmp = NULL;
	qemu_op_end_all(d, NULL);
	if (d->log)
		qemu_log_drain(d->log);
	on_gone(-1, 0, d);
}

static int qemu_kill(struct engine *e)
{
	struct qemu_domain *d = domain_of(e);

	if (d->ended)
		return 0; /* EXITED comes */
	d->killed = true;
	return jail_kill(&d->process);
}

/* --- beginnings ------------------------------------------------------ */

static int domain_new(struct qemu_domain **out, const struct engine_conf *conf,
		      const struct engine_spec *spec, struct rpc_error *err)
{
	struct qemu_domain *d = calloc(1, sizeof(*d));

	rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL, "no memory");
	if (!d)
		return -ENOMEM;
	d->pub.ops = &engine_qemu_ops;
	d->conf = *conf;
	d->process = (struct jail_process)JAIL_PROCESS_NONE;
	d->restore_fd = -1;
	d->kvm = spec->kvm;
	d->vcpus = spec->vcpus;
	d->start_paused = spec->paused;
	snprintf(d->run_dir, sizeof(d->run_dir), "%s", spec->run_dir);
	for (unsigned i = 0; i < spec->vif_count; i++)
		d->vifs |= 1u << spec->vifs[i].number;
	for (unsigned i = 0; i < spec->disk_count; i++)
		d->disks |= 1u << spec->disks[i].slot;
	TAILQ_INIT(&d->ops);
	TAILQ_INIT(&d->queue);
	d->queue_event = event_new(conf->base, -1, 0, on_queue, d);
	d->connect_event = event_new(conf->base, -1, 0, on_connect, d);
	d->gone_event = event_new(conf->base, -1, 0, on_gone, d);
	if (!d->queue_event || !d->connect_event || !d->gone_event ||
	    qemu_state_init(d)) {
		domain_silence(d);
		domain_destroy(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

/* The process is there: watch it, hear it, talk to it. */
static int domain_watch(struct qemu_domain *d)
{
	char path[QEMU_PATH_MAX];
	int rc;

	d->process_event = event_new(d->conf.base, d->process.pidfd,
				     EV_READ | EV_PERSIST, on_process, d);
	if (!d->process_event || event_add(d->process_event, NULL))
		return -ENOMEM;
	qemu_path(d, path, LOG);
	rc = qemu_log_open(&d->log, d->conf.base, path, on_log_line, d);
	if (rc)
		log_warn("%s: %s", path, strerror(-rc));
	if (control_open(d))
		connect_later(d);
	return 0;
}

static int listen_at(const struct qemu_domain *d, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	qemu_path(d, at.sun_path, name);
	unlink(at.sun_path);
	/* One at a time: who comes while another is served waits. */
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 1))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void own_close(struct qemu_own_fds *own)
{
	if (own->control >= 0)
		close(own->control);
	if (own->agent >= 0)
		close(own->agent);
	if (own->log >= 0)
		close(own->log);
}

static int own_open(const struct qemu_domain *d, struct qemu_own_fds *own,
		    struct rpc_error *err)
{
	char path[QEMU_PATH_MAX];
	int rc = 0;

	remove_files(d);
	qemu_path(d, path, LOG);
	*own = (struct qemu_own_fds){ listen_at(d, CONTROL),
				      listen_at(d, AGENT),
				      qemu_log_make(path) };
	if (own->control < 0)
		rc = own->control;
	else if (own->agent < 0)
		rc = own->agent;
	else if (own->log < 0)
		rc = own->log;
	if (!rc)
		return 0;
	own_close(own);
	rpc_error_set(err, RPC_FAILED, NULL, d->run_dir, NULL,
		      "the folder of the domain's sockets: %s", strerror(-rc));
	return rc;
}

/* What QEMU opens by name, besides the libraries it is linked with. */
static const char *const kvm_files[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/seabios/vgabios-stdvga.bin",
	"/usr/share/qemu/linuxboot_dma.bin",
	"/usr/share/qemu/kvmvapic.bin",
	"/usr/share/qemu/keymaps", /* of VNC */
	NULL,
};

static const char *const emulator_files[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/seabios/vgabios-stdvga.bin",
	"/usr/share/qemu/linuxboot_dma.bin",
	"/usr/share/qemu/kvmvapic.bin",
	"/usr/share/qemu/keymaps",
	"/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so",
	NULL,
};

/*
 * The helper that is preloaded (passed_sockets.c): where $CAUSEWAY_SOCKETS
 * says, else beside our program, as in a build, else where it is installed.
 */
static int find_helper(char path[PATH_MAX], struct rpc_error *err)
{
	const char *said = getenv("CAUSEWAY_SOCKETS");
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);
	char *slash;

	if (said && said[0] == '/' && strlen(said) < PATH_MAX) {
		strcpy(path, said);
	} else {
		path[n > 0 ? n : 0] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash ? slash : path, "/causeway-sockets.so");
		if (access(path, R_OK))
			strcpy(path, CAUSEWAY_SOCKETS);
	}
	if (!access(path, R_OK))
		return 0;
	rpc_error_set(err, RPC_FAILED, NULL, path,
		      "it comes with causeway-hypervisord",
		      "causeway-sockets.so is not there: %s",
		      strerror(errno));
	return -ENOENT;
}

static unsigned jail_images(const struct engine_spec *spec,
			    struct jail_image images[2])
{
	unsigned n = 0;

	if (spec->kernel_fd >= 0)
		images[n++] = (struct jail_image){ .fd = spec->kernel_fd,
						   .as = QEMU_KERNEL_PATH };
	if (spec->initrd_fd >= 0)
		images[n++] = (struct jail_image){ .fd = spec->initrd_fd,
						   .as = QEMU_INITRD_PATH };
	return n;
}

static int spawn_args(struct qemu_domain *d, const struct engine_spec *spec,
		      const struct qemu_args *args, struct rpc_error *err)
{
	const char *const *named = spec->kvm ? kvm_files : emulator_files;
	const char *files[JAIL_FILES_MAX] = { NULL };
	char helper[PATH_MAX], preload[PATH_MAX + 16];
	const char *const env[] = { preload, NULL };
	unsigned n = 0;
	struct jail_image images[2];
	struct jail_fd fds[QEMU_ARGS_FDS_MAX];
	struct jail_spec jail = {
		.name = spec->uuid,
		.uid = spec->uid,
		.gid = spec->uid,
		.argv = (const char *const *)args->argv,
		.env = env,
		.files = files,
		.images = images,
		.image_count = jail_images(spec, images),
		.fds = fds,
		.fd_count = args->fd_count,
		.kvm = spec->kvm,
		.calls = JAIL_CALLS_MODEL,
		.limits = {
			.memory_bytes = ((uint64_t)spec->memory_mib << 20) +
					qemu_args_overhead_bytes(spec),
			.cpu_weight = spec->cpu_weight,
			.cpu_percent = spec->cpu_limit_percent,
			.pids = THREADS + spec->vcpus,
			.nofile = FILES,
		},
	};

	if (args->fd_count > JAIL_FDS_MAX)
		return rpc_error_set(err, RPC_REFUSED, NULL, NULL, NULL,
				     "more than %u images and sockets",
				     JAIL_FDS_MAX);
	if (find_helper(helper, err) < 0)
		return -ENOENT;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", helper);
	for (; named[n]; n++)
		files[n] = named[n];
	files[n] = helper;
	for (unsigned i = 0; i < args->fd_count; i++)
		fds[i] = (struct jail_fd){ args->fds[i].fd, args->fds[i].as };
	return jail_spawn(&jail, &d->process, err);
}

static int spawn(struct qemu_domain *d, const struct engine_spec *spec,
		 struct rpc_error *err)
{
	struct qemu_own_fds own;
	struct qemu_args args;
	int rc = own_open(d, &own, err);

	if (rc)
		return rc;
	rc = qemu_args_build(&args, spec, &own);
	if (rc)
		rpc_error_set(err, RPC_FAILED, NULL, NULL, NULL, "no memory");
	else
		rc = spawn_args(d, spec, &args, err);
	qemu_args_clear(&args);
	own_close(&own);
	if (rc)
		remove_files(d);
	return rc;
}

/* The domain is going before it was anyone's. */
static void domain_abandon(struct qemu_domain *d)
{
	domain_silence(d);
	domain_destroy(d);
}

static int check_run_dir(const struct engine_spec *spec, struct rpc_error *err)
{
	struct stat st;

	if (!spec->run_dir || spec->run_dir[0] != '/' ||
	    strlen(spec->run_dir) > QEMU_RUN_DIR_MAX ||
	    stat(spec->run_dir, &st) || !S_ISDIR(st.st_mode))
		return rpc_error_set(err, RPC_FAILED, NULL, spec->run_dir,
				     "a folder with at most 80 bytes of path",
				     "no folder for the domain's sockets");
	return 0;
}

static int qemu_start(struct engine **out, const struct engine_conf *conf,
		      const struct engine_spec *spec, struct rpc_error *err)
{
	struct qemu_domain *d;
	int rc = qemu_args_check(spec, err) ?: check_run_dir(spec, err);

	if (rc)
		return rc;
	rc = domain_new(&d, conf, spec, err);
	if (rc)
		return rc;
	if (spec->restore_fd >= 0) {
		d->restore_fd = fcntl(spec->restore_fd, F_DUPFD_CLOEXEC, 3);
		rc = d->restore_fd < 0 ? -errno : 0;
	}
	if (!rc)
		rc = spawn(d, spec, err);
	if (!rc)
		rc = domain_watch(d);
	if (rc) {
		if (d->process.pidfd >= 0)
			jail_kill(&d->process);
		domain_abandon(d);
		return rc;
	}
	*out = &d->pub;
	return 0;
}

static int qemu_adopt(struct engine **out, const struct engine_conf *conf,
		      const struct engine_spec *spec,
		      const struct engine_record *record,
		      struct rpc_error *err)
{
	struct qemu_domain *d;
	bool lost = false;
	int rc = check_run_dir(spec, err);

	if (rc)
		return rc;
	rc = domain_new(&d, conf, spec, err);
	if (rc)
		return rc;
	d->adopted = true;
	rc = jail_adopt(spec->uuid, record->pid, record->start_time,
			&d->process, err);
	if (rc == -ESRCH)
		remove_files(d);
	if (!rc)
		rc = domain_watch(d);
	if (rc) {
		jail_leave(&d->process);
		domain_abandon(d);
		return rc;
	}
	if (d->log)
		lost = qemu_log_drain(d->log);
	qemu_state_recall(d, lost);
	*out = &d->pub;
	return 0;
}

const struct engine_ops engine_qemu_ops = {
	.name = "qemu",
	.overhead_bytes = qemu_args_overhead_bytes,
	.start = qemu_start,
	.adopt = qemu_adopt,
	.free = qemu_free,
	.record = qemu_record,
	.shutdown = qemu_op_shutdown,
	.reset = qemu_op_reset,
	.pause = qemu_op_pause,
	.resume = qemu_op_resume,
	.kill = qemu_kill,
	.save = qemu_op_save,
	.vif_plug = qemu_plug_vif,
	.vif_unplug = qemu_unplug_vif,
	.disk_plug = qemu_plug_disk,
	.disk_unplug = qemu_unplug_disk,
	.dirty_rate = qemu_op_dirty_rate,
	.vnc = qemu_op_vnc,
	.facts = qemu_op_facts,
	.agent_fd = qemu_agent_fd,
};
