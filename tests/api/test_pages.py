"""The dashboard's files, and a server that a proxy gives a path of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX

from api import pages
from api.app import create_app
from api.settings import Settings
from evomerge.errors import InvalidInput
from experiments.states import Scope
from experiments.store import Store

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INDEX = (
    '<!doctype html><meta name="evomerge-root" content=""><link rel="icon" href="./assets/icon.svg">'
    '<script type="module" src="./assets/index-abc.js"></script>'
)


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built dashboard."""
    files = tmp_path / "dashboard"
    (files / "assets").mkdir(parents=True)
    (files / "index.html").write_text(INDEX)
    (files / "assets" / "index-abc.js").write_text("console.log(1);" * 1000)
    monkeypatch.setattr(pages.Pages.__init__, "__defaults__", (files,))
    return files


@pytest.mark.parametrize("address", ["/", "/experiments", "/experiments/abc/candidates/3", "/nothing?x=1"])
def test_every_address_of_a_page_gets_the_document(built: Path, anonymous: TestClient, address: str) -> None:
    answer = anonymous.get(address, headers=HTML)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert 'src="/assets/index-abc.js"' in answer.text and 'content=""' in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert anonymous.head(address, headers=HTML).status_code == 200


def test_files_are_kept_for_ever_and_sent_compressed(built: Path, anonymous: TestClient) -> None:
    answer = anonymous.get("/assets/index-abc.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip" and answer.headers["content-type"].startswith("text/javascript")
    missing = anonymous.get("/assets/index-old.js", headers=HTML)
    assert missing.status_code == 404 and missing.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["../index.html", "..%2f..%2fapp.py", "%2e%2e/%2e%2e/app.py", "..\\..\\app.py", "%00"])
def test_nothing_outside_is_served(built: Path, anonymous: TestClient, name: str) -> None:
    answer = anonymous.get(f"/assets/{name}")
    assert answer.status_code in (401, 404)


@pytest.mark.parametrize("address", ["/api/v1/experiments", "/api/v1/nothing", "/openapi.json", "/metrics"])
def test_the_api_is_never_a_page(built: Path, anonymous: TestClient, address: str) -> None:
    assert anonymous.get(address, headers=HTML).status_code == 401


def test_who_does_not_ask_for_a_page_gets_none(built: Path, anonymous: TestClient) -> None:
    assert anonymous.get("/experiments").status_code == 401
    assert anonymous.post("/experiments", headers=HTML).status_code == 401


def test_a_dashboard_that_is_not_built_says_so(built: Path, anonymous: TestClient) -> None:
    (built / "index.html").unlink()
    answer = anonymous.get("/experiments", headers=HTML)
    assert answer.status_code == 503 and "make setup" in answer.text


@pytest.mark.parametrize("taken_off", [False, True], ids=["the proxy leaves the prefix", "the proxy takes it off"])
def test_a_server_below_a_path(built: Path, store: Store, taken_off: bool) -> None:
    settings = Settings(root_path="/tools/merges", endpoint_hosts=("127.0.0.1",))
    secret = store.create_token("admin", Scope.ADMIN, "admin")[1]
    before = "" if taken_off else "/tools/merges"
    with TestClient(create_app(settings, store), base_url="http://127.0.0.1:8000") as client:
        page = client.get(f"{before}/experiments/abc", headers=HTML).text
        assert 'src="/tools/merges/assets/index-abc.js"' in page and 'content="/tools/merges"' in page
        assert client.get(f"{before}/assets/index-abc.js").status_code == 200
        login = client.post(f"{before}/api/v1/session", json={"token": secret})
        assert "Path=/tools/merges/api;" in login.headers["set-cookie"]
        client.cookies.clear()
        bearer = {"Authorization": f"Bearer {secret}"}
        made = client.post(f"{before}/api/v1/experiments", json={"spec": BLACKBOX}, headers=bearer)
        assert made.headers["location"] == f"/tools/merges/api/v1/experiments/{made.json()['id']}"
        assert client.get(f"{before}/readyz").status_code == 200
        out = client.delete(f"{before}/api/v1/session", headers=bearer)
        assert "Path=/tools/merges/api;" in out.headers["set-cookie"]


@pytest.mark.parametrize("root_path", ["merges", "/merges/", "/<b>", "/a b", "//"])
def test_a_root_path_is_a_path(root_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.settings import load_settings

    with pytest.raises(InvalidInput, match="EVOMERGE_ROOT_PATH"):
        load_settings(root_path=root_path)
