"""Every block of the tables, and every way to wrap an IPv4 address in an IPv6 one."""

from __future__ import annotations

import ipaddress

import pytest

from unfake.addresses import MULTICAST, PLATFORMS, SPECIAL, IPNetwork, is_public

BLOCKS = [ipaddress.ip_network(block) for block in (*SPECIAL, *MULTICAST, *PLATFORMS)]
# What lies beside the blocks and is public, so that none of them reaches too far.
BESIDE = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "168.63.129.15",
    "168.63.129.17",
    "199.36.153.3",
    "199.36.153.12",
    "161.25.255.255",
    "161.27.0.0",
    "166.7.255.255",
    "166.12.0.0",
    "2001:200::",
    "2001:db7::1",
    "2001:db9::",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450::1",
    "3ffe::",
    "2600:2d00:2:3000::1",
]
WRAPPED = {
    "mapped": "::ffff:{0:x}:{1:x}",
    "NAT64": "64:ff9b::{0:x}:{1:x}",
    "6to4": "2002:{0:x}:{1:x}::1",
    "ISATAP": "2a00:1450::5efe:{0:x}:{1:x}",
    "global ISATAP": "2a00:1450::200:5efe:{0:x}:{1:x}",
}
NEVER = {
    "Teredo server": "2001:0:{0:x}:{1:x}::1",
    "Teredo client": "2001:0:808:808:0:0:{0:x}:{1:x}",
    "compatible": "::{0:x}:{1:x}",
    "translated": "::ffff:0:{0:x}:{1:x}",
    "local NAT64": "64:ff9b:1::{0:x}:{1:x}",
}


def wrap(form: str, address: ipaddress.IPv4Address) -> ipaddress.IPv6Address:
    return ipaddress.IPv6Address(form.format(int(address) >> 16, int(address) & 0xFFFF))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_no_address_of_a_block_is_public(block: IPNetwork) -> None:
    for address in (block[0], block[block.num_addresses // 2], block[-1]):
        assert not is_public(address)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.version == 4], ids=str)
def test_no_form_that_carries_such_an_address_is_public(block: ipaddress.IPv4Network) -> None:
    for form in (*WRAPPED.values(), *NEVER.values()):
        assert not is_public(wrap(form, block[-1])), form


@pytest.mark.parametrize("address", BESIDE)
def test_what_lies_beside_the_blocks_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("form", WRAPPED.values(), ids=WRAPPED)
def test_a_form_that_carries_a_public_address_is_public(form: str) -> None:
    assert is_public(wrap(form, ipaddress.IPv4Address("8.8.8.8")))


@pytest.mark.parametrize("form", NEVER.values(), ids=NEVER)
def test_forms_that_nobody_relays_are_not_public(form: str) -> None:
    assert not is_public(wrap(form, ipaddress.IPv4Address("8.8.8.8")))


@pytest.mark.parametrize(
    "address",
    [
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.192",
        "100.100.100.200",
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fec0::1",
        "64:ff9b:1::808:808",
        "4000::1",
        "1fff::1",
        "2001:1::1",
    ],
)
def test_addresses_that_have_passed_for_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
