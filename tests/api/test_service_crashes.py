"""A server that is killed at any registered place is followed by one that finishes what was asked for, once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from crashes import DRIVER_PLACES, EXPORT_PLACE, SERVICE_PLACES, black_box, box_spec, run_driver, story, submit
from seeded import seed
from service import ServiceStarter, wait_until

from evomerge.failpoints import FAILPOINTS
from experiments.store import Store

SETTINGS = {"EVOMERGE_ENDPOINT_HOSTS": "127.0.0.1"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with black_box() as served:
        yield served


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, url: str) -> dict[str, Any]:
    store_url = f"sqlite:///{tmp_path_factory.mktemp('uninterrupted')}/store.db"
    with Store.open(store_url) as store:
        experiment = submit(store, url)
        assert run_driver(store_url, experiment) == 0
        return story(store, experiment)


@pytest.mark.parametrize("place", SERVICE_PLACES)
def test_a_request_that_is_sent_again_after_a_crash_takes_effect_once_and_its_run_is_the_same(
    place: str, store_url: str, url: str, serve: ServiceStarter, uninterrupted: dict[str, Any]
) -> None:
    request = {"json": {"spec": box_spec(url)}, "headers": {"Idempotency-Key": "once"}}
    dying = serve(store_url, settings={**SETTINGS, "EVOMERGE_FAILPOINT": place})
    with suppress(httpx.TransportError):
        answer = dying.ask("POST", "/experiments", **request)
        assert answer.status_code == 201, answer.text
        assert place.startswith("launch."), "it was answered after its end"
    assert dying.process.wait(60) == -signal.SIGKILL

    following = serve(store_url, token=dying.token, settings=SETTINGS)
    answer = following.ask("POST", "/experiments", **request)
    assert answer.status_code == 201, answer.text
    assert ("Idempotency-Replayed" in answer.headers) is (place != "api.before_create")
    experiment = answer.json()["id"]
    wait_until(lambda: following.call("GET", f"/experiments/{experiment}")["state"] == "finished")
    with Store.open(store_url) as store:
        assert [one.experiment.id for one in store.list_experiments()] == [experiment]
        assert story(store, experiment) == uninterrupted
        assert store.audit() == []


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("box/clone", {"name": "cloned"}),
        ("box/extend", {"budget": {"evaluations": 20}}),
        ("box/candidates", {"recipe": {"blackbox": {"x": 0.5, "y": 0.5}}}),
        ("json-math/exports", {"candidate": 3}),
    ],
)
def test_every_request_that_creates_or_spends_takes_effect_once(
    asked: str, body: dict[str, Any], tmp_path: Path, url: str, serve: ServiceStarter
) -> None:
    store_url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(store_url) as store:
        seed(store)
        submit(store, url)
        settings = {**SETTINGS, "EVOMERGE_LAUNCHER": "none"}
        dying = serve(store_url, settings={**settings, "EVOMERGE_FAILPOINT": "api.created_not_answered"})
        request = {"json": body, "headers": {"Idempotency-Key": "once"}}
        with pytest.raises(httpx.TransportError):
            dying.ask("POST", f"/experiments/{asked}", **request)
        assert dying.process.wait(60) == -signal.SIGKILL
        made = effects(store)
        assert len(made) == 1

        following = serve(store_url, token=dying.token, settings=settings)
        answer = following.ask("POST", f"/experiments/{asked}", **request)
        assert answer.is_success and answer.headers["Idempotency-Replayed"] == "true", answer.text
        assert effects(store) == made


def effects(store: Store) -> list[Any]:
    """What was made beside the two experiments that were there."""
    box = store.get_experiment("box").id
    cloned = [one.experiment.id for one in store.list_experiments() if one.experiment.name == "cloned"]
    return [*cloned, *store.controls(box, "extend"), *store.controls(box, "inject"), *store.artifacts()]


def test_every_registered_place_is_one_that_a_test_dies_at() -> None:
    assert {*DRIVER_PLACES, *SERVICE_PLACES, EXPORT_PLACE} == set(FAILPOINTS)
