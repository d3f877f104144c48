# SPDX-License-Identifier: GPL-2.0-or-later
"""part_b.py: TCP between two namespaces, and TCP_RR, through host ports.

Two namespaces, left and right, and one for the switch between them. iperf3,
1 and 8 streams, both directions, and one byte there and back (tcp_rr.c).
Nobody's iperf3 is pinned: bridge and veth forward on the sender's core, the
others on their own. MTU 1500, offloads on everywhere.
"""
import json
import os
import time

from machine import Scope, run, wait_for
from peers import Causeway, Ovs
from report import Samples, goal, number

LEFT, RIGHT = "10.77.0.1", "10.77.0.2"
STREAMS = (1, 8)


class Cabling:
    """left --veth-- [ switch's namespace: sl, sr ] --veth-- right"""

    def __init__(self, scope, wires=True):
        tag = f"cw-bench-{os.getpid()}"
        self.left = scope.netns(f"{tag}-left")
        self.right = scope.netns(f"{tag}-right")
        self.middle = scope.netns(f"{tag}-mid")
        if wires:
            self._wire(self.left, "sl", LEFT)
            self._wire(self.right, "sr", RIGHT)

    def _wire(self, netns, name, address):
        run("ip", "link", "add", "eth0", "netns", netns, "type", "veth",
            "peer", "name", name, "netns", self.middle)
        run("ip", "-n", self.middle, "link", "set", name, "up")
        self.address(netns, "eth0", address)

    def address(self, netns, link, address):
        run("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", link)
        run("ip", "-n", netns, "link", "set", link, "up")

    def mac(self, netns, link="eth0"):
        (link,) = json.loads(run("ip", "-n", netns, "-j", "link", "show",
                                 link))
        return link["address"]

    def reachable(self):
        return run("ip", "netns", "exec", self.left, "ping", "-c", "1", "-W",
                   "1", RIGHT, check=False, timeout=5).count(" 0% packet loss")


class Bridge:
    """Linux bridge over veth."""
    name = "Linux bridge"
    process = None

    def __init__(self, scope, build, core, cabling):
        ns = cabling.middle
        run("ip", "-n", ns, "link", "add", "br0", "type", "bridge")
        for link in ("sl", "sr"):
            run("ip", "-n", ns, "link", "set", link, "master", "br0")
        run("ip", "-n", ns, "link", "set", "br0", "up")


class OvsTso(Ovs):
    """OVS userspace datapath over veth, userspace-tso-enable."""
    name = "OVS userspace TSO"

    def __init__(self, scope, build, core, cabling):
        self.enter = ["ip", "netns", "exec", cabling.middle]
        super().__init__(scope, build, core, ports=0,
                         settings=["userspace-tso-enable=true"])

    def _bridge(self):
        self.vsctl("add-br", "br", "--", "set", "Bridge", "br",
                   "datapath_type=netdev", "--", "add-port", "br", "sl",
                   "--", "add-port", "br", "sr")


class CausewayPacket(Causeway):
    """Ours, AF_PACKET on veth; ports locked to MAC and IPv4 address."""
    name = "Causeway AF_PACKET"

    def __init__(self, scope, build, core, cabling):
        def change(state):
            state["ports"] = [
                {"name": link, "type": "packet", "interface": link,
                 "role": "guest", "network": "n10", "mac": cabling.mac(ns),
                 "locking_mode": "locked", "ipv4_allowed": [address]}
                for link, ns, address in (("sl", cabling.left, LEFT),
                                          ("sr", cabling.right, RIGHT))]

        super().__init__(scope, build, core, ports=0, change=change,
                         netns=cabling.middle)


class CausewayTap(Causeway):
    """Ours: the left end is a tap in the switch's namespace, as the host
    itself uses one; the right end AF_PACKET on veth."""
    name = "Causeway tap"

    def __init__(self, scope, build, core, cabling):
        def change(state):
            state["ports"] = [
                {"name": "tl", "type": "tap", "interface": "tl",
                 "network": "n10"},
                {"name": "sr", "type": "packet", "interface": "sr",
                 "role": "guest", "network": "n10",
                 "mac": cabling.mac(cabling.right),
                 "locking_mode": "locked", "ipv4_allowed": [RIGHT]}]

        super().__init__(scope, build, core, ports=0, change=change,
                         netns=cabling.middle)
        run("ip", "-n", cabling.left, "addr", "flush", "dev", "eth0")
        cabling.left = cabling.middle
        cabling.address(cabling.left, "tl", LEFT)


