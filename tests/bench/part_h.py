# SPDX-License-Identifier: GPL-2.0-or-later
"""part_h.py: the store: how long others wait while a guest floods it.

Two VMs' trees in one causeway-xenstored, which has core 1. The guest of the
first does one thing, as fast as it is let. Meanwhile three ask every
millisecond and take the time: the control domain in the flooded tree and in
the other (reads and writes of 100 bytes in turn), and the other tree's guest
(reads). Everybody but the store is on core 0; those who take the time come
first there.
"""
import os
import time

from machine import Scope, Skip, run, wait_for
from report import Samples, goal, number

UID = 65100
SECONDS = 2
P99_MS = 5  # control requests, whatever a guest does
HOME = "/local/domain/1/data"
LOADS = {  # what the guest does: connections of it, verbs of store-client
    "nothing": (),
    "reads and writes, 16 at a time": ("flood",),
    "writes one by one": ("write",),
    "128 watches on what it writes": ("storm",),
    "10 transactions that collide": ("conflict",),
    "fills its tree": ("full",),
    "never reads answers": ("deaf",),
    "all of these": ("flood", "write", "storm", "conflict", "full", "deaf"),
}


class Store:
    def __init__(self, bench, scope):
        self.scope, self.tools = scope, f"{bench.build}/tests/scenario"
        self.folder = scope.folder()
        os.chmod(self.folder, 0o755)
        daemon = f"{bench.build}/hypervisor/causeway-xenstored"
        if not os.path.exists(daemon):
            raise Skip(f"{daemon} is not there")
        self.process = scope.spawn(
            [daemon, "--socket", f"{self.folder}/sock", "--run-dir",
             f"{self.folder}/trees", "--user", f"{UID}:{UID}"],
            f"{self.folder}/log", {bench.switch_core})
        wait_for("xenstored", lambda: os.path.exists(f"{self.folder}/sock"),
                 process=self.process)
        self.uuids = [f"{i:08x}-0000-4000-8000-000000000000" for i in (0, 1)]
        for uuid in self.uuids:
            self.ask("create", uuid)
            self.ask("write", uuid, HOME, "", "n1")

    def ask(self, *words):
        return run(f"{self.tools}/store-ask", f"{self.folder}/sock", *words)

    def client(self, first, tree, end, verb, seconds, path):
        """A process whose last line of output is what it has seen."""
        log = f"{self.folder}/{verb}-{tree}-{end}"
        argv = [f"{self.tools}/store-client",
                f"{self.folder}/trees/{self.uuids[tree]}/{end}", verb,
                str(seconds), path]
        return log, self.scope.spawn((["chrt", "-f", "1"] if first else []) +
                                     argv, log, {0})

    def seen(self, client):
        log, process = client
        process.wait(60)
        with open(log) as f:
            return f.read().split()


def sample(bench, load, taken):
    with Scope() as scope:
        store = Store(bench, scope)
        for verb in LOADS[load]:
            store.client(False, 0, "guest", verb, SECONDS + 2,
                         f"{HOME}/{verb}")
        time.sleep(0.5)
        askers = {
            "control": store.client(True, 0, "socket", "probe", SECONDS,
                                    "/tool/probe"),
            "other": store.client(True, 1, "socket", "probe", SECONDS,
                                  "/tool/probe"),
            "guest": store.client(True, 1, "guest", "look", SECONDS,
                                  f"{HOME}/look"),
        }
        figures = {}
        for who, client in askers.items():
            _, p50, p99, worst = map(int, store.seen(client))
            figures.update({f"{who}_p50": p50, f"{who}_p99": p99 / 1e3,
                            f"{who}_max": worst / 1e3})
        taken.add("store", load, **figures)


def measure(bench):
    taken = {"store": Samples()}
    for _ in range(bench.repeat):
        for load in LOADS:
            sample(bench, load, taken["store"])
    return taken


def tables(taken):
    s = taken["store"]
    rows = [["a guest", "control, same tree: p50 µs", "p99 ms", "worst ms",
             "control, other tree: p50 µs", "p99 ms", "worst ms",
             "other guest: p50 µs", "p99 ms", "worst ms"]]
    for load in s.switches("store") if s.cases() else []:
        row = [load]
        for who in ("control", "other", "guest"):
            p99 = s.median("store", load, f"{who}_p99")
            worst = max(s.values["store"][load][f"{who}_max"])
            row += [number(s.median("store", load, f"{who}_p50"), 0),
                    number(p99) if who == "guest" else goal(p99, P99_MS),
                    number(worst)]
        rows.append(row)
    return {"h": rows}
