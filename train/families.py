"""Which pictures of the pool belong together: by generator family, and by the repository that they lay in."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from train.pool import Row

# Pictures that were found under their generators' own names lie in many sources of the index, by how each was known.
FAMILIES: Mapping[str, str] = {
    "imagefx_named": "named_google",
    "google_ai_meta": "named_google",
    "gemini_named": "named_google",
    "google_c2pa": "named_google",
    "aistudio_named": "named_google",
    "replit_generated": "named_replit",
    "openai_c2pa": "named_openai",
    "chatgpt_named": "named_openai",
    "dalle_named": "named_openai",
    "designer_named": "named_openai",
    "bing_named": "named_openai",
    "microsoft_c2pa": "named_openai",
    "comfyui_named": "named_open_models",
    "replicate_named": "named_open_models",
    "midjourney_named2": "named_midjourney",
    "other_c2pa": "named_midjourney",
    "adobestock_ai": "named_midjourney",
    "pixabay_ai_named": "named_midjourney",
}
PARTNERS = frozenset({"camera_named", "camera_named_noexif", "unsplash_named2", "pixabay_named2", "pexels_named2"})
CAMERA, STOCK, PORTRAIT = "camera originals and phones", "stock photos", "portraits"
KINDS: Mapping[str, str] = {
    "camera_named": CAMERA,
    "camera_named_noexif": CAMERA,
    "cameras_metadata_extractor": CAMERA,
    "cameras_exif_samples": CAMERA,
    "unsplash_named": STOCK,
    "unsplash_named2": STOCK,
    "pexels_named": STOCK,
    "pexels_named2": STOCK,
    "pixabay_named2": STOCK,
    "gemini3pro_unsplash_teenbiscuits": STOCK,
    "skvarc_game": STOCK,
    "tpdne_ffhq_dinablachman": PORTRAIT,
    "ciplab_chmoe_result": PORTRAIT,
    "facemask_without_chandrika": PORTRAIT,
}
# Unsplash's own file names: photographer, the photo's eleven characters, "unsplash" (cut short where a name was).
_UNSPLASH = re.compile(r"-([A-Za-z0-9_-]{11})-un(?:splash|__)")


def _named(row: Row) -> bool:
    return row.listed in FAMILIES or row.listed in PARTNERS


def _family_of_repository(members: Sequence[Row]) -> str:
    """That of most of its fakes; where it has none, one of all by the sha256 of its name."""
    known = Counter(FAMILIES[each.listed] for each in members if each.listed in FAMILIES)
    if known:
        return known.most_common(1)[0][0]
    names = sorted(set(FAMILIES.values()))
    return names[int(hashlib.sha256(members[0].repository.encode()).hexdigest(), 16) % len(names)]


def grouped(rows: Sequence[Row]) -> list[Row]:
    """The rows with families for sources: the real partners of a family are pictures of the same repositories."""
    by_repository: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        if _named(row):
            by_repository[row.repository].append(row)
    families = {name: _family_of_repository(members) for name, members in by_repository.items()}
    found = []
    for row in rows:
        source = (FAMILIES.get(row.listed) or families[row.repository]) if _named(row) else row.source
        found.append(replace(row, source=source, kind=KINDS.get(row.listed, "") if row.label == "real" else ""))
    return found


def photo(row: Row) -> str | None:
    """Unsplash's id of the photo, by the file's name: many sites use the same one, cut to their size.

    >>> photo(Row(Path("site__michael-dam-mEZ3PoFGs_k-unsplash__159c85a7.jpg"), "unsplash_named", "real", ""))
    'mEZ3PoFGs_k'
    """
    found = _UNSPLASH.search(row.name)
    return found[1] if found else None


def held_out(rows: Iterable[Row], sources: Iterable[str]) -> set[Path]:
    """Pictures of ``sources``, all others of the repositories that the named ones among these lay in, and their copies.

    A copy is the same Unsplash photo (`photo`) anywhere in the pool.
    """
    rows, left_out = list(rows), set(sources)
    shared = {row.repository for row in rows if row.source in left_out and _named(row)}
    without = [row for row in rows if row.source in left_out or row.repository in shared]
    photos = {found for row in without if (found := photo(row))}
    return {row.path for row in without} | {row.path for row in rows if photo(row) in photos}
