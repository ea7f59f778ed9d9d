"""The endpoints for programs: each returns one documented JSON object; see README, "For programs".

They are MCP tools as well; Gradio shows their docstrings, and what stands under "Args", to whoever looks for a tool.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.context import get_blocks_context
from gradio.events import api as add_endpoint
from gradio.route_utils import get_root_url

from unfake.catalog.photo import Photo
from unfake.errors import InputError, sentence
from unfake.intake import read_file
from unfake.services import Services
from unfake.ui.parameters import describe
from unfake.ui.template import Rendition, picture_address
from unfake.ui.upload import bounded

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


def _path(picture: Any) -> Path:
    """Where the uploaded file lies; raises InputError where there is none."""
    if not isinstance(picture, str):
        raise InputError("No picture came: send a file, or the address of one.")
    return Path(_text(picture, "The picture"))


def _whole(value: Any, name: str) -> int:
    """``value``, if it is a whole number; raises InputError."""
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise InputError(f"{name} has to be a whole number.")
    if abs(value) > MOST:
        raise InputError(f"{name} is too large: the limit is {MOST:,}.")
    return int(value)


def _told(photo: Photo, request: gr.Request | None) -> dict[str, Any]:
    """What programs get of a photo: every address in it can be fetched, a sample's from this very app."""
    found = photo.to_json()
    if photo.catalog == "samples" and request is not None and request.request is not None:
        asked = request.request
        root = get_root_url(asked, asked.url.path, asked.scope.get("root_path"))
        renditions: tuple[Rendition, ...] = ("full", "regular", "small", "thumb")
        found["urls"] = {name: f"{root}/{picture_address(photo, name)}" for name in renditions}
    return found


def build(services: Services) -> None:
    """Add the endpoints to the Blocks that are being built."""

    def _file(picture: str) -> bytes:
        return read_file(_path(picture), services.settings.limits)

    def classify(picture: str) -> dict[str, Any]:
        """Say whether a picture was made by AI, made with a camera, or cannot be told apart.

        What the file says of itself (a signature, metadata, generation parameters) counts before what a neural network
        sees in its pixels. "Inconclusive" is an answer: most pictures without a statement of their own get it. It is an
        estimate and no proof.

        Args:
            picture: the picture file as it came, not a screenshot of it: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC or AVIF.

        Returns:
            an unfake.report/2 object: verdict.label, verdict.headline, verdict.reason and verdict.ground say what and
            why, verdict.probability how likely it is AI, evidence.provenance what the file says of itself.
        """
        return _or_error(lambda: services.classify_file(_path(picture))).report.to_json()

    def classify_url(address: str) -> dict[str, Any]:
        """Say of the picture at a public address whether it was made by AI; see classify for what the answer is worth.

        Args:
            address: http(s) address of the picture itself, not of a page that shows it, such as https://example.com/a.jpg

        Returns:
            an unfake.report/2 object, as from classify.
        """
        return _or_error(lambda: services.classify_url(_text(address, "The address"))).report.to_json()

    def search(
        query: str = "",
        page: int = 1,
        per_page: int = 12,
        orientation: str = "",
        colour: str = "",
        order_by: str = "",
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """Search the photo catalog; classify_photo then says of a photo whether it was made by AI.

        Args:
            query: words to look for, such as "portrait"; empty for all photos
            page: number of the page, from 1
            per_page: photos a page
            orientation: landscape, portrait or squarish, or empty for all
            colour: a colour as on Unsplash, such as blue or black_and_white, or empty for all
            order_by: relevant or latest, or empty

        Returns:
            one page of photos, each with its id, credit, licence and the addresses of its pictures.
        """

        def found() -> dict[str, Any]:
            filters = {"orientation": orientation, "colour": colour, "order_by": order_by}
            given = {name: _text(value or "", f"The filter {name}") or None for name, value in filters.items()}
            number, size = _whole(page, "The page"), _whole(per_page, "The number of photos a page")
            page_found = services.search(_text(query, "The search", LONGEST_QUERY), number, size, **given)
            return page_found.to_json() | {"photos": [_told(each, request) for each in page_found.photos]}

        return _or_error(found)

    def photo(photo_id: str, request: gr.Request | None = None) -> dict[str, Any]:
        """One photo of the catalog, with credit, licence and the addresses of its pictures.

        Args:
            photo_id: id of the photo, as search gives it, such as pagoda

        Returns:
            the photo.
        """
        return _or_error(lambda: _told(services.photo(_text(photo_id, "The id of a photo")), request))

    def classify_photo(photo_id: str) -> dict[str, Any]:
        """Say of a photo of the catalog whether it was made by AI; see classify for what the answer is worth.

        Args:
            photo_id: id of the photo, as search gives it, such as pagoda

        Returns:
            an unfake.report/2 object, as from classify.
        """
        return _or_error(lambda: services.classify_photo(_text(photo_id, "The id of a photo"))).report.to_json()

    def download(photo_id: str) -> tuple[str, dict[str, Any]]:
        """Download a photo of the catalog: its full file, and the record of the check of that very file.

        Args:
            photo_id: id of the photo, as search gives it, such as pagoda

        Returns:
            the file, and an unfake.record/2 object on it.
        """

        def taken() -> tuple[str, dict[str, Any]]:
            given = _text(photo_id, "The id of a photo")
            found = services.download(given, services.classify_photo(given))
            return str(found.path), services.record(found).to_json()

        return _or_error(taken)

    def status() -> dict[str, Any]:
        """Which neural network speaks here, on which runtime, and why not another.

        Returns:
            an unfake.status/1 object.
        """
        return services.status()

    def stability(picture: str) -> dict[str, Any]:
        """Whether the neural network says the same of a picture and of its copies as they travel.

        The copies: as a web site delivers it, after a messenger, and 2 % smaller. A verdict that falls with a copy
        deserves less trust. What the file says of itself is left out: copies lose it.

        Args:
            picture: the picture file

        Returns:
            an unfake.stability/1 object: a label and probability for each of the four, and whether all labels agree.
        """
        return _or_error(lambda: services.stability(_file(picture))).to_json()

    def faces(picture: str) -> dict[str, Any]:
        """Find the faces in a picture and what the neural network says of the square around each; no part of a verdict.

        Args:
            picture: the picture file

        Returns:
            an unfake.faces/1 object: box as fractions of width and height, and the probability that the part is AI, or
            the reason why a face was not read, such as its size.
        """
        return _or_error(lambda: services.faces(_file(picture))).to_json()

    # A File component, since it checks that the path given is one that this client uploaded; gr.api does not.
    file = bounded(gr.File(visible=False), services.settings.limits)
    result, trigger = gr.JSON(visible=False), gr.Button(visible=False)
    describe(classify, [file])
    for reading in (classify, stability, faces):
        trigger.click(reading, file, result, api_name=reading.__name__)
    photo_given, photo_taken = gr.Textbox(visible=False), gr.File(visible=False)  # a file that clients fetch and name
    describe(download, [photo_given])
    trigger.click(download, photo_given, [photo_taken, result], api_name="download")
    blocks = get_blocks_context()
    for endpoint in (classify_url, search, photo, classify_photo, status):
        added = add_endpoint(endpoint, api_name=endpoint.__name__)
        if blocks is not None:
            describe(endpoint, blocks.fns[added["id"]].inputs)
