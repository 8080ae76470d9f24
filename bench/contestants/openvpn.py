"""OpenVPN: point to point over TUN and UDP, TLS with certificates of the run, its own process
carrying the packets.
"""

import shutil
from dataclasses import dataclass, field

from bench.contestants.contract import MTU, Absent, Link, link_that_answers
from bench.contestants.names import OPENVPN
from bench.lab.hosts import Host
from bench.lab.processes import Running, first_line
from bench.lab.tunnels import INNER, OUTER

CIPHER = "CHACHA20-POLY1305"
BUFFER = str(7 << 20)
PATIENCE = 20.0
CERTIFICATE, KEY = "/run/certificate.pem", "/run/key.pem"


@dataclass(frozen=True, slots=True)
class OpenVpn:
    """OpenVPN with the cipher of WireGuard; the kernel's data channel is kept out."""

    name: str = field(default=OPENVPN, init=False)

    def version(self) -> str:
        """Return the program's first two words."""
        return " ".join(first_line("openvpn", "--version").split()[:2])

    def connect(self, left: Host, right: Host) -> Link:
        """Join the hosts; the right one is the TLS server."""
        hosts = (left, right)
        marks = [certify(host) for host in hosts]
        ends = [Running(host, arguments(side, marks[1 - side])) for side, host in enumerate(hosts)]
        return link_that_answers(left, right, ends, within=PATIENCE)


def certify(host: Host) -> str:
    """Make a key and a certificate in ``host``, and return the certificate's fingerprint."""
    host.call(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", KEY, "-out", CERTIFICATE, "-days", "2", "-subj", "/CN=bench",
    )  # fmt: skip
    shown = host.call("openssl", "x509", "-in", CERTIFICATE, "-noout", "-fingerprint", "-sha256")
    return shown.strip().partition("=")[2]


def arguments(side: int, other_fingerprint: str) -> list[str]:
    """Return the command line of one end."""
    role = ["--tls-server", "--dh", "none"] if side else ["--tls-client"]
    return [
        "openvpn", *role,
        "--dev", "tun0", "--dev-type", "tun", "--disable-dco", "--proto", "udp4",
        "--local", OUTER[4][side], "--remote", OUTER[4][1 - side], "--port", "1194",
        "--ifconfig", INNER[4][side], INNER[4][1 - side],
        "--cert", CERTIFICATE, "--key", KEY, "--peer-fingerprint", other_fingerprint,
        "--data-ciphers", CIPHER, "--data-ciphers-fallback", CIPHER,
        "--tun-mtu", str(MTU), "--mssfix", "0",
        "--fast-io", "--sndbuf", BUFFER, "--rcvbuf", BUFFER,
        "--connect-retry", "1", "--verb", "1",
    ]  # fmt: skip


def found() -> OpenVpn:
    """Return OpenVPN, if it is installed. Raises Absent."""
    for program in ("openvpn", "openssl"):
        if shutil.which(program) is None:
            raise Absent(f"there is no {program} here")
    return OpenVpn()
