"""How the commands are called, and what they say to those who call them wrongly."""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.quick.conftest import BESIDE, Host
from wiresnake.cli.main import main
from wiresnake.cli.quick import asked
from wiresnake.cli.quick.asked import VERBS, WG_QUICK_USAGE, Asked, Misused

ROOT = pytest.mark.root


@pytest.fixture
def as_wg_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/wg-quick"])


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--help"], 0), (["-h"], 0), (["help"], 0), ([], 1), (["a", "b"], 1), (["--nix", "a"], 1)],
)
def test_usage(verb: str, arguments: list[str], status: int, capsys) -> None:
    assert main([verb, *arguments]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Usage: wiresnake {verb} ")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0), (["-h"], 0), (["help"], 0), ([], 1), (["up"], 1), (["up", "a", "b"], 1),
        (["UP", "a"], 1), (["help", "x"], 1), (["-v"], 1), (["up", "--kill-switch", "a"], 1),
    ],
)  # fmt: skip
def test_usage_as_wg_quick(
    as_wg_quick: None, arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    assert capsys.readouterr() == ("", f"{WG_QUICK_USAGE}\n")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["wg0"], {}),
        (["--no-hooks", "wg0"], {"hooks": False}),
        (["wg0", "--kill-switch", "--no-hooks"], {"hooks": False, "kill_switch": True}),
        (["--backend", "kernel", "wg0"], {"backend": "kernel"}),
        (["wg0", "--backend=daemon"], {"backend": "daemon"}),
    ],
)
def test_options(arguments: list[str], meant: dict[str, object]) -> None:
    usual = {"backend": "daemon", "program": asked.our_daemon(), "hooks": True}
    wanted = Asked(**{"verb": "up", "about": "wg0", "kill_switch": False, **usual, **meant})
    assert asked.read("up", arguments) == wanted


@pytest.mark.parametrize(
    "arguments",
    [["--backend", "wg0"], ["--backend", "nix", "wg0"], ["--no-hooks=1", "wg0"], ["-q"]],
)
def test_options_without_a_meaning(arguments: list[str]) -> None:
    with pytest.raises(Misused, match=r"^Usage: wiresnake up "):
        asked.read("up", arguments)


@pytest.mark.parametrize("verb", ["down", "save", "strip"])
def test_a_kill_switch_is_a_matter_of_up(verb: str) -> None:
    with pytest.raises(Misused):
        asked.read(verb, ["--kill-switch", "wg0"])


WRONG = {
    "no such path": ("nix.conf", None),
    "no such name": ("nix", None),
    "a name too long": ("abcdefghijklmnop.conf", "[Interface]\n"),
    "another ending": ("wg0.txt", "[Interface]\n"),
    "a name with a space": ("w g.conf", "[Interface]\n"),
    "a bad SaveConfig": ("wg1.conf", "[Interface]\nSaveConfig = 1\n"),
}


@ROOT
@pytest.mark.needs("wg-quick")
@pytest.mark.parametrize("verb", ["up", "down", "save", "strip"])
@pytest.mark.parametrize("case", WRONG)
def test_the_real_one_says_the_same(host: Host, case: str, verb: str) -> None:
    name, text = WRONG[case]
    word = name if "." not in name else str(host.files / name)
    if text is not None:
        Path(word).write_text(text)
        Path(word).chmod(0o600)
    theirs = host.real(verb, word, check=False)
    linked = host.linked(verb, word, check=False)
    ours = host.ours(verb, word, check=False)
    assert theirs.returncode == linked.returncode == ours.returncode == 1
    assert theirs.stdout == linked.stdout == ours.stdout == ""
    if case == "a bad SaveConfig" and verb != "strip":
        assert "neither true nor false" in linked.stderr or "is not a WireGuard" in linked.stderr
        return
    assert linked.stderr == theirs.stderr
    assert ours.stderr == theirs.stderr.replace("wg-quick: ", "wiresnake: ", 1)


@ROOT
@pytest.mark.needs("wg-quick")
def test_the_world_is_warned_of(host: Host) -> None:
    file = host.keep("[Interface]\n")
    file.chmod(0o604)
    let_anybody_reach(host.files)
    theirs, linked = host.real("strip", str(file)), host.linked("strip", str(file))
    assert linked.stderr == theirs.stderr == f"Warning: `{file}' is world accessible\n"


def let_anybody_reach(directory: Path) -> None:
    """Open a directory and all above it, up to that of temporary files, to other users."""
    temporary = Path(tempfile.gettempdir())
    assert directory.is_relative_to(temporary)
    while directory != temporary:
        directory.chmod(0o755)
        directory = directory.parent


UNPRIVILEGED = ["setpriv", "--reuid", "4321", "--clear-groups", "--"]


@ROOT
@pytest.mark.parametrize("verb", ["up", "down", "save"])
def test_root_is_asked_for(host: Host, verb: str) -> None:
    program = [sys.executable, "-m", "wiresnake.cli.main"]
    done = host.run(*UNPRIVILEGED, *program, verb, "wg0", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"wiresnake: run this as root: sudo wiresnake {verb} wg0\n"


@ROOT
@pytest.mark.parametrize("verb", VERBS)
def test_wg_quick_becomes_root_by_sudo(host: Host, verb: str, tmp_path: Path) -> None:
    let_anybody_reach(host.files)
    link = host.files / "wg-quick"
    link.symlink_to(BESIDE / "wiresnake")
    host.script("sudo", 'printf "%s\\n" "$@"')
    done = host.run(*UNPRIVILEGED, str(link), verb, "wg0")
    option, prompt, end, *command = done.stdout.splitlines()
    assert (option, end) == ("-p", "--")
    assert "%u" in prompt
    assert command == [str(link), verb, "wg0"]
    (host.files / "bin" / "sudo").unlink()
    done = host.run(*UNPRIVILEGED, str(link), verb, "wg0", check=False)
    assert done.returncode == 1
    assert done.stderr == f"wg-quick: run this as root: sudo wg-quick {verb} wg0\n"


@ROOT
def test_a_kernel_without_wireguard_is_told_so(host: Host) -> None:
    if Path("/sys/module/wireguard").exists():
        pytest.skip("this kernel has WireGuard")
    before = host.state()
    file = str(host.write("", ""))
    done = host.ours("up", "--backend", "kernel", file, check=False)
    assert done.returncode == 1
    assert "this kernel has no WireGuard" in done.stderr
    assert host.state() == before
