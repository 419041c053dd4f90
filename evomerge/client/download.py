"""Files of an artifact: continued where they were cut, and whole before they have their name."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx2

from api.schemas.artifacts import ArtifactView, FileView
from evomerge.client.connection import Connection
from evomerge.client.retry import answered, pauses, unreachable
from evomerge.client.steps import Ask, Do, Read, Steps, Wait
from evomerge.errors import InvalidInput, ServerError, StateConflict
from experiments.states import ArtifactState

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def download(connection: Connection, artifact: ArtifactView, out: Path) -> Steps[Path]:
    """See ``ArtifactCalls.download``."""
    if artifact.state is not ArtifactState.READY:
        raise StateConflict(f"artifact {artifact.id}", f"it is {artifact.state}", "wait until it is ready")
    try:
        yield Do(partial(out.mkdir, parents=True, exist_ok=True))
        for name, about in artifact.files.items():
            if not _NAME.fullmatch(name):
                raise ServerError(f"artifact {artifact.id} holds a file '{name[:80]}', which is no plain name")
            yield from _fetch(connection, f"/artifacts/{artifact.id}/files/{name}", about, out / name)
    except OSError as error:
        raise InvalidInput(
            "out", f"cannot write {error.filename or out}: {error.strerror}", "make room there"
        ) from error
    return out


def _fetch(connection: Connection, path: str, about: FileView, target: Path) -> Steps[None]:
    there = yield Do(partial(_digest, target))
    if there == about.sha256:
        return
    if there is not None:
        raise InvalidInput("out", f"{target} is another file than that of the artifact", "give an empty directory")
    part = target.with_name(f".{target.name}.part")
    waits, waited = pauses(), 0.0
    while (done := (yield Do(partial(_size, part)))) < about.bytes:
        failure = yield from _continue(connection, path, part, done)
        if (yield Do(partial(_size, part))) > done:
            waits, waited = pauses(), 0.0
            continue
        pause = next(waits)
        if waited + pause > connection.patience_s:
            raise unreachable(connection, failure)
        waited += pause
        yield Wait(pause)
    if (yield Do(partial(_digest, part))) != about.sha256:
        yield Do(part.unlink)
        raise ServerError(f"{target.name} does not have the checksum that the server gives; download it again")
    yield Do(partial(part.replace, target))


def _continue(connection: Connection, path: str, part: Path, done: int) -> Steps[httpx2.TransportError]:
    """Write what comes behind the first ``done`` bytes; return what ended it."""
    headers = {"Range": f"bytes={done}-"} if done else None
    response = yield from answered(connection, Ask("GET", path, headers=headers, stream="bytes"))
    file: BinaryIO = yield Do(partial(part.open, "ab" if response.status_code == 206 else "wb"))
    try:
        while (chunk := (yield Read())) is not None:
            yield Do(partial(file.write, chunk))
    except httpx2.TransportError as error:
        return error
    finally:
        file.close()
    return httpx2.RemoteProtocolError("the file is shorter than it should be")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
