"""The timers of one peer, each a rule: what is known of the peer in, an instant out (paper 6).

No rule reads a clock and none is ever "armed". Control asks every rule for its instant; the least
of them is when the peer must be looked at again. Stamps only move forward, so an instant reckoned
from old ones is never too late: a look may come in vain, but none is missed.

An instant that is not set is NEVER, which lets a rule be plain arithmetic.
"""

from collections.abc import Callable
from typing import Final

from wiresnake.protocol.activity import Activity
from wiresnake.protocol.constants import (
    ERASE_AFTER_TIME,
    KEEPALIVE_TIMEOUT,
    MAX_JITTER,
    REKEY_TIMEOUT,
)
from wiresnake.values.instants import NEVER, Instant

RESPONDER_COURTESY: Final = 2 * MAX_JITTER
"""Seconds past the 5 s limit that an end leaves to the other after answering it.

If the answer was lost, the other end's retry reaches us up to MAX_JITTER after our limit ends. To
begin at the end of the limit would make the two initiations cross each time.
"""


def jitter(random: Callable[[int], bytes]) -> float:
    """Draw 0 to 1/3 s (exclusive), so that many ends do not shake hands in step."""
    return int.from_bytes(random(4)) / (1 << 32) * MAX_JITTER


def limit_end(known: Activity) -> Instant:
    """No initiation before this: REKEY_TIMEOUT after the last initiation or response sent."""
    return known.limited_from + REKEY_TIMEOUT + known.courtesy


def retransmit_due(known: Activity) -> Instant:
    """No response came: send another initiation (rule 1).

    A response of our own meanwhile moves the limit, and the retry with it; others let the timer
    fire into the limit and lose the retry, so that staged packets stall.
    """
    return max(known.initiated_at + REKEY_TIMEOUT, limit_end(known)) + known.retry_jitter


def start_due(known: Activity) -> Instant:
    """Begin the handshake that is wanted, when pace and limit allow."""
    return max(known.wanted_at, limit_end(known))


def passive_keepalive_due(known: Activity) -> Instant:
    """We received data and sent nothing since: tell the peer that we live (rule 2)."""
    return known.unacknowledged_since + KEEPALIVE_TIMEOUT


def new_handshake_due(known: Activity) -> Instant:
    """We sent data and heard nothing back: the session may be dead, begin anew (rule 3)."""
    waited = KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + known.unanswered_jitter
    return known.unanswered_since + waited


def erase_due(known: Activity) -> Instant:
    """No session was derived for long: erase every key that is left (rule 6)."""
    return known.keys_from + ERASE_AFTER_TIME


def persistent_keepalive_due(known: Activity) -> Instant:
    """Nothing authenticated went either way: keep what is between us open (rule 7)."""
    if not known.reachable:
        return NEVER
    settled = known.last_traffic > known.every_from
    every = known.every if settled else known.every_before
    return min(known.owed_at, known.last_traffic + every)


def look_due(known: Activity) -> Instant:
    """Look again: a stamp made just after the last look may be due as soon as this.

    So it is too, after ``every`` seconds, with the packet from which a changed interval counts.
    """
    wait = KEEPALIVE_TIMEOUT if known.awake else NEVER
    if known.last_traffic <= known.every_from:
        wait = min(wait, known.every)
    return known.looked_at + wait


RULES: Final[tuple[Callable[[Activity], Instant], ...]] = (
    retransmit_due,
    start_due,
    passive_keepalive_due,
    new_handshake_due,
    erase_due,
    persistent_keepalive_due,
    look_due,
)


def next_due(known: Activity) -> Instant:
    """Return the earliest instant at which any rule may ask for something; NEVER if none will."""
    return min(rule(known) for rule in RULES)
