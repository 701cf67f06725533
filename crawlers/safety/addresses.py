"""Which IP addresses a crawl may reach: those that the IANA special-purpose registries leave to the open Internet.

The tables are the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates) as of November 2026,
with the multicast and reserved ranges beside them. They stand here because `ipaddress.is_global` answers differently
from one patch release of Python to the next. An address that carries another one inside is judged by both.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, OpenStack
            "169.254.170.2",  # AWS, of a container
            "168.63.129.16",  # Azure's host agent: unlike the others, of the open Internet's space
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
        ),
    )
)
"""Where a cloud machine learns its own secrets."""

IPV4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "of this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider's customers (carrier-grade NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "of a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarking"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

IPV6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "of a local NAT64"),
        ("100::/64", "discarded"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "of a segment router"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

GLOBAL_UNICAST = IPv6Network("2000::/3")
MAPPED = IPv6Network("::ffff:0:0/96")
NAT64 = IPv6Network("64:ff9b::/96")
SIXTOFOUR = IPv6Network("2002::/16")
TEREDO = IPv6Network("2001::/32")
LAST_32_BITS = (IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b:1::/48"))
ISATAP = (0x00005EFE, 0x02005EFE)


def why_not(address: Address) -> str | None:
    """Why no request may go to the address, in words that finish "the address is …"; None when it is global."""
    if address in METADATA:
        return "where a cloud machine keeps its secrets"
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in IPV4 if address in network), None)
    if address.scope_id is not None:
        return "of one network link"
    return _why_not_ipv6(address)


def embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address carries inside, so that a packet to it goes on to them.

    IPv4-mapped and -compatible (RFC 4291), IPv4-translated (RFC 2765), NAT64 (RFC 6052, 8215), 6to4 (RFC 3056), Teredo
    with its server and its client (RFC 4380), ISATAP (RFC 5214).
    """
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address in MAPPED or address in NAT64 or any(address in network for network in LAST_32_BITS):
        return (last,)
    if address in SIXTOFOUR:
        return (IPv4Address(number >> 80 & 0xFFFFFFFF),)
    if address in TEREDO:
        return IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(int(last) ^ 0xFFFFFFFF)
    if number >> 32 & 0xFFFFFFFF in ISATAP:
        return (last,)
    return ()


def _why_not_ipv6(address: IPv6Address) -> str | None:
    carried = (why_not(inner) for inner in embedded(address))
    inside = next((reason for reason in carried if reason is not None), None)
    own = next((reason for network, reason in IPV6 if address in network), None)
    if address in MAPPED or address in NAT64 or address in TEREDO:
        return inside  # what it carries is all that it is
    if int(address) >> 32 == 0 and int(address) > 1 and inside is not None:
        return inside
    if own is None and address not in GLOBAL_UNICAST:
        own = "reserved"
    return own or inside
