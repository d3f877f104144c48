#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
vlan_oracle.py: the same frames through Open vSwitch and through Causeway.

	vlan_oracle.py state            Causeway's state, from the table PORTS
	vlan_oracle.py ovs BRIDGE       the same as arguments of ovs-vsctl
	vlan_oracle.py ports            their names and kinds, one a line
	vlan_oracle.py compare WIRE-NS OUR-NS THEIR-NS

compare sends every frame of frames() into every port of both switches,
records what leaves every port, and holds the two records against each other,
byte by byte.  Where Causeway means to differ, a rule of RULES says what of
theirs becomes what of ours, and that is what ours must be; vlan/README.md has
the reasons.  Printed are lines of

	frames N | deliveries N | same N | rule USES SENTENCE | difference TEXT

A switch's port NAME has its other end, c-NAME (ours) or o-NAME (theirs), in
the namespace WIRE-NS; of a tap that end is in the switch's own namespace.

Nothing here depends on time.  Each frame has a source address of its own, so
nothing that one of them teaches a switch concerns another; and frames are
sent in small groups, each followed by two sentinels that are waited for: when
the second is there, the first and all before it have been dealt with.
"""
import collections
import ctypes
import json
import select
import socket
import struct
import sys

C, S, Q = 0x8100, 0x88A8, 0x9100
TPIDS = (C, S, Q)
TYPE = 0x88B5  # IEEE 802 local experimental: no switch looks into it
GROUP = 32
PATIENCE_S = 20

Port = collections.namedtuple(
    "Port", "kind mode pvid vids tpid cvids", defaults=(C, ())
)
PORTS = {
    "a10": Port("packet", "access", 10, ()),
    "a20": Port("tap", "access", 20, ()),
    "trunk": Port("tap", "trunk", 0, (10, 20)),
    "up": Port("packet", "uplink", 0, (10, 20)),
    "strunk": Port("packet", "trunk", 0, (10, 20), S),
    "nu": Port("packet", "native-untagged", 10, (20,)),
    "nt": Port("packet", "native-tagged", 10, (20,)),
    "tun": Port("packet", "tunnel", 10, ()),
    "tunc": Port("tap", "tunnel", 10, (), C, (5, 6)),
}


def our_port(name, p):
    port = {"name": name, "type": p.kind, "interface": f"p-{name}"}
    if p.kind == "tap":
        port["interface"] = f"c-{name}"
    if p.mode == "uplink":
        return port
    port |= {"role": "host", "vlan_mode": p.mode, "mac_limit": 10000}
    if p.mode in ("access", "tunnel"):
        port["network"] = f"n{p.pvid}"
    else:
        port["trunk"] = [f"n{v}" for v in p.vids]
        if p.pvid:
            port["native"] = f"n{p.pvid}"
    if p.mode != "access" and p.mode != "tunnel":
        port["tpid"] = f"{p.tpid:#x}"
    if p.cvids:
        port["cvlans"] = list(p.cvids)
    return port


def print_state():
    networks = [
        {"name": f"n{v}", "vlan": v, "uplink": "up"} for v in (10, 20)
    ]
    ports = [our_port(name, p) for name, p in PORTS.items()]
    state = {"owner": "test", "generation": 1}
    print(json.dumps(state | {"networks": networks, "ports": ports}, indent=1))


def print_ports():
    for name, p in PORTS.items():
        print(name, p.kind)


def print_ovs(bridge):
    modes = {"uplink": "trunk", "tunnel": "dot1q-tunnel"}
    for name, p in PORTS.items():
        device = f"{'o' if p.kind == 'tap' else 'p'}-{name}"
        words = [f"vlan_mode={modes.get(p.mode, p.mode)}"]
        if p.pvid:
            words.append(f"tag={p.pvid}")
        if p.vids:
            words.append(f"trunks={','.join(map(str, p.vids))}")
        if p.cvids:
            words.append(f"cvlans={','.join(map(str, p.cvids))}")
        if p.kind == "tap":
            words += ["--", "set", "interface", device, "type=tap"]
        print("--", "add-port", bridge, device, *words)


# --- frames ----------------------------------------------------------------


def tag(tpid, vid, pcp=0, dei=0):
    return struct.pack("!HH", tpid, pcp << 13 | dei << 12 | vid)


def frames():
    """(what stands between the addresses and the EtherType, whole?)"""
    one = [(C, v) for v in (0, 1, 5, 10, 20, 30, 4094, 4095)]
    one += [(S, v) for v in (0, 5, 10, 20)] + [(Q, v) for v in (0, 10)]
    yield b"", True
    for t, v in one:
        yield tag(t, v), True
    for v in (0, 10, 20):
        yield tag(C, v, 5), True
        yield tag(C, v, 7, 1), True
    for outer in one:
        for inner in ((C, 0), (C, 10), (C, 20), (C, 5), (C, 4095),
                      (S, 10), (Q, 20)):
            yield tag(*outer, 3) + tag(*inner, 6), True
    for outer in ((C, 10), (S, 20)):
        yield tag(*outer) + tag(C, 20) + tag(C, 10), True
    for t in (C, S, Q):
        yield struct.pack("!H", t), False
        yield tag(t, 10), False
        yield tag(C, 10) + tag(t, 20), False
        yield tag(C, 10) + struct.pack("!H", t), False


def announcement(p):
    """Tags with which a station behind that port says where it is."""
    if p.mode == "access" or p.mode == "tunnel":
        return [tag(C, p.cvids[0]) if p.cvids else b""]
    return [tag(p.tpid, v) for v in p.vids] + [b""] * (p.pvid > 0)


# --- a switch, and what leaves it -------------------------------------------

SOL_PACKET, ADD_MEMBERSHIP, AUXDATA, IGNORE_OUTGOING = 263, 1, 8, 23
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as f:
        if libc.setns(f.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def open_interface(namespace, name):
    enter(namespace)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    promiscuous = struct.pack("iHH8s", socket.if_nametoindex(name), 1, 0, b"")
    s.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, promiscuous)
    s.setsockopt(SOL_PACKET, AUXDATA, 1)
    s.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.setblocking(False)
    s.bind((name, 3))
    return s


def read_frame(s):
    """A frame with the tag that the kernel took off put back, or None."""
    try:
        data, aux, _, _ = s.recvmsg(2048, 64)
    except BlockingIOError:
        return None
    for level, kind, value in aux:
        if (level, kind) == (SOL_PACKET, AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack_from("IIIHHHH", value)
            if status & VLAN_VALID:
                tpid = tpid if status & VLAN_TPID_VALID else C
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


class Side:
    """One of the two switches, as seen from its wires."""

    def __init__(self, wire, own, letter):
        self.seen = {}  # source address: {port: [frame...]}
        self.ports = {}
        self.poll = select.epoll()
        for name, p in PORTS.items():
            s = open_interface(own if p.kind == "tap" else wire,
                               f"{letter}-{name}")
            self.ports[name] = s
            self.poll.register(s, select.EPOLLIN)
        self.by_fd = {s.fileno(): name for name, s in self.ports.items()}

    def collect(self, timeout):
        ready = self.poll.poll(timeout)
        for fd, _ in ready:
            name = self.by_fd[fd]
            while (data := read_frame(self.ports[name])) is not None:
                seen = self.seen.setdefault(data[6:12], {})
                seen.setdefault(name, []).append(data)
        return bool(ready)

    def send(self, port, sent):
        for frame in sent:
            self.ports[port].send(frame)
        for _ in range(2):
            self.send_sentinel(port)

    def send_sentinel(self, port):
        at = "strunk" if port == "nt" else "nt"
        source = new_address()
        self.ports[port].send(
            make(BROADCAST, source, announcement(PORTS[port])[0]))
        for _ in range(PATIENCE_S * 10):
            if at in self.seen.get(source, {}):
                del self.seen[source]
                return
            self.collect(0.1)
        raise SystemExit(f"a frame from {port} does not reach {at}")


# --- the frames in full -------------------------------------------------------

BROADCAST, MULTICAST = b"\xff" * 6, b"\x03" + bytes(5)
addresses = 0


def new_address():
    global addresses
    addresses += 1
    return b"\x02\x00" + struct.pack("!I", addresses)


def make(destination, source, tags, whole=True):
    rest = struct.pack("!H", TYPE) + bytes(range(100)) if whole else b""
    return destination + source + tags + rest


def make_all(stations):
    """{port: [frame...]}, each with a source address of its own."""
    plan = {}
    for name in PORTS:
        plan[name] = out = []
        for tags, whole in frames():
            to = [BROADCAST, new_address()]
            if whole and len(tags) <= 4:
                to += [MULTICAST] + stations
            out += [make(d, new_address(), tags, whole) for d in to]
    return plan


def teach(sides):
    """A station behind each port, and one that is twice: by VLAN."""
    stations = {name: new_address() for name in PORTS}
    double = new_address()
    for name, p in PORTS.items():
        for tags in announcement(p):
            teach_one(sides, name, stations[name], tags)
    teach_one(sides, "a10", double, b"")
    teach_one(sides, "a20", double, b"")
    return list(stations.values()) + [double]


def teach_one(sides, port, address, tags):
    for side in sides * 2:  # a busy table may put off learning once
        side.send(port, [make(BROADCAST, address, tags)])


def play(side, plan):
    for port, sent in plan.items():
        for i in range(0, len(sent), GROUP):
            side.send(port, sent[i:i + GROUP])
    while side.collect(0.3):
        pass


# --- where we mean to differ --------------------------------------------------


def type_at(frame, n):
    """What stands where tag `n` or the EtherType would, or None."""
    at = 12 + 4 * n
    return struct.unpack_from("!H", frame, at)[0] if at + 2 <= len(frame) else 0


def tci_at(frame, n):
    return struct.unpack_from("!H", frame, 14 + 4 * n)[0]


def is_cut(frame, n):
    return type_at(frame, n) in TPIDS and not type_at(frame, n + 1)


class Case:
    """A frame on its way from one port to another."""

    def __init__(self, sent, into, out):
        self.sent, self.into, self.out = sent, PORTS[into], PORTS[out]
        self.tunnelled = self.into.mode == "tunnel"
        self.tagged = type_at(sent, 0) in TPIDS
        vid = 0
        if self.tagged and not self.tunnelled and not is_cut(sent, 0):
            vid = tci_at(sent, 0) & 4095
        self.vlan = vid or self.into.pvid
        # without the tag that chose the VLAN
        self.inside = sent[12 + 4 * (self.tagged and not self.tunnelled):]
        self.inside_tagged = type_at(bytes(12) + self.inside, 0) in TPIDS

    def leaves_untagged(self):
        return self.out.mode == "access" or (
            self.out.mode == "native-untagged" and self.out.pvid == self.vlan)


def foreign_tpid(case, theirs):
    if case.tagged and not case.tunnelled:
        return theirs if type_at(case.sent, 0) == case.into.tpid else None
    return theirs


def priority_over_tag(case, theirs):
    hides = (case.tagged and not case.tunnelled and case.inside_tagged
             and not tci_at(case.sent, 0) & 4095)
    return None if hides else theirs


def cut_tag(case, theirs):
    cut = is_cut(case.sent, 0) or (case.tagged and is_cut(case.sent, 1))
    return None if cut else theirs


def tunnels(case):
    """The tunnel ports on its way, each with what the customer's frame is."""
    inside = bytes(12) + case.inside
    return [(p, inside) for p in (case.into, case.out) if p.mode == "tunnel"]


