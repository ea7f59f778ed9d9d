"""What one visitor's page knows: of photos of the catalog, from scans, Details and downloads, and of addresses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from unfake.services import Check

MOST = 1000  # photos; a report is about 2 kB
MOST_ADDRESSES = 20  # with a small copy of the picture, about 100 kB each

Answer = tuple[str, dict[str, Any] | None]  # HTML, and the report as JSON or None where there is no verdict


class Known(Mapping[str, Check]):
    """Checks by the photo's id, the latest `MOST` of them. One for each open page; handlers add to it in place.

    ``gallery``: what the gallery shows now; a scan of anything else has nothing more to do.
    """

    def __init__(self) -> None:
        self.gallery: object = None
        self._checks: OrderedDict[str, Check] = OrderedDict()
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def add(self, check: Check) -> None:
        """Keep a check; one that failed does not replace one that did not."""
        before = self._checks.get(check.photo.id)
        if check.report is None and before is not None and before.report is not None:
            return
        self._checks[check.photo.id] = check
        self._checks.move_to_end(check.photo.id)
        while len(self._checks) > MOST:
            self._checks.popitem(last=False)

    def of_address(self, address: str, examine: Callable[[], Answer]) -> Answer:
        """The answer on the picture at an address; a verdict that is known is given again, and nothing is fetched."""
        answer = self._answers.get(address) or examine()
        if answer[1] is not None:
            self._answers[address] = answer
            self._answers.move_to_end(address)
            while len(self._answers) > MOST_ADDRESSES:
                self._answers.popitem(last=False)
        return answer

    def __getitem__(self, photo_id: str) -> Check:
        return self._checks[photo_id]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._checks))

    def __len__(self) -> int:
        return len(self._checks)
