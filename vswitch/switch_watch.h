/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_watch.h: kernel interfaces under tap and packet ports come, go and
 * lose their carrier; netd tells.  Part of switch.c's work; control thread.
 */
#ifndef CAUSEWAY_SWITCH_WATCH_H
#define CAUSEWAY_SWITCH_WATCH_H

#include "vswitch/switch.h"

/*
 * Once a second: listen to netd if nobody does, and look at every interface
 * then, because events were missed.  A port whose interface is gone, or is
 * another one by the same name, waits until switch.c has it opened again.
 */
void switch_watch(struct sw *sw);
void switch_watch_fini(struct sw *sw);

#endif