def customer_tag(case, theirs):
    for p, inside in tunnels(case):
        if type_at(inside, 0) in TPIDS and (
                tci_at(inside, 0) & 4095 == 4095
                or p.cvids and type_at(inside, 0) != C):
            return None
    return theirs


def unicast_cvlan(case, theirs):
    for p, inside in tunnels(case):
        vid = tci_at(inside, 0) & 4095 if case.inside_tagged else 0
        if p.cvids and vid not in p.cvids:
            return None
    return theirs


def hop(case, theirs):
    return None if case.leaves_untagged() and case.inside_tagged else theirs


def customer_whole(case, theirs):
    if not case.tunnelled:
        return theirs
    ours = 4 * (case.out.mode != "tunnel" and not case.leaves_untagged())
    return theirs[:12 + ours] + case.inside


def dei(case, theirs):
    if case.tunnelled or not case.tagged or case.leaves_untagged() or \
            case.out.mode == "tunnel":
        return theirs
    tci = tci_at(theirs, 0) | tci_at(case.sent, 0) & 4096
    return theirs[:14] + struct.pack("!H", tci) + theirs[16:]


def own_tpid(case, theirs):
    if case.out.mode == "tunnel" or case.leaves_untagged():
        return theirs
    return theirs[:12] + struct.pack("!H", case.out.tpid) + theirs[14:]


