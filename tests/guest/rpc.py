#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rpc.py SOCKET METHOD [PARAMS]: ask a daemon (base/rpc.h).

Prints the result as JSON.  A refusal is printed to standard error, in words,
and is status 1; -e instead prints it as JSON, status 0.  --watch N: prints
notifications too, one a line, until there have been N of them.
"""
import json
import socket
import sys


def lines(sock):
    data = b""
    while True:
        while b"\n" in data:
            line, data = data.split(b"\n", 1)
            yield json.loads(line)
        more = sock.recv(65536)
        if not more:
            return
        data += more


def main(args):
    errors_too = "-e" in args
    args = [a for a in args if a != "-e"]
    watch = 0
    if args[0] == "--watch":
        watch = int(args[1])
        args = args[2:]
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(620)
    sock.connect(args[0])
    request = {"jsonrpc": "2.0", "id": 1, "method": args[1],
               "params": json.loads(args[2]) if len(args) > 2 else {}}
    sock.sendall(json.dumps(request).encode() + b"\n")
    for message in lines(sock):
        if "method" in message:
            print(json.dumps(message["params"]), flush=True)
            watch -= 1
            if watch <= 0:
                return 0
            continue
        if "error" not in message:
            print(json.dumps(message["result"]), flush=True)
        elif errors_too:
            print(json.dumps(message["error"]), flush=True)
        else:
            error = message["error"]
            data = error.get("data") or {}
            print(error["message"], data.get("path", ""),
                  data.get("value", ""), data.get("hint", ""),
                  file=sys.stderr)
            return 1
        if not watch:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
