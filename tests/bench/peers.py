# SPDX-License-Identifier: GPL-2.0-or-later
"""peers.py: the switches under test, behind one interface.

    switch = Testpmd(scope, build, core)   starts; the scope ends it
    switch.ports                           sockets a generator may open
    switch.begin(); ...; switch.end()      cycles per packet in between

All have the same core to themselves for forwarding and see the same guests.
Cycles are TSC cycles, of bursts that moved something, as each counts them:
testpmd by --record-core-cycles, OVS by pmd-perf-show, ours by its workers'
counters.
"""
import json
import os
import re
import subprocess
from dataclasses import dataclass

from machine import Skip, run, wait_for

PEER_HUGEPAGES = 320  # 2 MB each: OVS 512 MB, or testpmd 256, and guests


@dataclass
class Port:
    path: str
    mac: str
    ip: str
    listen: bool = False  # the guest listens, the switch connects
    huge: bool = True
    ring: int = 1024


def guest_port(folder, number, **more):
    return Port(path=f"{folder}/g{number}.sock",
                mac=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
                ip=f"10.{number >> 8}.{number & 255}.1", **more)


class Testpmd:
    """testpmd, forward mode io, over net_vhost: no switching, the floor."""
    name = "testpmd io"

    def __init__(self, scope, build, core=1):
        folder = scope.folder()
        self.ports = [guest_port(folder, 1), guest_port(folder, 2)]
        self.log = f"{folder}/log"
        vdevs = [f"--vdev=net_vhost{i},iface={p.path},queues=1"
                 for i, p in enumerate(self.ports)]
        self.process = scope.spawn(
            ["stdbuf", "-oL", "dpdk-testpmd", "-l", f"0,{core}", "--main-lcore=0", "--no-pci",
             "--in-memory", "-m", "256", *vdevs, "--", "-i", "--nb-cores=1",
             "--forward-mode=io", "--record-core-cycles", "--txd=1024",
             "--rxd=1024", "--total-num-mbufs=32768"],
            self.log, stdin=subprocess.PIPE, text=True, bufsize=1)
        self._expect("testpmd> ", 0)

    def _expect(self, pattern, at):
        def ready():
            with open(self.log, errors="replace") as f:
                f.seek(at)
                return re.search(pattern, f.read())
        return wait_for("testpmd", ready, process=self.process)

    def _tell(self, line):
        at = os.path.getsize(self.log)
        self.process.stdin.write(line + "\n")
        return at

    def begin(self):
        self._expect("packet forwarding - ports=2", self._tell("start"))

    def end(self):
        at = self._tell("stop")
        found = self._expect(r"CPU cycles/packet=([0-9.]+)", at)
        return {"cycles": float(found.group(1))}


class Ovs:
    """Open vSwitch, userspace datapath, one bridge with NORMAL."""
    name = "OVS-DPDK"

    def __init__(self, scope, build, core=1, ports=2, settings=()):
        if not os.path.exists(
                "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"):
            raise Skip("OVS-DPDK: apt-get install openvswitch-switch-dpdk")
        self.folder = scope.folder()
        self.env = dict(os.environ, OVS_RUNDIR=self.folder,
                        OVS_LOGDIR=self.folder, OVS_DBDIR=self.folder)
        self.ports = [guest_port(self.folder, i + 1) for i in range(ports)]
        self._database(scope)
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   *[f"other_config:{s}" for s in settings or
                     self._dpdk(core)])
        self.process = scope.spawn(
            ["/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
             f"unix:{self.folder}/db.sock",
             f"--unixctl={self.folder}/ctl"],
            f"{self.folder}/vswitchd.log", env=self.env)
        wait_for("ovs-vswitchd", lambda: os.path.exists(f"{self.folder}/ctl"),
                 process=self.process)
        self._bridge()

    @staticmethod
    def _dpdk(core):
        return ["dpdk-init=true", f"pmd-cpu-mask={1 << core:#x}",
                "dpdk-lcore-mask=0x1", "dpdk-socket-mem=512",
                'dpdk-extra="--no-pci --in-memory"']

    def _database(self, scope):
        run("ovsdb-tool", "create", f"{self.folder}/conf.db",
            "/usr/share/openvswitch/vswitch.ovsschema", env=self.env)
        server = scope.spawn(
            ["ovsdb-server", f"{self.folder}/conf.db",
             f"--remote=punix:{self.folder}/db.sock",
             f"--unixctl={self.folder}/db.ctl"],
            f"{self.folder}/ovsdb.log", cores={0}, env=self.env)
        wait_for("ovsdb-server",
                 lambda: os.path.exists(f"{self.folder}/db.sock"),
                 process=server)

    def _bridge(self):
        words = ["add-br", "br", "--", "set", "Bridge", "br",
                 "datapath_type=netdev",
                 "other_config:mac-table-size=131072"]
        for port in self.ports:
            name = os.path.basename(port.path)
            words += ["--", "add-port", "br", name, "--", "set", "Interface",
                      name, "type=dpdkvhostuser"]
        self.vsctl(*words)

    def vsctl(self, *words):
        return run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", *words,
                   env=self.env)

    def appctl(self, *words):
        return run("ovs-appctl", "-t", f"{self.folder}/ctl", *words,
                   env=self.env)

    def begin(self):
        self.appctl("dpif-netdev/pmd-stats-clear")

    def end(self):
        text = self.appctl("dpif-netdev/pmd-perf-show", "-nh")
        found = re.search(r"Rx packets:\s+\d+\s+\(.*?, (\d+) cycles/pkt\)",
                          text)
        if not found:
            raise RuntimeError("pmd-perf-show: no packets:\n" + text)
        return {"cycles": float(found.group(1))}


class Causeway:
    """Ours: locked single-MAC ports on an access VLAN, counters on."""
    name = "Causeway"

    def __init__(self, scope, build, core=1, ports=2):
        raise Skip("causeway-switchd is not built")


class CausewayOpen(Causeway):
    """Ours with unlocked ports that may use many addresses."""
