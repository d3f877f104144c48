# SPDX-License-Identifier: GPL-2.0-or-later
"""part_i.py: TCP through the IPsec channel, and in clear beside it.

Two sites, a namespace each, with netd and espd; one veth between them, MTU
1500, offloads on. SAs by hand (esp-hand): AES-GCM-256, ESN, UDP port 4500.
The same iperf3 goes in clear over that veth, and through the channel with each
cipher back end, in turn. Nobody is pinned: four threads share two cores, in
clear it is two. With it: what both cores cost a byte, what espd's threads do
with theirs (perf), and what they cost when nothing passes.
"""
import json
import os
import shutil
import time

from machine import Scope, Skip, cpu_seconds, run, wait_for
from report import Samples, goal, number

UID = "65090:65090"
SECONDS = 3.0
STREAMS = (1, 8)
CLEAR = "clear"
CHANNELS = {  # cipher back end: (its name, what one stream must reach)
    "ipsec-mb": ("channel, ipsec-mb", 0.35),
    "openssl": ("channel, OpenSSL", 0.3),
}

SAS = """hello
peer n=1 name=other local=192.0.2.{l} remote=192.0.2.{r} lnet=10.{l}.0.0/16 \
rnet=10.{r}.0.0/16
end
sa dir=in spi=100{r} n=1 group=1 local=192.0.2.{l} remote=192.0.2.{r} \
lnet=10.{l}.0.0/16 rnet=10.{r}.0.0/16 key={r}
sa dir=out spi=100{l} n=1 group=1 local=192.0.2.{l} remote=192.0.2.{r} \
lnet=10.{l}.0.0/16 rnet=10.{r}.0.0/16 key={l}
policy n=1 group=1 lnet=10.{l}.0.0/16 rnet=10.{r}.0.0/16
"""


# What a sample of perf was in, by the first that its stack contains; leaves
# come first.
PLACES = (
    ("cipher", ("aes_", "ghash", "gcm_", "chacha", "poly1305", "EVP_",
                "CRYPTO_gcm")),
    ("copies in the kernel", ("_copy_to_iter", "_copy_from_iter",
                              "copy_user", "rep_movs")),
    ("TUN, with the host's TCP behind it", ("tun_chr_write_iter",
                                            "tun_chr_read_iter")),
    ("UDP, with the wire", ("__x64_sys_sendmmsg", "__x64_sys_recvmmsg",
                            "__sys_sendmmsg", "__sys_recvmmsg")),
    ("engine: segments, checksums, checks", ("add32", "csum_", "inner_",
                                             "esp_", "worker", "loop",
                                             "memcpy", "memmove")),
)
LIBRARIES = ("libIPSec_MB", "libcrypto")  # all of them is cipher
REST = "rest: waiting, interrupts"


def place_of(stack):
    """stack: symbols and where from, the innermost first."""
    if stack and any(lib in stack[0] for lib in LIBRARIES):
        return PLACES[0][0]
    for place, words in PLACES[:2]:
        if stack and stack[0].startswith(words):
            return place
    for place, words in PLACES[2:]:
        if any(frame.startswith(words) for frame in stack):
            return place
    return REST


def split(path):
    """Shares of the samples in a file of perf record, by place."""
    counts, stack, inside = {}, [], False
    text = run("perf", "script", "-i", path, "-F", "comm,ip,sym,dso")
    for line in text.splitlines() + [""]:
        if line.startswith(("\t", " ")):
            stack.append(line.split(None, 1)[1] if len(line.split()) > 1
                         else "")
        elif line:
            inside = True
        elif inside:
            place = place_of(stack)
            counts[place] = counts.get(place, 0) + 1
            stack, inside = [], False
    total = sum(counts.values()) or 1
    return {place: n / total for place, n in counts.items()}


