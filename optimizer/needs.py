"""What a run will need, before anything is started: work, memory, disk, time. And whether the machine has it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.volume import Volume
from evomerge.errors import SpecError
from experiments.sampling import stride
from experiments.states import EvaluationState, Split
from experiments.store import Store
from optimizer.machine import Node, find_nodes
from optimizer.plan import Plan
from optimizer.vocabulary import open_models
from workers.config import WorkerConfig
from workers.footprint import GIB, Footprint, footprint
from workers.gpu_memory import GPU_MEMORY_SHARE

# Measured on the demo: a score with its share of the rows around it.
_STORED_ITEM_BYTES = 200
# Assumed where no earlier experiment says better: what a core with bf16 matrix units and a large GPU sustain.
_CORE_FLOPS, _GPU_FLOPS = 1e11, 1e14
_PACED = 500  # candidates of an earlier experiment that its pace is taken from


@dataclass(frozen=True)
class Work:
    """What is scored, at most.

    Attributes:
        dimensions: searched coefficients.
        candidates: of each stage: baselines, search, selection, test; None where the budget does not say.
        items: scored items by stage.
        read: tokens of prompts and reference answers by stage.
        written: generated tokens at most, by stage.
    """

    dimensions: int
    candidates: Mapping[str, int | None]
    items: Mapping[str, int | None]
    read: Mapping[str, int | None]
    written: Mapping[str, int | None]

    def total(self, what: str) -> int | None:
        """Return the sum over all stages of ``items``, ``read`` or ``written``; None where the budget does not say."""
        stages: Mapping[str, int | None] = getattr(self, what)
        known = [count for count in stages.values() if count is not None]
        return sum(known) if len(known) == len(stages) else None


@dataclass(frozen=True)
class Time:
    """Expected hours on all workers, and what the expectation rests on; None where nothing can be said."""

    hours: float | None
    source: str


@dataclass(frozen=True)
class Needs:
    """What a run will need and what there is; sizes in bytes."""

    work: Work
    workers: int
    memory: Footprint
    nodes: tuple[Node, ...]
    room: tuple[int, ...]
    store: int | None
    export: int
    time: Time

    def sentence(self) -> str:
        """Say how much memory is taken of how much."""
        have = ", ".join(
            f"{node.name} has {_gib(node.memory)}" + ("" if node.free is None else f" ({_gib(node.free)} free now)")
            for node in self.nodes
        )
        devices = f" and {_gib(sum(self.memory.device.values()))} of each GPU" if self.memory.device else ""
        return (
            f"memory: {self.workers} x {_gib(self.memory.worker)}{devices} for workers, {_gib(self.memory.mapped)} "
            f"shared by those of a node ({_parts(self.memory.node)}); {have}"
        )


def find_needs(plan: Plan, store: Store | None = None, nodes: tuple[Node, ...] | None = None) -> Needs:
    """Work out what a run of a checked spec needs.

    Args:
        plan: the checked spec.
        store: whose earlier experiments say how long it takes.
        nodes: that workers will run on; None looks for them from here.

    Raises:
        EngineError: the cluster of RAY_ADDRESS cannot be reached.
    """
    volumes = _volumes(plan)
    work = _work(plan, volumes)
    nodes = find_nodes(plan.worker) if nodes is None else nodes
    memory = _memory(plan, volumes)
    if any(node.shareable is not None and memory.prepared > node.shareable for node in nodes):
        memory = memory.apart()
    models = open_models(plan.worker.base, (), None)
    weights = sum(models.tensor_info(name).nbytes for name in models.tensor_names())
    return Needs(
        work=work,
        workers=plan.num_workers,
        memory=memory,
        nodes=nodes,
        room=tuple(_room(node, plan.worker, memory) for node in nodes),
        store=None if work.total("items") is None else _STORED_ITEM_BYTES * (work.total("items") or 0),
        export=0 if plan.spec.output is None else weights,
        time=_time(plan, work, weights, store),
    )


def check_fits(plan: Plan, needs: Needs) -> None:
    """Refuse a run that cannot work on these nodes.

    Raises:
        SpecError: with the numbers, naming the key to change.
    """
    memory = needs.memory
    _check_sequence(memory)
    _check_gpus(plan.worker, needs)
    if sum(needs.room) < needs.workers:
        total = sum(needs.room)
        raise SpecError(
            "workers.count",
            f"{needs.workers} workers take {_gib(memory.worker)} each ({_parts(memory.host)}) and "
            f"{_gib(memory.mapped)} per node ({_parts(memory.node)}), and there is room for {total}: "
            + ", ".join(f"{node.name} has {_gib(node.memory)}" for node in needs.nodes),
            f"set workers.count: {total}" if total else "take a smaller base, fewer experts, or a larger machine",
        )
    free = _disk(plan.output(""))
    if free is not None and needs.export > free:
        raise SpecError(
            "output",
            f"the best merge takes {_gib(needs.export)} and {_gib(free)} are free there",
            "name a directory on another disk, or free some",
        )


def _check_sequence(memory: Footprint) -> None:
    if memory.kv_cache is None or memory.kv_token is None or memory.max_model_len is None:
        return
    fits = memory.kv_cache // memory.kv_token
    if fits < memory.max_model_len:
        raise SpecError(
            "workers.max_model_len",
            f"one text of {memory.max_model_len} tokens takes {_gib(memory.max_model_len * memory.kv_token)} of KV "
            f"cache and there are {_gib(memory.kv_cache)}",
            f"set workers.max_model_len: {fits // 128 * 128} or less",
        )


def _check_gpus(worker: WorkerConfig, needs: Needs) -> None:
    sizes = [node.gpu_memory for node in needs.nodes if node.gpu_memory is not None]
    if not needs.memory.device or not sizes:
        return
    needed, there = sum(needs.memory.device.values()), int(GPU_MEMORY_SHARE * min(1.0, worker.gpus) * min(sizes))
    if needed > there:
        listed = ", ".join(f"{name} {_gib(size)}" for name, size in needs.memory.device.items())
        raise SpecError(
            "workers.gpus",
            f"a worker takes at least {_gib(needed)} of each of its GPUs ({listed}) and has {_gib(there)}",
            "give it more GPUs with tensor_parallel, a larger share of one, or a smaller max_model_len",
        )


def _room(node: Node, worker: WorkerConfig, memory: Footprint) -> int:
    """Return how many workers a node can hold."""
    rooms = [max(0, node.memory - memory.mapped) // memory.worker]
    if node.cpus is not None:
        rooms.append(int(node.cpus // worker.cpus))
    if worker.gpus:
        rooms.append(int(node.gpus / worker.gpus))
    return min(rooms)


def _memory(plan: Plan, volumes: Mapping[Split, Volume]) -> Footprint:
    worker = plan.worker
    models = open_models(worker.base, worker.experts, worker.vocabulary)
    # Parents and plain merges are task arithmetic, and their state is kept beside that of the searched methods.
    methods = dict.fromkeys(["task_arithmetic", *plan.genome.methods])
    longest = max(volume.longest for volume in volumes.values())
    return footprint(worker, models, tuple(methods), longest)


def _volumes(plan: Plan) -> dict[Split, Volume]:
    from transformers import AutoTokenizer

    from evals.suite import TaskSuite

    suite = TaskSuite.load(plan.worker.tasks)
    tokenizer = AutoTokenizer.from_pretrained(plan.worker.base.path)
    return {split: suite.volume(split.value, tokenizer) for split in Split}


def _work(plan: Plan, volumes: Mapping[Split, Volume]) -> Work:
    search = volumes[Split.SEARCH]
    limit = plan.search.budget.item_limit(search.items)
    baselines = len(plan.baselines)
    # The center of the search and the best plain merge race besides; of the scale line only the best is tested.
    finalists = plan.search.finalists + 2
    tested = sum(one.role != "scale" for one in plan.baselines) + 2
    # Passes over a whole split by stage; a search scores blocks, so its passes are no whole number.
    searched = None if limit is None else max(0.0, limit / search.items - baselines)
    passes: dict[str, tuple[float | None, Volume]] = {
        "baselines": (baselines, search),
        "search": (searched, search),
        "selection": (finalists, volumes[Split.SELECTION]),
        "test": (tested, volumes[Split.TEST]),
    }

    if plan.search.screening is not None:
        passes["stand-ins"] = (None if searched is None else searched * plan.search.screening.proposals, search)

    def times(size: str) -> dict[str, int | None]:
        return {
            stage: None if count is None else round(count * getattr(volume, size))
            for stage, (count, volume) in passes.items()
        }

    candidates = {stage: None if count is None else int(count) for stage, (count, _) in passes.items()}
    return Work(len(plan.genome.genes), candidates, times("items"), times("read"), times("written"))


def _time(plan: Plan, work: Work, weights: int, store: Store | None) -> Time:
    """Expect the seconds per item of the last experiment with the same models and tasks; else assume a throughput."""
    items, read, written = (work.total(what) for what in ("items", "read", "written"))
    if items is None or read is None or written is None:
        return Time(plan.search.budget.hours, "the search ends with its budget of hours or tokens")
    earlier = None if store is None else _seconds_per_item(plan, store)
    if earlier is not None:
        seconds, name = earlier
        return Time(items * seconds / plan.num_workers / 3600, f"seconds per item of experiment {name}")
    worker = plan.worker
    speed = _CORE_FLOPS * worker.threads if worker.on_cpu else _GPU_FLOPS * worker.gpus
    # Two operations per weight and token; weights are 2 bytes each.
    hours = (read + written) * weights / speed / plan.num_workers / 3600
    kind = f"{_CORE_FLOPS / 1e9:.0f} GFLOP/s per core" if worker.on_cpu else f"{_GPU_FLOPS / 1e12:.0f} TFLOP/s per GPU"
    return Time(hours, f"assumed {kind}: no earlier experiment has these models and tasks")


def _seconds_per_item(plan: Plan, store: Store) -> tuple[float, str] | None:
    wanted = _likeness(plan.spec.canonical())
    for one in store.list_experiments():
        if _likeness(one.experiment.spec) != wanted:
            continue
        efforts = store.efforts(one.experiment.id, every=stride(one.progress.candidates, _PACED))
        # What was taken from an earlier evaluation took no time, and says nothing of how long scoring does.
        worked = [effort for effort in efforts if effort.state is EvaluationState.DONE and effort.attempt]
        items = sum(effort.items for effort in worked)
        if items:
            return sum(effort.seconds for effort in worked) / items, one.experiment.id
    return None


def _likeness(spec: Mapping[str, object]) -> list[object]:
    """Return what of a spec decides how long an item takes."""
    tasks = spec.get("tasks")
    shapes = [{**task, "splits": None} for task in tasks] if isinstance(tasks, Sequence) else None
    return [spec.get("base_model"), spec.get("models"), spec.get("workers"), shapes]


def _disk(path: Path | None) -> int | None:
    """Return the free bytes where a directory will be made."""
    if path is None:
        return None
    return shutil.disk_usage(next(parent for parent in [path, *path.parents] if parent.exists())).free


def _parts(sizes: Mapping[str, int]) -> str:
    """Render what matters of a sum."""
    largest = sorted(sizes.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {_gib(size)}" for name, size in largest if size > GIB / 100) or "next to nothing"


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"
