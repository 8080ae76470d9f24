"""``up``: from a file to an interface that carries traffic, or to nothing at all."""

import secrets

from wiresnake.cli import interfaces as wireguard
from wiresnake.cli.endings import ending_gently
from wiresnake.cli.program import called_as
from wiresnake.cli.quick import peers, survey, voice
from wiresnake.cli.quick.asked import Asked
from wiresnake.cli.quick.execution import Execution, Watch, nobody
from wiresnake.cli.quick.journal import Journal, load, one_at_a_time, others
from wiresnake.cli.quick.source import Source, read
from wiresnake.cli.quick.voice import Failed
from wiresnake.cli.quick.work import Work
from wiresnake.config import plan, quick
from wiresnake.config.plan import SRC_VALID_MARK, Impossible, Wish
from wiresnake.config.quick import QuickConfig, QuickError
from wiresnake.config.steps import AddRule
from wiresnake.host import interfaces
from wiresnake.host.netlink import Requests


def up(asked: Asked, watch: Watch = nobody) -> None:
    """Bring an interface up; ``watch`` is told of each step. Raises Failed, with all undone."""
    source = read(asked.about)
    config = config_of(source)
    if asked.hooks and config.hooks and source.distrusted:
        raise Failed(
            f"its hooks are not run, for {source.distrusted}: mend that, or use --no-hooks"
        )
    peers.check(config)
    with one_at_a_time(source.interface), Requests() as requests, ending_gently():
        if asked.attach:
            _refuse_unless_served(source.interface)
        else:
            _refuse_if_there(requests, source.interface)
        wish = Wish(
            source.interface, str(source.path), asked.backend, asked.program,
            secrets.token_hex(16), peers.names_of(config), asked.hooks, asked.kill_switch,
            asked.attach,
        )  # fmt: skip
        work = work_of(requests, source.interface, config)
        journal = Journal(wish.interface, wish.path, wish.mark)
        execution = Execution(journal, work, watch)
        try:
            _bring_up(execution, journal, requests, config, wish)
        except BaseException:
            try:
                execution.undo(asked=False)
            except Failed as left:
                voice.complain(str(left))
            raise


def config_of(source: Source) -> QuickConfig:
    """Return what the file asks for. Raises Failed."""
    try:
        return quick.read(source.text)
    except QuickError as bad:
        raise Failed(f"{source.path}: {bad}") from None


def work_of(requests: Requests, interface: str, config: QuickConfig) -> Work:
    """Return what the steps of one interface need."""

    def setting_is_shared() -> bool:
        try:
            steps = [step for journal in others(interface) for step in journal.steps]
        except Failed as unknown:
            voice.warn(f"{unknown}; so {SRC_VALID_MARK} is left as it is")
            return True
        return any(isinstance(step, AddRule) and not step.ipv6 for step in steps)

    return Work(requests, lambda: peers.change_of(config), setting_is_shared)


def _bring_up(
    execution: Execution,
    journal: Journal,
    requests: Requests,
    config: QuickConfig,
    wish: Wish,
) -> None:
    try:
        execution.do(plan.opening(config, wish))
        report = wireguard.ask(wish.interface)
        now = survey.look(requests, wish.interface, config, report)
        following = plan.rest(config, wish, now)
    except Impossible as bad:
        raise Failed(str(bad)) from None
    except OSError as error:
        raise Failed(f"{wish.interface}: {error.strerror}") from None
    for warning in following.warnings:
        voice.warn(warning)
    execution.do(following.steps)
    journal.ready = True
    journal.write()


def _refuse_unless_served(interface: str) -> None:
    if load(interface) is not None:
        raise Failed(f"`{interface}' is up, or up in part: run `{called_as()} down {interface}'")
    try:
        wireguard.ask(interface)
    except OSError as error:
        why = f"nobody serves `{interface}': {error.strerror}"
        raise Failed(f"{why}; start `wiresnaked {interface}' first") from None


def _refuse_if_there(requests: Requests, interface: str) -> None:
    journal = load(interface)
    there = interfaces.exists(requests, interface)
    if journal is None and not there:
        return
    if journal is None:
        raise Failed(f"`{interface}' already exists")
    if there and journal.ready:
        raise Failed(f"`{interface}' already exists: it is up, from {journal.path}")
    raise Failed(
        f"`{interface}' is up in part, for its daemon ended or `up' was killed: "
        f"run `{called_as()} down {interface}' first"
    )
