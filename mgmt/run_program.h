/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_program.h: run another program to its end and keep what it says.
 */
#ifndef CAUSEWAY_RUN_PROGRAM_H
#define CAUSEWAY_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Run argv[0] (searched in PATH) with standard input empty, and wait.  Its
 * output, standard error too if `errors`, goes into text as far as there is
 * room.  Its exit status, 128 and a signal's number, or -errno when it could
 * not be started.
 */
int run_program(const char *const argv[], bool errors, char *text,
		size_t room);

#endif
