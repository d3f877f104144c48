#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""serial.py [--consoled NAME] SOCKET FOLDER: a domain's serial port as
guest.sh knows one.

Joins the Unix socket of a domain's serial port, or, where causeway-consoled
has that, what consoled (whose socket it is then) opens for the domain NAME,
with the pipes FOLDER/ctl.in and ctl.out, and comes back whenever the domain
does.  All it says is kept in FOLDER/console.
"""
import json
import os
import select
import socket
import sys
import time


def open_console(sock, name):
    """What comes out of the console, all of it, and takes input."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "console.open",
               "params": {"name": name, "mode": "take", "history": 262144}}
    sock.sendall(json.dumps(request).encode() + b"\n")
    _, fds, _, _ = socket.recv_fds(sock, 65536, 1)
    sock.close()
    if not fds:
        raise OSError("consoled has no such console yet")
    return socket.socket(fileno=fds[0])


def connect(path, name):
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return open_console(sock, name) if name else sock
        except OSError:
            sock.close()
            time.sleep(0.05)


def relay(sock, ctl_in, ctl_out, console):
    while True:
        ready, _, _ = select.select([sock, ctl_in], [], [])
        if sock in ready:
            data = sock.recv(65536)
            if not data:
                return
            console.write(data)
            console.flush()
            try:
                os.write(ctl_out, data)
            except BlockingIOError:
                pass  # nobody reads: a serial line forgets, too
        if ctl_in in ready:
            sock.sendall(os.read(ctl_in, 65536))


def main(path, folder, name=None):
    ctl_in = os.open(folder + "/ctl.in", os.O_RDWR)
    ctl_out = os.open(folder + "/ctl.out", os.O_RDWR | os.O_NONBLOCK)
    with open(folder + "/console", "ab") as console:
        while True:
            sock = connect(path, name)
            try:
                relay(sock, ctl_in, ctl_out, console)
            except OSError:
                pass
            sock.close()


if sys.argv[1] == "--consoled":
    main(sys.argv[3], sys.argv[4], sys.argv[2])
else:
    main(sys.argv[1], sys.argv[2])
