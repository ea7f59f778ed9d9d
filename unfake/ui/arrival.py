"""What an address of the app names, shown: every way from one place to another ends here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from unfake.services import Services
from unfake.ui import about, classify, details, gallery, history, search
from unfake.ui.about import AboutTab
from unfake.ui.address import Place
from unfake.ui.classify import ClassifyTab
from unfake.ui.details import DetailsTab
from unfake.ui.gallery import Shown
from unfake.ui.history import HistoryTab
from unfake.ui.known import Known
from unfake.ui.search import SearchTab

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Tabs:
    """The tabs with what is on them."""

    tabs: gr.Tabs
    search: SearchTab
    details: DetailsTab
    classify: ClassifyTab
    history: HistoryTab
    about: AboutTab

    @property
    def outputs(self) -> list[Any]:
        """What an arrival may change."""
        found, asked = self.search.gallery, self.classify
        shown = [found.grid, found.more, found.scan, found.stop, found.hide, found.progress, found.shown]
        words = [self.search.query, *self.search.filters]
        verdict = [asked.address, asked.verdict, asked.report]
        own, facts = vars(self.history).values(), vars(self.about).values()
        return [self.tabs, *words, *shown, *self.details.all, *verdict, *own, *facts]


def arriving(tabs: Tabs, services: Services, arrived: gr.Textbox) -> Callable[..., Updates]:
    """The handler that shows a place; ``arrived`` then says which, so that the page sees a late answer to another."""

    def arrive(
        address: str, shown: Shown, known: Known, hide: bool, opened: str | None, visitor: str, kept: bool
    ) -> Updates:
        place = Place.of(address if isinstance(address, str) else "")
        updates: Updates = {tabs.tabs: gr.Tabs(selected=place.tab), arrived: address}
        if place.query is not None:
            updates |= search.asked(tabs.search, place.query)
            found = tabs.search.gallery
            if place.query == shown.query:  # with what Details has found out since
                updates[found.grid] = gallery.draw(services, shown, known, hide)
            else:
                updates |= gallery.load(found, services, place.query, Shown(), known, hide, kept=shown)
        elif place.photo is not None and place.photo != opened:
            updates |= details.open_photo(tabs.details, services, place.photo, known)
        elif place.picture is not None:
            known.asked = True
            examine = partial(classify.of_address, services, place.picture, visitor)
            verdict, report = known.of_address(place.picture.strip(), examine)
            asked = tabs.classify
            updates |= {asked.address: place.picture, asked.verdict: verdict, asked.report: report}
        elif place.tab == "classify" and known.asked:  # back from an address: what was there before it
            known.asked = False
            verdict, report = known.own or (classify.EMPTY, None)
            asked = tabs.classify
            updates |= {asked.address: "", asked.verdict: verdict, asked.report: report}
        elif place.tab == "history":
            updates |= history.show(tabs.history, services, visitor, kept)
        elif place.tab == "about":
            updates[tabs.about.lines], updates[tabs.about.card] = about.show(services)
        return updates

    return arrive
