# SPDX-License-Identifier: GPL-2.0-or-later
"""part_d.py: 500 connected, negotiated, silent ports beside 2 active ones.

The silent guests have rings of 64 and never say anything; nothing is sent to
them. The same two guests are measured with and without them. (The peers end
at 32 ports: RTE_MAX_ETHPORTS.)
"""
import time

from machine import Scope
from part_a import sample
from peers import Causeway
from report import Samples, goal, number

SILENT = 500


class CausewayServer(Causeway):
    """The switch listens: 500 guests connect without waiting for it."""
    listens = True


def one(bench, silent, taken):
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, CausewayServer, ports=2 + silent)
        if not switch:
            return
        for i, port in enumerate(switch.ports):
            if i >= 2:
                port.ring, port.huge = 64, False
            generator.open(port)
        up = sum(p["link"] for p in switch.ctl("ports")["ports"])
        if up != 2 + silent:
            raise RuntimeError(f"only {up} of {2 + silent} ports are up")
        time.sleep(0.5)
        for size in (64, 1514):
            place, figures = bench.steady(
                lambda size=size: sample(bench, generator, switch, size),
                generator, switch)
            taken.add((f"{size} B", place), f"{silent} silent", **figures)


def measure(bench):
    taken = Samples()
    for turn in range(bench.repeat):
        for silent in (0, SILENT) if turn % 2 else (SILENT, 0):
            one(bench, silent, taken)
    return {"ports": taken}


def tables(taken):
    s = taken["ports"]
    rows = [["cores", "frame", "ports", "Mpps", "cycles/packet",
             "Mpps of 2 ports alone"]]
    for case in sorted(s.cases(), key=lambda c: (c[1] != "near", len(c[0]))):
        for name in sorted(s.switches(case), key=len):
            share = s.ratio(case, "mpps", name, "0 silent")
            rows.append([case[1], case[0], f"2 + {name}",
                         number(s.median(case, name, "mpps")),
                         number(s.median(case, name, "cycles"), 0),
                         number(share) if name == "0 silent"
                         else goal(share, 0.9, False)])
    return {"d": rows}
