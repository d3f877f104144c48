# SPDX-License-Identifier: GPL-2.0-or-later
"""part_a.py: guest to guest over vhost-user, one core for the switch.

Two guests on the generator's core, 1,024 frames on their way (512 each way).
A sample starts a switch afresh, warms it up, and takes every size in turn;
switches take turns within a repetition, so slow drift of the machine meets
all of them.  The generator's own limit is measured against a device that does
nothing; its busy share while it loads a switch says the same again.
"""
from machine import Scope
from peers import (PEER_HUGEPAGES, TABLE_ENTRIES, Causeway, CausewayOpen, Ovs,
                   Testpmd)
from report import Samples, goal, number

SIZES = (64, 512, 1514)
MACS = (1, 100, 10000)
WARM_S = 0.25
LEARN_RATE = 100_000
US, OVS, FLOOR = Causeway.name, Ovs.name, Testpmd.name


def learn(generator, macs, first=0, rate=LEARN_RATE, rounds=2):
    """The guest on port 1 says something from each address."""
    generator.flow(1, 0, vary="src", macs=macs, first_mac=first, in_order=1,
                   rate=rate, limit=macs * rounds, window=512)
    return generator.run(seconds=macs * rounds / rate + 0.05, warmup=0)


def sample(bench, generator, switch, size, macs=1):
    warm = WARM_S if macs == 1 else 1.5
    generator.pair(0, 1, macs=macs)
    first = generator.run(size=size, seconds=warm, warmup=0.1)
    switch.begin()
    generator.pair(0, 1, macs=macs)
    got = generator.run(size=size, seconds=bench.seconds, warmup=0.02)
    cost = switch.end()
    bad = sum(r["foreign"] + r["damaged"] for r in (first, got))
    if bad:
        raise RuntimeError(f"{switch.name}: {bad} frames came damaged")
    lost = sum(f["lost"] for f in got["flows"])
    return {"mpps": got["mpps"], "cycles": cost["cycles"],
            "gbps": got["mpps"] * size * 8e-3,
            "lost_ppm": 1e6 * lost / max(got["received"], 1),
            "generator_busy": got["busy_share"]}


def one_switch(bench, make, cases, take):
    """Start it, open two guests, take all cases."""
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, make)
        if not switch:
            return
        for port in switch.ports[:2]:
            generator.open(port)
        for case in cases:
            take(generator, switch, case)


def null_limit(bench, samples):
    with Scope() as scope:
        generator = bench.generator(scope)
        for i in (1, 2):
            generator.open_null(i)
        generator.pair(0, 1)
        generator.null(seconds=0.2, core=bench.switch_core)  # page faults
        for count in MACS:
            def take(count=count):
                generator.pair(0, 1, macs=count)
                return {"mpps": generator.null(
                    seconds=bench.seconds, core=bench.switch_core)["mpps"]}

            samples.add((f"{count} MACs", bench.place(generator)), "null",
                        **take())


def sizes(bench, samples):
    def take(generator, switch, size):
        place, figures = bench.steady(
            lambda: sample(bench, generator, switch, size), generator, switch)
        samples.add((f"{size} B", place), switch.name, **figures)

    for make in bench.alternate([Causeway, Ovs, Testpmd], samples):
        one_switch(bench, make, SIZES, take)


def macs(bench, samples):
    def take(generator, switch, count):
        if count > 1:
            learn(generator, count)
        place, figures = bench.steady(
            lambda: sample(bench, generator, switch, 64, count), generator,
            switch)
        samples.add((f"{count} MACs", place), switch.name, **figures)

    for make in bench.alternate([CausewayOpen, Ovs], samples):
        one_switch(bench, make, MACS, take)


def flooded(generator, first, count):
    """Frames to learned addresses that a third guest also got to see."""
    generator.watch(2)
    generator.flow(0, 1, vary="dst", macs=count, first_mac=first, in_order=1,
                   rate=LEARN_RATE, limit=count, window=256)
    return generator.run(seconds=count / LEARN_RATE + 0.1, warmup=0)["stray"]


def capacity_of(bench, make):
    """RFC 2889 5.7: most addresses of which none is flooded afterwards."""
    def fits(count):
        with Scope() as scope:
            generator = bench.generator(scope)
            switch = bench.start(scope, make, ports=3)
            for port in switch.ports:
                generator.open(port)
            generator.flow(0, 1, limit=10, rate=1000)  # ports 0, 2 are known
            generator.run(seconds=0.1, warmup=0)
            learn(generator, count, rounds=4)
            return flooded(generator, 0, count) == 0

    low, high = 0, 2 * TABLE_ENTRIES
    while high - low > 512:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def learned_at(generator, rate, first, count):
    """
    Addresses a second that were sent and all learned, or 0. Three tries: a
    frame that other work held up is no verdict. A switch that is too slow
    holds the sender up, so what counts is the time it took.
    """
    for i in range(3):
        (flow,) = learn(generator, count, first + i * count, rate,
                        rounds=1)["flows"]
        if flooded(generator, first + i * count, count) == 0:
            return 1e3 * flow["received"] / flow["span_ms"]
    return 0


