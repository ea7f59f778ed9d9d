"""The endpoints for programs: each returns one documented JSON object; see README, "For programs"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.events import api as add_endpoint

from unfake.errors import UnfakeError
from unfake.services import Services

T = TypeVar("T")


def _or_error(call: Callable[[], T]) -> T:
    """The call's result; what UnFake raises becomes an error that clients are shown in full."""
    try:
        return call()
    except UnfakeError as error:
        raise gr.Error(str(error), print_exception=False) from error


def build(services: Services) -> None:
    """Add the endpoints to the Blocks that are being built."""

    def classify(picture: str) -> dict[str, Any]:
        """Classify an uploaded picture file. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_file(Path(picture))).report.to_json()

    def classify_url(address: str) -> dict[str, Any]:
        """Classify the picture at a public http(s) address. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_url(address)).report.to_json()

    def search(
        query: str = "", page: int = 1, per_page: int = 12, orientation: str = "", colour: str = "", order_by: str = ""
    ) -> dict[str, Any]:
        """Search the photo catalog. Filters as on Unsplash (orientation: landscape, portrait, squarish), or empty.

        Returns one page of photos.
        """
        filters = {"orientation": orientation or None, "colour": colour or None, "order_by": order_by or None}
        return _or_error(lambda: services.search(query, page, per_page, **filters)).to_json()

    def photo(photo_id: str) -> dict[str, Any]:
        """One photo of the catalog by its id, with credit and licence."""
        return _or_error(lambda: services.photo(photo_id)).to_json()

    def classify_photo(photo_id: str) -> dict[str, Any]:
        """Classify a photo of the catalog by its id. Returns an unfake.report/2 object."""
        return _or_error(lambda: services.classify_photo(photo_id)).report.to_json()

    def status() -> dict[str, Any]:
        """Which checkpoint speaks, on which runtime, and why not another. Returns an unfake.status/1 object."""
        return services.status()

    # A File component, since it checks that the path given is one that this client uploaded; gr.api does not.
    file, result, trigger = gr.File(visible=False), gr.JSON(visible=False), gr.Button(visible=False)
    trigger.click(classify, file, result, api_name="classify")
    for endpoint in (classify_url, search, photo, classify_photo, status):
        add_endpoint(endpoint, api_name=endpoint.__name__)
