"""The endpoints, called as a stranger's program calls them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.conftest import ROOT, SAMPLES, running_app

LABELS = {"likely_real", "inconclusive", "likely_fake", "not_applicable"}


@pytest.fixture(scope="module")
def client(app_url: str) -> Iterator[Client]:
    found = Client(app_url, verbose=False)
    yield found
    found.close()


def check_report(report: dict[str, Any]) -> None:
    assert report["schema"] == "unfake.report/2"
    assert set(report) == {"schema", "picture", "verdict", "detector", "evidence", "timing_ms"}
    assert set(report["picture"]) == {"sha256", "width", "height", "format", "bytes", "source"}
    assert set(report["verdict"]) == {"label", "probability", "reason", "ground", "headline", "warning", "pixels"}
    assert set(report["detector"]) >= {"checkpoint", "revision", "runtime", "views"}
    assert report["verdict"]["label"] in LABELS
    assert report["timing_ms"] > 0


def check_views(report: dict[str, Any]) -> None:
    views = report["evidence"]["views"]
    assert len(views) == report["detector"]["views"]
    for view in views:
        left, top, right, bottom = view["box"]
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert 0 < view["probability"] < 1


@pytest.mark.parametrize("name", ["astronaut.jpg", "golden-light.jpg"])
def test_a_file_gets_a_full_report(client: Client, name: str) -> None:
    path = SAMPLES / name
    report = client.predict(handle_file(path), api_name="/classify")
    check_report(report)
    assert report["picture"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["picture"]["bytes"] == path.stat().st_size
    assert report["picture"]["source"] == {"kind": "upload", "name": name}
    assert 0 < report["verdict"]["probability"] < 1
    heatmap = report["evidence"]["heatmap"]
    assert len(heatmap["values"]) == heatmap["rows"]
    assert {len(row) for row in heatmap["values"]} == {heatmap["columns"]}
    check_views(report)


def test_the_same_picture_gets_the_same_verdict_as_file_and_as_photo(client: Client) -> None:
    as_file = client.predict(handle_file(SAMPLES / "espresso.jpg"), api_name="/classify")
    as_photo = client.predict("espresso", api_name="/classify_photo")
    check_report(as_photo)
    assert as_photo["verdict"] == as_file["verdict"]
    assert as_photo["picture"]["source"] == {"kind": "samples", "name": "espresso"}


def test_a_picture_and_its_copies_get_verdicts_on_request(client: Client) -> None:
    report = client.predict(handle_file(SAMPLES / "espresso.jpg"), api_name="/classify")
    found = client.predict(handle_file(SAMPLES / "espresso.jpg"), api_name="/stability")
    assert found["schema"] == "unfake.stability/1"
    assert [verdict["copy"] for verdict in found["verdicts"]] == ["original", "web", "messenger", "smaller"]
    assert {verdict["label"] for verdict in found["verdicts"]} <= LABELS
    assert found["verdicts"][0]["probability"] == report["verdict"]["pixels"]["probability"]
    assert found["sha256"] == report["picture"]["sha256"]


def test_faces_are_read_on_request(client: Client) -> None:
    found = client.predict(handle_file(SAMPLES / "naval-officer.jpg"), api_name="/faces")
    assert found["schema"] == "unfake.faces/1"
    (face,) = found["faces"]
    assert 0 < face["probability"] < 1
    assert client.predict(handle_file(SAMPLES / "espresso.jpg"), api_name="/faces")["faces"] == []


@pytest.mark.parametrize("name", ["photo.jpg_large", "photo.mpo", "photo.JPG-large", "photo", "photo.png", "photo.txt"])
def test_a_picture_is_taken_by_its_bytes(client: Client, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((SAMPLES / "espresso.jpg").read_bytes())
    report = client.predict(handle_file(path), api_name="/classify")
    assert report["picture"]["format"] == "JPEG"
    assert report["picture"]["source"]["name"] == name


def test_a_file_that_is_no_picture_gets_one_clear_sentence(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "letter.jpg"
    text.write_text("Dear Sir or Madam")
    with pytest.raises(AppError, match=r"not a picture|cannot be read|is read"):
        client.predict(handle_file(text), api_name="/classify")


@pytest.mark.parametrize("endpoint", ["classify", "stability", "faces"])
def test_a_file_of_the_server_cannot_be_classified(app_url: str, tmp_path: Path, endpoint: str) -> None:
    # given a picture on the server's disk that nobody uploaded
    private = tmp_path / "private.jpg"
    private.write_bytes((SAMPLES / "astronaut.jpg").read_bytes())
    # when its path is sent as if it were an upload
    payload = {"data": [{"path": str(private), "meta": {"_type": "gradio.FileData"}}]}
    call = f"{app_url}/gradio_api/call/{endpoint}"
    event = requests.post(call, json=payload, timeout=30).json()["event_id"]
    answer = requests.get(f"{call}/{event}", timeout=30).text
    # then there is an error and nothing is said of it
    assert "event: error" in answer
    assert "unfake." not in answer


@pytest.mark.parametrize("address", ["http://127.0.0.1/a.jpg", "http://169.254.169.254/", "file:///etc/passwd", "cat"])
def test_only_public_addresses_are_fetched(client: Client, address: str) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(address, api_name="/classify_url")
    assert str(refused.value).endswith(".")
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["classify", "stability", "faces"])
def test_an_address_in_place_of_a_file_is_held_to_the_same(app_url: str, endpoint: str) -> None:
    payload = {"data": [{"path": "http://127.0.0.1/a.jpg", "meta": {"_type": "gradio.FileData"}}]}
    call = f"{app_url}/gradio_api/call/{endpoint}"
    event = requests.post(call, json=payload, timeout=30).json()["event_id"]
    answer = requests.get(f"{call}/{event}", timeout=30).text
    assert "event: error" in answer
    assert "does not lead to the public internet" in answer


def test_search_finds_photos_and_keeps_their_secret(client: Client) -> None:
    page = client.predict("portrait", 1, 5, "", api_name="/search")
    assert 0 < len(page["photos"]) <= 5
    assert page["total"] >= len(page["photos"])
    assert all(photo["truth"] is None for photo in page["photos"])
    empty = client.predict("zzzz", 1, 5, "", api_name="/search")
    assert (empty["photos"], empty["total"]) == ([], 0)


def test_a_photo_by_its_id(client: Client, app_url: str) -> None:
    photo = client.predict("pagoda", api_name="/photo")
    assert photo["id"] == "pagoda"
    # and every address in it leads to the picture, also of those that a search finds
    found = client.predict("pagoda", api_name="/search")["photos"][0]
    for address in {*photo["urls"].values(), *found["urls"].values()}:
        assert address.startswith(f"{app_url}/")
        assert requests.get(address, timeout=30).content == (SAMPLES / "pagoda.jpg").read_bytes()
    with pytest.raises(AppError, match="no sample picture"):
        client.predict("../../app", api_name="/photo")


def test_a_photo_is_downloaded_with_its_record(client: Client) -> None:
    path, record = client.predict("pagoda", api_name="/download")
    assert Path(path).name == record["picture"]["file_name"] == "samples-pagoda.jpg"
    assert record["picture"]["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert record["schema"] == "unfake.record/2"
    assert len(record["checkpoint"]["figures"]) == 2
    with pytest.raises(AppError, match="no sample picture"):
        client.predict("nobody", api_name="/download")


def test_status_names_the_checkpoint_that_speaks(client: Client) -> None:
    client.predict(handle_file(SAMPLES / "pagoda.jpg"), api_name="/classify")  # now it is loaded
    status = client.predict(api_name="/status")
    assert status["schema"] == "unfake.status/1"
    assert status["state"] == "ready"
    assert status["checkpoint"]["origin"] == "folder"
    assert status["checkpoint"]["notice"] is None
    assert status["runtime"].startswith("openvino")
    assert status["catalog"]["name"] == "samples"
    assert "UNSPLASH_ACCESS_KEY" in status["catalog"]["notice"]
    assert status["store"]["problem"] is None


@pytest.mark.slow
def test_without_a_setting_the_bundled_network_speaks(tmp_path: Path) -> None:
    with running_app(tmp_path) as address:
        client = Client(address, verbose=False)
        report = client.predict(handle_file(SAMPLES / "astronaut.jpg"), api_name="/classify")
        status = client.predict(api_name="/status")
        client.close()
    check_report(report)
    assert report["detector"]["checkpoint"].startswith("unfake-clip@")
    assert (status["checkpoint"]["origin"], status["checkpoint"]["notice"]) == ("bundled", None)
    assert report["detector"]["views"] == 2
    assert report["evidence"]["heatmap"] is None
    check_views(report)
    assert 0 < report["verdict"]["probability"] < 1


def test_exactly_the_documented_endpoints_are_public(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    documented = re.findall(r"^\| `(/\w+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert len(documented) == len(set(documented)) == 9
    assert set(named) == set(documented)
    # and each parameter has its name, what it is, and an example of its kind
    for path, endpoint in named.items():
        for parameter in endpoint["parameters"]:
            name, example = parameter["parameter_name"], parameter["example_input"]
            assert parameter["label"].startswith(f"{name}: "), path
            if name in {"picture", "address"}:
                assert (example if name == "address" else example["path"]).endswith(".png")
            elif name in {"photo_id", "query", "page"}:
                assert example == {"photo_id": "pagoda", "query": "portrait", "page": 1}[name]


def test_the_example_in_the_readme_runs(app_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    example = next(e for e in examples if "gradio_client" in e)
    example = example.replace("http://127.0.0.1:7860", app_url)
    example = example.replace("unfake/catalog/samples", str(SAMPLES))
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own README
    assert re.search(r"likely_real|inconclusive|likely_fake", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        ("search", [None], "The search has to be a text"),
        ("search", [5], "The search has to be a text"),
        ("search", ["a" * 201], "too long"),
        ("search", ["", "a"], "The page has to be a whole number"),
        ("search", ["", 1.5], "The page has to be a whole number"),
        ("search", ["", None], "The page has to be a whole number"),
        ("search", ["", 2e9], "The page is too large"),
        ("search", ["", 1, 1, "", "", "", ""], "6 are needed, and 7 came"),
        ("photo", [], "1 are needed, and 0 came"),
        ("status", [1], "0 are needed, and 1 came"),
        ("classify", [], "1 are needed, and 0 came"),
        ("classify", ["x"], "not of the form"),
        ("classify", [{"path": 5}], "not of the form"),
        ("classify", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}], "was not uploaded here"),
        ("photo", [None], "has to be a text"),
        ("classify_photo", [7], "has to be a text"),
        ("classify_url", [None], "has to be a text"),
        ("classify_url", ["a" * 9000], "too long"),
        ("classify", [None], "No picture came"),
        ("stability", [None], "No picture came"),
        ("faces", [None], "No picture came"),
    ],
)
def test_a_wrong_argument_ends_in_one_sentence(app_url: str, endpoint: str, arguments: list[Any], said: str) -> None:
    call = f"{app_url}/gradio_api/call/{endpoint}"
    rest = ["", 1, 12, "", "", ""][len(arguments) :] if endpoint == "search" else []
    event = requests.post(call, json={"data": [*arguments, *rest]}, timeout=30).json()["event_id"]
    answer = requests.get(f"{call}/{event}", timeout=30).text
    assert "event: error" in answer
    assert said in answer
    assert "Traceback" not in answer


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity"])
def test_numbers_that_are_none(app_url: str, number: str) -> None:
    call = f"{app_url}/gradio_api/call/search"
    body = f'{{"data": ["", {number}, 12, "", "", ""]}}'
    event = requests.post(call, data=body, headers={"content-type": "application/json"}, timeout=30).json()["event_id"]
    assert "The page has to be a whole number" in requests.get(f"{call}/{event}", timeout=30).text


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("call/nothing", b'{"data": []}', 404),
        ("queue/join", b'{"data": [], "fn_index": 9999, "session_hash": "a"}', 404),
        ("queue/join", b'{"data": [], "fn_index": "a", "session_hash": "a"}', 422),
        ("call/search", b'{"data": "a"}', 422),
        ("call/search", b"{}", 422),
        ("call/search", b"[1]", 422),
        ("call/search", b'{"data', 422),
        ("call/search", b"\xff\xfe", 422),
        ("cancel", b"{}", 422),
    ],
)
def test_a_request_that_fits_nothing_is_answered_with_a_sentence(
    app_url: str, path: str, body: bytes, code: int
) -> None:
    answer = requests.post(
        f"{app_url}/gradio_api/{path}", data=body, headers={"content-type": "application/json"}, timeout=30
    )
    assert answer.status_code == code
    assert answer.json()["detail"].endswith(".")


def test_a_request_over_the_bound_is_refused_before_it_is_read(app_url: str) -> None:
    body = b'{"data": ["' + b"a" * 2**21 + b'"]}'
    answer = requests.post(f"{app_url}/gradio_api/call/search", data=body, timeout=30)
    assert answer.status_code == 413
    assert "too large" in answer.json()["detail"]


def test_what_the_app_has_no_use_for_is_closed_and_each_answer_has_its_headers(app_url: str) -> None:
    assert requests.get(f"{app_url}/monitoring", timeout=30).status_code == 404
    page = requests.get(app_url, timeout=30)
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "object-src 'none'" in page.headers["Content-Security-Policy"]
