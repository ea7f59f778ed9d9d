"""What one visitor's page knows: of photos of the catalog, from scans, Details and downloads, and of addresses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from unfake.services import Check

MOST = 1000  # photos; a report is about 2 kB
MOST_ANSWERS = 20  # of addresses as of photos; with a small copy of the picture, about 100 kB each

T = TypeVar("T")
Answer = tuple[str, dict[str, Any] | None]  # HTML, and the report as JSON or None where there is no verdict


def _keep(among: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    among[name] = value
    among.move_to_end(name)
    while len(among) > most:
        among.popitem(last=False)


class Known(Mapping[str, Check]):
    """Checks by the photo's id, the latest `MOST` of them. One for each open page; handlers add to it in place.

    ``gallery``: what the gallery shows now; a scan of anything else has nothing more to do. ``own``: the answer on the
    last files that were brought. ``asked``: an address is what the Classify tab answers now, and no file.
    """

    def __init__(self) -> None:
        self.gallery: object = None
        self.own: Answer | None = None
        self.asked = False
        self._checks: OrderedDict[str, Check] = OrderedDict()
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._cards: OrderedDict[str, str] = OrderedDict()

    def add(self, check: Check, card: str = "") -> None:
        """Keep a check, and its ``card`` as HTML if there is one; one that failed does not replace one that did not."""
        before = self._checks.get(check.photo.id)
        if check.report is None and before is not None and before.report is not None:
            return
        _keep(self._checks, check.photo.id, check, MOST)
        if card:
            _keep(self._cards, check.photo.id, card, MOST_ANSWERS)

    def card(self, photo_id: str) -> str:
        """The card on one of the latest `MOST_ANSWERS` photos that had one, as it was shown; else nothing."""
        return self._cards.get(photo_id, "")

    def of_address(self, address: str, examine: Callable[[], Answer]) -> Answer:
        """The answer on the picture at an address; a verdict that is known is given again, and nothing is fetched."""
        answer = self._answers.get(address) or examine()
        if answer[1] is not None:
            _keep(self._answers, address, answer, MOST_ANSWERS)
        return answer

    def brought(self, answer: Answer) -> Answer:
        """Keep the answer on files that were brought, which is shown now."""
        self.own, self.asked = answer, False
        return answer

    def __getitem__(self, photo_id: str) -> Check:
        return self._checks[photo_id]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._checks))

    def __len__(self) -> int:
        return len(self._checks)
