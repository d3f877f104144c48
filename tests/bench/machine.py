# SPDX-License-Identifier: GPL-2.0-or-later
"""machine.py: what a measurement borrows from the machine, and gives back.

A Scope is a stack of things to undo: processes (ended by their own pid, and by
the kernel if we die first), folders, network namespaces, hugepages.  Scopes
nest; leaving one undoes its own, newest first, whatever happened inside.
"""
import ctypes
import os
import platform
import resource
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
NICE = -20  # generator and all switches alike
NR_HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
FREE_HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
LIBC = ctypes.CDLL(None)


class Skip(Exception):
    """This cannot be measured here; the text says why and what would help."""


class Scope:
    def __init__(self):
        self._undo = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        while self._undo:
            call, args = self._undo.pop()
            try:
                call(*args)
            except Exception as error:  # undo the rest in any case
                print(f"bench: cleaning up: {error}", flush=True)

    def defer(self, call, *args):
        self._undo.append((call, args))

    def folder(self):
        path = tempfile.mkdtemp(prefix="cw-bench-", dir="/run")
        self.defer(shutil.rmtree, path)
        return path

    def spawn(self, argv, log, cores=None, **popen):
        """Start a process of ours; its output goes to the file `log`."""
        def child():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            prefer_me()
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            if cores is not None:
                os.sched_setaffinity(0, cores)

        with open(log, "ab") as out:
            process = subprocess.Popen(
                argv, **{"stdin": subprocess.DEVNULL, "stdout": out,
                         "stderr": out, "preexec_fn": child,
                         "start_new_session": True, **popen})
        self.defer(end_process, process)
        return process

    def hugepages(self, wanted):
        """At least `wanted` free 2 MB pages until the scope ends."""
        before, free = read_int(NR_HUGEPAGES), read_int(FREE_HUGEPAGES)
        if free >= wanted:
            return
        self.defer(write_text, NR_HUGEPAGES, str(before))
        write_text(NR_HUGEPAGES, str(before + wanted - free))
        if read_int(FREE_HUGEPAGES) < wanted:
            raise Skip(f"{wanted} free 2 MB hugepages are needed for the "
                       "peers; memory is too full or too fragmented")

    def netns(self, name):
        run("ip", "netns", "add", name)
        self.defer(run, "ip", "netns", "del", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        return name


def prefer_me():
    """Whatever else runs on this machine gets in the way less."""
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    if os.path.exists("/proc/self/autogroup"):  # sessions have their own
        write_text("/proc/self/autogroup", str(NICE))


def end_process(process, patience_s=3):
    """SIGTERM, then SIGKILL; returns when it is gone."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def run(*argv, check=True, timeout=60, **more):
    """Run to the end; returns stdout as text, raises with stderr."""
    done = subprocess.run(argv, capture_output=True, text=True,
                          timeout=timeout, **more)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def wait_for(what, ready, timeout_s=15, process=None, pause_s=0.02):
    """Poll ready() until it is true; returns its value."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: process ended "
                               f"with {process.returncode}")
        time.sleep(pause_s)
    raise RuntimeError(f"{what}: not within {timeout_s} s")


def read_int(path):
    with open(path) as f:
        return int(f.read())


def write_text(path, text):
    with open(path, "w") as f:
        f.write(text)


def cpu_seconds(pid):
    """CPU time of all threads of a process so far."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[0])
        except FileNotFoundError:
            pass  # that thread has just ended
    return total * 1e-9


def waited_seconds(pid):
    """Time its threads were ready to run while others held the core."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[1])
        except FileNotFoundError:
            pass
    return total * 1e-9


def steal_seconds():
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def describe():
    """What a reader must know to compare figures with another machine."""
    cpu = {}
    with open("/proc/cpuinfo") as f:
        for line in f:
            key, _, value = line.partition(":")
            cpu.setdefault(key.strip(), value.strip())
    with open("/proc/meminfo") as f:
        memory_kb = int(f.readline().split()[1])

    def version(package):
        text = run("dpkg-query", "-W", "-f", "${Version}", package,
                   check=False)
        return text or "absent"

    return {
        "cpu": cpu.get("model name", "unknown"),
        "family_model": f"{cpu.get('cpu family')}/{cpu.get('model')}",
        "cores": os.cpu_count(),
        "tsc_mhz": round(float(cpu.get("cpu MHz", 0))),
        "hypervisor": "hypervisor" in cpu.get("flags", "").split(),
        "l2_cache": cpu.get("cache size", "unknown"),
        "memory_gb": round(memory_kb / 2**20, 1),
        "kernel": platform.release(),
        "dpdk": version("libdpdk-dev"),
        "openvswitch": version("openvswitch-switch-dpdk"),
        "load_before": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
