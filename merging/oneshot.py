"""One merge from one file, without a search: what ``evomerge merge`` does."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import yaml
from torch import Tensor

from evomerge import __version__
from evomerge.errors import RecipeError
from merging.documents import Node, load_documents, read_text
from merging.export import ExportResult, MergedModel, merged_model, write_model
from merging.materialize import Materializer
from merging.mergekit.config import read_configs
from merging.mergekit.merge import Setting, merge_of
from merging.mergekit.steps import needs, ordered
from merging.mergekit.values import Compat
from merging.recipe_file import RecipeFile, read_export, read_recipe
from merging.staging import check_free
from merging.weights import parse_size, plan_shards

Observer = Callable[[str, MergedModel], Iterable[tuple[str, Tensor]]]
"""Told the name of a step and its model, passes the model's tensors on."""


@dataclass(frozen=True)
class Step:
    """One merge of a file.

    Args:
        name: of an intermediate result; None for the result of the file.
        method: the operator or mergekit method.
        after: names of the steps that it uses.
        tensors, bytes, shards: of its weights; None where they depend on a step before it.
        dtype: of most of its tensors.
    """

    name: str | None
    method: str
    after: tuple[str, ...]
    tensors: int | None = None
    bytes: int | None = None
    shards: int | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a file asks for, and what was written; ``result`` is None after a dry run."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    result: ExportResult | None


@dataclass(frozen=True)
class _Task:
    """A step with the function that opens its models, given the directories of the steps before it."""

    step: Step
    prepare: Callable[[Mapping[str, Path]], MergedModel]

    def described(self, model: MergedModel, limit: int) -> Step:
        sizes: Counter[str] = Counter()
        for spec in model.specs.values():
            sizes[str(spec.dtype).removeprefix("torch.")] += spec.numel
        return replace(
            self.step,
            tensors=len(model.specs),
            bytes=sum(spec.nbytes for spec in model.specs.values()),
            shards=len(plan_shards(model.specs, limit)),
            dtype=sizes.most_common(1)[0][0],
        )


def merge_file(
    path: Path,
    out: Path,
    *,
    max_shard_size: str = "5GB",
    compat: Compat | None = None,
    seed: int | None = None,
    dry_run: bool = False,
    observe: Observer = lambda name, model: model.tensors,
) -> Outcome:
    """Carry out the merge that a file describes.

    Args:
        path: our recipe, the ``recipe.json`` of an export, or a mergekit configuration.
        out: directory to create; may exist if it is empty.
        max_shard_size: largest weight file.
        compat: whose defaults a mergekit configuration takes, by default mergekit's.
        seed: of random draws of a mergekit configuration, by default its ``random_seed`` or 0; recipes have their own.
        dry_run: check everything that can be checked without merging, and write nothing.
        observe: sees tensors pass, for progress.

    Raises:
        InvalidInput: the file, its models or ``out`` cannot be used; nothing is written.
        Infeasible: a merged value is not finite, or the operator refuses the coefficients.
    """
    limit = parse_size(max_shard_size)
    check_free(out)
    tasks = _tasks(path, compat, seed)
    steps, notes = [], []
    result = None
    with _Workplace(out, needed=len(tasks) > 1 and not dry_run) as places:
        for task in tasks:
            if dry_run and task.step.after:
                steps.append(task.step)
                continue
            model = task.prepare(places.done)
            steps.append(task.described(model, limit))
            notes += [note for note in model.notes if note not in notes]
            if not dry_run:
                name = task.step.name if task is not tasks[-1] else None
                observed = replace(model, tensors=observe(name or out.name, model))
                result = write_model(observed, places.of(name), max_shard_size=max_shard_size)
    return Outcome(tuple(steps), tuple(notes), result)


class _Workplace:
    """Where results go: intermediate ones into a directory beside ``out`` that goes away with the block."""

    def __init__(self, out: Path, *, needed: bool) -> None:
        self._out = out
        self._needed = needed
        self._directory: Path | None = None
        self.done: dict[str, Path] = {}

    def __enter__(self) -> _Workplace:
        if self._needed:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._directory = Path(tempfile.mkdtemp(prefix=f".{self._out.name}.steps.", dir=self._out.parent))
        return self

    def __exit__(self, *ending: object) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def of(self, name: str | None) -> Path:
        """Return where a result goes; a name is remembered for the steps that use it."""
        if name is None or self._directory is None:
            return self._out
        self.done[name] = self._directory / f"{len(self.done)}-{Path(name).name}"
        return self.done[name]


def _tasks(path: Path, compat: Compat | None, seed: int | None) -> list[_Task]:
    text = read_text(path)
    nodes = load_documents(text, path.name)
    keys = nodes[0].entries().keys()
    if "merge_method" in keys:
        roots = (Path.cwd(), path.resolve().parent)
        return _mergekit_tasks(path.name, Setting(text, roots, compat or "mergekit", seed))
    if "mergekit" in keys:
        recorded = _recorded(nodes[0].entries()["mergekit"])
        wanted = replace(recorded, compat=compat or recorded.compat, seed=recorded.seed if seed is None else seed)
        return _mergekit_tasks(path.name, wanted)
    for value, name in ((compat, "--compat"), (seed, "--seed")):
        if value is not None:
            raise RecipeError(name, "is for mergekit configurations only", "write it into the recipe")
    if len(nodes) > 1:
        raise nodes[1].error("a second document follows", "write one recipe per file")
    file = read_export(nodes[0]) if "recipe" in keys else read_recipe(nodes[0], path.resolve().parent)
    return [_Task(Step(None, file.recipe.method, ()), lambda earlier: _native(file))]


def _mergekit_tasks(file: str, setting: Setting) -> list[_Task]:
    configs = ordered(read_configs(setting.text, file))
    names = {config.name: config for config in configs if config.name is not None}
    return [
        _Task(
            Step(config.name, config.method.name, tuple(needs(config, names))),
            partial(merge_of, config, setting),
        )
        for config in configs
    ]


def _recorded(node: Node) -> Setting:
    fields = node.fields(("config", "compat", "seed", "roots"), required=("config", "roots"))
    compat: Compat = "mergekit"
    if "compat" in fields and fields["compat"].one_of(("mergekit", "paper")) == "paper":
        compat = "paper"
    return Setting(
        fields["config"].text(),
        tuple(Path(root.text()) for root in fields["roots"].items()),
        compat,
        fields["seed"].integer() if "seed" in fields else None,
    )


def _native(file: RecipeFile) -> MergedModel:
    materializer = Materializer(file.open(), resident=False)
    materializer.check(file.recipe)
    return merged_model(materializer, file.recipe, card=_card(file), dtype=file.dtype)


def _card(file: RecipeFile) -> str:
    models = "\n".join(f"- `{ref.name}`: `{ref.path}`" for ref in (file.base, *file.experts))
    return (
        "---\nlibrary_name: transformers\ntags:\n- merge\n- evomerge\n---\n"
        f"# A {file.recipe.method} merge\n\n"
        f"Made by evomerge {__version__} from:\n\n{models}\n\n"
        f"```yaml\n{yaml.safe_dump(file.recipe.to_dict(), sort_keys=False).strip()}\n```\n"
    )
