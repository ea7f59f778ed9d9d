"""One photo, one verdict, one download, each as a card of HTML."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import urlencode

from unfake.catalog.photo import Catalog, Photo
from unfake.detector.calibration import Label, Thresholds
from unfake.judgement import Ground
from unfake.record import record_html, record_json
from unfake.report import Report, percent
from unfake.services import Download, Examination
from unfake.ui import overlay
from unfake.ui.html import credit, data_link, facts, link, picture_address

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
ICONS = {
    Label.LIKELY_REAL: '<path d="M12 2 4 5v6c0 5 3.4 9.6 8 11 4.6-1.4 8-6 8-11V5z"/><path d="m8.5 12 2.5 2.5 4.5-5"/>',
    Label.INCONCLUSIVE: '<circle cx="12" cy="12" r="10"/><path d="M9 9.2A3 3 0 1 1 12 13v1.2"/><path d="M12 17.4v.1"/>',
    Label.LIKELY_FAKE: '<path d="M12 2.5 1.8 20.5h20.4z"/><path d="M12 9v5.5"/><path d="M12 17.4v.1"/>',
    Label.NOT_APPLICABLE: '<circle cx="12" cy="12" r="10"/><path d="M7.5 12h9"/>',
}
ICONS |= {
    Label.DECLARED_AI: ICONS[Label.LIKELY_FAKE],
    Label.DECLARED_AI_EDIT: ICONS[Label.LIKELY_FAKE],
    Label.DECLARED_CAMERA: ICONS[Label.LIKELY_REAL],
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
        camera = ", ".join(escape(str(p)) for p in (*parts, c.focal_length and f"{c.focal_length} mm") if p)
        camera += f", ISO {c.iso}" if c.iso else ""
    pairs = [
        ("By", "named with the verdict" if photo.truth else credit(photo, catalog)),
        ("Size", f"{photo.width} × {photo.height} px"),
        ("Date", escape((photo.created_at or "")[:10])),
        ("Camera", camera),
        ("Place", escape(photo.place or "")),
        ("Likes", "" if photo.likes is None else f"{photo.likes:,}"),
        ("Downloads", "" if photo.downloads is None else f"{photo.downloads:,}"),
        ("Licence", "" if photo.truth else link(photo.licence_url, photo.licence)),
    ]
    tags = "".join(f"<span>{escape(tag)}</span>" for tag in photo.tags)
    kinds = ("Unsplash+ photo", photo.plus), ("illustration", photo.kind == "illustration")
    marks = "".join(f'<span class="uf-mark">{name}</span>' for name, holds in kinds if holds)
    about = ""
    if photo.alt and photo.alt != photo.title:
        about = f'<p class="uf-quiet">{escape(photo.alt)}</p>'
    page = f'<p class="uf-quiet">{link(photo.page_url, "Open on Unsplash")}</p>' if not photo.truth else ""
    return (
        f'<div class="uf uf-details"><figure><img src="{escape(picture_address(photo, "regular"))}" '
        f'alt="{escape(photo.alt or "")}"></figure><div><h2>{escape(photo.title)}</h2>'
        f'{marks}{about}{facts(pairs)}<div class="uf-tags">{tags}</div>{page}</div></div>'
    )


def _icon(label: Label) -> str:
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{ICONS[label]}</svg>'
    )


def _scale(probability: float, thresholds: Thresholds) -> str:
    low, high = 100 * thresholds.likely_real, 100 * thresholds.likely_fake
    at = min(96.0, max(4.0, 100 * probability))
    return (
        f'<div class="uf-scale"><span class="uf-needle" style="left:{at:.1f}%">{percent(probability)}</span>'
        f'<div class="uf-zones"><i style="width:{low:.2f}%"></i><i style="width:{high - low:.2f}%"></i>'
        f'<i style="width:{100 - high:.2f}%"></i></div>'
        '<div class="uf-ends"><span>real</span><span>inconclusive</span><span>generated</span></div></div>'
    )


def _picture(found: Examination, thresholds: Thresholds, photo: Photo | None) -> str:
    """The picture under its heat map or boxes.

    One of a catalog comes by the catalog's own address, as Unsplash's guidelines ask.
    """
    report = found.report
    source = picture_address(photo, "regular") if photo else overlay.preview(found.picture.pixels)
    image = f'<img class="uf-picture" src="{escape(source)}" alt="The picture that was classified">'
    toggle = '<label class="uf-toggle"><input type="checkbox">Show where it looked</label>'
    if not report.heatmap and report.regions:
        boxes = overlay.boxes((report.picture.width, report.picture.height), report.regions, thresholds)
        return (
            f'<figure class="uf-map">{image}<img class="uf-heat" src="{boxes}" alt="Where the network looked"></figure>'
            f'<div class="uf-legend">{toggle}<span>what each part alone would get</span></div>'
        )
    if not report.heatmap:
        return f'<figure class="uf-map">{image}</figure>'
    return (
        f'<figure class="uf-map">{image}'
        f'<img class="uf-heat" src="{overlay.heat(report.heatmap)}" alt="Heat map"></figure>'
        f'<div class="uf-legend">{toggle}'
        '<span class="uf-ramp">speaks for real <i></i> speaks for generated</span></div>'
    )


def _origin(photo: Photo | None, catalog: Catalog) -> str:
    """The credit of a photo of the catalog; of a sample also what it really is."""
    if photo is None:
        return ""
    if photo.truth is None:
        return f'<p class="uf-quiet">Photo by {credit(photo, catalog)}</p>'
    what = "a real photograph" if photo.truth == "real" else "an AI-generated picture"
    made = f"{what} made with {escape(photo.generator)}" if photo.generator else what
    licence = link(photo.licence_url, photo.licence)
    author = link(photo.page_url, photo.photographer.name)
    return (
        f'<p class="uf-truth"><b>What it really is:</b> {made}. '
        f"Credit: {author}, {licence}, from {escape((photo.origin or '').split(':')[0])}.</p>"
    )


def _seen(report: Report) -> str:
    if not report.views:
        return ""
    return "1 view" if report.views == 1 else f"{report.views} views"


def _said(report: Report) -> str:
    """What the file says of itself, a line a statement; prompts behind a fold."""
    lines = []
    for statement in report.provenance:
        prompt = statement.detail.get("prompt")
        fold = f"<details><summary>Prompt</summary><p>{escape(prompt)}</p></details>" if prompt else ""
        lines.append(f'<li data-state="{statement.state.value}">{escape(statement.sentence())}{fold}</li>')
    return f'<h3>What the file says of itself</h3><ul class="uf-said">{"".join(lines)}</ul>' if lines else ""


def verdict(found: Examination, thresholds: Thresholds, catalog: Catalog, photo: Photo | None = None) -> str:
    """The answer: label in words, probability on the scale, heat map over the picture, and who says so."""
    report = found.report
    picture = report.picture
    number, scale = "", ""
    if report.probability is not None and thresholds.label(report.probability) is report.label:
        scale = _scale(report.probability, thresholds)
        number = (
            f'<p class="uf-quiet">Estimated probability that it is generated or manipulated: '
            f"<b>{percent(report.probability)}</b></p>"
        )
    warning = f'<p class="uf-banner uf-bad" role="alert">{escape(report.warning)}</p>' if report.warning else ""
    pairs = [
        (
            "Picture",
            f"{picture.width} × {picture.height} px, {escape(picture.format)}, {picture.bytes / 1024:,.0f} KB",
        ),
        ("Fingerprint", f'<code title="sha256 {picture.sha256}">{picture.sha256[:16]}</code>'),
        ("Checked by", f"{escape(report.checkpoint)}, {escape(report.runtime)}"),
        ("Looked at", _seen(report)),
    ]
    notice = f'<p class="uf-banner">{escape(report.notice)}</p>' if report.notice else ""
    return (
        f'<article class="uf uf-verdict uf-{report.label.value}" data-label="{report.label.value}" aria-live="polite">'
        f"<header>{_icon(report.label)}<div><h2>{escape(report.headline)}</h2>{number}"
        f'<p class="uf-quiet uf-ground">{GROUNDS[report.ground]}</p></div></header>'
        f'<div class="uf-body">{warning}<p>{escape(report.reason)} {ADVICE[report.label]}</p>{scale}'
        f"{_picture(found, thresholds, photo)}{_origin(photo, catalog)}{_said(report)}{notice}"
        f"<details><summary>Technical details</summary>{facts(pairs)}</details>"
        f'<p class="uf-quiet uf-note">{NOTES[report.ground]}</p></div></article>'
    )


def question(found: Examination, thresholds: Thresholds, catalog: Catalog, photo: Photo) -> str:
    """Before a doubtful download: the evidence, and what is at stake."""
    stakes = "".join(f"<li><b>{what}.</b> {why}</li>" for what, why in STAKES)
    return (
        f"{verdict(found, thresholds, catalog, photo)}"
        f'<div class="uf uf-stakes"><h3>Before you use it</h3><ul>{stakes}</ul></div>'
    )


def download(taken: Download, found: Examination) -> str:
    """A download that starts, its credit to paste, and the proof of the check as JSON and as a page."""
    photo = taken.photo
    given = (found.report.to_json(), photo.to_json(reveal=True), taken.when)
    stem = taken.file_name.removesuffix(".jpg")
    record = record_json(*given)
    proof = json.dumps(record, indent=2, ensure_ascii=False)
    address = taken.address
    if photo.catalog == "samples":
        address = picture_address(photo, "full")
    else:  # imgix: send it as an attachment under this name
        address += ("&" if "?" in address else "?") + urlencode({"dl": taken.file_name})
    credit_line = (record["credit"] or {}).get("text") or photo.photographer.name
    return (
        f'<article class="uf uf-taken" role="status"><h3>{escape(found.report.headline)}: your download starts</h3>'
        f'<p><a class="uf-start" href="{escape(address)}" download="{escape(taken.file_name)}">'
        f"{escape(taken.file_name)}</a> does not appear? Click its name.</p>"
        f'<p>Credit: <span class="uf-credit">{escape(credit_line)}</span></p>'
        f"<p>Proof of the check: {data_link('JSON', 'application/json', f'{stem}-unfake.json', proof)} · "
        f"{data_link('one page to print', 'text/html', f'{stem}-unfake.html', record_html(*given))}</p></article>"
    )