def learning_rate_of(bench, make, count=1024):
    """RFC 2889 5.8: highest rate of new addresses that all are learned."""
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = bench.start(scope, make, ports=3)
        for port in switch.ports:
            generator.open(port)
        generator.flow(0, 1, limit=10, rate=1000)
        generator.run(seconds=0.1, warmup=0)
        first, best, low, high = 0, 0, 1000, 8_000_000
        while high > 1.15 * low:  # in equal ratios, not equal steps
            rate = int((low * high) ** 0.5)
            done = learned_at(generator, rate, first, count)
            first += 3 * count
            best = max(best, done)
            low, high = (rate, high) if done else (low, rate)
        return best


def addresses(bench, samples):
    for make in (CausewayOpen, Ovs):
        if bench.wants(make):
            samples.add("capacity", make.name,
                        addresses=capacity_of(bench, make))
            samples.add("learning", make.name,
                        per_second=learning_rate_of(bench, make))


def measure(bench):
    bench.scope.hugepages(PEER_HUGEPAGES)
    taken = {name: Samples() for name in ("null", "size", "macs", "table")}
    null_limit(bench, taken["null"])
    sizes(bench, taken["size"])
    macs(bench, taken["macs"])
    if not bench.quick:
        try:
            addresses(bench, taken["table"])
        except RuntimeError as why:  # what was measured before is kept
            bench.note(f"RFC 2889: {why}")
    return taken


GOALS = {"64 B": (0.65, 1.3), "512 B": (None, None), "1514 B": (0.5, 1.2)}


def order(s):
    return sorted(s.cases(), key=lambda c: (c[1] != "near",
                                            int(c[0].split()[0])))


def percent(value, digits=0):
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def size_table(s):
    rows = [["cores", "frame", "switch", "Mpps", "Gbit/s", "cycles/packet",
             "spread", "of OVS", "of testpmd io", "Mpps of OVS",
             "generator busy", "disturbed"]]
    for case in order(s):
        for name in s.switches(case):
            rows.append([case[1], case[0], name] + size_row(s, case, name))
    return rows


def size_row(s, case, name):
    def ratio(figure, to, limit, at_most=True):
        value = s.ratio(case, figure, name, to)
        if name != US or limit is None:
            return number(value)
        return goal(value, limit, at_most)

    to_ovs, to_floor = GOALS[case[0]]
    return [number(s.median(case, name, "mpps")),
            number(s.median(case, name, "gbps"), 1),
            number(s.median(case, name, "cycles"), 0),
            percent(s.spread(case, name, "cycles")),
            ratio("cycles", OVS, to_ovs), ratio("cycles", FLOOR, to_floor),
            ratio("mpps", OVS, 1, False),
            percent(s.median(case, name, "generator_busy")),
            percent(s.median(case, name, "disturbed"), 1)]


def macs_table(s, null):
    rows = [["cores", "destinations", "switch", "Mpps", "cycles/packet",
             "of its 1 MAC", "Mpps of OVS", "lost ppm", "disturbed",
             "generator alone"]]
    for case in order(s):
        for name in s.switches(case):
            one = s.median(("1 MACs", case[1]), name, "cycles")
            cycles = s.median(case, name, "cycles")
            growth = cycles / one if one else None
            beats = s.ratio(case, "mpps", name, OVS)
            ours = name == CausewayOpen.name
            alone = null.median(case, "null", "mpps")
            rows.append([
                case[1], case[0], name,
                number(s.median(case, name, "mpps")), number(cycles, 0),
                goal(growth, 1.2) if ours else number(growth),
                goal(beats, 1, False) if ours else number(beats),
                number(s.median(case, name, "lost_ppm"), 1),
                percent(s.median(case, name, "disturbed"), 1),
                number(alone, 1) + " Mpps"])
    return rows


def table_table(s):
    rows = [["switch", f"addresses cached, table of {TABLE_ENTRIES}",
             "learned per second"]]
    for name in s.switches("capacity") if s.cases() else []:
        rows.append([name, number(s.median("capacity", name, "addresses"), 0),
                     number(s.median("learning", name, "per_second"), 0)])
    return rows


def tables(taken):
    made = {"a-size": size_table(taken["size"]),
            "a-macs": macs_table(taken["macs"], taken["null"])}
    if taken["table"].cases():
        made["a-table"] = table_table(taken["table"])
    return made
