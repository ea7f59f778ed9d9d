"""Who a visitor is, and how much one may send at once."""

from __future__ import annotations

import pytest

from unfake.web.limits import REQUESTS, REQUESTS_PER_SECOND
from unfake.web.visitors import Allowance, visitor


def scope(peer: str, forwarded: str = "") -> dict[str, object]:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return {"client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("93.184.216.34", "", "93.184.216.34"),
        ("93.184.216.34", "8.8.8.8", "93.184.216.34"),  # what a stranger claims of itself is not believed
        ("10.0.0.7", "1.2.3.4, 93.184.216.34", "93.184.216.34"),  # nor what stands before a proxy's own entry
        ("10.0.0.7", "", "10.0.0.7"),
        ("::ffff:93.184.216.34", "8.8.8.8", "93.184.216.34"),  # as a server that listens on both sees IPv4
        ("192.0.0.8", "93.184.216.34", "93.184.216.34"),
        ("2a00:1450:4001:81b::200e", "", "2a00:1450:4001:81b::/64"),
    ],
)
def test_a_visitor_is_the_last_public_address(peer: str, forwarded: str, who: str) -> None:
    assert visitor(scope(peer, forwarded)) == who


def test_an_allowance_runs_out_and_fills_again_and_each_visitor_has_one() -> None:
    now = 0.0
    allowance = Allowance(burst=3, per_second=0.5, clock=lambda: now)
    assert [allowance.take("ana") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert allowance.take("bob") == 0.0
    now = 2.0
    assert allowance.take("ana") == 0.0


def test_a_class_of_thirty_behind_one_address_is_not_held_up() -> None:
    now = 0.0
    allowance = Allowance(REQUESTS, REQUESTS_PER_SECOND, clock=lambda: now)
    assert all(allowance.take("school") == 0.0 for _ in range(200))  # thirty pages opened at once
    for _ in range(600):  # ten minutes, a picture every ten seconds each, four requests a picture
        now += 1.0
        assert all(allowance.take("school") == 0.0 for _ in range(12))
