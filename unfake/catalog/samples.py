"""The bundled samples: photographs and generated pictures whose truth is known, for use without a key."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unfake.catalog.photo import (
    Camera,
    Colour,
    OrderBy,
    Orientation,
    Photo,
    Photographer,
    ResultPage,
    Urls,
    check_search,
)
from unfake.errors import CatalogError, PhotoNotFound

SAMPLES_FOLDER = Path(__file__).parent / "samples"
"""The pictures and their manifest; everything in it may be served."""

# Words that say nothing about a picture, so that "a cat on a chair" finds what "cat chair" finds.
_IDLE_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with")
)
_ENDINGS = ("ing", "es", "ed", "s", "e", "y")
_SHORTEST_STEM = 3


@dataclass(frozen=True)
class _Sample:
    photo: Photo
    words: frozenset[str]
    colours: frozenset[str]


class SampleCatalog:
    """The pictures in `SAMPLES_FOLDER`, searched by their words.

    Follows the `unfake.catalog.photo.Catalog` protocol. Raises CatalogError when the manifest can't be read.

    >>> catalog = SampleCatalog()
    >>> [photo.id for photo in catalog.search("mountain path").photos]
    ['mountain-path']
    >>> catalog.photo("ginger-cat").tags[0]
    'cat'
    """

    name: Literal["samples"] = "samples"
    home_url: None = None
    remaining: None = None
    limit: None = None

    def __init__(self, folder: Path = SAMPLES_FOLDER) -> None:
        self.folder = folder
        self._samples = {sample.photo.id: sample for sample in _read_manifest(folder / "manifest.json")}

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
        """Samples with every word of ``query`` in their title, alt text or tags; with no words, all of them.

        A word fits when a sample's word starts with it or has the same stem, in any case. ``colour`` keeps
        the pictures of which that colour covers a fifth or more. Samples have no dates and no editors: they
        always come in the order of the manifest, whatever ``order_by`` says. What is searched does not hold
        the truth.

        Raises:
            CatalogError: page, size or filter outside what `check_search` allows.
        """
        check_search(page, per_page, orientation=orientation, colour=colour, order_by=order_by)
        asked = [word for word in _words(query) if word not in _IDLE_WORDS]
        found = [
            sample.photo
            for sample in self._samples.values()
            if all(_fits(word, sample.words) for word in asked)
            and (orientation is None or sample.photo.orientation == orientation)
            and (colour is None or colour in sample.colours)
        ]
        start = (page - 1) * per_page
        return ResultPage(
            photos=tuple(found[start : start + per_page]),
            total=len(found),
            page=page,
            total_pages=-(-len(found) // per_page),
            query=query,
        )

    def photo(self, photo_id: str) -> Photo:
        """The sample by that id, which is looked up in the manifest and never becomes a path.

        Raises:
            PhotoNotFound: the manifest has no such id.
        """
        try:
            return self._samples[photo_id].photo
        except KeyError:
            raise PhotoNotFound("There is no sample picture by that id.") from None

    def path(self, photo: Photo) -> Path:
        """Where the sample's file lies. Only ``photo.id`` counts. Raises PhotoNotFound."""
        return self.folder / self.photo(photo.id).urls.full

    def read(self, photo: Photo) -> bytes:
        """The bytes of the sample's JPEG file. Raises PhotoNotFound, and CatalogError if the file is gone."""
        try:
            return self.path(photo).read_bytes()
        except OSError:
            raise CatalogError(f"The file of the sample picture {photo.id!r} cannot be read.") from None

    def download(self, photo: Photo) -> bytes:
        """The same bytes as `read`: a sample has one file, and nobody counts. Raises as `read`."""
        return self.read(photo)


def _read_manifest(path: Path) -> list[_Sample]:
    try:
        return [_sample(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        raise CatalogError("The list of the sample pictures cannot be read.") from None


def _sample(entry: dict[str, Any]) -> _Sample:
    file, origin = entry["file"], entry["origin"]
    if Path(file).name != file:
        raise ValueError(f"{file!r} is not the name of a file")
    photo = Photo(
        id=entry["id"],
        width=entry["width"],
        height=entry["height"],
        photographer=Photographer(origin["author"] or "unknown"),
        urls=Urls(full=file, regular=file, small=file, thumb=file),
        catalog="samples",
        licence=origin["licence"],
        licence_url=origin["licence_url"],
        description=entry["title"],
        alt=entry["alt"],
        colour=entry["colour"],
        created_at=entry["created_at"],
        page_url=origin["source_url"],
        tags=tuple(entry["tags"]),
        camera=Camera(**entry["camera"]) if entry["camera"] else None,
        place=entry["location"],
        truth=entry["truth"],
        generator=origin["generator"],
        origin=f"{origin['package']} {origin['version']} ({origin['registry']}): {origin['path']}",
    )
    text = " ".join((entry["title"], entry["alt"], *entry["tags"]))
    return _Sample(photo, frozenset(_words(text)), frozenset(entry["colours"]))


def _words(text: str) -> list[str]:
    """Lower-case words without accents.

    >>> _words("Café, close-up")
    ['cafe', 'close', 'up']
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(mark for mark in plain if not unicodedata.combining(mark)))


def _fits(word: str, words: frozenset[str]) -> bool:
    stem = _stem(word)
    return any(known.startswith(word) or _stem(known) == stem for known in words)


def _stem(word: str) -> str:
    """A word without a common English ending, so that "dogs" and "running" meet "dog" and "runs".

    >>> [_stem(word) for word in ("dogs", "puppies", "running", "smile", "bus")]
    ['dog', 'pupp', 'run', 'smil', 'bus']
    """
    word = re.sub(r"ies$", "y", word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word.removesuffix(ending)
            return stem[:-1] if ending in ("ing", "ed") and stem[-1] == stem[-2] else stem
    return word
