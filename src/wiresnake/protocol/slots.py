"""Which session indices of one peer the plane may still hold."""

from dataclasses import dataclass

from wiresnake.door.commands import SessionIndex


@dataclass(slots=True, eq=False)
class Slots:
    """A mirror of the peer's three session slots in the plane (PROTOCOL: sessions).

    Only so that an index is not given out again while the plane has it: who sends under which
    session, the plane alone decides. It may promote next before we hear of it; if we install over
    a next of which that is not known, either it or current is gone, and it is ``doubtful`` which.
    Each method returns the indices that the plane holds no longer.
    """

    current: SessionIndex | None = None
    previous: SessionIndex | None = None
    next: SessionIndex | None = None
    doubtful: SessionIndex | None = None

    def install_initiator(self, index: SessionIndex) -> list[SessionIndex]:
        """Mirror the installation of a session that we began: it is current at once."""
        gone = [self.previous, self.doubtful]
        if self.next is not None:
            gone.append(self.current)
            self.previous = self.next
        else:
            self.previous = self.current
        self.current, self.next, self.doubtful = index, None, None
        return _indices(gone)

    def install_responder(self, index: SessionIndex) -> list[SessionIndex]:
        """Mirror the installation of a session that the other end began: it is next.

        A doubt from the time before is settled: the plane says what it promoted before it hands
        over another handshake message, so what was doubtful and not confirmed is gone.
        """
        gone = [self.previous, self.doubtful]
        self.doubtful, self.next, self.previous = self.next, index, None
        return _indices(gone)

    def confirm(self, index: SessionIndex) -> list[SessionIndex]:
        """Mirror the promotion of next, or of what was next until lately."""
        gone: list[SessionIndex | None] = []
        if index == self.next:
            gone = [self.previous]
            self.previous, self.current, self.next = self.current, index, None
        elif index == self.doubtful:
            gone = [self.current]
            self.current, self.doubtful = index, None
        return _indices(gone)

    def held(self) -> list[SessionIndex]:
        """Return every index that the plane may hold."""
        return _indices([self.current, self.previous, self.next, self.doubtful])


def _indices(slots: list[SessionIndex | None]) -> list[SessionIndex]:
    return [index for index in slots if index is not None]
