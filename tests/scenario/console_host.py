#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# console_host.py: who stands around consoled in a scenario.
#
#	host SOCKET FOLDER UID QEMU...   hypervisord: two consoles, `real`, the
#	                    serial port of that QEMU, and `fake`, which says back
#	                    what it hears and on `flood N` says N bytes; a screen
#	                    for whoever wants VNC
#	ask SOCKET METHOD PARAMS         one call; prints the result or error
#	knock PATH                       can this socket be connected to?

import json
import os
import socket
import subprocess
import sys
import threading
import time

REAL = "11111111-0000-4000-8000-000000000001"
FAKE = "22222222-0000-4000-8000-000000000002"


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def send(s, message, fds=()):
    message["jsonrpc"] = "2.0"
    socket.send_fds(s, [json.dumps(message).encode() + b"\n"], fds)


def listen(folder, uid):
    os.mkdir(folder, 0o700)
    os.chown(folder, uid, uid)
    s = socket.socket(socket.AF_UNIX)
    s.bind(folder + "/serial.sock")
    os.chown(folder + "/serial.sock", uid, uid)
    s.listen(1)
    return s


def fake_guest(listener):
    while True:
        s, _ = listener.accept()
        s.sendall(b"fake is here\r\n")
        for line in s.makefile("r", errors="replace"):
            words = line.split()
            if words[:1] == ["flood"]:
                began = time.monotonic()
                s.sendall(b"f" * int(words[1]) + b"\r\n")
                print("flooded in %d s" % (time.monotonic() - began),
                      flush=True)
            elif words:
                s.sendall(b"heard: " + line.strip().encode() + b"\r\n")


def screen(s):
    s.sendall(b"RFB 003.008\n")
    while data := s.recv(4096):
        s.sendall(data)


def give_screen(hypervisord, wanted):
    ours, theirs = socket.socketpair()
    send(hypervisord, {"id": 2, "method": "vnc.give",
                       "params": {"id": wanted["id"]}}, [theirs.fileno()])
    threading.Thread(target=screen, args=(ours,), daemon=True).start()


def serve(path, consoles, told):
    while True:
        try:
            s = connect(path)
            send(s, {"id": 1, "method": "consoles.set",
                     "params": {"consoles": consoles}})
            for line in s.makefile():
                message = json.loads(line)
                if message.get("id") == 1:
                    print("told", line.strip(), flush=True)
                    told.set()
                if message.get("method") == "vnc.wanted":
                    give_screen(s, message["params"])
        except OSError:
            pass
        time.sleep(0.1)


def host(path, folder, uid, *qemu):
    listeners = [listen(folder + "/" + name, int(uid))
                 for name in (REAL, FAKE)]
    consoles = [{"uuid": uuid, "name": name, "vnc": True,
                 "serial": "%s/%s/serial.sock" % (folder, uuid)}
                for uuid, name in ((REAL, "real"), (FAKE, "fake"))]
    told = threading.Event()
    threading.Thread(target=serve, args=(path, consoles, told),
                     daemon=True).start()
    threading.Thread(target=fake_guest, args=(listeners[1],),
                     daemon=True).start()
    told.wait()
    fd = listeners[0].fileno()
    child = subprocess.Popen(
        list(qemu) + ["-chardev", "socket,id=s,fd=%d,server=on,wait=off" % fd,
                      "-serial", "chardev:s"], pass_fds=[fd])
    print("qemu", child.pid, flush=True)
    listeners[0].close()
    child.wait()


def ask(path, method, params):
    s = connect(path)
    send(s, {"id": 1, "method": method, "params": json.loads(params)})
    answer = json.loads(s.makefile().readline())
    print(json.dumps(answer.get("result", answer.get("error"))))
    sys.exit("error" in answer)


verbs = {"host": host, "ask": ask, "knock": connect}
verbs[sys.argv[1]](*sys.argv[2:])
