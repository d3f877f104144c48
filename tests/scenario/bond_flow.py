#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Frames with numbers, and what became of them.

    bond_flow.py send LINK NAME MAC PPS SECONDS
    bond_flow.py listen LINK

`send` takes turns with four kinds of frames: unicast to MAC, broadcast,
multicast, and unicast to an address that nobody has; eight flows (UDP source
ports) of the first.  `listen` counts what comes in, whoever it is for, until
SIGTERM, and then prints a line of JSON for each (sender, kind):

    {"name", "kind", "frames", "twice", "behind", "gap_ms", "gap_end", "last"}

twice: frames that had come before; behind: frames that came after a later one
of their flow; gap_ms: the longest time that a flow was without one, up to
number gap_end.  A sender's own frames count as well: what it hears of itself
has been round a loop.
"""

import json
import signal
import socket
import struct
import sys
import time

PORT = 47000
MAGIC = b"cwflow"
FLOWS = 8
KINDS = ("unicast", "broadcast", "multicast", "unknown")
ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_sum(header):
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def frame(dst, src, flow, payload):
    udp = struct.pack("!HHHH", PORT + flow, PORT, 8 + len(payload), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64,
                     17, 0, bytes((10, 99, 0, 1)), bytes((10, 99, 0, 2)))
    ip = ip[:10] + struct.pack("!H", ip_sum(ip)) + ip[12:]
    return dst + src + b"\x08\x00" + ip + udp + payload


def send(link, name, to, pps, seconds):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((link, 0))
    own = s.getsockname()[4]
    targets = (mac(to), b"\xff" * 6, mac("01:00:5e:40:01:02"),
               mac("02:00:00:00:99:99"))
    begin = time.monotonic()
    for n in range(int(pps * seconds)):
        wait = begin + n / pps - time.monotonic()
        if wait > 0.0005:
            time.sleep(wait)
        # half of them unicast: they are what an outage is measured by
        kind = 0 if n % 2 else (1, 2, 3)[n // 2 % 3]
        flow = n // 2 % FLOWS if kind == 0 else 0
        payload = MAGIC + struct.pack("!BBI", kind, flow, n) + name.encode()
        try:
            s.send(frame(targets[kind], own, flow, payload.ljust(40, b"\0")))
        except OSError:
            pass  # no link: lost, as the listener will say


class Count:
    def __init__(self):
        self.seen, self.latest = set(), {}
        self.frames = self.twice = self.behind = 0
        self.gap, self.gap_end, self.at, self.last = 0.0, -1, {}, -1

    def take(self, flow, n, now):
        self.frames += 1
        self.last = max(self.last, n)
        if n in self.seen:
            self.twice += 1
            return
        self.seen.add(n)
        if n < self.latest.get(flow, -1):
            self.behind += 1
        self.latest[flow] = max(n, self.latest.get(flow, -1))
        if now - self.at.get(flow, now) > self.gap:
            self.gap, self.gap_end = now - self.at[flow], n
        self.at[flow] = now


def parse(data):
    """(kind, flow, number, name), or None when it is none of ours."""
    at = data.find(MAGIC, 42, 64)
    if at < 0 or len(data) < at + 13:
        return None
    kind, flow, n = struct.unpack_from("!BBI", data, at + 6)
    return kind, flow, n, data[at + 12:].rstrip(b"\0").decode("ascii", "?")


def listen(link):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind((link, ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                 struct.pack("iHH8s", socket.if_nametoindex(link),
                             PACKET_MR_PROMISC, 0, b""))
    s.settimeout(0.1)
    stop, counts = [], {}
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    print("ready", flush=True)
    while not stop:
        try:
            data, who = s.recvfrom(2048)
        except socket.timeout:
            continue
        if who[2] == socket.PACKET_OUTGOING:
            continue
        found = parse(data)
        if found:
            kind, flow, n, name = found
            count = counts.setdefault((name, KINDS[kind]), Count())
            count.take(flow, n, time.monotonic())
    for (name, kind), c in sorted(counts.items()):
        print(json.dumps({"name": name, "kind": kind, "frames": c.frames,
                          "twice": c.twice, "behind": c.behind,
                          "gap_ms": round(c.gap * 1000), "gap_end": c.gap_end,
                          "last": c.last}))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5]),
             float(sys.argv[6]))
    else:
        listen(sys.argv[2])
