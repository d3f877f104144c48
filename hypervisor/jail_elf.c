/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail_elf.c: the two texts from which a program's libraries are known: its
 * ELF header, which names its linker, and that linker's answer.  Pure.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/jail_tree.h"

#define LINE_MAX_BYTES 8192 /* two paths */

static enum jail_elf linker_of(const char *head, size_t len,
			       const Elf64_Phdr *ph, char *linker, size_t size)
{
	if (ph->p_offset > len || ph->p_filesz > len - ph->p_offset ||
	    !ph->p_filesz || ph->p_filesz > size ||
	    head[ph->p_offset] != '/' ||
	    head[ph->p_offset + ph->p_filesz - 1] != '\0')
		return JAIL_ELF_BROKEN;
	memcpy(linker, head + ph->p_offset, ph->p_filesz);
	return JAIL_ELF_LINKED;
}

enum jail_elf jail_elf_look(const void *head, size_t len, char *linker,
			    size_t size)
{
	enum jail_elf is = JAIL_ELF_STATIC;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (len < sizeof(eh))
		return JAIL_ELF_NOT;
	memcpy(&eh, head, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return JAIL_ELF_NOT;
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 ||
	    (eh.e_type != ET_EXEC && eh.e_type != ET_DYN))
		return JAIL_ELF_NOT; /* firmware, a kernel */
	if (eh.e_phentsize != sizeof(ph) || eh.e_phoff > len ||
	    eh.e_phnum > (len - eh.e_phoff) / sizeof(ph))
		return JAIL_ELF_BROKEN;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, (const char *)head + eh.e_phoff + i * sizeof(ph),
		       sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return linker_of(head, len, &ph, linker, size);
		if (ph.p_type == PT_DYNAMIC && eh.e_type == ET_DYN)
			is = JAIL_ELF_OBJECT;
	}
	return is;
}

static int add_path(struct jail_libs *libs, const char *path)
{
	char **more;

	for (unsigned i = 0; i < libs->count; i++) {
		if (!strcmp(libs->paths[i], path))
			return 0;
	}
	if (libs->count >= JAIL_TREE_FILES_MAX)
		return -EINVAL;
	more = realloc(libs->paths, (libs->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	libs->paths = more;
	more[libs->count] = strdup(path);
	if (!more[libs->count])
		return -ENOMEM;
	libs->count++;
	return 0;
}

static int parse_line(struct jail_libs *libs, char *line, char *missing,
		      size_t size)
{
	char *arrow = strstr(line, " => ");
	char *path = arrow ? arrow + strlen(" => ") : line;
	char *address = strstr(path, " (0x");

	if (arrow)
		*arrow = '\0';
	if (!address && arrow && !strncmp(path, "not found", 9)) {
		snprintf(missing, size, "%s", line);
		return -ENOENT;
	}
	if (!address || (arrow && *path != '/'))
		return -EINVAL;
	*address = '\0';
	/* The kernel's own, linux-vdso.so.1 (0x...), is no file. */
	return *path == '/' ? add_path(libs, path) : 0;
}

int jail_libs_parse(struct jail_libs *libs, const char *answer, char *missing,
		    size_t size)
{
	char line[LINE_MAX_BYTES];
	int rc = 0;

	libs->paths = NULL;
	libs->count = 0;
	for (size_t len; !rc && *answer; answer += len) {
		answer += strspn(answer, " \t\n");
		len = strcspn(answer, "\n");
		if (len >= sizeof(line))
			return -EINVAL;
		memcpy(line, answer, len);
		line[len] = '\0';
		if (len && strcmp(line, "statically linked"))
			rc = parse_line(libs, line, missing, size);
	}
	return rc;
}

int jail_libs_add(struct jail_libs *libs, const char *path)
{
	return add_path(libs, path);
}

void jail_libs_free(struct jail_libs *libs)
{
	for (unsigned i = 0; i < libs->count; i++)
		free(libs->paths[i]);
	free(libs->paths);
	libs->paths = NULL;
	libs->count = 0;
}
