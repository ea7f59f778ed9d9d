from __future__ import annotations

from dataclasses import replace
from typing import Any

from unfake.catalog.photo import ResultPage
from unfake.catalog.samples import SampleCatalog
from unfake.services import Services
from unfake.settings import Settings
from unfake.ui.gallery import PAGE, Query, Shown, load


class Leaky(SampleCatalog):
    """Leaves a result out of each page, as the Unsplash client does with one that is malformed."""

    def search(self, query: str, page: int = 1, per_page: int = 12, **filters: Any) -> ResultPage:
        found = super().search(query, page, per_page, **filters)
        return replace(found, photos=found.photos[1:])


def test_load_more_goes_on_after_a_page_that_lacks_a_result() -> None:
    services = Services(Settings(model="unfake-lite0", device="cpu"))
    services.catalog = Leaky()
    shown: Shown = load(services, Query(), Shown(), False)[-1]
    assert len(shown.photos) == PAGE - 1
    *_, shown = load(services, Query(), shown, False)
    assert len(shown.photos) == 20 - 2
    services.wait()
