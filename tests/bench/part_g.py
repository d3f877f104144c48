# SPDX-License-Identifier: GPL-2.0-or-later
"""part_g.py: bonds: how long a failover lasts, what they cost and carry.

Two guests, 100,000 frames of 64 B a second, one way and then the other. Their
networks meet outside the switch only:

    guest 0 - bond0 - up0 ~ p0 - the other end - guest 1
                      up1 ~ p1

`a plain switch`: the other end is a Linux bridge that knows nothing of bonds.
`a bond`: it is a bond of the same kind, of the same switch. A second into the
sample p0 loses its carrier (`cut`) or lets nothing through any more, LACPDUs
included (`silent`); p1 if guest 0's frames take it. Ours and Open vSwitch's AF_PACKET and bond code, delays 0,
LACP short timeout, on the same core.

What a bond costs: cycles of a frame of 64 B from a guest to an uplink over
net_null NICs, which cost next to nothing themselves; a single NIC, and bonds
of two in each mode (LACP has no partner there and is left out; its hash of
flows costs what the mode's table says). What two members carry: the far end of
each wire lets 20,000 frames a second through; 64 addresses send.
"""
import json
import os
import threading

from machine import Scope, run, wait_for
from peers import PEER_HUGEPAGES, Causeway, Ovs
from report import Samples, goal, number

RATE = 100_000
FLAT_OUT = 60_000_000
FAR_PPS = 20_000  # what one wire's far end lets through
UPLINKS = ("single", "active-backup", "balance-slb")
CUT_S = 1.0
CASES = (("active-backup", "plain", "cut"), ("balance-slb", "plain", "cut"),
         ("lacp", "bond", "cut"), ("lacp", "bond", "silent"))
LIMITS_MS = {"cut": 10, "silent": 3200}
OURS, OVS = "Causeway", "OVS userspace"


class Wires:
    """up0 ~ p0, up1 ~ p1 in one namespace; p0 and p1 may go elsewhere."""

    def __init__(self, scope, far):
        tag = f"cw-bench-{os.getpid()}"
        self.host = scope.netns(f"{tag}-host")
        self.far = scope.netns(f"{tag}-lan") if far == "plain" else self.host
        for i in (0, 1):
            self._wire(f"up{i}", f"p{i}")
        if far == "plain":
            self._wire("back", "p2")
            run("ip", "-n", self.far, "link", "add", "br0", "type", "bridge",
                "mcast_snooping", "0")
            run("ip", "-n", self.far, "link", "set", "br0", "up")
            for i in range(3):
                run("ip", "-n", self.far, "link", "set", f"p{i}", "master",
                    "br0")

    def _wire(self, near, far):
        # The kernel tells of a carrier at once where the two indexes differ,
        # and up to a second later where they are the same by chance.
        run("ip", "link", "add", near, "netns", self.host, "index",
            str(100 + len(near)  + int(near[-1], 36)), "mtu", "1508",
            "type", "veth", "peer", "name", far, "netns", self.far, "mtu",
            "1508")
        run("ip", "-n", self.host, "link", "set", near, "up")
        run("ip", "-n", self.far, "link", "set", far, "up")

    def moved(self, link):
        """Frames that went through it, either way."""
        (stats,) = json.loads(run("ip", "-n", self.far, "-s", "-j", "link",
                                  "show", link))
        return sum(stats["stats64"][way]["packets"] for way in ("rx", "tx"))

    def cut(self, i, how):
        """Wire i: no carrier, or silence both ways."""
        if how == "cut":
            run("ip", "-n", self.far, "link", "set", f"p{i}", "down")
        else:
            self._nft(f"up{i}", "drop")
            self._nft(f"p{i}", "drop")

    def shape(self, i):
        """A Linux bridge's port hears what its ingress hook lets through."""
        run("ip", "netns", "exec", self.far, "nft",
            f"table netdev shape-p{i} {{ chain in {{ type filter hook ingress "
            f"device p{i} priority -600; limit rate over {FAR_PPS}/second "
            "drop; }; }")

    def _nft(self, link, rule):
        """On egress: on ingress a packet socket hears it all the same."""
        words = (f"table netdev cut-{link} {{ chain out {{ type filter hook "
                 f"egress device {link} priority -600; {rule}; }}; }}"
                 if rule else f"delete table netdev cut-{link}")
        run("ip", "netns", "exec", self.host if link.startswith("up")
            else self.far, "nft", words)


    def mend(self, i, how):
        if how == "cut":
            run("ip", "-n", self.far, "link", "set", f"p{i}", "up")
        else:
            self._nft(f"up{i}", None)
            self._nft(f"p{i}", None)


