"""``evomerge evaluate``: scores of any checkpoints, with errors, and compared item by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from evomerge.errors import InvalidInput
from evomerge.options import DEFAULT_STORE, FormatOption, StoreOption, open_store
from evomerge.output import Format, Output, write_file

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import RenderableType

    from evals.tasks import TaskDefinition
    from experiments.spec_sections import WorkersSpec
    from experiments.spec_tasks import TaskSpec
    from experiments.store import Store
    from optimizer.evaluating.results import Evaluated, Evaluation
    from workers.config import WorkerConfig

_Section = TypeVar("_Section", bound="BaseModel")
OutOption = Annotated[Path | None, typer.Option("--out", help="Write scores of all items with provenance (JSON).")]
_MODELS_HELP = "Checkpoints, LoRA adapters or delta packs: directories, or repositories of the hub."


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help=_MODELS_HELP)],
    spec: Annotated[Path | None, typer.Option(help="Take tasks, items and engine of this experiment spec.")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Suite of the catalog; 'evomerge tasks' lists them.")] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", help="Task file, suite/task, or lm-eval task; may be repeated.")
    ] = None,
    items: Annotated[str, typer.Option(help="Test items of each task, or 'all'; not with --spec.")] = "200",
    chat_template: Annotated[bool, typer.Option(help="Use the models' chat template; not with --spec.")] = False,
    split: Annotated[str, typer.Option(help="Split that is scored: search, selection or test.")] = "test",
    base: Annotated[
        str | None, typer.Option(help="Base of adapters and packs; default: what an adapter names.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="vllm or transformers; default: the spec's, else vllm.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Of the engine; default: the spec's, else bfloat16.")] = None,
    gpus: Annotated[float | None, typer.Option(min=0, help="GPUs; default: the spec's, else 0.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option(min=1, help="GPUs that a model is split over.")] = None,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Context length in tokens.")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Compare with a file that --out wrote, or a number of 'evomerge evaluations'; repeatable."),
    ] = None,
    mixed: Annotated[bool, typer.Option("--mixed", help="Compare although the scores were made differently.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Score also what the store has scores of.")] = False,
    out: OutOption = None,
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """Score checkpoints on a suite, on task files, or on the items of a spec, and compare them item by item."""
    from evals.suite import TaskSuite
    from optimizer.evaluating.kept import Keeper
    from optimizer.evaluating.results import check_names, compare
    from optimizer.evaluating.run import evaluate as score
    from optimizer.evaluating.subjects import find_subjects

    printed = Output(format is Format.JSON)
    definitions, workers, domains = _asked(spec, suite or [], tasks or [], _count(items), chat_template)
    given = {"engine": engine, "dtype": dtype, "gpus": gpus, "tensor_parallel": tensor_parallel}
    given["max_model_len"] = max_model_len
    config = _config(workers, {name: value for name, value in given.items() if value is not None}, definitions)
    refs = TaskSuite.load(definitions).items(split)
    if not refs:
        raise InvalidInput("--split", f"the tasks have no {split} items", "name another split")
    subjects = find_subjects(models, base, Path.cwd())
    weights = {one.name: one.weight if spec is not None else 1.0 for one in definitions}
    with open_store(store) as opened:
        earlier = [model for one in against or () for model in _earlier(opened, one)]
        labels = [one.label for one in earlier] + [one.label for one in subjects]
        check_names(labels, [split, *(one.split for one in earlier)])
        keeper = Keeper(opened, split, refs, weights)
        known = {} if fresh else {"known": keeper.find}
        scored = [keeper.record(one) for one in score(subjects, config, split, printed.say, **known)]
    show(printed, compare([*earlier, *scored], weights, mixed=mixed, domains=domains), out)


def show(printed: Output, evaluation: Evaluation, out: Path | None) -> None:
    """Print an evaluation, and write it where a file is named."""
    from optimizer.evaluating.results import write_results

    if out is not None:
        write_file(out, write_results(evaluation))
    printed.shown(evaluation.to_dict() if printed.json else {}, _lines(evaluation))
    for sentence in evaluation.mixed:
        printed.say(f"{'compared all the same' if evaluation.pairs else 'not compared (see --mixed)'}: {sentence}")


def _earlier(store: Store, named: str) -> tuple[Evaluated, ...]:
    from optimizer.evaluating.kept import read_kept
    from optimizer.evaluating.results import read_results

    return (read_kept(store, int(named))[0],) if named.isdecimal() else read_results(Path(named))


def _count(items: str) -> int | None:
    """Return the number of items, None for all."""
    if items != "all" and not (items.isdecimal() and int(items)):
        raise InvalidInput("--items", f"found {items!r}", "give a number from 1, or all")
    return None if items == "all" else int(items)


def _asked(
    spec: Path | None, suites: list[str], tasks: list[str], items: int | None, chat_template: bool
) -> tuple[tuple[TaskDefinition, ...], WorkersSpec, dict[str, list[str]]]:
    """Return the tasks, how they are scored, and the tasks of each domain."""
    from experiments.spec import load_spec
    from experiments.spec_sections import WorkersSpec
    from experiments.spec_tasks import SplitSpec, TaskSpec, written_out
    from optimizer.sources import definitions_of

    if (spec is not None) == bool(suites or tasks):
        raise InvalidInput("--spec", "tasks are named by --spec or by --suite and --tasks", "give one of the two ways")
    if spec is not None:
        loaded = load_spec(spec)
        definitions = definitions_of(loaded.spec.tasks, loaded.source_dir)
        return definitions, loaded.spec.workers, _domains_of(loaded.spec.tasks, definitions)
    splits = SplitSpec(search=0, selection=0, test=items or 1)
    common: dict[str, Any] = {"chat_template": chat_template, "splits": splits}
    named = [{"suite": name} for name in suites] + [{"task": name} for name in tasks]
    entries = tuple(_section(TaskSpec, {**one, **common}) for one in named)
    written = written_out(entries)
    definitions = definitions_of(written, Path.cwd())
    return tuple(replace(one, test=items) for one in definitions), WorkersSpec(), _domains_of(written, definitions)


def _domains_of(entries: Sequence[TaskSpec], definitions: Sequence[TaskDefinition]) -> dict[str, list[str]]:
    from optimizer.reporting.domains import domains_of

    tasks = [{"name": one.name, "domain": entry.domain} for one, entry in zip(definitions, entries, strict=True)]
    return domains_of({"tasks": tasks})


def _section(kind: type[_Section], values: dict[str, Any]) -> _Section:
    """Return a part of a spec whose keys are options here."""
    from pydantic import ValidationError

    from experiments.spec_errors import translate

    try:
        return kind(**values)
    except ValidationError as error:
        found = translate(error, kind, {}, lambda location: None)
        option = {"task": "--tasks"}.get(found.field, f"--{found.field.replace('_', '-')}")
        raise InvalidInput(option, found.problem, found.fix) from None


def _config(workers: WorkersSpec, given: dict[str, Any], tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    from experiments.spec_sections import WorkersSpec
    from merging.models import ModelRef
    from optimizer.checks import check_engine
    from optimizer.preflight import cpus_of
    from workers.config import WorkerConfig

    chosen = _section(WorkersSpec, {**workers.model_dump(), "count": 1, "population": "off", **given})
    check_engine(chosen)
    names = ("engine", "dtype", "gpus", "tensor_parallel", "max_model_len", "batch_invariant", "stall_seconds")
    # Each model is a base of its own.
    unset = ModelRef("base", "")
    return WorkerConfig(unset, (), tasks, cpus=cpus_of(chosen), **{name: getattr(chosen, name) for name in names})


def _lines(evaluation: Evaluation) -> Iterator[RenderableType]:
    from rich.markup import escape
    from rich.table import Table

    from optimizer.evaluating.results import scores_of

    tasks = list(evaluation.weights) if len(evaluation.weights) > 1 else []
    title = f"mean ± standard error on the {evaluation.models[0].split} items"
    columns = ("model", "all tasks", *map(escape, tasks), "95 %", "items", "seconds", "provenance", "number")
    table = Table(*columns, title=title, title_justify="left", box=None)
    for one in evaluation.models:
        found = scores_of(one, evaluation.weights)
        cells = [found["overall"], *(found["tasks"].get(task) for task in tasks)]
        table.add_row(
            escape(one.label),
            *map(_cell, cells),
            f"{found['overall']['low']:.3f} to {found['overall']['high']:.3f}",
            str(len(one.items)),
            f"{sum(one.seconds.values()):.1f}" if one.seconds else "from the store",
            one.provenance.digest,
            "" if one.number is None else str(one.number),
        )
    yield table
    yield from _domains(evaluation)
    if not evaluation.pairs:
        return
    columns = ("model", "minus", "difference", "95 %", "p", "p (Holm)", "won", "lost", "tied")
    table = Table(*columns, title="paired by item", title_justify="left", box=None)
    for pair in evaluation.pairs:
        versus = pair.comparison
        table.add_row(
            escape(pair.first),
            escape(pair.second),
            f"{versus.difference:+.3f}",
            f"{versus.low:+.3f} to {versus.high:+.3f}",
            f"{versus.p_value:.2g}",
            f"{pair.adjusted_p:.2g}",
            *map(str, (versus.wins, versus.losses, versus.n - versus.wins - versus.losses)),
        )
    yield table


def _domains(evaluation: Evaluation) -> Iterator[RenderableType]:
    from rich.markup import escape
    from rich.table import Table

    rows = evaluation.by_domain()
    if not rows:
        return
    columns = ("model", *map(escape, evaluation.domains), "mean", "lowest", "harmonic")
    table = Table(*columns, title="by domain, tasks of a domain alike", title_justify="left", box=None)
    for row in rows:
        cells = (_cell(asdict(row.domains[name])) for name in evaluation.domains)
        harmonic = "" if row.harmonic is None else f"{row.harmonic:.3f}"
        table.add_row(escape(row.label), *cells, f"{row.mean:.3f}", f"{row.lowest:.3f}", harmonic)
    yield table


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{score['mean']:.3f}" + ("" if score["stderr"] is None else f" ± {score['stderr']:.3f}")
