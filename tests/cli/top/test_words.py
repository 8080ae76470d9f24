from hypothesis import given
from hypothesis import strategies as st

from wiresnake.cli.top.words import BLOCKS, BLOCKS_OF_ASCII, ago, amount, duration, sparkline

rates = st.lists(st.floats(0, 1e12), max_size=80)


@given(st.floats(0, 1e24))
def test_an_amount_is_short(size: float) -> None:
    assert len(amount(size)) <= 8


def test_amounts() -> None:
    said = {size: amount(size) for size in (0, 0.4, 999, 1000, 1024, 1536, 102348, 10**6, 1 << 40)}
    assert said == {
        0: "0 B", 0.4: "0 B", 999: "999 B", 1000: "1.0 KiB", 1024: "1.0 KiB", 1536: "1.5 KiB",
        102348: "99.9 KiB", 10**6: "977 KiB", 1 << 40: "1.0 TiB",
    }  # fmt: skip


@given(st.integers(0, 1 << 62), st.floats(0, 4e9))
def test_a_time_is_short(then: int, wall: float) -> None:
    assert len(ago(then, wall)) <= 8


def test_times() -> None:
    second = 10**9
    assert ago(0, 5) == "never"
    assert ago(5 * second, 5.9) == "now"
    assert ago(5 * second, 64.9) == "59s ago"
    assert ago(6 * second, 5.9) == "to come"
    sizes = (0, 60, 3599, 3600, 86_400, 400 * 86_400)
    assert [duration(size) for size in sizes] == ["0s", "1m", "59m", "1h", "1d", "1y"]


@given(rates, st.integers(1, 60), st.sampled_from([BLOCKS, BLOCKS_OF_ASCII]))
def test_a_sparkline_has_its_width_and_keeps_the_order(
    rates: list[float], width: int, blocks: str
) -> None:
    line = sparkline(rates, width, blocks)
    assert len(line) == width
    shown = rates[-width:]
    drawn = line[width - len(shown) :]
    assert not line[: width - len(shown)].strip()
    heights = [(" " + blocks).index(each) for each in drawn]
    assert [height == 0 for height in heights] == [rate <= 0 for rate in shown]
    if any(shown):
        assert heights[shown.index(max(shown))] == len(blocks)
    for (one, low), (other, high) in zip(
        sorted(zip(shown, heights, strict=True)),
        sorted(zip(shown, heights, strict=True))[1:],
        strict=False,
    ):
        assert one <= other
        assert low <= high