class CausewayBond(Causeway):
    name = OURS

    def __init__(self, scope, build, core, wires, mode, far, members=2):
        def change(state):
            back = "bond1" if far == "bond" else "back"
            state["networks"] = [
                {"name": "near", "vlan": 0, "uplink": "bond0"},
                {"name": "far", "vlan": 0, "uplink": back}]
            for port, network in zip(state["ports"], ("near", "far")):
                port["network"] = network
            state["ports"][0].update(locking_mode="unlocked", mac_limit=100)
            state["ports"] += self.uplink("bond0", mode,
                                          ("up0", "up1")[:members])
            state["ports"] += (
                self.uplink("bond1", mode, ("p0", "p1")) if far == "bond" else
                [{"name": "back", "type": "packet", "interface": "back"}])

        super().__init__(scope, build, core, change=change, netns=wires.host)
        self.whole()

    def whole(self):
        """Every member of every bond may carry traffic."""
        wait_for("bond", lambda: all(
            m["enabled"] for b in self.ctl("bond")["bonds"]
            for m in b["members"]))

    @staticmethod
    def uplink(name, mode, links):
        bond = {"name": name, "type": "bond", "members": list(links),
                "mode": mode, "updelay": 0, "downdelay": 0}
        if mode == "lacp":
            bond["lacp-time"] = "fast"
        return [{"name": link, "type": "packet", "interface": link,
                 "lldp": "off"} for link in links] + [bond]


class CausewayNull(Causeway):
    """guest 0 to an uplink over NICs that take everything at once."""
    options = ["--device", "net_null0,no-rx=1", "--device",
               "net_null1,no-rx=1"]

    def __init__(self, scope, build, core, uplink):
        def change(state):
            state["networks"] = [{"name": "n10", "vlan": 10,
                                  "uplink": "nic0" if uplink == "single"
                                  else "bond0"}]
            nics = [{"name": f"nic{i}", "type": "nic",
                     "device": f"net_null{i}", "lldp": "off"}
                    for i in (0, 1)]
            state["ports"] += nics[:1] if uplink == "single" else nics + [
                {"name": "bond0", "type": "bond", "members": ["nic0", "nic1"],
                 "mode": uplink, "updelay": 0, "downdelay": 0}]

        super().__init__(scope, build, core, ports=1, change=change)


class OvsBond(Ovs):
    name = OVS

    def __init__(self, scope, build, core, wires, mode, far):
        self.wires, self.mode, self.far = wires, mode, far
        self.enter = ["ip", "netns", "exec", wires.host]
        super().__init__(scope, build, core)
        self.bonds = 2 if far == "bond" else 1
        self.whole()

    def whole(self):
        wait_for("bond", lambda: self.appctl("bond/show").count(
            ": enabled") == 2 * self.bonds)

    def _uplink(self, bridge, name, links):
        lacp = (["lacp=active", "other_config:lacp-time=fast",
                 "bond_mode=balance-tcp"] if self.mode == "lacp"
                else [f"bond_mode={self.mode}"])
        return ["--", "add-bond", bridge, name, *links, *lacp,
                "bond_updelay=0", "bond_downdelay=0"]

    def _bridge(self):
        words = []
        for bridge, port in zip(("br0", "br1"), self.ports):
            name = os.path.basename(port.path)
            words += ["--", "add-br", bridge, "--", "set", "Bridge", bridge,
                      "datapath_type=netdev", "--", "add-port", bridge, name,
                      "--", "set", "Interface", name, "type=dpdkvhostuser"]
        words += self._uplink("br0", "bond0", ("up0", "up1"))
        words += (self._uplink("br1", "bond1", ("p0", "p1"))
                  if self.far == "bond" else
                  ["--", "add-port", "br1", "back"])
        self.vsctl(*words[1:])


