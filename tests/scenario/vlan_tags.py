#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames with every tag there is.

vlan_tags.py say LINK MAC   MAC's broadcast with each VLAN id, 0 to 4095
vlan_tags.py hear LINK      print `ready`; when nothing has come for two
                            seconds, which ids did and whether each came once
"""
import collections
import socket
import struct
import sys
import time

TYPE = 0x88b5  # IEEE 802, local experiments
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4


def say(link, mac):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((link, 0))
    for vid in range(4096):
        # The id also inside: a frame must not come with another's tag.
        s.send(b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) +
               struct.pack("!HHHH", 0x8100, vid, TYPE, vid).ljust(48, b"\0"))
        if vid % 64 == 63:
            time.sleep(0.005)


def received_tag(ancillary, frame):
    """(VLAN id, what follows the tags) of a frame."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, tci = struct.unpack("I12xH", data[:18])
            if status & VLAN_VALID:
                return tci & 0xfff, frame[12:]
    if frame[12:14] == b"\x81\x00":
        return struct.unpack("!H", frame[14:16])[0] & 0xfff, frame[16:]
    return None, frame[12:]


def ranges(ids):
    out = []
    for i in sorted(ids):
        if out and out[-1][1] == i - 1:
            out[-1][1] = i
        else:
            out.append([i, i])
    return " ".join(f"{a}-{b}" if a != b else str(a) for a, b in out)


def hear(link):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    s.bind((link, 3))
    seen, wrong = collections.Counter(), 0
    print("ready", flush=True)
    s.settimeout(20)
    try:
        while True:
            frame, ancillary, _, address = s.recvmsg(2048, 256)
            vid, rest = received_tag(ancillary, frame)
            if address[2] == socket.PACKET_OUTGOING or \
                    rest[:2] != struct.pack("!H", TYPE):
                continue
            seen[vid] += 1
            wrong += vid != struct.unpack("!H", rest[2:4])[0]
            s.settimeout(2)
    except TimeoutError:
        pass
    each = "each once" if set(seen.values()) <= {1} else "some more than once"
    print(ranges(k for k in seen if k is not None) +
          (f", {wrong} with another's tag" if wrong else "") + ", " + each)


if __name__ == "__main__":
    if sys.argv[1] == "say":
        say(*sys.argv[2:])
    else:
        hear(*sys.argv[2:])
