"""Real photos out of the Unsplash Dataset, found by keyword and brought from Unsplash's picture server.

The dataset (https://unsplash.com/data, Lite or Full) is what Unsplash licenses for training; what its API returns is
not for that, and nothing here asks the API. Tables and columns: https://github.com/unsplash/datasets, DOCS.md. The
Full dataset has about 80 GB of them, so they are streamed, and what matches is gathered in a file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from train.corpus.fetch.download import download
from train.corpus.fetch.journal import Journal, full_disk_as_such, read
from train.corpus.options import Options
from train.corpus.source import Picture
from train.corpus.sources.tables import files, rows
from train.errors import SourceError

JOURNAL = "journal.sqlite"
# From its TERMS.md, sections 2 and 3.
LICENCES = {
    "lite": "Unsplash Dataset Terms, Lite Dataset: to train models with, not to be redistributed",
    "full": "Unsplash Dataset Terms, Full Dataset: to train non-commercial models with, not to be redistributed",
}
# What imgix makes of the original (a few MB to 30 MB) on the way: `w` px wide without ever enlarging, as a JPEG
# whatever was uploaded, at the quality at which Unsplash itself serves its large renditions.
RENDITION = {"fm": "jpg", "q": "85", "fit": "max"}
# Unsplash takes renders and illustrations as well, and generated pictures slip in under such words.
NOT_PHOTOS = [
    *("3d", "3d render", "3d rendering", "render", "rendering", "cgi", "illustration", "vector", "digital art"),
    *("ai", "ai art", "ai generated", "ai image", "generative ai", "midjourney", "dall-e", "stable diffusion"),
]
_EXCLUDED = -1
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnsplashSource:
    """Photos of the Unsplash Dataset whose keywords say that they belong to a category.

    ``folder``: the tables. ``edition``: lite or full, for the licence. ``categories``: keywords of each, compared
    whole and without regard to case; a photo of several belongs to the first. A keyword counts when an AI service is
    at least ``min_confidence`` sure (0 to 100), or when a person gave it. Photos with a keyword of ``exclude`` are left
    out, and so are those from the day ``submitted_before`` on, because generated pictures have been uploaded to
    Unsplash as photos since 2022.

    Which photos are taken when there are more than ``most_per_category`` is decided by a hash of their ids: by chance,
    but the same in every run and release. All photos of one photographer are one group, because a series taken in
    one go would otherwise lie on both sides of the split. ``most_per_photographer`` keeps the groups small.
    """

    name: str
    folder: Path
    edition: str
    categories: dict[str, list[str]]
    exclude: list[str]
    min_confidence: float
    most_per_category: int
    most_per_photographer: int
    submitted_before: date | None
    width: int
    requests_per_second: float
    workers: int
    retries: int

    @classmethod
    def from_config(cls, name: str, options: dict[str, Any], base: Path) -> Self:
        """The source as configured; raises ConfigError."""
        given = Options(f'source "{name}"', options)
        day = given.text("submitted_before", "")
        try:
            before = date.fromisoformat(day) if day else None
        except ValueError:
            raise given.wrong("submitted_before", "a day as in 2022-01-01") from None
        source = cls(
            name=name,
            folder=given.path("folder", base),
            edition=given.text("edition", choices=tuple(LICENCES)),
            categories=given.lists("categories"),
            exclude=given.texts("exclude", NOT_PHOTOS),
            min_confidence=given.number("min_confidence", 60.0, least=0, most=100),
            most_per_category=given.integer("most_per_category", 1000, least=1),
            most_per_photographer=given.integer("most_per_photographer", 50, least=1),
            submitted_before=before,
            width=given.integer("width", 1080, least=64, most=8192),
            requests_per_second=given.number("requests_per_second", 5.0, least=0.01, most=50),
            workers=given.integer("workers", 4, least=1, most=32),
            retries=given.integer("retries", 4, least=0, most=20),
        )
        given.done()
        return source

    def prepare(self, folder: Path, reals: Iterator[Picture]) -> None:
        """Choose the photos, once, and bring those that are missing; ``reals`` are not looked at."""
        with Journal(folder / JOURNAL) as journal:
            mark = self._mark(journal.mark)
            if journal.mark != mark:
                with _scratch(folder / "choosing.sqlite") as db:
                    self._match(db)
                    self._describe(db)
                    journal.plan(mark, self._chosen(db))
            download(journal, folder, workers=self.workers, per_second=self.requests_per_second, retries=self.retries)

    def pictures(self, folder: Path) -> Iterator[Picture]:
        """The photos that have come. Raises SourceError."""
        for item in read(folder / JOURNAL, "done"):
            plan = item.plan
            yield Picture(
                key=item.key,
                content=folder / plan["file"],
                label="real",
                source=self.name,
                group=f"unsplash/{plan['photographer']}",
                category=plan["category"],
                credit=f"Photo by {plan['photographer_name']} on Unsplash, {plan['photo_url']}",
                licence=LICENCES[self.edition],
            )

    def _mark(self, before: str) -> str:
        """Changes with everything that the choice depends on, but not when the tables are deleted after the choice."""
        limits = [self.min_confidence, self.most_per_category, self.most_per_photographer, str(self.submitted_before)]
        choice = json.dumps([self.categories, self.exclude, limits, self.width])
        if not self.folder.is_dir() and before.startswith(f"{choice}\n"):
            return before
        parts = [
            [path.name, path.stat().st_size, path.stat().st_mtime_ns]
            for table in ("keywords", "photos")
            for path in files(self.folder, table)
        ]
        return f"{choice}\n{json.dumps(parts)}"

    def _match(self, db: sqlite3.Connection) -> None:
        """Put the photos with a wanted keyword into the table ``matched``, with the number of their category.

        The number that excludes a photo is smaller than any, so that it wins as an earlier category does.
        """
        wanted = {_plain(keyword): _EXCLUDED for keyword in self.exclude}
        for number, keywords in enumerate(self.categories.values()):
            for keyword in keywords:
                wanted.setdefault(_plain(keyword), number)
        db.execute("CREATE TABLE matched (photo_id TEXT PRIMARY KEY, category INTEGER) WITHOUT ROWID")
        columns = ("photo_id", "keyword", "suggested_by_user", "ai_service_1_confidence", "ai_service_2_confidence")
        for photo_id, keyword, by_user, *confidences in rows(self.folder, "keywords", columns):
            category = wanted.get(_plain(keyword))
            if category is None:
                continue
            sure = by_user in ("t", "true") or any(_number(text) >= self.min_confidence for text in confidences)
            if sure and _ID.fullmatch(photo_id):
                db.execute(
                    "INSERT INTO matched VALUES (?, ?)"
                    " ON CONFLICT (photo_id) DO UPDATE SET category = min(category, excluded.category)",
                    (photo_id, category),
                )

    def _describe(self, db: sqlite3.Connection) -> None:
        """Put what is needed about the matched photos into the table ``photos``."""
        db.execute(
            "CREATE TABLE photos (photo_id TEXT PRIMARY KEY, category INTEGER, photographer TEXT,"
            " photographer_name TEXT, photo_url TEXT, image_url TEXT, chance TEXT)"
        )
        columns = (
            "photo_id",
            "photo_url",
            "photo_image_url",
            "photo_submitted_at",
            "photographer_username",
            "photographer_first_name",
            "photographer_last_name",
        )
        for photo_id, photo_url, image_url, submitted, username, first, last in rows(self.folder, "photos", columns):
            found = db.execute("SELECT category FROM matched WHERE photo_id = ?", (photo_id,)).fetchone()
            if found is None or found[0] == _EXCLUDED or not self._early_enough(submitted):
                continue
            # A photo without a photographer is a group of its own.
            photographer = f"@{username}" if username else f"photo/{photo_id}"
            person = f"{first} {last}".strip() or username or "an unnamed photographer"
            chance = hashlib.sha256(photo_id.encode()).hexdigest()
            db.execute(
                "INSERT OR IGNORE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?)",
                (photo_id, found[0], photographer, person, photo_url, image_url, chance),
            )

    def _early_enough(self, submitted: str) -> bool:
        """Whether a photo was submitted before the day that is set; one of unknown age was not."""
        if self.submitted_before is None:
            return True
        try:
            return date.fromisoformat(submitted[:10]) < self.submitted_before
        except ValueError:
            return False

    def _chosen(self, db: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
        names = list(self.categories)
        found = {names[number]: many for number, many in db.execute("SELECT category, count(*) FROM photos GROUP BY 1")}
        if not found:
            raise SourceError(f'source "{self.name}": no photo in {self.folder} has any of the keywords asked for')
        for category in names:
            log.info("%s: %d photos found for %s", self.name, found.get(category, 0), category)
            if category not in found:
                log.warning("%s: no photo found for the category %s", self.name, category)
        photos = db.execute(
            "SELECT photo_id, category, photographer, photographer_name, photo_url, image_url FROM ("
            "  SELECT *, row_number() OVER (PARTITION BY category ORDER BY chance) AS place FROM ("
            "    SELECT *, row_number() OVER (PARTITION BY photographer ORDER BY chance) AS nth FROM photos"
            "  ) WHERE nth <= ?"
            ") WHERE place <= ? ORDER BY place, category",  # wherever a run stops, the categories are level
            (self.most_per_photographer, self.most_per_category),
        )
        for photo_id, number, photographer, person, photo_url, image_url in photos:
            yield (
                photo_id,
                {
                    "address": rendition(image_url, self.width),
                    # Folders by hash: file systems do not like a million files in one.
                    "file": f"w{self.width}/{hashlib.sha256(photo_id.encode()).hexdigest()[:2]}/{photo_id}.jpg",
                    "category": names[number],
                    "photographer": photographer,
                    "photographer_name": person,
                    "photo_url": photo_url,
                },
            )


def rendition(image_url: str, width: int) -> str:
    """The address of a photo at most ``width`` px wide.

    >>> rendition("https://images.unsplash.com/photo-1?ixid=x", 1080)
    'https://images.unsplash.com/photo-1?ixid=x&w=1080&fm=jpg&q=85&fit=max'
    """
    parts = urlsplit(image_url)
    query = dict(parse_qsl(parts.query)) | {"w": str(width)} | RENDITION
    return urlunsplit(parts._replace(query=urlencode(query)))


@contextmanager
def _scratch(path: Path) -> Iterator[sqlite3.Connection]:
    """A database for the time of the block, on disk because it may be larger than memory."""
    path.unlink(missing_ok=True)
    try:
        with full_disk_as_such(path), closing(sqlite3.connect(path)) as db:
            db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            yield db
    finally:
        path.unlink(missing_ok=True)


def _plain(keyword: str) -> str:
    return " ".join(keyword.casefold().split())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
