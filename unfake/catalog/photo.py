"""What a catalog of photos holds and answers: plain data, and the protocol that every catalog follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, get_args

from unfake.errors import CatalogError

Orientation = Literal["landscape", "portrait", "squarish"]
Colour = Literal[
    "black_and_white",
    "black",
    "white",
    "yellow",
    "orange",
    "red",
    "purple",
    "magenta",
    "green",
    "teal",
    "blue",
]
OrderBy = Literal["relevant", "latest", "editorial"]
Truth = Literal["real", "ai_generated"]

MAX_PER_PAGE = 30
"""The most photos on one page: the limit of the Unsplash API, kept by every catalog."""

SQUARISH = 1.1
"""A picture is squarish when its long side is at most this many times its short side."""


@dataclass(frozen=True)
class Photographer:
    """Who made the photo: the name to credit, and where they are found."""

    name: str
    username: str | None = None
    profile_url: str | None = None


@dataclass(frozen=True)
class Urls:
    """Where the renditions are, largest first.

    For Unsplash: the addresses to hotlink. For the samples: the name of the bundled file, four times.
    """

    full: str
    regular: str
    small: str
    thumb: str


@dataclass(frozen=True)
class Camera:
    """What the camera wrote down, as the catalog gives it: exposure in seconds, focal length in mm."""

    make: str | None = None
    model: str | None = None
    exposure: str | None = None
    aperture: str | None = None
    focal_length: str | None = None
    iso: int | None = None


@dataclass(frozen=True)
class Photo:
    """One photo of a catalog; None wherever the catalog does not know.

    ``width`` and ``height``: px of the full rendition. ``colour``: its average, ``#rrggbb``.
    ``created_at``: ISO 8601. ``download_location``: the address to call when a user downloads it.
    ``plus``: a paid Unsplash+ photo. ``kind``: Unsplash has illustrations too, and no verdict is for them.
    Samples only: ``truth``, ``generator`` (the model that made a generated picture) and ``origin`` (the
    package that the picture comes from).
    """

    id: str
    width: int
    height: int
    photographer: Photographer
    urls: Urls
    catalog: Literal["samples", "unsplash"]
    licence: str
    licence_url: str | None = None
    description: str | None = None
    alt: str | None = None
    colour: str | None = None
    created_at: str | None = None
    page_url: str | None = None
    tags: tuple[str, ...] = ()
    camera: Camera | None = None
    place: str | None = None
    likes: int | None = None
    downloads: int | None = None
    download_location: str | None = None
    plus: bool = False
    kind: Literal["photo", "illustration"] = "photo"
    truth: Truth | None = None
    generator: str | None = None
    origin: str | None = None

    @property
    def title(self) -> str:
        """The first of description and alt text that says something, else a neutral title.

        >>> urls = Urls("full", "regular", "small", "thumb")
        >>> sea = Photo("x1", 30, 20, Photographer("Ana"), urls, "unsplash", "Unsplash License")
        >>> sea.title, sea.orientation
        ('Untitled photo', 'landscape')
        """
        return self.description or self.alt or "Untitled photo"

    @property
    def orientation(self) -> Orientation:
        """Landscape, portrait or squarish, by the sides of the full rendition."""
        if max(self.width, self.height) <= SQUARISH * min(self.width, self.height):
            return "squarish"
        return "landscape" if self.width > self.height else "portrait"

    def to_json(self, *, reveal: bool = False) -> dict[str, Any]:
        """Plain data for JSON, the same keys every time.

        Without ``reveal`` a sample keeps its secret: truth, generator and origin are None, and so are the
        photographer, licence and page, because they give it away. Show the credit together with the verdict.
        """
        data = asdict(self) | {"tags": list(self.tags), "title": self.title, "orientation": self.orientation}
        if self.catalog == "samples" and not reveal:
            data |= dict.fromkeys(_TELLTALE)
        return data


_TELLTALE = ("truth", "generator", "origin", "photographer", "licence", "licence_url", "page_url")


@dataclass(frozen=True)
class ResultPage:
    """One page of search results. ``total`` and ``total_pages`` count all pages; ``page`` starts at 1."""

    photos: tuple[Photo, ...]
    total: int
    page: int
    total_pages: int
    query: str

    def to_json(self, *, reveal: bool = False) -> dict[str, Any]:
        """Plain data for JSON; ``reveal`` as in `Photo.to_json`."""
        photos = [photo.to_json(reveal=reveal) for photo in self.photos]
        return asdict(replace(self, photos=())) | {"photos": photos}


class Catalog(Protocol):
    """Where photos come from: Unsplash, or the bundled samples when there is no key."""

    @property
    def name(self) -> str:
        """Which catalog this is: ``samples`` or ``unsplash``."""

    def search(
        self,
        query: str,
        page: int = 1,
        per_page: int = 12,
        *,
        orientation: Orientation | None = None,
        colour: Colour | None = None,
        order_by: OrderBy | None = None,
    ) -> ResultPage:
        """One page of the photos that fit. Raises CatalogError when there is no answer to the request."""

    def photo(self, photo_id: str) -> Photo:
        """The photo by that id, with all that is known of it. Raises PhotoNotFound or CatalogError."""

    def read(self, photo: Photo) -> bytes:
        """The bytes of the rendition to classify. Raises PhotoNotFound or CatalogError."""

    def download(self, photo: Photo) -> bytes:
        """Tell the catalog that a user downloads the photo; the bytes of the file that it then names.

        Raises PhotoNotFound or CatalogError; PictureTooLarge: more bytes than the limits allow.
        """

    @property
    def home_url(self) -> str | None:
        """The link to the catalog's site that belongs into every credit; None where there is no site."""

    @property
    def remaining(self) -> int | None:
        """Requests left for now, a hint; None where nobody counts."""

    @property
    def limit(self) -> int | None:
        """Requests allowed in an hour; None where nobody counts."""


def check_search(
    page: int,
    per_page: int,
    *,
    orientation: str | None = None,
    colour: str | None = None,
    order_by: str | None = None,
) -> None:
    """Raise CatalogError, with a sentence for the user, when a search asks for what does not exist."""
    if page < 1:
        raise CatalogError("The first page of a search is page 1.")
    if not 1 <= per_page <= MAX_PER_PAGE:
        raise CatalogError(f"A page of results holds 1 to {MAX_PER_PAGE} photos.")
    _check_choice("orientation", orientation, get_args(Orientation))
    _check_choice("colour", colour, get_args(Colour))
    _check_choice("order", order_by, get_args(OrderBy))


def _check_choice(what: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise CatalogError(f"The {what} of a search is one of {', '.join(known)}.")