def one_way(generator, switch, wires, ends, how):
    """Lost traffic in ms; which wire it takes is seen before."""
    generator.pair(0, 1, window=64)  # both ends are known everywhere
    generator.run(seconds=0.2, warmup=0)
    generator.flow(*ends, window=16, rate=10000)
    used = wires.moved("p0")
    generator.run(seconds=0.2, warmup=0)
    victim = int(wires.moved("p0") - used < 1000)
    generator.flow(*ends, window=0, rate=RATE)
    knife = threading.Timer(CUT_S, wires.cut, (victim, how))
    knife.start()
    got = generator.run(seconds=CUT_S + (5 if how == "silent" else 1),
                        warmup=0)
    knife.join()
    wires.mend(victim, how)
    switch.whole()
    return 1e3 * got["flows"][0]["lost"] / RATE


def failover(bench, make, case, taken):
    mode, far, how = case
    with Scope() as scope:
        generator = bench.generator(scope)
        wires = Wires(scope, far)
        switch = bench.start(scope, make, wires=wires, mode=mode, far=far)
        if not switch:
            return
        for port in switch.ports:
            generator.open(port)
        taken.add(f"{mode}, {how}", make.name,
                  out_ms=one_way(generator, switch, wires, (0, 1), how),
                  back_ms=one_way(generator, switch, wires, (1, 0), how))


def cost(bench, uplink, taken):
    """One guest sends all it can to an address behind the uplink."""
    with Scope() as scope:
        generator = bench.generator(scope)
        switch = CausewayNull(scope, bench.build, bench.switch_core, uplink)
        generator.open(switch.ports[0])
        there = generator.open_null(9)

        def take():
            generator.flow(0, there, window=0, rate=FLAT_OUT)
            generator.run(seconds=0.1, warmup=0)
            switch.begin()
            generator.flow(0, there, window=0, rate=FLAT_OUT)
            generator.run(seconds=bench.seconds, warmup=0)
            return switch.end()

        place, figures = bench.steady(take, generator, switch)
        taken.add(("64 B", place), uplink, **figures)


def carried(bench, members, taken):
    with Scope() as scope:
        generator = bench.generator(scope)
        wires = Wires(scope, "plain")
        switch = CausewayBond(scope, bench.build, bench.switch_core, wires,
                              "balance-slb", "plain", members)
        for port in switch.ports:
            generator.open(port)
        for i in (0, 1):
            wires.shape(i)
        generator.pair(1, 0, window=64, macs=64)
        generator.run(seconds=0.5, warmup=0)
        generator.flow(0, 1, window=0, rate=RATE, vary="src", macs=64)
        got = generator.run(seconds=2, warmup=0.5)
        taken.add("carried", f"{members} members",
                  kpps=got["flows"][0]["received"] / got["seconds"] * 1e-3)


def measure(bench):
    taken = {"failover": Samples(), "cost": Samples(), "carried": Samples()}
    bench.scope.hugepages(PEER_HUGEPAGES)
    for case in CASES:
        for make in bench.alternate([CausewayBond, OvsBond]):
            failover(bench, make, case, taken["failover"])
    for turn in range(bench.repeat):
        for uplink in UPLINKS:
            cost(bench, uplink, taken["cost"])
        for members in (1, 2):
            carried(bench, members, taken["carried"])
    return taken


def tables(taken):
    s = taken["failover"]
    rows = [["mode and fault", "switch", "lost to the other end, ms",
             "lost from it, ms", "worst, ms"]]
    for case in s.cases():
        limit = LIMITS_MS[case.split(", ")[1]]
        for name in s.switches(case):
            figures = s.values[case][name]
            worst = max(figures["out_ms"] + figures["back_ms"])
            rows.append([case, name,
                         number(s.median(case, name, "out_ms"), 1),
                         number(s.median(case, name, "back_ms"), 1),
                         goal(worst, limit) if name == OURS
                         else number(worst, 1)])
    s = taken["cost"]
    costs = [["cores", "uplink", "cycles/packet", "of a single NIC"]]
    for case in s.cases():
        for name in s.switches(case):
            ratio = s.ratio(case, "cycles", name, "single")
            costs.append([case[1], name,
                          number(s.median(case, name, "cycles"), 0),
                          number(ratio) if name == "single"
                          else goal(ratio, 1.1)])
    s = taken["carried"]
    loads = [["balance-slb", "kpps", "of one"]]
    for name in s.switches("carried") if s.cases() else []:
        ratio = s.ratio("carried", "kpps", name, "1 members")
        loads.append([name, number(s.median("carried", name, "kpps"), 1),
                      number(ratio) if name == "1 members"
                      else goal(ratio, 1.8, False)])
    return {"g": rows, "g-cost": costs, "g-carried": loads}
