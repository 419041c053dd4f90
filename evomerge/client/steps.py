"""What a call is made of: a generator yields steps and gets back what came of each; it touches no socket itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeAlias, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """Send a request; its answer comes back, whatever its status, or ``httpx2.TransportError`` is raised.

    Attributes:
        method: GET, POST or DELETE.
        path: behind /api/v1, percent-encoded.
        params: of the query; None values are left out.
        body: sent as JSON; None for no body.
        headers: more headers.
        repeatable: whether sending it twice has the effect of sending it once.
        timeout_s: how long the server may be silent; None for the client's own.
        stream: read only the head of an answer that is good; :class:`Read` then yields bytes or events.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    repeatable: bool = True
    timeout_s: float | None = None
    stream: Literal["bytes", "events"] | None = None


@dataclass(frozen=True)
class Read:
    """Read on in the answer to the last :class:`Ask` with ``stream``; None comes back at its end."""


@dataclass(frozen=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Do:
    """Call a function that may block, such as one that reads or writes files; what it returns comes back."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Emit(Generic[T]):
    """Hand a value to whoever iterates."""

    value: T


Step: TypeAlias = Ask | Read | Wait | Do
Steps: TypeAlias = Generator[Step, Any, T]
Feed: TypeAlias = Generator[Step | Emit[T], Any, None]


def single(steps: Steps[T]) -> Feed[T]:
    """Return a feed of nothing but the result of some steps."""
    result = yield from steps
    yield Emit(result)


class Blocking:
    """A client whose methods return results."""

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def _iterate(self, feed: Feed[T]) -> Iterator[T]:
        raise NotImplementedError


class Awaiting:
    """A client whose methods return what is awaited or iterated asynchronously."""

    async def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError

    def _iterate(self, feed: Feed[T]) -> AsyncIterator[T]:
        raise NotImplementedError


class _Method:
    """Makes a method of both clients of a generator function."""

    _runner: str

    def __init__(self, steps: Callable[..., Any]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    def _bind(self, client: Any) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(client, self._runner)(self._steps(client, *args, **kwargs))

        functools.update_wrapper(call, self._steps)
        signature = inspect.signature(self._steps)
        own = list(signature.parameters.values())[1:]
        call.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        return call


class operation(_Method, Generic[P, T]):
    """A call with one result: returned by a blocking client, awaited of the other."""

    _runner = "_run"

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        super().__init__(steps)

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the method of a client."""
        return self if client is None else self._bind(client)


class iteration(_Method, Generic[P, T]):
    """A call with many results: iterated, or iterated asynchronously."""

    _runner = "_iterate"

    def __init__(self, steps: Callable[Concatenate[Any, P], Feed[T]]) -> None:
        super().__init__(steps)

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the method of a client."""
        return self if client is None else self._bind(client)
