# SPDX-License-Identifier: GPL-2.0-or-later
"""generator.py: bench-gen (gen.c) as an object: one command, one answer."""
import json
import subprocess


class Generator:
    """Guests on a core of their own.  Ports are numbered as opened."""

    def __init__(self, scope, build, log, core=0):
        self.process = scope.spawn(
            [f"{build}/tests/bench/bench-gen"], log, cores={core},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1)

    def ask(self, verb, **words):
        line = " ".join([verb] + [f"{k}={v}" for k, v in words.items()])
        self.process.stdin.write(line + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"generator died of: {line}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"generator: {line}: {answer['error']}")
        return answer

    def open(self, port):
        """A guest on a peers.Port; returns its number."""
        return self.ask("open", path=port.path, listen=int(port.listen),
                        mac=port.mac, ip=port.ip, huge=int(port.huge),
                        ring=port.ring)["port"]

    def open_null(self, number):
        return self.ask("open", mac=f"02:00:00:00:00:{number:02x}",
                        ip=f"10.0.0.{number}", huge=1)["port"]

    def flow(self, a, b, **how):
        return self.ask("flow", **{"from": a, "to": b}, **how)

    def pair(self, a, b, window=512, macs=1, rate=0):
        """Both ways; with macs > 1 those addresses are behind b."""
        there = {"vary": "dst", "macs": macs} if macs > 1 else {}
        back = {"vary": "src", "macs": macs} if macs > 1 else {}
        self.flow(a, b, window=window, rate=rate, **there)
        self.flow(b, a, window=window, rate=rate, **back)

    def watch(self, port):
        return self.ask("watch", port=port)

    def run(self, size=64, seconds=1.0, warmup=0.3, **more):
        return self.ask("run", size=size, seconds=seconds, warmup=warmup,
                        **more)

    def null(self, size=64, seconds=1.0, core=1):
        return self.ask("null", size=size, seconds=seconds, core=core)

    def machine(self, core=1):
        return self.ask("machine", core=core)

    def close(self):
        return self.ask("close")
