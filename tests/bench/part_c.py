# SPDX-License-Identifier: GPL-2.0-or-later
"""part_c.py: what idle costs, and what waking costs.

16 silent guests: CPU time of the whole switch. Then one frame at a time after
20 ms of silence, from guest to guest, first with nothing else going on (the
switch sleeps), then while two other guests keep the worker under full load
(their ring has gone to event mode). Latency is from before the frame is
published to when it is found in the other guest's ring.
"""
import time

from machine import Scope, cpu_seconds
from peers import PEER_HUGEPAGES, Causeway, Ovs
from report import Samples, goal, number

GUESTS = 16
GAP_US = 20_000


class OvsSleepy(Ovs):
    """OVS with its PMD threads allowed to sleep."""
    name = "OVS-DPDK pmd-maxsleep=100"

    @staticmethod
    def _dpdk(core):
        return Ovs._dpdk(core) + ["pmd-maxsleep=100"]


def idle_share(switch, seconds):
    time.sleep(1.5)  # rings go to event mode, workers to sleep
    before, start = cpu_seconds(switch.process.pid), time.monotonic()
    time.sleep(seconds)
    return ((cpu_seconds(switch.process.pid) - before) /
            (time.monotonic() - start))


def probes(generator, seconds, loaded):
    if loaded:
        generator.pair(0, 1)
    generator.flow(2, 3, probe=1, gap_us=GAP_US)
    got = generator.run(seconds=seconds, warmup=0.1)
    return {k: got["probe"][k] for k in ("p50_us", "p99_us", "max_us")}


def one(bench, make, taken):
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, make, ports=GUESTS)
        if not switch:
            return
        for port in switch.ports:
            generator.open(port)
        seconds = 1 if bench.quick else 3
        generator.flow(2, 3, limit=10, rate=1000)  # addresses are known
        generator.flow(3, 2, limit=10, rate=1000)
        generator.run(seconds=0.1, warmup=0)
        taken.add("idle", switch.name, share=idle_share(switch, seconds))
        for case, loaded in (("asleep", False), ("under load", True)):
            taken.add(case, switch.name,
                      **probes(generator, seconds, loaded))


def measure(bench):
    bench.scope.hugepages(PEER_HUGEPAGES)
    taken = Samples()
    for make in bench.alternate([Causeway, Ovs, OvsSleepy]):
        one(bench, make, taken)
    return {"idle": taken}


def tables(taken):
    s = taken["idle"]
    rows = [["switch", "CPU, 16 silent guests", "first frame p50 µs",
             "p99 µs", "under load p50 µs", "p99 µs"]]
    for name in s.switches("idle") if s.cases() else []:
        share = 100 * s.median("idle", name, "share")
        rows.append([
            name, f"{goal(share, 2)} %" if name == Causeway.name
            else f"{share:.1f} %"] + [
                number(s.median(case, name, figure), 1)
                for case in ("asleep", "under load")
                for figure in ("p50_us", "p99_us")])
    return {"c": rows}
