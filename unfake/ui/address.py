"""Places in the app as the part of an address after ``?``: a photo, a search, a picture's address, or a tab."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from unfake.ui.gallery import Query

TABS = ("home", "search", "details", "classify", "history", "about")
LONGEST = 9000  # characters; no browser takes longer addresses


@dataclass(frozen=True)
class Place:
    """``tab``, and what is open there: a ``photo`` by id, a ``query``, or the ``picture`` at an address; "" is none."""

    tab: str = "home"
    photo: str | None = None
    query: Query | None = None
    picture: str | None = None

    @classmethod
    def of(cls, search: str) -> Place:
        """Read ``?photo=ID``, ``?q=WORDS&shape=&colour=&order=``, ``?address=URL`` or ``?tab=NAME``; else it is home.

        >>> Place.of("?photo=pagoda")
        Place(tab='details', photo='pagoda', query=None, picture=None)
        >>> Place.of("?tab=nowhere").tab
        'home'
        """
        given = {
            name: values[-1]
            for name, values in parse_qs(search[:LONGEST].removeprefix("?"), keep_blank_values=True).items()
        }
        if given.get("photo"):
            return cls("details", photo=given["photo"])
        if "q" in given:
            filters = (given.get(name) or None for name in ("shape", "colour", "order"))
            return cls("search", query=Query(given["q"].strip(), *filters))
        if "address" in given:
            return cls("classify", picture=given["address"])
        return cls(given["tab"]) if given.get("tab") in TABS else cls()
