from __future__ import annotations

from urllib.parse import urlencode

import pytest

from unfake.ui.address import Place
from unfake.ui.gallery import Query


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("", Place()),
        ("?", Place()),
        ("?tab=about", Place("about")),
        ("?tab=<script>", Place()),
        ("?photo=a%26b", Place("details", photo="a&b")),
        ("?photo=", Place()),
        ("?q=", Place("search", query=Query())),
        ("?q=red+fox&shape=portrait&order=", Place("search", query=Query("red fox", "portrait"))),
        (
            "?address=https%3A%2F%2Fexample.com%2Fa.jpg%3Fb%3D1",
            Place("classify", picture="https://example.com/a.jpg?b=1"),
        ),
        ("?address=", Place("classify", picture="")),
        ("?photo=x&q=y", Place("details", photo="x")),
    ],
)
def test_an_address_names_a_place(address: str, place: Place) -> None:
    assert Place.of(address) == place


@pytest.mark.parametrize("query", [Query(), Query("a&b=c#d", "landscape", "red", "latest"), Query("é 日本")])
def test_a_search_comes_back_from_its_address(query: Query) -> None:
    # as page.js writes it: URLSearchParams encodes a form alike
    given = {"q": query.words, "shape": query.orientation, "colour": query.colour, "order": query.order_by}
    address = "?" + urlencode({name: value for name, value in given.items() if value or name == "q"})
    assert Place.of(address).query == query
