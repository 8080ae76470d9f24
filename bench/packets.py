"""What the packet craft of the portable plane costs: nanoseconds a packet, best of many repeats.

    python bench/packets.py [REPEATS]

Nothing is sealed and nothing is sent. Best-of and one process make the numbers comparable on a
machine that does other things; between machines compare ratios.
"""

import os
import sys
import timeit
from collections.abc import Callable
from struct import Struct

from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.checksum import complement, word_sum
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.icmp import unreachable
from wiresnake.plane.portable.replay import ReplayWindow
from wiresnake.plane.portable.routes import Routes
from wiresnake.plane.portable.segment import Train
from wiresnake.values.addresses import Prefix

SOURCE, DESTINATION = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
IPV4 = Struct("!BBHHHBBH4s4s")
TCP = Struct("!HHIIBBHHH")
UDP = Struct("!HHHH")


def train(protocol: int, mss: int, payload: int) -> bytearray:
    """Make a train as a TUN gives it, with a virtio header: TCP with timestamps, or UDP."""
    tcp = protocol == 6
    options = bytes((1, 1, 8, 10)) + bytes(8) if tcp else b""
    length = 20 + (20 if tcp else 8) + len(options) + payload
    ip = bytearray(IPV4.pack(0x45, 0, length, 1, 0x4000, 64, protocol, 0, SOURCE, DESTINATION))
    ip[10:12] = complement(word_sum(ip)).to_bytes(2)
    pseudo = (word_sum(SOURCE + DESTINATION) + protocol + length - 20) % 65535
    if tcp:
        transport = TCP.pack(40000, 5201, 1, 1, 0x80, 0x10, 500, pseudo, 0) + options
        kind, offset = virtio.GSO_TCPV4, 16
    else:
        transport = UDP.pack(40000, 5201, length - 20, pseudo)
        kind, offset = virtio.GSO_UDP_L4, 6
    hint = virtio.HEADER.pack(virtio.NEEDS_CSUM, kind, 20 + len(transport), mss, 20, offset)
    return bytearray(hint + ip + transport + os.urandom(payload))


def report(name: str, work: Callable[[], object], packets: int, repeats: int) -> None:
    number = max(1, 2_000 // packets)
    best = min(timeit.repeat(work, number=number, repeat=repeats)) / number / packets
    print(f"{best * 1e9:8.0f} ns  {name}")


def report_trains(name: str, protocol: int, mss: int, payload: int, repeats: int) -> None:
    original = train(protocol, mss, payload)
    buffer = bytearray(len(original))
    view = memoryview(buffer)

    def restore() -> None:
        view[:] = original

    def cut() -> None:
        view[:] = original
        for _ in Train(view).cut():
            pass

    view[:] = original
    packets = [memoryview(bytearray(packet)) for packet in Train(view).cut()]
    count = len(packets)
    report(f"{name}: restore what a cut overwrites", restore, count, repeats)
    report(f"{name}: cut, with that", cut, count, repeats)
    for verify in (False, True) if protocol == 6 else (True,):
        coalescer = Coalescer(vnet_header=True, tso=True, uso=True, verify_tcp=verify)

        def join(coalescer: Coalescer = coalescer) -> None:
            add = coalescer.add
            for packet in packets:
                add(packet)
            coalescer.take()

        report(f"{name}: join, {'verified' if verify else 'as claimed'}", join, count, repeats)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    payload = os.urandom(1368)
    view = memoryview(payload)
    report("int.from_bytes of 1368 bytes", lambda: int.from_bytes(view), 1, repeats)
    report("the same % 65535", lambda: int.from_bytes(view) % 65535, 1, repeats)
    report("word_sum % 65535", lambda: word_sum(view) % 65535, 1, repeats)
    report_trains("TCP of 1420", 6, 1368, 44 * 1368, repeats)
    report_trains("UDP of 1420", 17, 1392, 46 * 1392, repeats)
    report_trains("UDP of 92", 17, 64, 64 * 64, repeats)
    ack = memoryview(bytearray(train(6, 1, 1)[10:-1]))
    ack[2:4] = (52).to_bytes(2)
    alone = Coalescer(vnet_header=True, tso=True, uso=True)

    def join_alone() -> None:
        alone.add(ack)
        alone.take()

    report("TCP ACK, alone", join_alone, 1, repeats)
    report("unreachable", lambda: unreachable(ack), 1, repeats)
    window, counter = ReplayWindow(), iter(range(1 << 62))
    report("replay window, in order", lambda: window.accept(next(counter)), 1, repeats)
    window, late = ReplayWindow(), iter(n ^ 1 for n in range(1 << 62))
    report("replay window, each pair swapped", lambda: window.accept(next(late)), 1, repeats)
    routes: Routes[int] = Routes()
    for length in (8, 16, 24, 32):
        routes.insert(Prefix.of(DESTINATION, length), length)
    report("route, seen before", lambda: routes.lookup(DESTINATION), 1, repeats)
    fresh = iter(n.to_bytes(4) for n in range(1 << 32))
    report("route, new, 4 lengths in use", lambda: routes.lookup(next(fresh)), 1, repeats)


if __name__ == "__main__":
    main()
