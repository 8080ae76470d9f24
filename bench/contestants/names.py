"""What the contestants are called, in the order in which tables show them."""

NATIVE = "wiresnake"
PORTABLE = "wiresnake portable"
NEWEST = "newest wireguard-go"
BORINGTUN = "boringtun"
DEBIAN = "wireguard-go"
OPENVPN = "openvpn"
IPSEC = "strongswan"
PROBE = "probe"
BARE_PROBE = "probe without cipher"

OURS = (NATIVE, PORTABLE)
