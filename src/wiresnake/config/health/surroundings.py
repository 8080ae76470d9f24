"""The file, the host and its programs."""

from collections.abc import Iterator

from wiresnake.config.health.facts import Facts, Finding

_OTHERS_READ = 0o044
_OTHERS_WRITE = 0o022


def not_there(facts: Facts) -> Iterator[Finding]:
    """Find that there is nothing to examine."""
    if facts.link is None and facts.file is None:
        yield Finding(
            f"there is no WireGuard interface {facts.interface}, and no file for it",
            "`wiresnake show interfaces' lists those that are up",
        )


def unreadable_file(facts: Facts) -> Iterator[Finding]:
    """Find a file that is no configuration."""
    if facts.file is not None and facts.file.error:
        yield Finding(
            f"{facts.file.path}: {facts.file.error}", "mend that line; see `man wg-quick'"
        )


def file_of_others(facts: Facts) -> Iterator[Finding]:
    """Find a file that others may read, for its key, or write, for its hooks."""
    file = facts.file
    if file is None:
        return
    if file.mode & _OTHERS_WRITE or file.directory_mode & _OTHERS_WRITE or file.others:
        yield Finding(
            f"others than root can write {file.path}, and so run commands as root by its hooks",
            f"chown root: {file.path}; chmod 600 {file.path}; let only root write its directory",
        )
    # Who may not enter the directory does not get at the file.
    elif file.mode & _OTHERS_READ and file.directory_mode & 0o011:
        yield Finding(
            f"others can read {file.path}, which holds the private key", f"chmod 600 {file.path}"
        )


def dns_cannot_be_set(facts: Facts) -> Iterator[Finding]:
    """Find name servers that are asked for where nothing can set them."""
    if facts.file is not None and facts.file.config.dns and not facts.dns_tool:
        yield Finding(
            f"DNS = {', '.join(facts.file.config.dns)} is asked for, and nothing here sets it",
            "install openresolv, or run systemd-resolved (with its resolvectl)",
        )


def name_not_found(facts: Facts) -> Iterator[Finding]:
    """Find endpoints whose names have no address."""
    if facts.file is None:
        return
    for endpoint, why in facts.file.unresolved.items():
        yield Finding(
            f"the name of the Endpoint {endpoint} is not found: {why}",
            f"getent hosts {endpoint.rpartition(':')[0]}; mend the name, or the host's resolver",
        )


def port_in_use(facts: Facts) -> Iterator[Finding]:
    """Find a port that somebody else has."""
    if facts.port_taken and facts.file is not None:
        port = facts.file.change.listen_port
        yield Finding(
            f"ListenPort = {port} is in use by somebody else",
            f"ss -lunp 'sport = {port}' tells by whom; choose another or stop that",
        )


def no_tun(facts: Facts) -> Iterator[Finding]:
    """Find a host that can make no interface of either kind."""
    if facts.no_tun and not facts.kernel:
        yield Finding(
            f"no interface can be made: {facts.no_tun}",
            "modprobe tun; in a container, hand the device in (--device /dev/net/tun)",
        )


def old_tun(facts: Facts) -> Iterator[Finding]:
    """Note a TUN that lacks what makes it fast."""
    offloads = facts.link.offloads if facts.link is not None else {}
    lacking = [name for name, used in offloads.items() if not used]
    if lacking:
        yield Finding(
            f"packets are carried one by one where there is no {', '.join(lacking)}",
            "it works, only slower; the TUN of Linux 6.2 and newer has all",
            note=True,
        )


def dead_socket(facts: Facts) -> Iterator[Finding]:
    """Find files of daemons that were killed."""
    for path in facts.dead_sockets:
        yield Finding(
            f"{path} is left from a daemon that was killed: nobody listens there",
            f"rm {path}; and `wiresnake down {facts.interface}' for what else it left",
        )
