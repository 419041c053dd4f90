"""Where the dashboard works: below a path, from a wheel without Node, and as a file without a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from browser import ROOT, Site, Visit, axe, settled
from playwright.sync_api import expect
from service import ServiceStarter

from experiments.states import Scope

TABS = ("Overview", "Candidates", "Coefficients", "Search dynamics", "Generalisation", "Workers and cost", "Lineage")


def test_below_a_path(visit: Visit, serve: ServiceStarter, own_store: str, site: Site) -> None:
    settings = {"EVOMERGE_LAUNCHER": "none", "EVOMERGE_ROOT_PATH": "/tools/merges"}
    server = serve(own_store, token=site.tokens[Scope.ADMIN], settings=settings)
    # Requests to addresses beside the path are problems of the visitor.
    somebody = visit(f"{server.url}/tools/merges", server.token)
    page = somebody.open("/experiments")
    page.get_by_role("link", name="json-math").first.click()
    expect(page).to_have_url(re.compile(r"/tools/merges/experiments/\w{8}$"))
    page.get_by_role("link", name="Candidates", exact=True).click()
    expect(page.get_by_role("table")).not_to_have_count(0)
    page.reload()
    settled(page)
    page = somebody.open(f"/experiments/{site.experiments['running']}")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.get_by_role("link", name="evomerge").click()
    expect(page).to_have_url(f"{server.url}/tools/merges/experiments")


def test_an_exported_page_needs_no_server(visit: Visit, site: Site, tmp_path: Path) -> None:
    page = visit(site.server.url, site.tokens[Scope.READ]).open(f"/experiments/{site.experiments['finished']}")
    page.get_by_role("button", name="Save as a page").click()
    with page.expect_download(timeout=300_000) as saved:
        page.get_by_role("dialog").get_by_role("button", name="Save the page").click()
    file = tmp_path / "page.html"
    saved.value.save_as(file)

    alone = visit(file.as_uri())
    requests: list[str] = []
    page = alone.context.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("json-math")
    page.set_viewport_size({"width": 1440, "height": 5000})
    for tab in (*TABS, "Log", "Configuration"):
        page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()
        settled(page)
        assert page.get_by_role("alert").count() == 0, page.get_by_role("alert").all_inner_texts()
    assert axe(page) == []
    assert not page.evaluate("() => 'hacked' in window")
    assert [one for one in requests if not one.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def wheel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", folder], check=True, cwd=folder, env={**os.environ, "PIP_NO_INDEX": "1"})
    return next(folder.glob("*.whl"))


def test_a_wheel_serves_the_dashboard_without_node(
    wheel: Path, built: Path, visit: Visit, serve: ServiceStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    files = {path.relative_to(built) for path in built.rglob("*") if path.is_file()}
    assert {
        path.relative_to(installed / "api" / "dashboard") for path in (installed / "api/dashboard").rglob("*.*")
    } >= files
    assert not (installed / "dashboard").exists(), "the source is not in the wheel"
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    server = serve(f"sqlite:///{tmp_path}/store.db", settings={"EVOMERGE_LAUNCHER": "none"}, warm=False)
    assert httpx.get(f"{server.url}/assets/single.html.gz").status_code == 200
    page = visit(server.url, server.token).open("/experiments")
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")
