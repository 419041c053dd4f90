"""A real experiment in a real browser, from the form to a checkpoint on disk: SmolLM2, vLLM, a local Ray."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from browser import Visit, axe, settled
from dashboard_server import SETTINGS
from playwright.sync_api import Page, expect
from safetensors.torch import load_file
from service import Service, ServiceStarter
from steering import choose, confirm, state
from transformers import AutoModelForCausalLM

from experiments.store import Store
from runs import run

UNREACHABLE = ("net::ERR_", "status of 502")
LIMIT, RAISED = 40, 44
# Starting Ray and an engine, and the whole of the run.
STARTED_S, FINISHED_S = 180, 360


def checked(page: Page) -> None:
    """Fail on what is wrong with a page as it is now."""
    settled(page)
    assert axe(page) == []


def rename(page: Page, before: str, name: str) -> None:
    """Name the experiment, once the form has what it begins with."""
    # Tasks have names too.
    field = page.get_by_role("textbox", name=re.compile(r"^Name\b")).first
    expect(field).to_have_value(before)
    field.fill(name)


def fill_in(page: Page) -> None:
    """Fill in the form by hand."""
    page.get_by_label("Begin with").select_option(label="First look")
    rename(page, "first-look", "live-run")
    page.get_by_role("group", name="Base model").get_by_label(re.compile("^Model")).fill("smollm2-135m-instruct")
    for expert in ("arithmetic", "json"):
        page.get_by_label("Add a model").fill(expert)
        page.keyboard.press("Enter")
    task = page.get_by_role("group", name="Task 1")
    task.get_by_label(re.compile("^Task")).fill("arithmetic_json.yaml")
    for split in ("Search", "Selection", "Test"):
        task.get_by_label(split, exact=True).fill("8")
    for summary in page.locator("summary", has_text="More settings").all():
        summary.click()
    task.get_by_label("Max tokens").fill("16")
    page.get_by_label(re.compile("^Evaluations")).fill(str(LIMIT))
    page.get_by_label("Finalists").fill("2")
    page.get_by_label("Max model len").fill("256")


def check_and_submit(page: Page, name: str) -> str:
    """Look at the plan and submit; returns the experiment's id."""
    page.get_by_role("button", name="Check and plan").click()
    expect(page.get_by_text("The spec is valid.")).to_be_visible(timeout=STARTED_S * 1000)
    checked(page)
    page.get_by_role("button", name="Submit experiment").click()
    page.wait_for_url(re.compile(r"/experiments/\w{8}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.url.rsplit("/", 1)[1]


def pause_extend_and_resume(page: Page) -> None:
    choose(page, "Pause")
    checked(page)
    confirm(page, "Pause", "Asked it to pause")
    state(page, "paused", STARTED_S)
    checked(page)
    choose(page, "Extend the budget", menu=True)
    page.get_by_label(re.compile("^Evaluations")).fill(str(RAISED))
    confirm(page, "Extend", "Raised the budget")
    choose(page, "Resume")
    confirm(page, "Resume", "Asked it to run")
    state(page, "running", STARTED_S)


def export_the_winner(page: Page, folder: Path) -> None:
    """Export from the page and compare a file that it offers with the one on disk."""
    choose(page, "Export a checkpoint")
    checked(page)
    confirm(page, "Export", "Asked for an export of candidate")
    exports = page.get_by_role("region", name="Exports")
    expect(exports.get_by_text("pending")).to_be_visible()
    checked(page)
    expect(exports.get_by_text("ready")).to_be_visible(timeout=STARTED_S * 1000)
    checked(page)
    with page.expect_download() as saved:
        exports.get_by_role("link", name="recipe.json").click()
    assert [saved.value.path().read_bytes()] == [one.read_bytes() for one in folder.rglob("recipe.json")]


def check_checkpoint(checkpoint: Path, again: Path) -> None:
    """Compare a checkpoint with what transformers loads of it, and with the same merge made from its recipe."""
    weights = load_file(checkpoint / "model.safetensors")
    model, loading = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="auto", output_loading_info=True)
    assert not any(loading.values()), loading
    loaded = model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in weights.items())
    made = run("merge", checkpoint / "recipe.json", "--out", again)
    assert made.returncode == 0, made.stderr
    merged = load_file(again / "model.safetensors")
    assert merged.keys() == weights.keys()
    assert all(torch.equal(tensor, merged[name]) for name, tensor in weights.items())


def compare(page: Page, server: Service, experiment: str) -> None:
    """Start the same once more, cancel it, and look at both side by side."""
    page.get_by_role("link", name="Clone").click()
    rename(page, "live-run", "once-more")
    other = check_and_submit(page, "once-more")
    choose(page, "Cancel for good", menu=True)
    confirm(page, "Cancel the experiment", "Asked it to end")
    state(page, "cancelled", STARTED_S)
    page.get_by_role("navigation").get_by_role("link", name="Experiments", exact=True).click()
    for one in (experiment, other):
        page.get_by_label(re.compile(f"^Compare .* {one}$")).check()
    page.get_by_role("link", name="Compare 2").click()
    report = server.call("GET", f"/experiments/{experiment}")["outcome"]["report"]
    (winner,) = [one for one in report["models"] if one["label"] == report["merge"]]
    table = page.get_by_role("table", name="Verdicts side by side")
    row = table.get_by_role("row", name=re.compile("^Test the winner"))
    expect(row).to_contain_text(f"{winner['overall']['mean']:.3f}")
    checked(page)


def test_smollm2_is_merged_from_the_form_to_a_checkpoint(visit: Visit, serve: ServiceStarter, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    settings = {**SETTINGS, "EVOMERGE_LAUNCHER": "local"}
    server = serve(url, settings=settings)
    somebody = visit(server.url, server.token, expected=UNREACHABLE)
    page = somebody.open("/experiments/new")
    fill_in(page)
    experiment = check_and_submit(page, "live-run")
    page.evaluate("() => { window.loadedOnce = true }")
    state(page, "running", STARTED_S)
    expect(page.get_by_text(re.compile(r"^[1-9]\d* scored")).first).to_be_visible(timeout=STARTED_S * 1000)
    pause_extend_and_resume(page)

    # The driver goes on while there is no server.
    server.kill()
    expect(page.get_by_text("connection lost, trying again")).to_be_visible()
    checked(page)
    server = serve(url, token=server.token, settings=settings, port=int(server.url.rsplit(":", 1)[1]))
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(f"of {RAISED} evaluations")).first).to_be_visible()
    state(page, "finished", FINISHED_S)
    expect(page.get_by_text("complete", exact=True)).to_be_visible()
    expect(page.get_by_text("The selection items chose").first).to_be_visible()
    checked(page)
    export_the_winner(page, tmp_path / "artifacts")
    assert page.evaluate("() => window.loadedOnce"), "the page was loaded again"
    with Store.open(url) as store:
        assert store.audit() == []
        drivers = [one for one in store.ledger(experiment) if one.payload.get("to") == "running"]
        assert len(drivers) == 2, "one before the pause and one behind it, whatever became of the server"
        (artifact,) = store.artifacts(experiment)
    check_checkpoint(Path(artifact.path), tmp_path / "again")
    compare(page, server, experiment)
