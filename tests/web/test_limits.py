"""What one upload may hold."""

from __future__ import annotations

import requests

from unfake.web.limits import UPLOAD_FILES


def sent(app_url: str, count: int) -> requests.Response:
    files = [("files", (f"{number}.jpg", b"a", "image/jpeg")) for number in range(count)]
    return requests.post(f"{app_url}/gradio_api/upload", files=files, timeout=60)


def test_as_many_files_as_a_batch_has_are_taken_at_once_and_no_more(app_url: str) -> None:
    answer = sent(app_url, UPLOAD_FILES)
    assert answer.ok, answer.text
    assert len(answer.json()) == UPLOAD_FILES
    refused = sent(app_url, UPLOAD_FILES + 1)
    assert refused.status_code == 413
    assert refused.json()["detail"] == f"Too many files at once: at most {UPLOAD_FILES}."


def test_files_together_may_be_larger_than_one_may_be(app_url: str) -> None:
    half = b"a" * (16 * 2**20)
    files = [("files", (f"{number}.jpg", half, "image/jpeg")) for number in range(2)]
    assert requests.post(f"{app_url}/gradio_api/upload", files=files, timeout=60).ok
    one = [("files", ("one.jpg", half + half, "image/jpeg"))]
    assert requests.post(f"{app_url}/gradio_api/upload", files=one, timeout=60).status_code == 413
