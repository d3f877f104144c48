/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_tree.c: plan what a jail shows (jail_child.c makes the mounts).
 *
 * What is kept between plans is one entry for each program or shared object
 * that the linker was asked about: whose it is, and the paths it answered,
 * each with the identity it had then.  There are a handful of these in the
 * life of a daemon, so a list will do.
 */
#include "hypervisor/jail_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "base/rpc.h"

#define HEAD_MAX 8192		  /* program headers and linker are in it */
#define ANSWER_MAX (256u << 10)	  /* of the linker */
#define KEPT_MAX 32
#define CACHE_FILE "/etc/ld.so.cache"

struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed; /* a new content has a new one */
};

struct kept {
	char path[PATH_MAX];
	struct identity file;
	char linker[PATH_MAX];
	struct jail_libs libs;
	struct identity *lib_files; /* one for each of libs */
	struct kept *next;
};

static struct kept *kept_first;

static int failed(struct rpc_error *err, int rc, const char *path,
		  const char *what)
{
	rpc_error_set(err, RPC_FAILED, NULL, path, NULL, "%s %s: %s", what,
		      path, strerror(-rc));
	return rc;
}

/* --- identity ------------------------------------------------------------- */

static int identify(const char *path, struct identity *id)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	memset(id, 0, sizeof(*id));
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	id->size = st.st_size;
	id->changed = st.st_ctim;
	return 0;
}

static bool is_same(const char *path, const struct identity *was)
{
	struct identity is = { 0 };

	return !identify(path, &is) && is.dev == was->dev &&
	       is.ino == was->ino && is.size == was->size &&
	       is.changed.tv_sec == was->changed.tv_sec &&
	       is.changed.tv_nsec == was->changed.tv_nsec;
}

/* --- asking the linker ---------------------------------------------------- */

static int read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && len < size - 1) || (n < 0 && errno == EINTR));
	text[len] = '\0';
	return n ? -EFBIG : 0;
}

