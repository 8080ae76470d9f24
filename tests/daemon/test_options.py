import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.daemon.options import CannotStart, checked_name, read_options


def test_what_is_not_said_has_its_usual_value():
    options = read_options(["wg0"], {})
    assert options.name == "wg0"
    assert options.plane == "auto"
    assert not options.foreground
    assert not options.keep_privileges
    assert not options.allow_keylog
    assert (options.log_level, options.tun_fd, options.uapi_fd) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["-f", "wg0"], {}), (["wg0", "--foreground"], {}), (["wg0"], {"WG_PROCESS_FOREGROUND": "1"})],
)
def test_three_ways_to_stay_in_the_foreground(arguments, environment):
    assert read_options(arguments, environment).foreground


def test_the_argument_names_the_plane_before_the_environment_does():
    environment = {"WIRESNAKE_PLANE": "native"}
    assert read_options(["wg0"], environment).plane == "native"
    assert read_options(["wg0", "--plane", "portable"], environment).plane == "portable"


def test_the_key_log_is_allowed_by_a_word_alone():
    assert read_options(["wg0", "--allow-keylog"], {}).allow_keylog


def test_descriptors_are_handed_in_by_number():
    options = read_options(["wg0"], {"WG_TUN_FD": "3", "WG_UAPI_FD": "4"})
    assert (options.tun_fd, options.uapi_fd) == (3, 4)


@pytest.mark.parametrize("level", ["verbose", "debug", "error", "silent"])
def test_a_log_level_is_kept(level):
    assert read_options(["wg0"], {"LOG_LEVEL": level}).log_level == level


def test_an_unknown_log_level_logs_errors():
    assert read_options(["wg0"], {"LOG_LEVEL": "chatty"}).log_level == "error"


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([], {}),
        (["wg0", "wg1"], {}),
        (["--loud", "wg0"], {}),
        (["--fore", "wg0"], {}),
        (["--plane", "paper", "wg0"], {}),
        (["wg0"], {"WIRESNAKE_PLANE": "paper"}),
        (["wg0"], {"WG_TUN_FD": "-1"}),
        (["wg0"], {"WG_UAPI_FD": "three"}),
        (["wg0"], {"WG_UAPI_FD": "9" * 4301}),
        (["a/b"], {}),
        ([""], {}),
        ([".."], {}),
        (["sixteen-letters-"], {}),
        (["wg 0"], {}),
        (["wg0\n"], {}),
        (["wgé"], {}),
    ],
)
def test_a_wrong_start_is_refused_in_one_line(arguments, environment):
    with pytest.raises(CannotStart) as refused:
        read_options(arguments, environment)
    assert "\n" not in str(refused.value).strip()


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        read_options(["--version"], {})
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("wiresnaked 0")


@given(st.text(max_size=20))
def test_a_name_is_safe_in_a_path(name):
    try:
        checked_name(name)
    except CannotStart:
        return
    assert 0 < len(name.encode()) < 16
    assert "/" not in name
    assert name not in {".", ".."}
