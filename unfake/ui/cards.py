"""One photo, one verdict, one download, each as a card."""

from __future__ import annotations

import json
from urllib.parse import quote

from unfake.catalog.photo import Catalog, Photo
from unfake.detector.calibration import Label, Thresholds
from unfake.detector.views import Pixels
from unfake.judgement import Ground
from unfake.record import Record
from unfake.report import Report
from unfake.services import Download
from unfake.ui import overlay
from unfake.ui.template import picture_address, render

ADVICE = {
    Label.LIKELY_REAL: "No signs of generation that this network knows. That is not proof that the picture is genuine.",
    Label.INCONCLUSIVE: "The signs are mixed. Treat the picture as unchecked: look for its source or ask its author.",
    Label.LIKELY_FAKE: "Don’t use it as a photograph of something that happened without asking its author first.",
    Label.NOT_APPLICABLE: "Nothing was classified.",
}
ADVICE |= {
    Label.DECLARED_AI: ADVICE[Label.LIKELY_FAKE],
    Label.DECLARED_AI_EDIT: ADVICE[Label.LIKELY_FAKE],
    Label.DECLARED_CAMERA: "A signature tells who vouches for the picture, not that what it shows is true.",
}
GROUNDS = {
    Ground.SIGNED: "Because of a signature in the file that holds.",
    Ground.STATED: "Because the file says so itself.",
    Ground.PIXELS: "By what a neural network sees in the picture.",
}
NOTES = {
    Ground.SIGNED: "A signature tells who vouches for it, not that they are right.",
    Ground.STATED: "The word of the file, not proof: anyone could have written it.",
    Ground.PIXELS: (
        "An estimate by a neural network, not proof. How often it is wrong, and on what, stands under About."
    ),
}
# What the use of a generated picture as a photograph may bring; a sentence each, and no legal advice.
STAKES = (
    ("Misleading advertising", "A generated scene shown as a real product, place or result can mislead customers."),
    ("Defamation", "A real person shown in something that never happened can be harmed by it, and may sue."),
    ("Likeness", "A face that resembles somebody needs that person’s consent, whoever or whatever made it."),
    ("Platform terms", "Many sites ask that generated pictures be labelled, and remove those that are not."),
)


def details(photo: Photo, catalog: Catalog) -> str:
    """Everything the catalog says of one photo, and nothing that would give the verdict away."""
    camera = ""
    if photo.camera:
        c = photo.camera
        parts = (c.make, c.model, c.exposure and f"{c.exposure} s", c.aperture and f"f/{c.aperture}")
        camera = ", ".join(str(p) for p in (*parts, c.focal_length and f"{c.focal_length} mm") if p)
        camera += f", ISO {c.iso}" if c.iso else ""
    facts = [
        ("Date", (photo.created_at or "")[:10]),
        ("Camera", camera),
        ("Place", photo.place),
        ("Likes", "" if photo.likes is None else f"{photo.likes:,}"),
        ("Downloads", "" if photo.downloads is None else f"{photo.downloads:,}"),
    ]
    return render("details", photo=photo, catalog=catalog, facts=facts)


def _scale(probability: float, thresholds: Thresholds) -> dict[str, str]:
    """Where the needle stands and how wide the zones are, in percent of the scale."""
    low, high = 100 * thresholds.likely_real, 100 * thresholds.likely_fake
    return {
        "at": f"{100 * probability:.2f}",
        "low": f"{low:.2f}",
        "middle": f"{high - low:.2f}",
        "high": f"{100 - high:.2f}",
    }


def verdict(
    report: Report,
    catalog: Catalog,
    photo: Photo | None = None,
    pixels: Pixels | None = None,
    record: Record | None = None,
) -> str:
    """The answer in words, the picture that it is about, why, and who says so.

    ``photo``: of the catalog, shown by the catalog's own address, as Unsplash's guidelines ask; else ``pixels`` are.
    ``record``: offered as a page to keep.
    """
    scale, thresholds = None, report.thresholds
    if thresholds and report.probability is not None and thresholds.label(report.probability) is report.label:
        scale = _scale(report.probability, thresholds)
    source = picture_address(photo, "regular") if photo else overlay.preview(pixels) if pixels is not None else ""
    stem = f"unfake-{report.picture.sha256[:16]}"
    content = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
    reports = [("JSON", "application/json", f"{stem}.json", content)]
    if record:
        reports.insert(0, ("one page to print", "text/html", f"{stem}.html", record.to_html()))
    size = report.picture.width, report.picture.height
    boxes, looked = None, overlay.heat_told(report.heatmap) if report.heatmap else ""
    if thresholds and report.regions and not report.heatmap:
        boxes = overlay.boxes(size, report.regions, thresholds)
        looked = overlay.parts_told(report.regions, thresholds)
    return render(
        "verdict",
        report=report,
        catalog=catalog,
        photo=photo,
        source=source,
        scale=scale,
        heat=overlay.heat(report.heatmap) if report.heatmap else None,
        boxes=boxes,
        looked=looked,
        ground=GROUNDS[report.ground],
        advice=ADVICE[report.label],
        note=NOTES[report.ground],
        reports=reports,
    )


def question(report: Report) -> str:
    """Before a doubtful download: what is at stake."""
    return render("question", headline=report.headline, stakes=STAKES)


def download(taken: Download, record: Record) -> str:
    """A download that starts, its credit to paste, and the proof of the check as JSON and as a page."""
    proof = record.to_json()
    text = json.dumps(proof, indent=2, ensure_ascii=False)
    return render(
        "download",
        label=taken.report.label,
        headline=taken.report.headline,
        first=proof["first"],
        address="gradio_api/file=" + quote(str(taken.path)),
        file_name=taken.name,
        sha256=taken.sha256,
        photo=taken.photo,
        credit_line=proof["credit"]["text"],
        proofs=[
            ("JSON", "application/json", f"{taken.path.stem}-unfake.json", text),
            ("one page to print", "text/html", f"{taken.path.stem}-unfake.html", record.to_html()),
        ],
    )
