"""Who calls: one name for each host."""

from __future__ import annotations

import pytest

from simd.serving.transport.callers import caller_of, host_of


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        ("ipv4:192.0.2.7:51234", "192.0.2.7"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:51234", "2001:db8:1:2::/64"),
        ("ipv6:[::1]:51234", "::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:1", "fe80::/64"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:1", "192.0.2.7"),
        ("unix:", "unix"),
        ("unix:/run/simd/simd.sock", "unix"),
        ("", ""),
    ],
)
def test_a_caller_is_a_host_whatever_its_port(peer: str, caller: str) -> None:
    assert caller_of(peer) == caller


def test_a_person_reads_the_host_and_not_the_connection() -> None:
    assert host_of("ipv4:10.0.0.7:55123") == "10.0.0.7"
    assert host_of("ipv6:%5B2001:db8::1%5D:55123") == "[2001:db8::1]"
    assert host_of("unix:") == host_of("unix:/run/x") == "the unix socket"
