"""Events of a tunnel as lines of the control socket."""

from wiresnake.daemon.subscription import Line
from wiresnake.tunnel.events import (
    Completed,
    Ended,
    Event,
    GaveUp,
    Initiated,
    LinkChanged,
    Moved,
    Resolved,
    Unresolved,
)


def line_of(event: Event) -> Line:
    """Return the line that tells of ``event``; ``event`` in it names the kind."""
    match event:
        case Initiated(peer):
            return {"event": "initiation", "peer": str(peer)}
        case Completed(peer, initiator, endpoint):
            where = None if endpoint is None else str(endpoint)
            role = "initiator" if initiator else "responder"
            return {"event": "handshake", "peer": str(peer), "role": role, "endpoint": where}
        case GaveUp(peer):
            return {"event": "gave_up", "peer": str(peer)}
        case Moved(peer, endpoint, before):
            return {
                "event": "endpoint", "peer": str(peer),
                "endpoint": str(endpoint), "before": str(before),
            }  # fmt: skip
        case Resolved(peer, name, endpoint):
            return {
                "event": "resolved", "peer": str(peer), "name": str(name), "endpoint": str(endpoint)
            }  # fmt: skip
        case Unresolved(peer, name, why):
            return {"event": "unresolved", "peer": str(peer), "name": str(name), "why": why}
        case LinkChanged(up, port):
            return {"event": "link", "up": up, "port": port}
        case Ended(why, failed):
            return {"event": "ended", "why": why, "failed": failed}
