# SPDX-License-Identifier: GPL-2.0-or-later
"""part_e.py: from SIGKILL of switchd under load to the first frame each way.

causeway-supervise starts it again; it reads its state, connects to the guests,
who go on at their rings' used index, as QEMU makes them. The generator itself
kills, and sees what arrives, so times are exact. The silence is the longest
time without a frame in one direction.
"""
from machine import Scope, run
from peers import Causeway
from report import Samples, goal, number


def once(bench, taken):
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, Causeway, supervised=True)
        if not switch:
            return
        for port in switch.ports:
            generator.open(port)
        victim = int(run("pgrep", "-P", str(switch.process.pid)).split()[0])
        generator.pair(0, 1)
        got = generator.run(seconds=2, warmup=0.5, kill=victim)
        there, back = got["flows"]
        if min(there["first_ms"], back["first_ms"]) < 0:
            raise RuntimeError("no frame within 2 s of SIGKILL")
        taken.add("kill", Causeway.name, connected_ms=got["back_ms"],
                  there_ms=there["first_ms"], back_ms=back["first_ms"],
                  silence_ms=max(there["silence_ms"], back["silence_ms"]),
                  lost=there["lost"] + back["lost"])


def measure(bench):
    taken = Samples()
    for _ in range(bench.repeat):
        once(bench, taken)
    return {"kill": taken}


def tables(taken):
    s = taken["kill"]
    rows = [["after SIGKILL", "median ms", "worst ms"]]
    for figure, text in (("connected_ms", "both guests connected again"),
                         ("there_ms", "first frame, one way"),
                         ("back_ms", "first frame, other way"),
                         ("silence_ms", "longest silence")):
        values = s.values["kill"][Causeway.name][figure] if s.cases() else []
        if values:
            worst = max(values)
            rows.append([text, number(s.median("kill", Causeway.name, figure),
                                      1),
                         goal(worst, 1000) if figure == "silence_ms"
                         else number(worst, 1)])
    return {"e": rows}
