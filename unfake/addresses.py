"""Which IP addresses belong to the public internet: tables to read, and one question.

Sources: IANA, *IPv4* and *IPv6 Special-Purpose Address Registry*, as they stood on 18 July 2026, all blocks that are
not "globally reachable" in them, each with the blocks inside it; the multicast blocks (RFC 5771, RFC 4291); and what
clouds serve their own machines from addresses that look public, by their documentation.
"""

from __future__ import annotations

import ipaddress
from functools import cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SPECIAL = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space of providers; 100.100.100.200 is Alibaba Cloud's metadata",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local; 169.254.169.254 is the metadata of most clouds",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments; 192.0.0.192 is Oracle Cloud's older metadata",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay anycast, given up",
    "192.168.0.0/16": "private use",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "240.0.0.0/4": "reserved, and limited broadcast",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "translation to IPv4 for local use",
    "100::/64": "discard-only",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments: Teredo, benchmarking, ORCHID",
    "2001:db8::/32": "documentation",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique-local; fd00:ec2::254 is AWS's metadata, fd20:ce::254 Google Cloud's",
    "fe80::/10": "link-local",
}
MULTICAST = ("224.0.0.0/4", "ff00::/8")
PLATFORMS = {
    "168.63.129.16/32": "Azure: DNS, health and agent of a virtual machine",
    "161.26.0.0/16": "IBM Cloud: endpoints of the infrastructure",
    "166.8.0.0/14": "IBM Cloud: endpoints of services",
    "199.36.153.4/30": "Google Cloud: restricted.googleapis.com",
    "199.36.153.8/30": "Google Cloud: private.googleapis.com",
    "2600:2d00:2:1000::/64": "Google Cloud: restricted.googleapis.com",
    "2600:2d00:2:2000::/64": "Google Cloud: private.googleapis.com",
}
GLOBAL_UNICAST = "2000::/3"  # all that IANA has given out of IPv6 for the public (RFC 4291, section 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214, section 6.1: these 32 bits stand before an IPv4 address


@cache
def _refused(version: int) -> tuple[IPNetwork, ...]:
    blocks = map(ipaddress.ip_network, (*SPECIAL, *MULTICAST, *PLATFORMS))
    return tuple(block for block in blocks if block.version == version)


def is_public(address: IPAddress) -> bool:
    """Whether an IP address is one of the public internet.

    An IPv6 address that carries an IPv4 address is public only where that one is: mapped (RFC 4291), NAT64 (RFC 6052),
    6to4 (RFC 3056) and ISATAP (RFC 5214). Teredo (RFC 4380) never is: nobody relays it to the public any more.

    >>> is_public(ipaddress.ip_address("8.8.8.8")), is_public(ipaddress.ip_address("64:ff9b::7f00:1"))
    (True, False)
    """
    if isinstance(address, ipaddress.IPv6Address):
        if (carried := _carried(address)) is not None and not is_public(carried):
            return False
        if address.ipv4_mapped or address in _NAT64:
            return True
        if address not in ipaddress.IPv6Network(GLOBAL_UNICAST):
            return False
    return not any(address in block for block in _refused(address.version))


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to this one end at, or pass through."""
    last = ipaddress.IPv4Address(address.packed[-4:])
    if address in _NAT64 or int.from_bytes(address.packed[8:12], "big") in _ISATAP:
        return last
    return address.ipv4_mapped or address.sixtofour
