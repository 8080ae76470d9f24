"""Clocks and alarms."""

import os
import select
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.host.clock import BoottimeTimer, SuspendWatch, boottime, now
from wiresnake.values.instants import NEVER, Instant


def rings(timer: BoottimeTimer, within: float = 0.0) -> bool:
    return bool(select.select([timer], [], [], within)[0])


class TestReadings:
    def test_boottime_is_the_kernels(self) -> None:
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert before <= boottime() <= time.clock_gettime(time.CLOCK_BOOTTIME)

    def test_now_reads_both_clocks(self) -> None:
        boot, wall = boottime(), time.time_ns()
        reading = now()
        assert boot <= reading.boottime <= boottime()
        assert wall <= reading.wall <= time.time_ns()


class TestTimer:
    @pytest.fixture
    def timer(self) -> Iterator[BoottimeTimer]:
        with closing(BoottimeTimer()) as made:
            yield made

    def test_is_silent_until_it_is_set(self, timer: BoottimeTimer) -> None:
        assert not rings(timer)

    @pytest.mark.parametrize("at", [0.0, -1.0, 0.5, 1.0])
    def test_an_instant_that_is_past_rings_at_once(self, timer: BoottimeTimer, at: Instant) -> None:
        timer.set(at)
        assert rings(timer, 1.0)

    def test_goes_on_ringing_until_it_is_cleared(self, timer: BoottimeTimer) -> None:
        timer.set(0.0)
        assert rings(timer, 1.0)
        assert rings(timer)
        timer.clear()
        assert not rings(timer)

    def test_clearing_a_silent_timer_does_nothing(self, timer: BoottimeTimer) -> None:
        timer.clear()
        timer.set(0.0)
        assert rings(timer, 1.0)

    @pytest.mark.parametrize("never", [None, NEVER])
    def test_can_be_disarmed(self, timer: BoottimeTimer, never: Instant | None) -> None:
        timer.set(boottime() + 0.005)
        timer.set(never)
        assert not rings(timer, 0.02)

    def test_setting_it_ends_a_ring(self, timer: BoottimeTimer) -> None:
        timer.set(0.0)
        assert rings(timer, 1.0)
        timer.set(boottime() + 1000)
        assert not rings(timer)

    @settings(max_examples=30)
    @given(ahead=st.floats(0.0, 0.004))
    def test_never_rings_too_early_nor_much_too_late(self, ahead: float) -> None:
        with closing(BoottimeTimer()) as timer:
            at = boottime() + ahead
            timer.set(at)
            assert rings(timer, 5.0)
            assert boottime() >= at

    def test_nobody_else_holds_it_after_close(self, timer: BoottimeTimer) -> None:
        fd = timer.fileno()
        assert not os.get_inheritable(fd)
        timer.close()
        timer.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


class FakeClocks:
    def __init__(self) -> None:
        self.awake = 1000.0
        self.asleep = 50.0

    def read_awake(self) -> float:
        self.awake += 0.001  # a clock moves while it is read
        return self.awake

    def read_boot(self) -> float:
        self.awake += 0.001
        return self.awake + self.asleep


class TestSuspend:
    @pytest.fixture
    def clocks(self) -> FakeClocks:
        return FakeClocks()

    @pytest.fixture
    def watch(self, clocks: FakeClocks) -> Iterator[SuspendWatch]:
        with closing(SuspendWatch(clocks.read_boot, clocks.read_awake)) as made:
            yield made

    def test_time_awake_is_no_sleep(self, clocks: FakeClocks, watch: SuspendWatch) -> None:
        clocks.awake += 86400
        assert watch.slept() == 0.0

    def test_sleep_is_told_once(self, clocks: FakeClocks, watch: SuspendWatch) -> None:
        clocks.asleep += 3600
        assert watch.slept() == pytest.approx(3600, abs=0.01)
        assert watch.slept() == 0.0

    def test_short_sleeps_add_up(self, clocks: FakeClocks, watch: SuspendWatch) -> None:
        told = 0.0
        for _ in range(10):
            clocks.asleep += 0.06
            told += watch.slept()
        assert told == pytest.approx(0.6, abs=0.02)

    def test_the_real_clocks_are_steady(self) -> None:
        with closing(SuspendWatch()) as watch:
            assert watch.slept() == 0.0
            assert not select.select([watch], [], [], 0)[0]
