"""What the plane counts: each silent drop has a name, so that an operator can see why."""

from collections.abc import Mapping
from typing import Final

NAMES: Final = (
    "dropped_malformed",  # from the network: no WireGuard message
    "dropped_unknown_index",  # a transport message of a session we do not have
    "dropped_expired",  # of a session past its life or its last counter
    "dropped_forged",  # its tag is wrong
    "dropped_replayed",
    "dropped_inner_malformed",  # what it carried is no IP packet
    "dropped_wrong_source",  # what it carried may not come from this peer
    "dropped_inner_full",  # the inner side takes no more
    "dropped_inner_error",  # the inner side refused it
    "dropped_no_identity",  # a handshake message while we have no key
    "dropped_bad_mac1",
    "dropped_unexpected",  # a response or a cookie reply that nobody awaits
    "dropped_rate_limited",
    "dropped_queue_full",  # a handshake message; control does not keep up
    "dropped_outbound_malformed",  # from the inner side: no IP packet
    "dropped_no_route",
    "dropped_no_endpoint",
    "dropped_too_big",  # no datagram can carry it
    "dropped_down",  # there are no sockets
    "dropped_staged",  # waited for a session and had to give way
    "dropped_abandoned",  # waited for a session that never came
    "dropped_outer_full",  # the UDP socket stayed full
    "dropped_outer_error",  # the host refused to send
    "dropped_truncated",  # longer than any packet can be
    "cookie_replies_sent",
    "answers_sent",  # ICMP toward the inner side
    "joining_refused",  # the inner side takes trains no longer
    "gso_refused",  # a train had to go one by one
    "source_cleared",  # the local address of a peer stopped working
)

Counters = dict[str, int]


def fresh_counters() -> Counters:
    """Return all counters at zero."""
    return dict.fromkeys(NAMES, 0)


def with_depths(counters: Mapping[str, int], **depths: int) -> Counters:
    """Return a copy of the counters, and the depths of the queues beside them."""
    return {**counters, **depths}
