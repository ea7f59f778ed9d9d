"""Who sends a request, and how much more they may send now."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from unfake.addresses import IPAddress, is_public

MOST_VISITORS = 10_000  # addresses that are remembered; the one not seen for the longest is forgotten
IPV6_NETWORK = 64  # bits that one household or class shares


def visitor(scope: Mapping[str, Any]) -> str:
    """The network address of whoever sent a request (ASGI scope).

    Behind a proxy it is the last public one in ``X-Forwarded-For``: what stands before it the sender may have made up.

    >>> visitor({"client": ("10.0.0.7", 1), "headers": [(b"x-forwarded-for", b"1.2.3.4, 93.184.216.34, 10.0.0.3")]})
    '93.184.216.34'
    """
    peer = (scope.get("client") or ("",))[0]
    said = b",".join(value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for").decode("latin-1")
    candidates = [*said.split(","), peer] if _address(peer) is None or not _public(peer) else [peer]
    for each in reversed(candidates):
        if _public(each):
            return _network(each)
    return peer or "unknown"


def _address(text: str) -> IPAddress | None:
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _public(text: str) -> bool:
    found = _address(text)
    return found is not None and is_public(found)


def _network(text: str) -> str:
    found = _address(text)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_NETWORK), strict=False))
    return str(found)


class Allowance:
    """A token bucket for each visitor: ``burst`` at once, refilled by ``per_second``.

    >>> allowance = Allowance(burst=2, per_second=1, clock=lambda: 0.0)
    >>> [allowance.take("ana") for _ in range(3)]
    [0.0, 0.0, 1.0]
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, cost: float = 1.0) -> float:
        """Take ``cost`` from a visitor's allowance: 0, or the seconds after which there is enough of it."""
        now = self._clock()
        left, then = self._left.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        short = cost - left
        self._left[who] = (left if short > 0 else left - cost, now)
        if len(self._left) > MOST_VISITORS:
            self._left.popitem(last=False)
        return max(0.0, short / self._per_second)
