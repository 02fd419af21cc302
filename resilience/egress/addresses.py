"""Which addresses are public: those that strangers may have us connect to."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from resilience.egress.url import Address

_NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host of every virtual machine at Azure
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
)


def is_public(address: Address) -> bool:
    """By tables of our own: what `ipaddress` says depends on the patch level of Python, and is too generous.

    Of IPv6 only global unicast is; whatever embeds an IPv4 address is not, apart from mapped ones, which count
    as what they embed.
    """
    if address.version == 4:  # noqa: PLR2004 - IPv4
        return not any(address in network for network in _NOT_PUBLIC_IPV4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if getattr(address, "scope_id", None):
        return False
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_IPV6)


def plain(address: str) -> Address:
    """An address as the resolver gives it; one of IPv4 that is mapped into IPv6 is the former. Raises ValueError."""
    found = ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return found if mapped is None else mapped
