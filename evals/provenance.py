"""What a score depends on besides the weights, and which scores may be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import evomerge
from evomerge.errors import InvalidInput

if TYPE_CHECKING:
    from evals.suite import TaskSuite

# How weights reach the engine: written into it, or beside it as adapters, which round in other places.
Way = Literal["in place", "as adapters"]
_LIBRARIES = ("torch", "transformers")
_APART = ("engine", "dtype", "device", "startup_s", "worker", "writes", "packs", *_LIBRARIES)


@dataclass(frozen=True)
class TaskProvenance:
    """What one task asked, and how answers were scored.

    Attributes:
        task: hash of the task's configuration: prompts, answers, filters, generation settings.
        metric: key of the metric, and the filter before it.
        num_fewshot: worked examples in a prompt.
        examples: hash of the items that examples are drawn from; None where there are none.
        chat_template: hash of the template that prompts were wrapped in; None where they were not.
        teacher_forced: whether search items were judged without generating.
        seed: of splits and examples.
        items: number of items by split.
        item_hash: hash of the items by split.
        judge: the model that scored answers, and where it was asked; None where rules did.
    """

    task: str
    metric: str
    num_fewshot: int
    examples: str | None
    chat_template: str | None
    teacher_forced: bool
    seed: int
    items: Mapping[str, int]
    item_hash: Mapping[str, str]
    judge: str | None = None


@dataclass(frozen=True)
class Provenance:
    """How one engine scores one task suite.

    Attributes:
        evomerge: version.
        harness: name and version of the evaluation harness.
        engine: name and version of the inference engine.
        libraries: versions of the libraries under it.
        device: name of the device.
        dtype: of the resident weights.
        seed: of the engine.
        settings: other settings of the engine by name.
        way: how weights reach the engine.
        tokenizer: hash of the tokenizer.
        tasks: by name.
    """

    evomerge: str
    harness: str
    engine: str
    libraries: Mapping[str, str]
    device: str
    dtype: str
    seed: int
    settings: Mapping[str, Any]
    way: Way
    tokenizer: str
    tasks: Mapping[str, TaskProvenance] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """16 hex digits, equal for equal provenance."""
        return _hash(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; tasks without a judge have no such key, as in records of earlier versions."""
        data = asdict(self)
        for task in data["tasks"].values():
            if task["judge"] is None:
                del task["judge"]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Provenance:
        """Read :meth:`to_dict` output; what a later version may have added is left out."""
        own = {name: data[name] for name in cls.__dataclass_fields__}
        fields = TaskProvenance.__dataclass_fields__
        tasks = {
            name: TaskProvenance(**{key: task[key] for key in fields if key in task or key != "judge"})
            for name, task in own.pop("tasks").items()
        }
        return cls(**own, tasks=tasks)


def provenance_of(suite: TaskSuite, tokenizer: Any, engine: Mapping[str, Any], seed: int, way: Way) -> Provenance:
    """Return how an engine scores a suite.

    Args:
        suite: the tasks.
        tokenizer: of transformers, as the engine uses it.
        engine: what the engine says of itself (``Engine.describe``).
        seed: of the engine.
        way: how weights reach it.
    """
    template = _hash(getattr(tokenizer, "chat_template", None))
    described = suite.describe()
    return Provenance(
        evomerge=evomerge.__version__,
        harness=f"lm-eval {next(iter(described.values()))['lm_eval']}",
        engine=f"{engine['engine']} {engine[engine['engine']]}",
        libraries={name: str(engine[name]) for name in _LIBRARIES if name in engine},
        device=str(engine["device"]),
        dtype=str(engine["dtype"]),
        seed=seed,
        settings={key: value for key, value in sorted(engine.items()) if key not in (*_APART, engine["engine"])},
        way=way,
        tokenizer=_tokenizer_hash(tokenizer),
        tasks={name: _task(task, template) for name, task in described.items()},
    )


def differences(a: Provenance, b: Provenance, split: str) -> tuple[str, ...]:
    """Return what differs between two provenances as far as scores on a split depend on it, one clause each."""
    return tuple(f"{name} ({x} and {y})" for name, x, y in _pairs(a, b, split) if x != y)


def check_comparable(models: Mapping[str, Provenance], split: str, *, mixed: bool = False) -> tuple[str, ...]:
    """Refuse to compare scores of different provenance.

    Args:
        models: provenance of every model's scores, by label.
        split: that was scored.
        mixed: return what differs instead of refusing, for who compares all the same to say aloud.

    Raises:
        InvalidInput: naming two models and the fields that differ.
    """
    labels = list(models)
    found = [
        (label, different)
        for label in labels[1:]
        if (different := differences(models[labels[0]], models[label], split))
    ]
    sentences = tuple(
        f"the scores of {labels[0]} and {label} differ in provenance: {'; '.join(different)}"
        for label, different in found
    )
    if sentences and not mixed:
        raise InvalidInput(
            "provenance", "; ".join(sentences), "score all models in the same way, or ask for a mixed comparison"
        )
    return sentences


def _pairs(a: Provenance, b: Provenance, split: str) -> Iterator[tuple[str, Any, Any]]:
    left, right = a.to_dict(), b.to_dict()
    for name in left:
        if name not in ("tasks", "libraries", "settings"):
            yield name, left[name], right[name]
    for group in ("libraries", "settings"):
        for name in sorted({*left[group], *right[group]}):
            yield name, left[group].get(name), right[group].get(name)
    yield "tasks", sorted(a.tasks), sorted(b.tasks)
    for task in sorted(a.tasks.keys() & b.tasks.keys()):
        for name in {**left["tasks"][task], **right["tasks"][task]}:
            value, other = left["tasks"][task].get(name), right["tasks"][task].get(name)
            if name in ("items", "item_hash"):
                yield f"{task}: {name}", value.get(split), other.get(split)
            elif name != "teacher_forced" or split == "search":
                yield f"{task}: {name}", value, other


def _task(described: Mapping[str, Any], template: str) -> TaskProvenance:
    return TaskProvenance(
        task=described["config_hash"],
        metric=f"{described['metric']},{described['filter']}",
        num_fewshot=described["num_fewshot"],
        examples=described["examples_hash"],
        chat_template=template if described["chat_template"] else None,
        teacher_forced=described["teacher_forced"],
        seed=described["seed"],
        items=described["items"],
        item_hash=described["items_hash"],
        judge=described["judge"],
    )


def _tokenizer_hash(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return _hash(sorted(tokenizer.get_vocab().items()) if backend is None else backend.to_str())


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
