"""Programs run to their end, and what is said of those that fail."""

import pytest

from wiresnake.host.programs import ProgramFailed, is_here, run


def test_it_hears_and_speaks() -> None:
    assert run(["cat"], "a\nb\n") == "a\nb\n"
    assert run(["sh", "-c", 'echo "$LC_ALL"']) == "C\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo one >&2; echo two >&2; exit 3", "sh: one"),
        ("exit 3", "sh: ended with status 3"),
    ],
)
def test_a_failure_is_one_line(script: str, said: str) -> None:
    with pytest.raises(ProgramFailed) as failure:
        run(["sh", "-c", script])
    assert str(failure.value) == said


def test_a_program_that_is_not_there() -> None:
    assert is_here("sh")
    assert not is_here("no-such-program")
    with pytest.raises(ProgramFailed, match="no-such-program: No such file or directory"):
        run(["no-such-program"])
