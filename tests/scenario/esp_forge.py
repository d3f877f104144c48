#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
esp_forge.py: sends ESP packets that somebody captured, changed.

    esp_forge.py again PCAP DEVICE [N]       as they are, the first N
    esp_forge.py elsewhere PCAP DEVICE       as they are, from another port
    esp_forge.py flip PCAP DEVICE            the first one, each byte changed once
    esp_forge.py cut PCAP DEVICE             the first one, each shorter length
    esp_forge.py flood ADDRESS SECONDS       an SPI that nobody has, to port 4500

Prints how many were sent.
"""
import socket
import struct
import sys
import time

UDP_SEGMENT = 103


def frames(path):
    with open(path, "rb") as f:
        f.read(24)
        while head := f.read(16):
            yield bytearray(f.read(struct.unpack("=IIII", head)[2]))


def rebuild(frame, payload, port=None):
    """The same Ethernet, IPv4 and UDP around another payload."""
    out = frame[:42] + payload
    out[16:18] = struct.pack(">H", 28 + len(payload))
    out[24:26] = b"\0\0"
    total = sum(struct.unpack(">10H", out[14:34]))
    total = (total & 0xffff) + (total >> 16)
    out[24:26] = struct.pack(">H", ~(total + (total >> 16)) & 0xffff)
    if port:
        out[34:36] = struct.pack(">H", port)
    out[38:42] = struct.pack(">HH", 8 + len(payload), 0)
    return out


def changed(what, path, count):
    packets = list(frames(path))[:count]
    if what == "again":
        return [rebuild(p, p[42:]) for p in packets]
    if what == "elsewhere":
        return [rebuild(p, p[42:], 40999) for p in packets]
    first, esp = packets[0], packets[0][42:]
    if what == "cut":
        return [rebuild(first, esp[:n]) for n in range(len(esp))]
    out = []
    for i in range(len(esp)):
        other = bytearray(esp)
        other[i] ^= 0x55
        out.append(rebuild(first, other))
    return out


def flood(address, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 48)
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        s.sendto((b"\x7f" * 48) * 60, (address, 4500))
        sent += 60
    return sent


def main():
    if sys.argv[1] == "flood":
        print(flood(sys.argv[2], float(sys.argv[3])))
        return
    what, path, device = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else None
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    packets = changed(what, path, count)
    for p in packets:
        s.send(p)
        time.sleep(0.0002)
    print(len(packets))


main()
