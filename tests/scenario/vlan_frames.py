#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Send one table of frames into every port of a switch and say where each
came out, and with which tags; or compare two such answers.

    vlan_frames.py play PORT...        JSON on standard output
    vlan_frames.py compare OURS OVS    sentences; status 1 if they disagree

PORTs are interfaces of this namespace, wires to the switch.  Every frame has a
number in its payload, so all can be under way at once; what comes out is
known by its number.  The kernel takes the outermost tag off a received frame
and tells it beside (packet(7), auxdata): it is put back here.
"""
import json
import select
import socket
import struct
import sys
import time

ETHERTYPE = 0x88B5  # local experimental (802)
C, S, OLD = 0x8100, 0x88A8, 0x9100
SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6
PRIO5 = 5 << 13

# What a case is called, and its tags, outermost first: (TPID, TCI).
STACKS = {
    "untagged": [],
    "priority tag": [(C, 0)],
    "priority tag, PCP 5": [(C, PRIO5)],
    "tag 10": [(C, 10)],
    "tag 10, PCP 5": [(C, 10 | PRIO5)],
    "tag 20": [(C, 20)],
    "tag 30, carried nowhere": [(C, 30)],
    "tag 4095": [(C, 4095)],
    "tag 10 in 10": [(C, 10), (C, 10)],
    "tag 20 in 10": [(C, 10), (C, 20)],
    "tag 10 in 20": [(C, 20), (C, 10)],
    "tag 20 in a priority tag": [(C, 0), (C, 20)],
    "S-tag 10": [(S, 10)],
    "tag 20 in S-tag 10": [(S, 10), (C, 20)],
    "old QinQ tag 10": [(OLD, 10)],
    "tag 20 in 10 in 20": [(C, 20), (C, 10), (C, 20)],
}
BROADCAST = b"\xff" * 6


def mac_of(index):
    return bytes([2, 0, 0, 0, 1, index])


def open_port(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind((name, 0))
    return s


def receive(s):
    """(number, tags) of one of our frames, or None."""
    data, control, _, address = s.recvmsg(2048, 256)
    if address[2] == socket.PACKET_OUTGOING:
        return None
    tags = []
    for level, kind, value in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value)
            if status & VLAN_VALID:
                tags.append((tpid if status & TPID_VALID else C, tci))
    at = 12
    while struct.unpack_from("!H", data, at)[0] in (C, S, OLD):
        tags.append(struct.unpack_from("!HH", data, at))
        at += 4
    if struct.unpack_from("!H", data, at)[0] != ETHERTYPE:
        return None
    return struct.unpack_from("!I", data, at + 2)[0], tags


def collect(ports, seen, seconds):
    end = time.monotonic() + seconds
    names = {s: name for name, s in ports.items()}
    while (left := end - time.monotonic()) > 0:
        for s in select.select(list(names), [], [], left)[0]:
            got = receive(s)
            if got:
                seen.setdefault(got[0], []).append((names[s], got[1]))


def frame(dst, src, stack, number):
    tags = b"".join(struct.pack("!HH", *tag) for tag in stack)
    data = dst + src + tags + struct.pack("!HI", ETHERTYPE, number)
    return data.ljust(60, b"\0")


def play(names):
    ports = {name: open_port(name) for name in names}
    cases, seen = [], {}
    # Twice: the first round also teaches the switch who is where.
    for dst in [None] + list(range(len(names))):
        for index, name in enumerate(names):
            if dst == index:
                continue
            for what, stack in STACKS.items():
                to = BROADCAST if dst is None else mac_of(dst)
                whom = "all" if dst is None else names[dst]
                ports[name].send(frame(to, mac_of(index), stack, len(cases)))
                cases.append(f"{what} from {name} to {whom}")
            collect(ports, seen, 0.02)
        collect(ports, seen, 0.3)
    json.dump({case: sorted(seen.get(i, [])) for i, case in enumerate(cases)},
              sys.stdout)


def stricter(case, port, tags, ports):
    """Why we hold back what OVS lets out at `port`, or None."""
    what, rest = case.split(" from ")
    source = rest.split(" to ")[0]
    if len(STACKS[what]) > 1 and ports[port] in ("access", "native-untagged"):
        return "an inner tag, chosen by the sender, leaves no untagged port"
    if what == "tag 20 in a priority tag":
        return "a priority tag in front of another tag is refused"
    if STACKS[what] and STACKS[what][0][0] != C and ports[source] != "tunnel":
        return "a tag of another type is refused, not taken for untagged"
    return None


def compare(ours_path, ovs_path, ports):
    ours, ovs = json.load(open(ours_path)), json.load(open(ovs_path))
    wrong, held, alike = [], {}, 0
    for case in ours:
        a = [tuple(map(str, x)) for x in ours[case]]
        b = [tuple(map(str, x)) for x in ovs[case]]
        if a == b:
            alike += 1
            continue
        for port, tags in sorted(set(a) ^ set(b)):
            why = None
            if (port, tags) not in a:
                why = stricter(case, port, tags, ports)
            if why:
                held.setdefault(why, []).append(case)
            else:
                who = "we" if (port, tags) in a else "only OVS"
                wrong.append(f"{case}: {who} let out at {port}: {tags}")
    busy = sum(1 for case in ovs if ovs[case])
    print(f"{'ok' if busy > len(ovs) / 3 else 'not ok'} - Open vSwitch lets "
          f"{busy} of {len(ovs)} frames out somewhere")
    print(f"{'ok' if alike > len(ours) / 3 else 'not ok'} - {alike} come "
          "out of our switch at the same ports with the same tags")
    for why, cases in held.items():
        print(f"ok - stricter than Open vSwitch on purpose: {why} "
              f"({len(cases)} times)")
    print(f"{'not ok' if wrong else 'ok'} - nothing else differs")
    for line in wrong[:40]:
        print("    " + line)
    return bool(wrong)


if __name__ == "__main__":
    if sys.argv[1] == "play":
        play(sys.argv[2:])
    else:
        modes = dict(pair.split("=") for pair in sys.argv[4:])
        sys.exit(compare(sys.argv[2], sys.argv[3], modes))
