"""Which addresses a crawl may reach."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.safety.addresses import IPV4, IPV6, embedded, why_not


def words(text: str) -> list[str]:
    return text.split()


ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)
inside = st.sampled_from([network for network, _ in IPV4]).flatmap(
    lambda network: st.integers(int(network[0]), int(network[-1])).map(IPv4Address)
)


@pytest.mark.parametrize(
    "address",
    words("""0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1
    192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200 192.0.0.192 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1
    ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1 2001::1 2001:2::1
    2001:10::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::5 2001:0:7f00:1::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254
    fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001:4860::5efe:10.0.0.1 ::8.8.8.8"""),
)
def test_an_address_that_is_not_global_is_refused(address: str) -> None:
    assert why_not(ip_address(address))


@pytest.mark.parametrize(
    "address",
    words("""1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 192.31.196.1
    198.17.255.255 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808
    2002:808:808::1 2001:4860:4860::8888 2620:4f:8000::1"""),
)
def test_an_address_of_the_open_internet_is_reached(address: str) -> None:
    assert why_not(ip_address(address)) is None


@given(inside)
def test_what_a_special_ipv4_address_is_wrapped_in_does_not_open_it(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0xFFFF << 48 | number),
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x64FF9B0001 << 80) | number),
        IPv6Address(number),
        IPv6Address(0x2002 << 112 | number << 80 | 1),
        IPv6Address(0x20010000 << 96 | number << 64 | 0x5A5A5A5A),
        IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (number ^ 0xFFFFFFFF)),
        IPv6Address(0x20014860 << 96 | 0x5EFE << 32 | number),
    ]
    assert [str(each) for each in wrapped if why_not(each) is None] == []


@given(ipv4)
def test_a_mapped_address_is_as_good_as_the_one_it_carries(address: IPv4Address) -> None:
    for wrapped in (IPv6Address(0xFFFF << 32 | int(address)), IPv6Address((0x64FF9B << 96) | int(address))):
        assert embedded(wrapped) == (address,)
        assert (why_not(wrapped) is None) == (why_not(address) is None)


@given(ipv4)
def test_no_address_that_python_calls_private_multicast_or_reserved_is_reached(address: IPv4Address) -> None:
    if (
        address.is_private
        or address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
    ):
        assert why_not(address) is not None


@given(ipv6)
def test_what_python_calls_not_global_is_refused(address: IPv6Address) -> None:
    if not address.is_global and not embedded(address):
        assert why_not(address) is not None


def test_the_edges_of_each_network_are_inside() -> None:
    for network, _ in (*IPV4, *IPV6):
        carried = isinstance(network, IPv4Network) or not embedded(network[-1])
        assert why_not(network[0]) is not None
        assert why_not(network[-1]) is not None or not carried
