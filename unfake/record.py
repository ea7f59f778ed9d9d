"""The proof of a check that lies beside a download: JSON for programs, one page of HTML for people."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from unfake.detector.calibration import Label
from unfake.judgement import Ground
from unfake.report import percent

SCHEMA = "unfake.record/1"
NOTE = (
    "This is an estimate by a neural network and not proof: it can be wrong in both directions. "
    "The record shows that the picture with this fingerprint was checked, when, by which network, and what it answered."
)
NOTE_ON_A_STATEMENT = (
    "This is what the file says of itself and not proof: without a signature by somebody you trust, anyone could have "
    "written it. The record shows that the picture with this fingerprint was checked, when, what its file stated, and "
    "which network looked at it beside."
)
_REFERRAL = {"utm_source": "unfake", "utm_medium": "referral"}
_PICTURE = ("sha256", "width", "height", "format", "bytes", "source")
_COLOURS = {
    Label.LIKELY_REAL: "#15803d",
    Label.INCONCLUSIVE: "#a16207",
    Label.LIKELY_FAKE: "#b91c1c",
    Label.NOT_APPLICABLE: "#475569",
    Label.DECLARED_AI: "#b91c1c",
    Label.DECLARED_AI_EDIT: "#b91c1c",
    Label.DECLARED_CAMERA: "#15803d",
}
_STYLE = """
@page { size: A4; margin: 18mm }
* { box-sizing: border-box }
body { max-width: 174mm; margin: 2rem auto; padding: 0 1rem; color: #0f172a; background: #fff;
  font: 11pt/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif }
h1 { margin: 0 0 1.5rem; font-size: 12pt; font-weight: 600; color: #475569 }
.verdict { padding: .8rem 1.1rem; border: 1px solid #cbd5e1; border-left: .5rem solid var(--tone);
  border-radius: .4rem; break-inside: avoid }
.verdict h2 { margin: 0; font-size: 19pt; line-height: 1.25; color: var(--tone) }
.verdict p { margin: .4rem 0 0 }
dl { display: grid; grid-template-columns: 9.5rem 1fr; gap: .45rem 1rem; margin: 1.5rem 0 }
dt { color: #475569 }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0 }
code { font: 9pt/1.5 ui-monospace, "Liberation Mono", monospace }
a { color: #1d4ed8 }
.note { padding-top: 1rem; border-top: 1px solid #cbd5e1; color: #475569; break-inside: avoid }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .6rem } }
@media print { body { margin: 0; padding: 0; max-width: none; print-color-adjust: exact } a { color: inherit } }
"""


def record_json(report_json: dict[str, Any], photo_json: dict[str, Any] | None, when: datetime) -> dict[str, Any]:
    """The record of one check, schema ``unfake.record/1``: picture, credit, verdict, checkpoint, date.

    ``report_json``: from `Report.to_json`. ``photo_json``: from ``Photo.to_json(reveal=True)``, or None for a picture
    that came from no catalog. ``when``: the check, an aware datetime, kept in UTC to the second; a naive one raises
    ValueError. KeyError: the report is none. The heat map is left out; the probability is of fake, in [0, 1].
    """
    report_json, photo_json = _clean(report_json), _clean(photo_json)
    verdict, detector = report_json["verdict"], report_json["detector"]
    return {
        "schema": SCHEMA,
        "date": _utc(when).isoformat(),
        "picture": {key: report_json["picture"][key] for key in _PICTURE},
        "credit": None if photo_json is None else _credit(photo_json),
        "verdict": {
            "label": verdict["label"],
            "headline": verdict["headline"],
            "probability": verdict["probability"],
            "reason": " ".join(filter(None, (verdict["warning"], verdict["reason"]))),
        },
        "checkpoint": {
            "id": detector["checkpoint"],
            "revision": detector["revision"],
            "runtime": detector["runtime"],
            "views": detector["views"],
            "notice": detector["notice"],
        },
        "note": NOTE if verdict["ground"] == Ground.PIXELS else NOTE_ON_A_STATEMENT,
    }


def record_html(report_json: dict[str, Any], photo_json: dict[str, Any] | None, when: datetime) -> str:
    """The same record as one page that stands alone and prints on A4: no script, nothing loaded from elsewhere.

    Arguments and errors as for `record_json`. Whatever comes from outside is escaped, and only http(s) is linked.
    """
    record = record_json(report_json, photo_json, when)
    verdict, checkpoint, picture = record["verdict"], record["checkpoint"], record["picture"]
    moment = _utc(when)
    pairs = [
        *_credit_pairs(record["credit"], picture["source"]),
        ("Checked on", f"{moment:%Y-%m-%d, %H:%M:%S} UTC"),
        ("Checked by", f"{_text(checkpoint['id'])}, revision {_text(checkpoint['revision'])}"),
        ("Run with", _text(checkpoint["runtime"])),
        ("Picture", f"{picture['width']} × {picture['height']} px, {_text(picture['format'])}, {_size(picture)}"),
        ("Fingerprint (sha256)", f"<code>{escape(picture['sha256'])}</code>"),
    ]
    rows = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs)
    notice = f"<p>{_text(checkpoint['notice'])}</p>" if checkpoint["notice"] else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Record of a check: {escape(verdict["headline"])}</title>
<style>{_STYLE}</style>
</head>
<body style="--tone: {_COLOURS[Label(verdict["label"])]}">
<h1>UnFake: record of a check</h1>
<section class="verdict">
<h2>{escape(verdict["headline"])}</h2>
<p>{_probability(verdict["probability"])}</p>
<p>{_text(verdict["reason"])}</p>
{notice}
</section>
<dl>
{rows}
</dl>
<p class="note">{escape(record["note"])}</p>
</body>
</html>
"""


def _utc(when: datetime) -> datetime:
    if when.utcoffset() is None:
        raise ValueError("the date of a record needs a time zone")
    return when.astimezone(UTC).replace(microsecond=0)


def _credit(photo: dict[str, Any]) -> dict[str, Any]:
    """Who made the photo and where it stands, with the sentence that Unsplash asks for: Photo by … on Unsplash.

    Source: Unsplash API guidelines, "Attribution": links to the photographer and to Unsplash, with a referral.
    """
    maker = photo.get("photographer") or {}
    credit = {
        "photo": photo["id"],
        "title": photo.get("title"),
        "page": _referred(photo.get("page_url")),
        "photographer": maker.get("name"),
        "photographer_page": _referred(maker.get("profile_url")),
        "licence": photo.get("licence"),
        "licence_page": photo.get("licence_url"),
    }
    if photo["catalog"] == "unsplash":
        kind = "Illustration" if photo.get("kind") == "illustration" else "Photo"
        credit |= {"catalog": "Unsplash", "catalog_page": _referred("https://unsplash.com/")}
        credit["text"] = f"{kind} by {maker['name']} on Unsplash" if maker.get("name") else None
    else:
        credit |= {"catalog": f"UnFake, {photo['catalog']}", "catalog_page": None}
        credit["text"] = f"Picture by {maker['name']}" if maker.get("name") else None
    return credit


def _credit_pairs(credit: dict[str, Any] | None, source: dict[str, str]) -> list[tuple[str, str]]:
    if credit is None:
        return [("Source", f"{_text(source['name'])} ({escape(source['kind'])}, not from a catalog: no credit known)")]
    pairs = [("Title", _link(credit["page"], credit["title"] or credit["photo"])), ("Credit", _credit_line(credit))]
    if credit["licence"]:
        pairs.append(("Licence", _link(credit["licence_page"], credit["licence"])))
    return [*pairs, ("Photo id", f"{_text(credit['photo'])} ({escape(credit['catalog'])})")]


def _credit_line(credit: dict[str, Any]) -> str:
    if not credit["photographer"]:
        return "not named by the catalog"
    kind = credit["text"].split(" by ", 1)[0]
    line = f"{kind} by {_link(credit['photographer_page'], credit['photographer'])}"
    return f"{line} on {_link(credit['catalog_page'], credit['catalog'])}" if credit["catalog_page"] else line


def _referred(address: str | None) -> str | None:
    """The address, with the referral that Unsplash asks for where it leads there and has none."""
    parts = _web(address)
    if parts is None or parts.hostname is None:
        return address
    if parts.hostname != "unsplash.com" and not parts.hostname.endswith(".unsplash.com"):
        return address
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode(_REFERRAL | query)))


def _web(address: str | None) -> SplitResult | None:
    """The parts of an http(s) address, or None for anything else."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.netloc else None


def _link(address: str | None, text: str) -> str:
    if address is None or _web(address) is None:
        return _text(text)
    return f'<a href="{escape(address)}" rel="noopener">{_text(text)}</a>'


def _text(value: str) -> str:
    """Escaped, and isolated so that right-to-left marks in a name turn nothing else around."""
    return f"<bdi>{escape(value)}</bdi>"


def _probability(value: float | None) -> str:
    if value is None:
        return "No probability was estimated."
    return f"Estimated probability that it is generated or manipulated: <strong>{percent(value)}</strong>"


def _size(picture: dict[str, Any]) -> str:
    return f"{picture['bytes'] / 1024:,.0f} KB"


def _clean(value: Any) -> Any:
    """The same plain data with text that UTF-8 and a page can hold: no lone surrogates and no control characters."""
    if isinstance(value, str):
        text = value.encode(errors="replace").decode()
        return "".join(" " if ord(letter) < ord(" ") or ord(letter) == 0x7F else letter for letter in text)  # noqa: PLR2004
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    return value
