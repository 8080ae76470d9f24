"""A pace for work that anybody may ask for in a loop, so that packets keep the processor."""


class Pace:
    """Lets ``rate`` units a second through in the long run, and a burst after a pause.

    Who comes later waits behind who came before, so that many at once share the pace.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = float("-inf")

    def wait(self, units: int, burst: int, now: float) -> float:
        """Take ``units`` at the instant ``now``; return for how many seconds to wait first.

        After a long enough pause ``burst`` units go without a wait.
        """
        earliest = now - burst / self._rate
        self._free_at = max(self._free_at, earliest) + units / self._rate
        return max(0.0, self._free_at - now)
