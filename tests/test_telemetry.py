"""The app tells nobody that it runs, nor what it is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests
from gradio_client import Client, handle_file

from tests.conftest import ROOT, SAMPLES, running_app

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def hosts(log: Path) -> set[str]:
    return {line.partition(" ")[2] for line in log.read_text().splitlines()}


@pytest.mark.slow
def test_no_host_is_called_from_the_start_to_a_verdict_and_the_home_stays_clean(tmp_path: Path) -> None:
    # given the app as strangers run it, each look-up and connection of its process on record
    home, log = tmp_path / "home", tmp_path / "hosts.log"
    home.mkdir()
    watched = ("-m", "tests.servers.watched", str(log), "app.py")
    # when it is opened, classifies a file and a photo, and searches
    with running_app(tmp_path, command=watched, HOME=str(home), HF_HUB_OFFLINE="0", CI="") as address:
        assert requests.get(address, timeout=30).status_code == 200
        client = Client(address, verbose=False)
        client.predict(handle_file(SAMPLES / "astronaut.jpg"), api_name="/classify")
        client.predict("pagoda", api_name="/classify_photo")
        assert client.predict("portrait", api_name="/search")["photos"]
        assert client.predict(api_name="/status")["runtime"].startswith("openvino")
        client.close()
    # then it spoke to itself alone, and left nothing in the home folder (Gradio imports matplotlib where there is one)
    assert hosts(log), "the log says nothing at all"
    assert hosts(log) <= LOOPBACK
    assert [path for path in home.rglob("*") if path.is_file() and path.parent.name != "matplotlib"] == []


@pytest.mark.parametrize(
    ("address", "host"), [("http://localhost:9", "localhost"), ("http://192.0.2.1:9", "192.0.2.1")]
)
def test_the_log_names_whoever_is_called(tmp_path: Path, address: str, host: str) -> None:
    program, log = tmp_path / "program.py", tmp_path / "hosts.log"
    program.write_text(f"import requests\ntry: requests.get({address!r}, timeout=0.01)\nexcept OSError: pass\n")
    command = [sys.executable, "-m", "tests.servers.watched", str(log), str(program)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    assert host in hosts(log)
