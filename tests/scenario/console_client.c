/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console_client.c: console-client SOCKET [OPTION]... VM: as `causeway
 * console`, for a consoled that is nowhere in particular. */
#include "mgmt/causeway_console.h"

int main(int argc, char **argv)
{
	return argc < 2 ? 2 : causeway_console(argc - 1, argv + 1, argv[1]);
}
