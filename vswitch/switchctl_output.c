/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl_output.c: where a capture is written.
 *
 * A capture holds what guests say to each other: its file is made anew, for
 * the owner only, whatever stood there before.  And a capture may be refused:
 * what stood there is kept until the switch has said yes.  So frames go to a
 * new file beside it, which takes its name once the capture has begun.
 *
 * What is no file (a pipe, a device) is written as it is.  A symbolic link to
 * a file is refused: to follow it would write where somebody else has pointed,
 * to replace it is not what its owner meant.
 */
#include "vswitch/switchctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static int say_errno(const struct ctl *ctl, const char *file)
{
	return ctl_fail(ctl, CTL_FILE, "%s: %s", file, strerror(errno));
}

static int refuse_terminal(const struct ctl *ctl)
{
	return ctl_fail(ctl, CTL_USAGE,
			"a capture is not for a terminal: -w FILE, or "
			"| tshark -r -");
}

static int open_stdout(const struct ctl *ctl, struct ctl_output *o)
{
	if (isatty(STDOUT_FILENO))
		return refuse_terminal(ctl);
	o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	return o->fd < 0 ? say_errno(ctl, "standard output") : CTL_DONE;
}

/* A pipe waits here for its reader. */
static int open_special(const struct ctl *ctl, struct ctl_output *o)
{
	struct stat st;

	o->fd = open(o->file, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (o->fd < 0)
		return say_errno(ctl, o->file);
	if (isatty(o->fd))
		return refuse_terminal(ctl);
	if (fstat(o->fd, &st) < 0 || S_ISREG(st.st_mode))
		return ctl_fail(ctl, CTL_FILE,
				"%s: has just changed; try again", o->file);
	return CTL_DONE;
}

/* In the same folder, or it could not take the name. */
static int open_beside(const struct ctl *ctl, struct ctl_output *o)
{
	const char *slash = strrchr(o->file, '/');
	const char *name = slash ? slash + 1 : o->file;
	int n = snprintf(o->temp, sizeof(o->temp), "%.*s.%.200s.XXXXXX",
			 (int)(name - o->file), o->file, name);

	if (n >= (int)sizeof(o->temp) || !*name) {
		o->temp[0] = '\0';
		return ctl_fail(ctl, CTL_FILE, "%s: no name of a file",
				o->file);
	}
	o->fd = mkostemp(o->temp, O_CLOEXEC); /* 0600, O_EXCL */
	if (o->fd >= 0)
		return CTL_DONE;
	o->temp[0] = '\0';
	return ctl_fail(ctl, CTL_FILE, "%s: no new file can be made here: %s",
			o->file, strerror(errno));
}

static int open_named(const struct ctl *ctl, struct ctl_output *o)
{
	struct stat own, st;
	bool there = lstat(o->file, &own) == 0;

	if (there && S_ISLNK(own.st_mode)) {
		if (stat(o->file, &st) < 0 || S_ISREG(st.st_mode))
			return ctl_fail(ctl, CTL_FILE,
					"%s: a symbolic link; name the file "
					"itself", o->file);
		own = st;
	}
	if (there && S_ISDIR(own.st_mode)) {
		errno = EISDIR;
		return say_errno(ctl, o->file);
	}
	return there && !S_ISREG(own.st_mode) ? open_special(ctl, o)
					      : open_beside(ctl, o);
}

int ctl_output_open(const struct ctl *ctl, const char *file,
		    struct ctl_output *o)
{
	int code;

	*o = (struct ctl_output){ .fd = -1, .file = file };
	/* /dev/stdout: a link, to a file when the shell has redirected us */
	if (!file || !strcmp(file, "-") || !strcmp(file, "/dev/stdout"))
		code = open_stdout(ctl, o);
	else
		code = open_named(ctl, o);
	if (code)
		ctl_output_close(o);
	return code;
}

int ctl_output_accept(const struct ctl *ctl, struct ctl_output *o)
{
	if (!o->temp[0])
		return CTL_DONE;
	if (rename(o->temp, o->file) < 0)
		return say_errno(ctl, o->file);
	o->temp[0] = '\0';
	return CTL_DONE;
}

void ctl_output_drop(const struct ctl_output *o)
{
	if (o->temp[0])
		unlink(o->temp);
}

void ctl_output_close(struct ctl_output *o)
{
	ctl_output_drop(o);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}
