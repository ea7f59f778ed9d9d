from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from unfake.catalog.photo import ResultPage
from unfake.catalog.samples import SampleCatalog
from unfake.services import Services
from unfake.settings import Settings
from unfake.ui.gallery import PAGE, Gallery, Query, Shown, load
from unfake.ui.known import Known


class Leaky(SampleCatalog):
    """Leaves a result out of each page, as the Unsplash client does with one that is malformed."""

    def search(self, query: str, page: int = 1, per_page: int = 12, **filters: Any) -> ResultPage:
        found = super().search(query, page, per_page, **filters)
        return replace(found, photos=found.photos[1:])


def test_load_more_goes_on_after_a_page_that_lacks_a_result(toy: Path) -> None:
    services = Services(Settings(model=str(toy), device="cpu"))
    services.catalog = Leaky()
    parts: dict[str, Any] = {field.name: field.name for field in fields(Gallery)}
    tab = Gallery(**parts)
    known, shown = Known(), Shown()
    for count in (PAGE - 1, 20 - 2):
        shown = load(tab, services, Query(), shown, known, False, kept=shown)[tab.shown]
        assert len(shown.photos) == count
    services.wait()
