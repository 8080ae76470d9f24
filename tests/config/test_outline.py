"""The outline of a file beside a reader that is as plain as can be."""

from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.outline import Entry, comments, entries

TEXT = """\
# a laptop
stray
[ Interface ]
Private Key = abc= # not shown
PostUp = echo # shown
  # friendly_name = phone
[PEER]
AllowedIPs =
publickey=x
"""


def test_every_line_that_says_something_is_there_once() -> None:
    assert list(entries(TEXT)) == [
        Entry(2, -1, "", "stray", ""),
        Entry(4, 0, "interface", "privatekey", "abc="),
        Entry(5, 0, "interface", "postup", "echo # shown"),
        Entry(8, 1, "peer", "allowedips", ""),
        Entry(9, 1, "peer", "publickey", "x"),
    ]


def test_comments_are_lines_of_their_own() -> None:
    assert list(comments(TEXT)) == ["a laptop", "friendly_name = phone"]


words = st.text("abAB=[]# \t", max_size=12)


@given(st.lists(words, max_size=8))
def test_lines_are_counted_and_comments_are_passed_over(lines: list[str]) -> None:
    found = list(entries("\n".join(lines)))
    said = [
        number
        for number, line in enumerate(lines, 1)
        if line.split("#")[0].replace("=", "", 1).strip() and not line.strip().startswith("[")
    ]
    assert [entry.line for entry in found] == said
    assert all("#" not in entry.value for entry in found)
