"""The endpoints for programs: each returns one documented JSON object; see README, "For programs"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.events import api as add_endpoint

from unfake.errors import InputError, sentence
from unfake.intake import read_file
from unfake.services import Services

T = TypeVar("T")
LONGEST = 8192  # characters of an address; browsers and servers take no longer ones
LONGEST_QUERY = 200
MOST = 1_000_000  # far more than there are pages of anything


def _or_error(call: Callable[[], T]) -> T:
    """The call's result; whatever is raised becomes one sentence that clients are shown in full."""
    try:
        return call()
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from error


def _text(value: Any, name: str, longest: int = LONGEST) -> str:
    """``value``, if it is a text; raises InputError."""
    if not isinstance(value, str):
        raise InputError(f"{name} has to be a text.")
    if len(value) > longest:
        raise InputError(f"{name} is too long: the limit is {longest} characters.")
    return value


def _whole(value: Any, name: str) -> int:
    """``value``, if it is a whole number; raises InputError."""
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise InputError(f"{name} has to be a whole number.")
    if abs(value) > MOST:
        raise InputError(f"{name} is too large: the limit is {MOST:,}.")
    return int(value)


def build(services: Services) -> None:
    """Add the endpoints to the Blocks that are being built."""

    def _file(picture: str) -> bytes:
        return read_file(Path(_text(picture, "The picture")), services.settings.limits)

    def classify(picture: str) -> dict[str, Any]:
        """Classify an uploaded picture file. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_file(Path(_text(picture, "The picture")))).report.to_json()

    def classify_url(address: str) -> dict[str, Any]:
        """Classify the picture at a public http(s) address. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_url(_text(address, "The address"))).report.to_json()

    def search(
        query: str = "", page: int = 1, per_page: int = 12, orientation: str = "", colour: str = "", order_by: str = ""
    ) -> dict[str, Any]:
        """Search the photo catalog. Filters as on Unsplash (orientation: landscape, portrait, squarish), or empty.

        Returns one page of photos.
        """

        def found() -> dict[str, Any]:
            filters = {"orientation": orientation, "colour": colour, "order_by": order_by}
            given = {name: _text(value or "", f"The filter {name}") or None for name, value in filters.items()}
            number, size = _whole(page, "The page"), _whole(per_page, "The number of photos a page")
            return services.search(_text(query, "The search", LONGEST_QUERY), number, size, **given).to_json()

        return _or_error(found)

    def photo(photo_id: str) -> dict[str, Any]:
        """One photo of the catalog by its id, with credit and licence."""
        return _or_error(lambda: services.photo(_text(photo_id, "The id of a photo"))).to_json()

    def classify_photo(photo_id: str) -> dict[str, Any]:
        """Classify a photo of the catalog by its id. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_photo(_text(photo_id, "The id of a photo"))).report.to_json()

    def download(photo_id: str) -> tuple[str, dict[str, Any]]:
        """Download a photo of the catalog by its id. Returns its file, and an unfake.record/2 object on that file."""

        def taken() -> tuple[str, dict[str, Any]]:
            given = _text(photo_id, "The id of a photo")
            found = services.download(given, services.classify_photo(given))
            return str(found.path), services.record(found).to_json()

        return _or_error(taken)

    def status() -> dict[str, Any]:
        """Which checkpoint speaks, on which runtime, and why not another. Returns an unfake.status/1 object."""
        return services.status()

    def stability(picture: str) -> dict[str, Any]:
        """Classify an uploaded picture file and copies of it as they travel. Returns an unfake.stability/1 object."""
        return _or_error(lambda: services.stability(_file(picture))).to_json()

    def faces(picture: str) -> dict[str, Any]:
        """Find the faces in an uploaded picture file and read each. Returns an unfake.faces/1 object."""
        return _or_error(lambda: services.faces(_file(picture))).to_json()

    # A File component, since it checks that the path given is one that this client uploaded; gr.api does not.
    file, result, trigger = gr.File(visible=False), gr.JSON(visible=False), gr.Button(visible=False)
    for reading in (classify, stability, faces):
        trigger.click(reading, file, result, api_name=reading.__name__)
    photo_given, photo_taken = gr.Textbox(visible=False), gr.File(visible=False)  # a file that clients fetch and name
    trigger.click(download, photo_given, [photo_taken, result], api_name="download")
    for endpoint in (classify_url, search, photo, classify_photo, status):
        add_endpoint(endpoint, api_name=endpoint.__name__)