static int start_linker(char *const argv[], int out, pid_t *pid)
{
	char *env[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	rc = -posix_spawn(pid, argv[0], &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return rc;
}

static int ask_linker(char *const argv[], char *answer)
{
	int fds[2], status = 0, rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	rc = start_linker(argv, fds[1], &pid);
	close(fds[1]);
	if (!rc) {
		rc = read_all(fds[0], answer, ANSWER_MAX);
		if (rc)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (!rc && status)
			rc = -ENOEXEC;
	}
	close(fds[0]);
	return rc;
}

/* As the jail would find them; second, as the host does, by its cache. */
static int list_libs(struct kept *k, struct rpc_error *err)
{
	char *answer = malloc(ANSWER_MAX);
	char *without[] = { k->linker, (char *)"--inhibit-cache",
			    (char *)"--list", k->path, NULL };
	char *with[] = { k->linker, (char *)"--list", k->path, NULL };
	char missing[256] = "";
	int rc = answer ? ask_linker(without, answer) : -ENOMEM;

	if (!rc)
		rc = jail_libs_parse(&k->libs, answer, missing,
				     sizeof(missing));
	if (*missing) {
		*missing = '\0';
		jail_libs_free(&k->libs);
		rc = ask_linker(with, answer);
		if (!rc)
			rc = jail_libs_parse(&k->libs, answer, missing,
					     sizeof(missing));
		if (!rc)
			rc = jail_libs_add(&k->libs, CACHE_FILE);
	}
	free(answer);
	if (rc == -ENOENT && *missing)
		rpc_error_set(err, RPC_FAILED, NULL, k->path,
			      "install the package that has it",
			      "%s needs the library %s, which is not there",
			      k->path, missing);
	else if (rc)
		failed(err, rc, k->path, "cannot list the libraries of");
	return rc;
}

/* --- what is kept --------------------------------------------------------- */

static void free_kept(struct kept *k)
{
	if (!k)
		return;
	jail_libs_free(&k->libs);
	free(k->lib_files);
	free(k);
}

static bool still_true(const struct kept *k)
{
	for (unsigned i = 0; i < k->libs.count; i++) {
		if (!is_same(k->libs.paths[i], &k->lib_files[i]))
			return false;
	}
	return is_same(k->path, &k->file);
}

/* The entry of a path, taken out of the list; NULL: none that holds. */
static struct kept *take_kept(const char *path, const char *linker)
{
	struct kept **at = &kept_first;
	struct kept *k;

	while ((k = *at) &&
	       (strcmp(k->path, path) || strcmp(k->linker, linker)))
		at = &k->next;
	if (!k)
		return NULL;
	*at = k->next;
	if (still_true(k))
		return k;
	free_kept(k);
	return NULL;
}

/* Newest first; the oldest goes. */
static void put_kept(struct kept *k)
{
	unsigned n = 1;

	k->next = kept_first;
	kept_first = k;
	while (k->next && n++ < KEPT_MAX)
		k = k->next;
	free_kept(k->next);
	k->next = NULL;
}

void jail_tree_forget(void)
{
	while (kept_first) {
		struct kept *k = kept_first;

		kept_first = k->next;
		free_kept(k);
	}
}

static int identify_all(struct kept *k)
{
	int rc = identify(k->path, &k->file);

	k->lib_files = calloc(k->libs.count + 1, sizeof(*k->lib_files));
	if (!k->lib_files)
		return -ENOMEM;
	for (unsigned i = 0; i < k->libs.count && !rc; i++)
		rc = identify(k->libs.paths[i], &k->lib_files[i]);
	return rc;
}

/* What `path` is linked with, kept from before or asked now. */
static int look_up(const char *path, const char *linker, struct kept **out,
		   struct rpc_error *err)
{
	struct kept *k = take_kept(path, linker);
	int rc;

	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return -ENOMEM;
		snprintf(k->path, sizeof(k->path), "%s", path);
		snprintf(k->linker, sizeof(k->linker), "%s", linker);
		rc = list_libs(k, err);
		if (!rc) {
			rc = identify_all(k);
			if (rc)
				failed(err, rc, path, "cannot look at what "
						      "is linked with");
		}
		if (rc) {
			free_kept(k);
			return rc;
		}
	}
	put_kept(k);
	*out = k;
	return 0;
}

/* --- the plan ------------------------------------------------------------- */

/* Absolute, and without a part that is empty, "." or "..". */
static bool is_plain(const char *path)
{
	const char *p = path;

	if (*p != '/' || strlen(path) >= PATH_MAX)
		return false;
	while (*p) {
		size_t n = strcspn(++p, "/");

		if (!n || (n == 1 && *p == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

static int add_mount(struct jail_tree *tree, const char *path, bool runs,
		     struct rpc_error *err)
{
	struct jail_mount *more;
	struct stat st;

	if (!is_plain(path))
		return rpc_error_set(err, RPC_REFUSED, NULL, path, NULL,
				     "%s is not a plain absolute path", path);
	if (stat(path, &st))
		return failed(err, -errno, path, "cannot show");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return rpc_error_set(err, RPC_REFUSED, NULL, path, NULL,
				     "%s is neither a file nor a folder", path);
	if (tree->count >= JAIL_TREE_FILES_MAX)
		return rpc_error_set(err, RPC_REFUSED, NULL, path, NULL,
				     "too many files");
	more = realloc(tree->mounts, (tree->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	tree->mounts = more;
	more += tree->count;
	more->path = strdup(path);
	if (!more->path)
		return -ENOMEM;
	more->folder = S_ISDIR(st.st_mode);
	more->runs = runs;
	tree->count++;
	return 0;
}

static int look_at(const char *path, enum jail_elf *is, char *linker,
		   size_t size, struct rpc_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[HEAD_MAX];
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return failed(err, -errno, path, "cannot open");
	n = read(fd, head, sizeof(head));
	if (n < 0 && errno != EISDIR)
		rc = failed(err, -errno, path, "cannot read");
	close(fd);
	if (rc)
		return rc;
	*is = jail_elf_look(head, n < 0 ? 0 : (size_t)n, linker, size);
	return *is == JAIL_ELF_BROKEN ?
		       failed(err, -ENOEXEC, path, "cannot understand") :
		       0;
}

static int add_libs(struct jail_tree *tree, const char *path,
		    const char *linker, struct rpc_error *err)
{
	struct kept *k;
	int rc = look_up(path, linker, &k, err);

	for (unsigned i = 0; !rc && i < k->libs.count; i++)
		rc = add_mount(tree, k->libs.paths[i], true, err);
	return rc;
}

/* Leaves the linker's path, or "", in linker. */
static int add_program(struct jail_tree *tree, const char *path,
		       char linker[PATH_MAX], struct rpc_error *err)
{
	enum jail_elf is = JAIL_ELF_NOT;
	int rc = add_mount(tree, path, true, err);

	*linker = '\0';
	if (!rc)
		rc = look_at(path, &is, linker, PATH_MAX, err);
	if (rc)
		return rc;
	if (is == JAIL_ELF_NOT)
		return failed(err, -ENOEXEC, path, "not a program:");
	if (is != JAIL_ELF_LINKED)
		return 0;
	rc = add_mount(tree, linker, true, err);
	return rc ? rc : add_libs(tree, path, linker, err);
}

static int add_file(struct jail_tree *tree, const char *path,
		    const char *linker, struct rpc_error *err)
{
	char own[PATH_MAX];
	enum jail_elf is = JAIL_ELF_NOT;
	int rc = look_at(path, &is, own, sizeof(own), err);

	if (!rc)
		rc = add_mount(tree, path, is == JAIL_ELF_OBJECT, err);
	if (!rc && is == JAIL_ELF_OBJECT && *linker)
		rc = add_libs(tree, path, linker, err);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct jail_mount *)a)->path,
		      ((const struct jail_mount *)b)->path);
}

static bool lies_in(const struct jail_mount *m, const struct jail_mount *in)
{
	size_t len = strlen(in->path);

	return !strncmp(m->path, in->path, len) &&
	       (!m->path[len] || (in->folder && m->path[len] == '/'));
}

/* A path twice, or a file of a folder that is shown: once. */
static void sort_out(struct jail_tree *tree)
{
	unsigned kept = 0;

	if (tree->count)
		qsort(tree->mounts, tree->count, sizeof(tree->mounts[0]),
		      by_path);
	for (unsigned i = 0; i < tree->count; i++) {
		struct jail_mount *m = &tree->mounts[i];
		bool again = false;

		for (unsigned j = 0; j < kept && !again; j++) {
			again = lies_in(m, &tree->mounts[j]);
			if (again)
				tree->mounts[j].runs |= m->runs;
		}
		if (again)
			free(m->path);
		else
			tree->mounts[kept++] = *m;
	}
	tree->count = kept;
}

int jail_tree_plan(struct jail_tree *tree, const char *program,
		   const char *const *files, struct rpc_error *err)
{
	char linker[PATH_MAX];
	int rc;

	tree->mounts = NULL;
	tree->count = 0;
	rc = add_program(tree, program, linker, err);
	for (; !rc && files && *files; files++)
		rc = add_file(tree, *files, linker, err);
	if (rc == -ENOMEM)
		failed(err, rc, program, "cannot plan a jail for");
	if (rc)
		jail_tree_free(tree);
	else
		sort_out(tree);
	return rc;
}

void jail_tree_free(struct jail_tree *tree)
{
	for (unsigned i = 0; i < tree->count; i++)
		free(tree->mounts[i].path);
	free(tree->mounts);
	tree->mounts = NULL;
	tree->count = 0;
}
