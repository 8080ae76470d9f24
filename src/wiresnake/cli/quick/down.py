"""``down``: everything that `up` did is undone, however far it came and whatever befell it."""

from wiresnake.cli import interfaces as wireguard
from wiresnake.cli.endings import ending_gently
from wiresnake.cli.quick import device, voice
from wiresnake.cli.quick.asked import Asked
from wiresnake.cli.quick.execution import Execution
from wiresnake.cli.quick.journal import Journal, load, one_at_a_time
from wiresnake.cli.quick.save import save_to
from wiresnake.cli.quick.source import Source, interface_of, read
from wiresnake.cli.quick.up import config_of, work_of
from wiresnake.cli.quick.voice import Failed
from wiresnake.cli.quick.work import run_hook
from wiresnake.config.quick import QuickConfig
from wiresnake.config.steps import MAIN, AddRule, MakeLink, RaiseGuard, SetDns, Step
from wiresnake.host import dns, firewall, interfaces, routes
from wiresnake.host.netlink import Requests
from wiresnake.host.programs import ProgramFailed


def down(asked: Asked) -> None:
    """Take an interface down: by its journal, or as `wg-quick` itself would leave it.

    Raises Failed; what could not be undone stays in the journal for another `down`.
    """
    journal = load(interface_of(asked.about)) if interface_of(asked.about) else None
    try:
        source = read(asked.about)
        config = config_of(source)
    except Failed as missing:
        if journal is None:
            raise
        # What was done can be undone without the file; what the user would do himself cannot.
        voice.warn(f"{missing}: its PreDown and PostDown are not run")
        source, config = None, QuickConfig()
    interface = source.interface if source else interface_of(asked.about)
    with one_at_a_time(interface), Requests() as requests, ending_gently():
        journal = load(interface)
        if asked.remains:
            device.remove_dead(interface)
            if journal is None:
                return
        serves = _is_wireguard(requests, interface)
        if journal is None and not serves:
            raise Failed(f"`{interface}' is not a WireGuard interface")
        whole = journal is None or (journal.ready and serves)
        repairing = asked.remains or not whole
        hooks = _Hooks(config, source, asked.hooks, repairing=repairing)
        hooks.run("predown", interface)
        # An interface that is up in part would be saved in part.
        if source is not None and config.save and not repairing:
            save_to(source, requests)
        if journal is None:
            assert source is not None
            journal = Journal(interface, str(source.path), "")
            journal.steps = _as_wg_quick_does(requests, interface, config)
        Execution(journal, work_of(requests, interface, config)).undo(asked=True)
        hooks.run("postdown", interface)


class _Hooks:
    """The hooks of one `down`. Raises Failed if there are some that are not to be trusted.

    Where the remains of an `up` are undone that was killed, or whose daemon was, one that fails is
    no reason to stop: what it undoes may never have been done, or be gone.
    """

    def __init__(
        self, config: QuickConfig, source: Source | None, wanted: bool, *, repairing: bool
    ) -> None:
        listed = [key for key in ("predown", "postdown") if wanted and config.hooks.get(key)]
        if listed and source is not None and source.distrusted:
            raise Failed(
                f"its hooks are not run, for {source.distrusted}: mend that, or use --no-hooks"
            )
        self._commands = {key: config.hooks[key] for key in listed}
        self._repairing = repairing

    def run(self, key: str, interface: str) -> None:
        """Run the hooks of one kind. Raises Failed."""
        for command in self._commands.get(key, []):
            filled = command.replace("%i", interface)
            voice.step(filled)
            try:
                run_hook(filled)
            except ProgramFailed as error:
                if not self._repairing:
                    raise Failed(f"{filled}: {error}") from None
                voice.warn(f"{filled}: {error}")


def _is_wireguard(requests: Requests, interface: str) -> bool:
    try:
        wireguard.ask(interface)
    except OSError:
        return interfaces.is_wireguard(requests, interface)
    return True


def _as_wg_quick_does(requests: Requests, interface: str, config: QuickConfig) -> list[Step]:
    """Return the steps that another `wg-quick` did, as far as they are to be undone."""
    steps: list[Step] = [MakeLink(interface, "either", [], "")]
    dns_tool, guard = dns.find_tool(), firewall.find_tool()
    if config.dns and dns_tool:
        record = dns.record_name(interface)
        steps.append(SetDns(interface, dns_tool, record, config.dns, config.search, alone=True))
    report = wireguard.ask(interface)
    everything = any(not each.length for peer in report.peers for each in peer.allowed_ips)
    if config.table != "auto" or not report.fwmark or not everything:
        return steps
    for ipv6 in (False, True):
        if guard:
            steps.append(RaiseGuard(interface, guard, ipv6, report.fwmark, []))
        for rule in routes.rules(requests, ipv6=ipv6):
            if rule.table == report.fwmark:
                steps.append(AddRule(ipv6, rule.priority, rule.table, rule.mark))
            elif rule.table == MAIN and rule.suppress == 0:
                steps.append(AddRule(ipv6, rule.priority, MAIN))
    return steps
