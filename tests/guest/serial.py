#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""serial.py SOCKET FOLDER: a domain's serial port as guest.sh knows one.

Joins the Unix socket of a domain's serial port with the pipes FOLDER/ctl.in
and ctl.out, and comes back whenever the domain does.  All it says is kept in
FOLDER/console.
"""
import os
import select
import socket
import sys
import time


def connect(path):
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
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


def main(path, folder):
    ctl_in = os.open(folder + "/ctl.in", os.O_RDWR)
    ctl_out = os.open(folder + "/ctl.out", os.O_RDWR | os.O_NONBLOCK)
    with open(folder + "/console", "ab") as console:
        while True:
            sock = connect(path)
            try:
                relay(sock, ctl_in, ctl_out, console)
            except OSError:
                pass
            sock.close()


main(sys.argv[1], sys.argv[2])