class CausewayPacketTwo(CausewayPacket):
    """A worker on each core, beside the hosts' own TCP."""
    name = "Causeway AF_PACKET, 2 workers"

    def __init__(self, scope, build, core, cabling):
        super().__init__(scope, build, "0,1", cabling)


class CausewayTapTwo(CausewayTap):
    name = "Causeway tap, 2 workers"

    def __init__(self, scope, build, core, cabling):
        super().__init__(scope, build, "0,1", cabling)


OURS = [CausewayPacket, CausewayPacketTwo, CausewayTap, CausewayTapTwo]


def streams(scope, cabling, log, count, backwards, seconds):
    """Gbit/s that arrived."""
    server = scope.spawn(["ip", "netns", "exec", cabling.right, "iperf3",
                          "-s", "-1", "-B", RIGHT], log)
    wait_for("iperf3", lambda: ":5201 " in run(
        "ip", "netns", "exec", cabling.right, "ss", "-Hltn"), process=server)
    words = ["iperf3", "-c", RIGHT, "-t", str(seconds), "-O", "0.5", "-J",
             "-P", str(count)] + (["-R"] if backwards else [])
    got = json.loads(run("ip", "netns", "exec", cabling.left, *words,
                         timeout=seconds + 20))
    server.wait(10)
    return got["end"]["sum_received"]["bits_per_second"] * 1e-9


def round_trips(scope, build, cabling, log, seconds):
    tool = f"{build}/tests/bench/tcp-rr"
    server = scope.spawn(["ip", "netns", "exec", cabling.right, tool, "serve",
                          RIGHT, "5202"], log)
    wait_for("tcp-rr", lambda: ":5202 " in run(
        "ip", "netns", "exec", cabling.right, "ss", "-Hltn"), process=server)
    got = json.loads(run("ip", "netns", "exec", cabling.left, tool, "ask",
                         RIGHT, "5202", str(seconds)))
    server.wait(10)
    return got


def one(bench, make, taken):
    with Scope() as scope:
        cabling = Cabling(scope)
        log = f"{scope.folder()}/log"
        if not bench.start(scope, make, cabling=cabling):
            return
        wait_for(f"{make.name}: ping", cabling.reachable, timeout_s=10)
        seconds = 1 if bench.quick else 3
        for count in STREAMS:
            for backwards in (False, True):
                way = "right to left" if backwards else "left to right"
                taken["stream"].add(
                    f"{count} stream{'s' * (count > 1)}, {way}", make.name,
                    gbps=streams(scope, cabling, log, count, backwards,
                                 seconds))
        taken["rr"].add("TCP_RR", make.name, **round_trips(
            scope, bench.build, cabling, log, seconds / 2))


def measure(bench):
    taken = {"stream": Samples(), "rr": Samples()}
    # every core may take part, as on a host of that size
    bench.unpin()
    for make in bench.alternate([*OURS, Bridge, OvsTso]):
        one(bench, make, taken)
    bench.pin()
    return taken


def tables(taken):
    rows = [["streams", "switch", "Gbit/s", "spread", "of Linux bridge",
             "of OVS userspace TSO"]]
    s = taken["stream"]
    for case in s.cases():
        for name in s.switches(case):
            to_bridge = s.ratio(case, "gbps", name, Bridge.name)
            to_ovs = s.ratio(case, "gbps", name, OvsTso.name)
            ours = name.startswith("Causeway")
            rows.append([
                case, name, number(s.median(case, name, "gbps"), 1),
                f"{100 * s.spread(case, name, 'gbps'):.0f} %",
                goal(to_bridge, 0.9, False) if ours else number(to_bridge),
                number(to_ovs)])
    turns = [["switch", "turns a second", "mean µs", "p50 µs", "p99 µs",
              "mean of Linux bridge"]]
    s = taken["rr"]
    for name in s.switches("TCP_RR") if s.cases() else []:
        slower = s.ratio("TCP_RR", "mean_us", name, Bridge.name)
        turns.append([name] + [
            number(s.median("TCP_RR", name, f), 0 if f == "per_second" else 1)
            for f in ("per_second", "mean_us", "p50_us", "p99_us")] + [
                goal(slower, 1.5) if name.startswith("Causeway")
                else number(slower)])
    return {"b-stream": rows, "b-rr": turns}
