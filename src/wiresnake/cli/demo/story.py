"""What the demo shows, step by step."""

import contextlib
import statistics
import sys
import time

from wiresnake.cli.demo.narrator import Narrator, on_standard_output
from wiresnake.cli.demo.stage import CONFIG, INTERFACE, PORT, Actor, DemoFailed, cast, check_machine
from wiresnake.cli.demo.traffic import Arrived, FileTransfer, ping, say_aloud
from wiresnake.cli.demo.watch import MESSAGES, NEIGHBOURS, OTHER, Watcher
from wiresnake.cli.endings import ending_gently
from wiresnake.host.namespaces import NamespaceUnavailable, become_root, two_hosts

USAGE = "Usage: wiresnake demo"
SENDING_TIME = 4.0
ROAMING_TIME = 5.0
NEW_ADDRESS = "192.0.2.77"
_STAGE = """\
   laptop                                  server
   10.77.0.1, fd77::1  === the tunnel ===  10.77.0.2, fd77::2
   192.0.2.1           --- the cable  ---  192.0.2.2"""


def run(arguments: list[str]) -> int:
    """Tell the story; return 0 if all of it came true, 1 if not."""
    if arguments:
        print(USAGE, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"], ["help"]) else 1
    narrator = on_standard_output()
    try:
        with ending_gently():
            _tell(narrator)
    except (DemoFailed, NamespaceUnavailable) as failure:
        narrator.bad(str(failure))
        return 1
    except KeyboardInterrupt:
        narrator.bad("it was interrupted; nothing of it is left.")
        return 130
    narrator.end(f"Everything is undone. All of this took {narrator.seconds:.0f} seconds.")
    return 0


def _tell(narrator: Narrator) -> None:
    check_machine()
    narrator.step("Two hosts on this machine, joined by a cable")
    become_root()
    with contextlib.ExitStack() as stack:
        laptop, server = cast(*stack.enter_context(two_hosts()))
        narrator.quote(_STAGE)
        _configure(narrator, laptop, server)
        with Watcher(server.host, "eth0", PORT) as cable:
            _first_words(narrator, laptop, server)
            _send_file(narrator, laptop, server)
            _roam(narrator, laptop, server)
            for actor in (laptop, server):
                actor.check_daemon()
            narrator.step("What both ends have to say (`wiresnake show`)")
            for actor in (laptop, server):
                narrator.fact(f"on the {actor.name}:")
                narrator.quote(actor.show(colour=narrator.colour))
        _prove(narrator, cable)
        narrator.step(f"`wiresnake down {CONFIG}` on both")
        for actor in (laptop, server):
            narrator.quote(actor.take_down())
        narrator.step("Everything is undone")


def _configure(narrator: Narrator, laptop: Actor, server: Actor) -> None:
    narrator.step("Keys, and a configuration file for each, as `wg-quick` reads it")
    for actor in (laptop, server):
        narrator.fact(f"{CONFIG} on the {actor.name}:")
        narrator.quote(actor.write_config())
    narrator.step(f"`wiresnake up {CONFIG}` on both")
    for actor in (laptop, server):
        began = time.monotonic()
        said = actor.bring_up()
        if actor is laptop:
            narrator.quote(said)
        narrator.good(f"the {actor.name} is up after {time.monotonic() - began:.2f} s")


def _first_words(narrator: Narrator, laptop: Actor, server: Actor) -> None:
    narrator.step("The first ping shakes hands, the next ones only pass")
    for address in (server.inner4, server.inner6):
        first, *others = ping(laptop, address)
        middle = statistics.median(others)
        narrator.good(f"{address} answers: first {first:.2f} ms, then {middle:.2f} ms")
    narrator.step("A line of plaintext, said aloud in the tunnel")
    with Watcher(server.host, INTERFACE, PORT, ethernet=False) as inside:
        say_aloud(laptop, server)
        give_up = time.monotonic() + 2
        while not inside.tally.readable and time.monotonic() < give_up:
            time.sleep(0.01)
    if not inside.tally.readable:
        raise DemoFailed("the watcher cannot read even what is not encrypted")
    narrator.good("a watcher inside the tunnel reads it; another one sits on the cable: see below")


def _send_file(narrator: Narrator, laptop: Actor, server: Actor) -> None:
    narrator.step("A file over TCP, from the laptop to the server")
    _arrived(narrator, FileTransfer(laptop, server, SENDING_TIME).finish())


def _arrived(narrator: Narrator, file: Arrived) -> None:
    narrator.good(
        f"{file.size / 1e6:.0f} MB arrived in {file.seconds:.1f} s: {file.megabits:.0f} Mbit/s"
    )
    narrator.good(f"the SHA-256 of both ends is {file.digest[:16]}...{file.digest[-8:]}")


def _roam(narrator: Narrator, laptop: Actor, server: Actor) -> None:
    narrator.step("Roaming: the laptop gets another address in mid-transfer")
    transfer = FileTransfer(laptop, server, ROAMING_TIME)
    time.sleep(ROAMING_TIME / 3)
    laptop.host.ip("address", "del", f"{laptop.outer}/24", "dev", "eth0")
    laptop.host.add_address("eth0", f"{NEW_ADDRESS}/24")
    narrator.fact(f"{laptop.outer} is gone, the laptop is {NEW_ADDRESS} now")
    file = transfer.finish()
    _arrived(narrator, file)
    shown = server.show(colour=False)
    if f"endpoint: {NEW_ADDRESS}:" not in shown:
        raise DemoFailed("the server did not notice that the laptop has moved")
    narrator.good(
        f"the transfer paused for {file.longest_silence * 1000:.0f} ms and went on; "
        f"the server has followed to {NEW_ADDRESS}"
    )


def _prove(narrator: Narrator, cable: Watcher) -> None:
    narrator.step(f"What the cable has carried, all of it, both ways (UDP port {PORT} by message)")
    seen = cable.tally
    for kind in (*MESSAGES.values(), NEIGHBOURS, OTHER):
        count, size = seen.kinds[kind], seen.octets[kind] / 1e6
        narrator.fact(f"{count:>9} {kind:<28} {size:>8.1f} MB")
    if cable.overlooked:
        narrator.fact(f"{cable.overlooked:>9} came too fast for the watcher to look at")
    if seen.kinds[OTHER]:
        raise DemoFailed("the cable carried something that is not WireGuard")
    if seen.readable:
        raise DemoFailed(f"the plaintext could be read in {seen.readable} packets on the cable")
    if not seen.kinds[MESSAGES[4]]:
        raise DemoFailed("nothing was seen on the cable at all")
    narrator.good("nothing but WireGuard, and the plaintext in none of it")
