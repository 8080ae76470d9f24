"""How each step is done on this host, and undone."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from errno import EOPNOTSUPP
from typing import Final

from wiresnake.cli import control
from wiresnake.cli import interfaces as wireguard
from wiresnake.cli.quick import device, voice
from wiresnake.config.model import Change
from wiresnake.config.quick import InterfaceAddress
from wiresnake.config.steps import (
    LAST_METRIC,
    MAIN,
    AddAddress,
    AddLastResort,
    AddRoutes,
    AddRule,
    Configure,
    HandOver,
    MakeLink,
    RaiseGuard,
    RunHook,
    SetDns,
    SetMark,
    SetUp,
    Step,
    WriteSetting,
)
from wiresnake.host import dns, firewall, interfaces, processes, programs, routes, settings
from wiresnake.host.firewall import Guard
from wiresnake.host.netlink import Requests
from wiresnake.host.routes import Route, Rule
from wiresnake.values.addresses import Prefix

MARK: Final = "WIRESNAKE_UP"
"""The variable by which the programs that `up` started are found again."""
_NOT_FOR_THE_DAEMON: Final = {"WG_PROCESS_FOREGROUND", "WG_TUN_FD", "WG_UAPI_FD"}
_EVERYTHING: Final = {False: Prefix(bytes(4), 0), True: Prefix(bytes(16), 0)}


@dataclass(slots=True)
class Work:
    """What steps need beside themselves: the kernel, the change to the interface, who else is up.

    ``change`` looks the names of peers up when it is asked for.
    """

    requests: Requests
    change: Callable[[], Change]
    setting_is_shared: Callable[[], bool]

    def do(self, step: Step) -> None:
        """Do one step. Raises OSError, ProgramFailed, Failed."""
        match step:
            case MakeLink():
                self._make_link(step)
            case RunHook():
                run_hook(step.command)
            case Configure():
                wireguard.apply(step.interface, self.change())
            case HandOver():
                _hand_over(step)
            case AddAddress():
                held = InterfaceAddress.parse(step.address)
                interfaces.add_address(self.requests, step.interface, interfaces.Held(*held))
            case SetUp():
                interfaces.set_up(self.requests, step.interface, step.mtu)
            case SetMark():
                wireguard.apply(step.interface, Change(fwmark=step.mark))
            case AddRoutes():
                self._add_routes(step)
            case _:
                self._do_around(step)

    def _do_around(
        self, step: SetDns | AddLastResort | AddRule | WriteSetting | RaiseGuard
    ) -> None:
        """Do what is not the interface's own."""
        match step:
            case SetDns():
                asked = dns.Servers(step.servers, step.search)
                dns.give(step.tool, step.interface, step.record, asked, alone=step.alone)
            case AddLastResort():
                routes.add_route(self.requests, _last_resort(step))
            case AddRule():
                routes.add_rule(self.requests, _rule(step))
            case WriteSetting():
                settings.write(step.name, step.value)
            case RaiseGuard():
                guard = Guard(step.interface, step.ipv6, step.mark, step.addresses)
                firewall.raise_guard(step.tool, guard)

    def undo(self, step: Step, *, asked: bool) -> None:
        """Undo one step, done or not, or half done. Raises OSError, ProgramFailed."""
        match step:
            case MakeLink():
                self._end_link(step, asked=asked)
            case SetDns():
                dns.take_back(step.tool, step.interface, step.record)
            case AddLastResort():
                routes.remove_route(self.requests, _last_resort(step))
            case AddRule():
                routes.remove_rule(self.requests, _rule(step))
            case WriteSetting():
                if settings.read(step.name) == step.value and not self.setting_is_shared():
                    settings.write(step.name, step.before)
            case RaiseGuard():
                firewall.lower_guard(step.tool, step.interface, ipv6=step.ipv6)
            case _:
                assert not step.backwards, "what a step does must be undone here"

    def _make_link(self, step: MakeLink) -> None:
        if step.backend != "daemon":
            try:
                interfaces.create_wireguard(self.requests, step.interface)
            except OSError as error:
                if error.errno != EOPNOTSUPP:
                    raise
            else:
                return
            if step.backend == "kernel":
                raise OSError(
                    EOPNOTSUPP, "this kernel has no WireGuard; without --backend kernel, "
                    "wiresnaked serves the interface"
                )  # fmt: skip
            voice.step(f"the kernel has no WireGuard: {' '.join(step.program)} {step.interface}")
        try:
            _start(step)
            interfaces.index_of(self.requests, step.interface)
        except OSError:
            processes.end(MARK, step.mark)
            raise

    def _end_link(self, step: MakeLink, *, asked: bool) -> None:
        """End the interface, and wait for its daemon.

        A step that failed leaves an interface alone that was not made by it.
        """
        if asked or (
            step.backend != "daemon" and interfaces.is_wireguard(self.requests, step.interface)
        ):
            with device.awaiting_the_end(step.interface):
                interfaces.delete(self.requests, step.interface)
        if step.mark:
            processes.end(MARK, step.mark)
        device.remove_dead(step.interface)

    def _add_routes(self, step: AddRoutes) -> None:
        index = interfaces.index_of(self.requests, step.interface)
        for text in step.prefixes:
            try:
                routes.add_route(self.requests, Route(Prefix.parse(text), step.table, index))
            except FileExistsError as error:
                raise OSError(
                    error.errno, f"another interface has a route to {text} already: take it out "
                    "of AllowedIPs, or set Table"
                ) from None  # fmt: skip


def run_hook(command: str) -> None:
    """Run a command of the user's in a shell, which ends at the first thing that fails.

    Raises ProgramFailed.
    """
    shell = ["bash", "-eo", "pipefail"] if programs.is_here("bash") else ["sh", "-e"]
    status = subprocess.run([*shell, "-c", command]).returncode
    if status:
        raise programs.ProgramFailed(f"it ended with status {status}")


def _start(step: MakeLink) -> None:
    """Start the program and wait until it serves from the background.

    It has said itself why it cannot. Raises OSError.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_DAEMON
    }
    null = subprocess.DEVNULL
    status = subprocess.run(
        [*step.program, step.interface],
        stdin=null, stdout=null, env={**environment, MARK: step.mark},
    ).returncode  # fmt: skip
    if status:
        raise OSError(0, "it did not start")


def _hand_over(step: HandOver) -> None:
    try:
        control.hand_over_endpoints(step.interface, step.endpoints)
    except control.Refused as why:
        voice.warn(f"the daemon will not look for its peers again: {why}")


def _last_resort(step: AddLastResort) -> Route:
    return Route(_EVERYTHING[step.ipv6], step.table, index=0, metric=LAST_METRIC)


def _rule(step: AddRule) -> Rule:
    if step.mark:
        return Rule(step.ipv6, step.priority, step.table, step.mark)
    return Rule(step.ipv6, step.priority, MAIN, suppress=0)