# Of a frame that Open vSwitch delivers, what do we?  One after the other.
RULES = (
    (cut_tag, "a frame that is cut off in a tag is refused"),
    (foreign_tpid, "a port takes tags of its own TPID only, none for payload"),
    (priority_over_tag, "a priority tag over another tag is refused"),
    (customer_tag, "a tunnel takes no VID 4095, and C-VIDs from C-tags only"),
    (unicast_cvlan, "cvlans hold for known unicast too, as where it floods"),
    (hop, "a frame that starts with a tag never leaves untagged"),
    # Open vSwitch loses empty priority tags, and what is under the first tag.
    (customer_whole, "a tunnel keeps every tag of the customer"),
    # Open vSwitch keeps something else in the bit.
    (dei, "DEI comes out again"),
    # Open vSwitch writes the TPID of the frame, or qinq-ethtype of the tunnel.
    (own_tpid, "each port writes its own TPID"),
)


def expected(case, theirs, used):
    for rule, _ in RULES:
        ours = rule(case, theirs)
        used[rule] += ours != theirs
        if ours is None:
            return []
        theirs = ours
    return [theirs]


# --- the two records ----------------------------------------------------------


def show(frame):
    text, n = "", 0
    while type_at(frame, n) in TPIDS and not is_cut(frame, n):
        tci = tci_at(frame, n)
        text += (f"[{type_at(frame, n):x} {tci & 4095}"
                 + (f" pcp {tci >> 13}" if tci >> 13 else "")
                 + (" dei" if tci & 4096 else "") + "]")
        n += 1
    rest = frame[12 + 4 * n:]
    return (text or "untagged") + ("" if len(rest) > 99 else f", {rest.hex()}")


