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

PEER_HUGEPAGES = 448  # 2 MB each: OVS 512 MB, or testpmd 256, and guests
TABLE_ENTRIES = 65536  # addresses; ours by default, OVS is told


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
            ["stdbuf", "-oL", "dpdk-testpmd", "-l", f"0,{core}",
             "--main-lcore=0", "--no-pci", "--in-memory", "-m", "256", *vdevs, "--", "-i", "--nb-cores=1",
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
    enter = []  # how its namespace is entered

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
            self.enter +
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
                 f"other_config:mac-table-size={TABLE_ENTRIES}"]
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
    """Ours: locked single-MAC ports on an access VLAN, counters on.

    The guests listen, as QEMU's do, and the switch connects.  It starts as
    root and becomes a user of its own, as it does on a real host.
    """
    name = "Causeway"
    uid = 65000  # no package's
    locked = True
    listens = False  # else the guests do
    options = []  # more of causeway-switchd's

    def __init__(self, scope, build, core=1, ports=2, change=None,
                 netns=None, supervised=False):
        """`change(state)` may alter the desired state before it is applied."""
        self.build, self.core = build, core
        if not os.path.exists(f"{build}/vswitch/causeway-switchd"):
            raise Skip("causeway-switchd is not built")
        self.folder = scope.folder()
        os.chmod(self.folder, 0o711)
        for name in ("state", "sock"):
            os.mkdir(f"{self.folder}/{name}", 0o700)
            os.chown(f"{self.folder}/{name}", self.uid, self.uid)
        self.ports = [guest_port(f"{self.folder}/sock", i + 1,
                                 listen=not self.listens)
                      for i in range(ports)]
        self.enter = ["ip", "netns", "exec", netns] if netns else []
        if netns:
            self._netd(scope)
        self._start(scope, supervised)
        self.state = self.desired()
        if change:
            change(self.state)
        self.apply(self.state)

    def _netd(self, scope):
        netd = scope.spawn(
            self.enter + [f"{self.build}/base/causeway-netd",
                          "--socket", f"{self.folder}/netd.sock",
                          "--state", f"{self.folder}/netd",
                          "--allow-user", str(self.uid)],
            f"{self.folder}/netd.log")
        wait_for("causeway-netd", lambda: os.path.exists(
            f"{self.folder}/netd.sock"), process=netd)

    def _start(self, scope, supervised):
        keep = [f"{self.build}/base/causeway-supervise", "--name", "switchd",
                "--"] if supervised else []
        self.process = scope.spawn(
            self.enter + keep +
            [f"{self.build}/vswitch/causeway-switchd",
             "--cores", str(self.core),
             "--socket", f"{self.folder}/switchd.sock",
             "--netd", f"{self.folder}/netd.sock",
             "--state-dir", f"{self.folder}/state",
             "--user", f"{self.uid}:{self.uid}", *self.options],
            f"{self.folder}/switchd.log")
        wait_for("causeway-switchd", self.answers, process=self.process)

    def answers(self):
        if not os.path.exists(f"{self.folder}/switchd.sock"):
            return False
        return bool(run(*self._ctl, "ports", "--json", check=False))

    @property
    def _ctl(self):
        return (f"{self.build}/vswitch/switchctl", "--socket",
                f"{self.folder}/switchd.sock")

    def ctl(self, *words):
        return json.loads(run(*self._ctl, *words, "--json"))

    def apply(self, state):
        path = f"{self.folder}/state.json"
        with open(path, "w") as f:
            json.dump(state, f)
        run(*self._ctl, "apply", path)

    def desired(self):
        return {"owner": "bench", "generation": 1,
                "networks": [{"name": "n10", "vlan": 10}],
                "ports": [self.desired_port(i, p)
                          for i, p in enumerate(self.ports)]}

    def desired_port(self, i, port):
        wanted = {"name": f"g{i}", "type": "vhost-user", "network": "n10",
                  "socket": port.path, "mac": port.mac}
        if self.listens:
            wanted.update(server=True)
        if self.locked:
            wanted.update(locking_mode="locked", ipv4_allowed=[port.ip])
        return wanted

    def worker(self):
        (worker,) = self.ctl("stats")["workers"]
        return worker

    def begin(self):
        self.before = self.worker()

    def end(self):
        now = self.worker()
        frames = now["frames"] - self.before["frames"]
        busy = now["busy_cycles"] - self.before["busy_cycles"]
        if not frames:
            raise RuntimeError("the switch counted no frames")
        return {"cycles": busy / frames}


class CausewayOpen(Causeway):
    """Ours with unlocked ports; the second may use many addresses."""
    locked = False

    def desired_port(self, i, port):
        wanted = super().desired_port(i, port)
        wanted.update(storm_pps=0)
        if i == 1:
            wanted.update(mac_limit=1048576)
        if i == 2:
            wanted.update(flood_unknown=True)
        return wanted
