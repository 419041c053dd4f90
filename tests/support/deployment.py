"""What the deployment files say, for the tests of ``tests/deploy``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
KUBERNETES = ROOT / "deploy" / "kubernetes"
RAY_CLUSTER = ROOT / "deploy" / "ray" / "cluster.yaml"
SYSTEMD = ROOT / "deploy" / "systemd" / "evomerge.service"
PAGES = ROOT / "docs" / "deploy"


class Command(NamedTuple):
    """A command line of a deployment file."""

    where: str
    words: list[str]


class Pod(NamedTuple):
    """A pod template of a Kubernetes manifest."""

    where: str
    labels: dict[str, str]
    spec: dict[str, Any]


def compose() -> dict[str, Any]:
    """The compose file, with anchors resolved and variables as they are written."""
    return dict(yaml.safe_load(COMPOSE.read_text()))


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object with the name of its file; not the kustomization."""
    return [
        (path.name, document)
        for path in sorted(KUBERNETES.glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]


def pods() -> Iterator[Pod]:
    """Every pod template of the Kubernetes manifests."""
    for file, document in manifests():
        spec = document.get("spec", {})
        spec = spec.get("rayClusterSpec", spec)
        groups = [spec.get("headGroupSpec"), *spec.get("workerGroupSpecs", []), spec if "selector" in spec else None]
        for group in groups:
            if group and "template" in group:
                template = group["template"]
                where = f"{file}: {group.get('groupName', document['kind'])}"
                yield Pod(where, template["metadata"]["labels"], template["spec"])


def ray_specs() -> list[tuple[str, dict[str, Any]]]:
    """The spec of every Ray cluster in the Kubernetes manifests, a job's too, with the name of the file."""
    found = []
    for file, document in manifests():
        if document["apiVersion"].startswith("ray.io/"):
            found.append((file, document["spec"].get("rayClusterSpec", document["spec"])))
    return found


def commands() -> list[Command]:
    """Every command line that a deployment file or a page of its documentation tells a machine to run."""
    return [*_container_commands(), *_ray_commands(), *_unit_commands(), *_page_commands()]


def environments() -> Iterator[tuple[str, str, Any]]:
    """Every environment variable that a deployment file sets: where, its name, its value (None for a secret's)."""
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            yield f"docker-compose.yml: {name}", variable, value
    for pod in pods():
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]:
            for one in container.get("env", []):
                yield f"{pod.where}: {container['name']}", one["name"], one.get("value")
    for line in SYSTEMD.read_text().splitlines():
        if line.startswith("Environment="):
            for word in shlex.split(line.partition("=")[2]):
                variable, _, value = word.partition("=")
                yield "evomerge.service", variable, value


def _container_commands() -> Iterator[Command]:
    for name, service in compose()["services"].items():
        if "command" in service:
            yield Command(f"docker-compose.yml: {name}", service["command"])
    for line in DOCKERFILE.read_text().splitlines():
        if line.startswith("CMD "):
            yield Command("Dockerfile", yaml.safe_load(line.removeprefix("CMD ")))
    for pod in pods():
        for container in [*pod.spec.get("initContainers", []), *pod.spec["containers"]]:
            if "command" in container:
                yield Command(f"{pod.where}: {container['name']}", container["command"])


def _ray_commands() -> Iterator[Command]:
    for file, document in manifests():
        if "entrypoint" in document.get("spec", {}):
            yield Command(f"{file}: entrypoint", shlex.split(document["spec"]["entrypoint"]))
    for file, spec in ray_specs():
        # KubeRay makes these command lines of the parameters.
        yield Command(f"{file}: head", ["ray", "start", "--head", *_flags(spec["headGroupSpec"]["rayStartParams"])])
        for group in spec["workerGroupSpecs"]:
            words = ["ray", "start", "--address=head:6379", *_flags(group["rayStartParams"])]
            yield Command(f"{file}: {group['groupName']}", words)
    cluster = yaml.safe_load(RAY_CLUSTER.read_text())
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for line in cluster[key]:
            yield Command(f"cluster.yaml: {key}", _program(line.rpartition(";")[2]))


def _flags(parameters: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in parameters.items()]


def _unit_commands() -> Iterator[Command]:
    for line in SYSTEMD.read_text().splitlines():
        if line.startswith("ExecStart="):
            yield Command("evomerge.service", _program(line.partition("=")[2]))


def _page_commands() -> Iterator[Command]:
    for path in sorted(PAGES.parent.rglob("*.md")):
        for block in re.findall(r"```sh\n(.+?)```", path.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = _inner(_program(line.partition(" | ")[0]))
                if words and words[0] in ("evomerge", "ray"):
                    yield Command(path.name, words)


def _inner(words: list[str]) -> list[str]:
    """What a container is told to run, where the line is for a container engine; else the line itself."""
    if words[:2] == ["docker", "compose"]:
        services = compose()["services"]
        service = next((index for index, word in enumerate(words) if word in services), len(words))
        return words[service + 1 :]
    if words[:1] == ["kubectl"]:
        return words[words.index("--") + 1 :] if "--" in words else []
    return words


def _program(line: str) -> list[str]:
    """The words of a shell line without the variables that it sets first, the program without its folder."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    return [words[0].rpartition("/")[2], *words[1:]] if words else []
