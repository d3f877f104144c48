/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switch_queues.c: a queue keeps its worker until the balancer moves it, so
 * plans are made anew often and change little.
 */
#include "vswitch/switch_queues.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/log.h"
#include "vswitch/balance.h"

static void list_workers(const struct sw *sw, struct balance_worker list[])
{
	unsigned i;

	for (i = 0; i < sw->workers.count; i++) {
		const struct worker *w = sw->workers.worker[i];

		list[i].busy_cycles = w->stats.busy_cycles - w->busy_before;
		list[i].node = w->node;
	}
}

/* Make the port's rxqs match what it offers now. */
static void port_fit_queues(struct sw *sw, struct sw_port *sp, unsigned load[])
{
	unsigned want = sp->port ? sp->port->rx_queues : 0;
	struct balance_worker workers[WORKERS_MAX];

	list_workers(sw, workers);
	while (sp->rxq_count < want) {
		struct rxq *rq = calloc(1, sizeof(*rq));

		if (!rq)
			return; /* the next replan tries again */
		rq->port = sp->port;
		rq->q = sp->rxq_count;
		rq->worker = balance_place(workers, sw->workers.count, load,
					   sp->port->numa_node);
		load[rq->worker]++;
		sp->rxq[sp->rxq_count++] = rq;
	}
}

/* Publish who polls what.  Frees rxqs that a port no longer has. */
void sw_queues_replan(struct sw *sw)
{
	struct rxq **list = calloc(PORT_ID_MAX * 2, sizeof(struct rxq *));
	unsigned load[WORKERS_MAX] = { 0 };
	unsigned i, q, n = 0;

	if (!list)
		return;
	for (i = 0; i < PORT_ID_MAX; i++)
		for (q = 0; sw->ports[i] && q < sw->ports[i]->rxq_count; q++)
			load[sw->ports[i]->rxq[q]->worker]++;
	for (i = 0; i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];
		unsigned have;

		if (!sp || !sp->port)
			continue;
		port_fit_queues(sw, sp, load);
		have = sp->port->rx_queues < sp->rxq_count ? sp->port->rx_queues
							   : sp->rxq_count;
		for (q = 0; q < have && n < PORT_ID_MAX * 2; q++)
			list[n++] = sp->rxq[q];
	}
	if (workers_set_queues(&sw->workers, list, n) < 0)
		log_err("out of memory while assigning queues");
	free(list);
}

void sw_queues_on_change(evutil_socket_t fd, short what, void *ctx)
{
	sw_queues_replan(ctx);
}

/* Once a second: give a queue of a worker that is short of time away. */
void sw_queues_rebalance(struct sw *sw)
{
	struct balance_queue *queues = calloc(PORT_ID_MAX * 2, sizeof(*queues));
	struct rxq **list = calloc(PORT_ID_MAX * 2, sizeof(struct rxq *));
	struct balance_worker workers[WORKERS_MAX];
	struct balance_move move;
	unsigned i, q, n = 0;

	list_workers(sw, workers);
	for (i = 0; queues && list && i < PORT_ID_MAX; i++) {
		struct sw_port *sp = sw->ports[i];

		for (q = 0; sp && q < sp->rxq_count && n < PORT_ID_MAX * 2;
		     q++, n++) {
			list[n] = sp->rxq[q];
			queues[n].cycles =
				list[n]->cycles - list[n]->cycles_before;
			queues[n].worker = list[n]->worker;
			queues[n].node = sp->port ? sp->port->numa_node : -1;
			list[n]->cycles_before = list[n]->cycles;
		}
	}
	for (i = 0; i < sw->workers.count; i++)
		sw->workers.worker[i]->busy_before =
			sw->workers.worker[i]->stats.busy_cycles;
	if (n && balance_pick(workers, sw->workers.count, queues, n, sw->tsc_hz,
			      &move)) {
		log_info("queue %u of port %s moves from worker %u to %u",
			 list[move.queue]->q, list[move.queue]->port->name,
			 list[move.queue]->worker, move.to);
		list[move.queue]->worker = move.to;
		sw_queues_replan(sw);
	}
	free(queues);
	free(list);
}

void sw_queues_changed(struct sw *sw)
{
	event_active(sw->replan, EV_TIMEOUT, 0);
}

/* Take the queues of ports that go from the workers for good. */
void sw_queues_leave(struct sw *sw, struct sw_port *gone[], unsigned n)
{
	unsigned i, q;

	for (i = 0; i < n; i++)
		gone[i]->port = NULL; /* sw_queues_replan() passes it over */
	if (n)
		sw_queues_replan(sw);
	for (i = 0; i < n; i++) {
		for (q = 0; q < gone[i]->rxq_count; q++)
			free(gone[i]->rxq[q]);
		gone[i]->rxq_count = 0;
	}
}
