/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway_console.h: `causeway console`, a domain's console on this terminal.
 *
 *	causeway console [--take|--watch] VM	serial; Ctrl-] leaves
 *	causeway console --history VM		what it said, and exit
 *	causeway console --vnc SOCKET|- VM	VNC, for a viewer's connections
 *
 * Talks to causeway-consoled (docs/console.md); when that is started anew, the
 * session goes on.  The terminal is as it was when the function returns, and
 * when a signal ends the process.
 */
#ifndef CAUSEWAY_CAUSEWAY_CONSOLE_H
#define CAUSEWAY_CAUSEWAY_CONSOLE_H

/*
 * argv[0] is "console", the words after it are options and the VM's name or
 * uuid.  Returns the exit status: 0; 1 when it did not work, with words on
 * standard error; 2 for a wrong command line.  May change signal handling: to
 * be the process's last work.
 */
int causeway_console(int argc, char **argv, const char *consoled_socket);

#endif
