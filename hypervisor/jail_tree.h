/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_tree.h: what a jail shows of the host's files: the program, the
 * libraries it is linked with, and the files that were named.
 *
 * Which libraries those are is asked of the dynamic linker itself (`ld.so
 * --list`), once for a file: the answer is kept as long as the file and all
 * that it names are the same ones (device, inode, size, time of change).  So
 * a package upgrade under our feet is seen, and running jails keep what they
 * were started with.  The linker is asked to ignore its cache, because there
 * is none in the jail; only for a program with libraries outside the default
 * folders is /etc/ld.so.cache shown, too.
 *
 * Reading of ELF files and of the linker's answer is pure.
 */
#ifndef CAUSEWAY_JAIL_TREE_H
#define CAUSEWAY_JAIL_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct rpc_error;

#define JAIL_TREE_FILES_MAX 1024

/* --- pure ----------------------------------------------------------------- */

enum jail_elf {
	JAIL_ELF_NOT,	 /* some other file */
	JAIL_ELF_STATIC, /* needs no linker */
	JAIL_ELF_OBJECT, /* to be loaded into another */
	JAIL_ELF_LINKED, /* names its linker */
	JAIL_ELF_BROKEN,
};

/*
 * Look at the first `len` bytes of a file; LINKED copies the path of its
 * linker (PT_INTERP).
 */
enum jail_elf jail_elf_look(const void *head, size_t len, char *linker,
			    size_t size);

struct jail_libs {
	char **paths; /* absolute */
	unsigned count;
};

/*
 * Read the linker's answer: `name => /path (0x...)`, `/path (0x...)`, or
 * `name => not found`.  0; -ENOENT with *missing a name; -EINVAL for nonsense;
 * -ENOMEM.  *libs must be freed in any case.
 */
int jail_libs_parse(struct jail_libs *libs, const char *answer, char *missing,
		    size_t size);
int jail_libs_add(struct jail_libs *libs, const char *path);
void jail_libs_free(struct jail_libs *libs);

/* --- the plan ------------------------------------------------------------- */

struct jail_mount {
	char *path; /* on the host and, without the first slash, inside */
	bool folder;
	bool runs; /* may be executed: programs and libraries */
};

/* In the order in which to make them: what lies within another is gone. */
struct jail_tree {
	struct jail_mount *mounts;
	unsigned count;
};

/*
 * Plan the tree.  -ENOENT and others: *err names the file.
 */
int jail_tree_plan(struct jail_tree *tree, const char *program,
		   const char *const *files, struct rpc_error *err);
void jail_tree_free(struct jail_tree *tree);
/* Forget what is kept of linkers' answers. */
void jail_tree_forget(void);

#endif
