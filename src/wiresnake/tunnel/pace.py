"""A pace for work that anybody may ask for in a loop, so that packets keep the processor."""


class Pace:
    """Lets ``burst`` units through at once and ``rate`` units a second in the long run.

    Who comes later waits behind who came before, so that many at once share the pace.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._free_at = -burst / rate

    def wait(self, units: int, now: float) -> float:
        """Take ``units`` at the instant ``now``; return for how many seconds to wait first."""
        earliest = now - self._burst / self._rate
        self._free_at = max(self._free_at, earliest) + units / self._rate
        return max(0.0, self._free_at - now)