def show_all(found):
    return " and ".join(map(show, found)) or "nothing"


def show_destination(frame):
    names = {BROADCAST: "broadcast", MULTICAST: "multicast"}
    return names.get(frame[:6], frame[:6].hex(":"))


def differences(plan, ours, theirs, used, count):
    for into, sent in plan.items():
        for frame in sent:
            a = ours.seen.get(frame[6:12], {})
            b = theirs.seen.get(frame[6:12], {})
            for out in PORTS:
                got, ref = a.get(out, []), b.get(out, [])
                want = ref
                if len(ref) == 1:
                    want = expected(Case(frame, into, out), ref[0], used)
                count["theirs"] += len(ref)
                count["same"] += len(ref) > 0 and got == ref
                if got != want:
                    yield (f"{show(frame)} to {show_destination(frame)} from "
                           f"{into} to {out}: {show_all(got)}, Open vSwitch "
                           f"{show_all(ref)}, wanted {show_all(want)}")


def compare(wire, our_ns, their_ns):
    ours, theirs = Side(wire, our_ns, "c"), Side(wire, their_ns, "o")
    plan = make_all(teach([ours, theirs]))
    for side in (ours, theirs):
        play(side, plan)
    used, count = collections.Counter(), collections.Counter()
    found = list(differences(plan, ours, theirs, used, count))
    print(f"frames {sum(map(len, plan.values()))}")
    print(f"deliveries {count['theirs']}")
    print(f"same {count['same']}")
    for rule, sentence in RULES:
        print(f"rule {used[rule]} {sentence}")
    for line in found:
        print(f"difference {line}")


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    {"state": print_state, "ovs": print_ovs, "ports": print_ports,
     "compare": compare}[command](*arguments)
