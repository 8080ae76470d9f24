"""The mirror of the plane's session slots against the slots themselves."""

from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.slots import Slots


class PlaneSlots:
    """The three slots as PROTOCOL has them."""

    def __init__(self):
        self.current = self.previous = self.next = None
        self.confirmed = None

    def install_initiator(self, index):
        self.previous = self.current if self.next is None else self.next
        self.current, self.next = index, None

    def install_responder(self, index):
        self.next, self.previous = index, None

    def promote(self):
        if self.next is not None:
            self.previous, self.current, self.next = self.current, self.next, None
            self.confirmed = self.current

    def held(self):
        return {self.current, self.previous, self.next} - {None}


STEPS = st.lists(
    st.sampled_from(["initiator", "responder", "promote", "drain"]), min_size=1, max_size=40
)


@given(STEPS)
def test_no_index_is_let_go_while_the_plane_holds_it(steps):
    plane, mirror = PlaneSlots(), Slots()
    live = set()
    for index, step in enumerate(steps):
        gone = []
        if step == "promote":
            plane.promote()
        elif step == "drain":
            confirmed, plane.confirmed = plane.confirmed, None
            gone = mirror.confirm(confirmed) if confirmed is not None else []
        else:
            # Edges come before handshake messages in a drain, and packets may come in between.
            confirmed, plane.confirmed = plane.confirmed, None
            gone = mirror.confirm(confirmed) if confirmed is not None else []
            if index % 3 == 0:
                plane.promote()
            gone += getattr(mirror, f"install_{step}")(index)
            getattr(plane, f"install_{step}")(index)
            live.add(index)
        assert len(set(gone)) == len(gone)
        assert live.issuperset(gone)
        live -= set(gone)
        assert plane.held() <= live
        assert set(mirror.held()) == live
        assert len(live) <= 4
