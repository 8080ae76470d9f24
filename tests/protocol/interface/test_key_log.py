"""The key log is shown what each handshake message of ours was made with."""

from wiresnake.protocol.messages import INITIATION_SIZE, RESPONSE_SIZE
from wiresnake.values.keys import PresharedKey

EPHEMERAL = {INITIATION_SIZE: slice(8, 40), RESPONSE_SIZE: slice(12, 44)}


class Shown:
    """Keeps copies, as a key log must: what it is shown is wiped."""

    def __init__(self):
        self.secrets = []

    def __call__(self, ours, remote, ephemeral):
        psk = None if remote.preshared is None else remote.preshared.reveal()
        self.secrets.append((ours.reveal(), remote.public, ephemeral.public.raw, psk))
        assert any(ephemeral.reveal())


def test_both_roles_show_the_keys_of_their_message(ends):
    at_alice, at_bob = Shown(), Shown()
    alice, bob = ends.end("alice", key_log=at_alice), ends.end("bob", key_log=at_bob)
    preshared = PresharedKey(bytes([7]) * 32)
    alice.know(bob, preshared=preshared)
    bob.know(alice, preshared=preshared)
    alice.plane.send_data()
    alice.settle()
    [initiation] = alice.take_handshakes()
    bob.receive(initiation, alice.home)
    [response] = bob.take_handshakes()
    alice.receive(response, bob.home)
    for shown, end, other, message in (
        (at_alice, alice, bob, initiation),
        (at_bob, bob, alice, response),
    ):
        ephemeral = message[EPHEMERAL[len(message)]]
        assert shown.secrets == [
            (end.key.reveal(), other.key.public, ephemeral, preshared.reveal())
        ]


def test_every_retry_has_an_ephemeral_of_its_own(ends):
    shown = Shown()
    alice, bob = ends.end("alice", key_log=shown), ends.end("bob")
    alice.know(bob)
    alice.plane.send_data()
    ends.run_for(20)
    sent = [message[EPHEMERAL[INITIATION_SIZE]] for message in alice.take_handshakes()]
    assert len(sent) >= 3
    assert [ephemeral for _, _, ephemeral, _ in shown.secrets] == sent
    assert len(set(sent)) == len(sent)
