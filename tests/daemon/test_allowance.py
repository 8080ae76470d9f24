from dataclasses import dataclass

from wiresnake.daemon.allowance import MAX_REQUEST, Allowance


@dataclass(eq=False)
class Guest:
    moved_at: float
    waiting: bool = True
    held: int = 0
    dismissed: bool = False

    def dismiss(self):
        self.dismissed = True
        self.held = 0


def test_the_one_who_waits_longest_makes_room():
    allowance = Allowance(connections=2)
    old, young, third = Guest(1.0), Guest(2.0), Guest(3.0)
    assert all(allowance.admit(each) for each in (young, old, third))
    assert (old.dismissed, young.dismissed, third.dismissed) == (True, False, False)


def test_one_who_is_served_is_left_alone():
    allowance = Allowance(connections=1)
    busy, late = Guest(1.0, waiting=False), Guest(2.0)
    assert allowance.admit(busy)
    assert not allowance.admit(late)
    assert not busy.dismissed
    allowance.leave(busy)
    assert allowance.admit(late)


def test_bytes_are_bounded_over_all():
    allowance = Allowance(held=100)
    slow, idle, quick = Guest(2.0), Guest(1.0), Guest(3.0)
    assert all(allowance.admit(each) for each in (slow, idle, quick))
    assert allowance.hold(slow, 60)
    assert allowance.hold(quick, 40)
    assert allowance.hold(quick, 20)
    assert (slow.dismissed, idle.dismissed, quick.held) == (True, False, 60)


def test_nobody_is_sent_away_for_one_who_asks_too_much():
    allowance = Allowance()
    big, other = Guest(1.0), Guest(0.0)
    assert allowance.admit(big)
    assert allowance.admit(other)
    assert allowance.hold(other, 1)
    assert allowance.hold(big, MAX_REQUEST)
    assert not allowance.hold(big, 1)
    assert not other.dismissed


def test_without_room_even_then_the_answer_is_no():
    allowance = Allowance(held=10)
    busy, late = Guest(1.0, waiting=False, held=10), Guest(2.0)
    assert allowance.admit(busy)
    assert allowance.admit(late)
    assert not allowance.hold(late, 1)
    assert late.held == 0
