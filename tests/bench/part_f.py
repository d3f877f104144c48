# SPDX-License-Identifier: GPL-2.0-or-later
"""part_f.py: what a listening and a stalled IDS cost the watched traffic.

Three guests on one switch; the third is made promiscuous and ordinary again by
a new desired state, so that neighbouring samples, a third of a second each,
differ in nothing else. Listening: the generator empties its ring. Stalled: it
does not, and the ring is full after 1,024 frames.
"""
from machine import Scope
from peers import Causeway
from report import Samples, goal, number

SECONDS = 0.3
KINDS = ("no IDS", "stalled", "listening")


def set_kind(switch, kind):
    ids = switch.state["ports"][2]
    ids["promiscuous"] = kind != "no IDS"
    ids["inject"] = True
    switch.state["generation"] += 1
    switch.apply(switch.state)


def sample(generator, switch, kind, size, seconds):
    if kind == "listening":
        generator.watch(2)
    generator.pair(0, 1)
    switch.begin()
    got = generator.run(size=size, seconds=seconds, warmup=0.05)
    return {"mpps": got["mpps"], "cycles": switch.end()["cycles"],
            "copies_mpps": got["stray"] / (got["seconds"] + 0.05) * 1e-6}


def measure(bench):
    taken = Samples()
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, Causeway, ports=3)
        if not switch:
            return {"ids": taken}
        for port in switch.ports:
            generator.open(port)
        for turn in range(3 * bench.repeat):
            for size in (64, 1514):
                for kind in KINDS[turn % 3:] + KINDS[:turn % 3]:
                    set_kind(switch, kind)
                    place, figures = bench.steady(
                        lambda k=kind, s=size: sample(
                            generator, switch, k, s, SECONDS),
                        generator, switch)
                    taken.add((f"{size} B", place), kind, **figures)
    return {"ids": taken}


def tables(taken):
    s = taken["ids"]
    rows = [["cores", "frame", "IDS", "watched Mpps", "copies Mpps",
             "cycles/packet", "cost in Mpps"]]
    for case in sorted(s.cases(), key=lambda c: (c[1] != "near", len(c[0]))):
        for kind in KINDS:
            mpps = s.median(case, kind, "mpps")
            if mpps is None:
                continue
            kept = s.ratio(case, "mpps", kind, "no IDS")
            cost = None if kept is None else 100 * (1 - kept)
            rows.append([case[1], case[0], kind, number(mpps),
                         number(s.median(case, kind, "copies_mpps")),
                         number(s.median(case, kind, "cycles"), 0),
                         (goal(cost, 1) if kind == "stalled"
                          else number(cost, 1)) + " %"])
    return {"f": rows}