def busy_seconds():
    """Of all cores so far."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq = map(
            int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Sites:
    """The namespaces, their wire, and a netd in each."""

    def __init__(self, scope, build):
        self.build, self.folder = build, scope.folder()
        os.chmod(self.folder, 0o755)
        self.ns = [scope.netns(f"cw-bench-{os.getpid()}-site{i}")
                   for i in (1, 2)]
        run("ip", "link", "add", "wire", "netns", self.ns[0], "type", "veth",
            "peer", "name", "wire", "netns", self.ns[1])
        for i, ns in enumerate(self.ns, 1):
            run("ip", "-n", ns, "addr", "add", f"192.0.2.{i}/24", "dev",
                "wire")
            run("ip", "-n", ns, "link", "set", "wire", "up")
            self.daemon(scope, i, "base/causeway-netd", f"netd{i}",
                        "--socket", f"{self.folder}/netd{i}-switch",
                        "--ipsec-socket", f"{self.folder}/netd{i}",
                        "--ipsec-user", UID, "--state",
                        f"{self.folder}/state{i}")

    def daemon(self, scope, i, program, name, *options):
        path = f"{self.build}/{program}"
        if not os.path.exists(path):
            raise Skip(f"{path} is not there")
        process = scope.spawn(["ip", "netns", "exec", self.ns[i - 1], path,
                               *options], f"{self.folder}/{name}.log",
                              range(os.cpu_count()))
        wait_for(name, lambda: os.path.exists(f"{self.folder}/{name}"),
                 process=process)
        return process

    def channel(self, scope, cipher):
        """Both espds, with SAs; their processes."""
        made = []
        for i in (1, 2):
            for name in (f"espd{i}", f"ike{i}"):
                if os.path.exists(f"{self.folder}/{name}"):
                    os.unlink(f"{self.folder}/{name}")
            made.append(self.daemon(
                scope, i, "ipsec-migrate/causeway-espd", f"espd{i}", "--tun",
                "cwi", "--address", f"10.{i}.0.1/32", "--user", UID,
                "--cipher", cipher, "--netd", f"{self.folder}/netd{i}",
                "--socket", f"{self.folder}/espd{i}", "--ike-socket",
                f"{self.folder}/ike{i}"))
        for i in (1, 2):
            wait_for("espd", lambda: "cwi" in run(
                "ip", "-n", self.ns[i - 1], "-br", "link"))
            time.sleep(0.2)
            said = run(f"{self.build}/tests/scenario/esp-hand",
                       f"{self.folder}/ike{i}",
                       input=SAS.format(l=i, r=3 - i))
            if set(said.split()) != {"ok"}:
                raise RuntimeError(f"esp-hand: {said}")
        return made

    def iperf(self, scope, address, streams, seconds):
        """Bits a second that came through."""
        words = ["ip", "netns", "exec"]
        server = scope.spawn(words + [self.ns[1], "iperf3", "-s", "-1"],
                             f"{self.folder}/iperf.log",
                             range(os.cpu_count()))
        wait_for("iperf3", lambda: ":5201 " in run(
            *words, self.ns[1], "ss", "-ltn"), process=server)
        said = run(*words, self.ns[0], "iperf3", "-J", "-c", address, "-t",
                   str(seconds), "-O", "0.5", "-P", str(streams))
        server.wait(10)
        return json.loads(said)["end"]["sum_received"]["bits_per_second"]


def carry(sites, address, streams, taken, name):
    """One run of iperf3; the bytes that came through."""
    before = busy_seconds()
    with Scope() as scope:
        rate = sites.iperf(scope, address, streams, SECONDS)
    carried = rate / 8 * (SECONDS + 0.5)
    taken.add(f"{streams} streams", name, gbps=rate / 1e9,
              ns=(busy_seconds() - before) / carried * 1e9)
    return carried


def sample_clear(sites, taken):
    for streams in STREAMS:
        carry(sites, "192.0.2.2", streams, taken, CLEAR)


def sample_split(sites, espds, splits, name):
    """Once more, under perf; the rate of this one is not looked at."""
    path = f"{sites.folder}/perf"
    with Scope() as scope:
        scope.spawn(["perf", "record", "-g", "-F", "1999", "-o", path, "-p",
                     ",".join(str(p.pid) for p in espds), "--", "sleep",
                     str(SECONDS)], f"{sites.folder}/perf.log",
                    range(os.cpu_count())).poll()
        sites.iperf(scope, "10.2.0.1", 1, SECONDS)
        time.sleep(1)
    for place, share in split(path).items():
        splits.add(place, name, percent=100 * share)


def sample_channel(sites, taken, idle, splits, cipher):
    name = CHANNELS[cipher][0]
    with Scope() as scope:
        espds = sites.channel(scope, cipher)
        for streams in STREAMS:
            before = [cpu_seconds(p.pid) for p in espds]
            carried = carry(sites, "10.2.0.1", streams, taken, name)
            seal, open_ = (cpu_seconds(p.pid) - b
                           for p, b in zip(espds, before))
            taken.add(f"{streams} streams", name,
                      seal_ns=seal / carried * 1e9,
                      open_ns=open_ / carried * 1e9)
        before, began = [cpu_seconds(p.pid) for p in espds], time.monotonic()
        time.sleep(SECONDS)
        spent = sum(cpu_seconds(p.pid) - b for p, b in zip(espds, before))
        idle.add("idle", name,
                 percent=50 * spent / (time.monotonic() - began))
        if shutil.which("perf"):
            sample_split(sites, espds, splits, name)


def measure(bench):
    taken, idle, splits = Samples(), Samples(), Samples()
    bench.unpin()  # all who take part are ours to start
    try:
        with Scope() as scope:
            sites = Sites(scope, bench.build)
            for _ in range(bench.repeat):
                sample_clear(sites, taken)
                for cipher in CHANNELS:
                    sample_channel(sites, taken, idle, splits, cipher)
    finally:
        bench.pin()
    return {"channel": taken, "idle": idle, "split": splits}


def table_of_rates(s, idle):
    one, eight = (f"{n} streams" for n in STREAMS)
    rows = [["TCP", "Gb/s, 1 stream", "to clear", "Gb/s, 8 streams",
             "8 to 1", "both cores: ns/byte", "espd that seals",
             "espd that opens", "idle: % of a core"],
            [CLEAR, number(s.median(one, CLEAR, "gbps"), 1), "1",
             number(s.median(eight, CLEAR, "gbps"), 1), "-",
             number(s.median(one, CLEAR, "ns")), "-", "-", "-"]]
    for name, least in CHANNELS.values():
        at_one, at_eight = (s.median(n, name, "gbps") for n in (one, eight))
        rows.append([name, number(at_one, 1),
                     goal(s.ratio(one, "gbps", name, CLEAR), least, False),
                     number(at_eight, 1), goal(at_eight / at_one, 1, False),
                     number(s.median(one, name, "ns")),
                     number(s.median(one, name, "seal_ns")),
                     number(s.median(one, name, "open_ns")),
                     goal(idle.median("idle", name, "percent"), 1)])
    return rows


def table_of_split(splits):
    names = [name for name, _ in CHANNELS.values()]
    rows = [["espds' time, 1 stream, %"] + names]
    for place in [p for p, _ in PLACES] + [REST]:
        rows.append([place] + [number(splits.median(place, name, "percent"),
                                      0) for name in names])
    return rows


def tables(taken):
    if not taken["channel"].cases():
        return {}
    made = {"i": table_of_rates(taken["channel"], taken["idle"])}
    if taken["split"].cases():
        made["i split"] = table_of_split(taken["split"])
    return made
