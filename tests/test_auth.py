"""A password where one is set, and no page that tells who calls what."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from gradio_client import Client

from tests.conftest import running_app


@pytest.mark.slow
def test_with_a_password_nothing_is_answered_without_it(tmp_path: Path) -> None:
    with running_app(tmp_path, UNFAKE_AUTH="ana:open:sesame") as address:
        status = f"{address}/gradio_api/call/status"
        wrong = requests.post(f"{address}/login", data={"username": "ana", "password": "open"}, timeout=30)
        assert wrong.status_code == 400
        assert requests.post(status, json={"data": []}, timeout=30).status_code == 401
        client = Client(address, auth=("ana", "open:sesame"), verbose=False)
        assert client.predict(api_name="/status")["schema"] == "unfake.status/1"
        client.close()


def test_there_is_no_monitoring(app_url: str) -> None:
    for path in ("monitoring", "monitoring/summary"):
        assert requests.get(f"{app_url}/{path}", timeout=30).status_code != 200
