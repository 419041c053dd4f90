"""``evomerge adapter`` and ``evomerge pack``: adapters merged, compressed and kept together, experts as delta packs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from evomerge.errors import EvomergeError, Interrupted
from evomerge.output import Output

if TYPE_CHECKING:
    from merging.lora.merge import AdapterResult

adapter_app = typer.Typer(
    help="Merge, compress and keep LoRA adapters as adapters.", no_args_is_help=True, pretty_exceptions_enable=False
)


class Format(StrEnum):
    """How the result is printed."""

    TEXT = "text"
    JSON = "json"


class Dtype(StrEnum):
    """What numbers are stored as."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Matrices(StrEnum):
    """How a delta pack stores linear weights."""

    SVD = "svd"
    SIGN = "sign"


OutOption = Annotated[Path, typer.Option("--out", help="Directory to write; must not hold anything yet.")]
BaseOption = Annotated[str, typer.Option("--base", help="Base model: a directory or a Hugging Face repository.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="json prints one JSON object on stdout and nothing else there.")
]


@adapter_app.command()
def merge(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML) or recipe.json of an export; its models are adapters.")],
    out: OutOption,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Largest rank; needed by every method but linear and task_arithmetic.")
    ] = None,
    dtype: Annotated[
        Dtype | None, typer.Option(help="Of the stored factors; default: the recipe's dtype, else float32.")
    ] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Merge adapters into one adapter: exact for linear methods, else the best of the given rank."""
    from merging.lora.files import load_recipe
    from merging.lora.merge import merge_adapters

    with _writing(out) as progress:
        file = load_recipe(recipe)
        stored = dtype.value if dtype else str(file.dtype or "float32").removeprefix("torch.")
        result = merge_adapters(file.open(), file.recipe, out, rank, dtype=stored, progress=progress)
    _adapter(format, result)


@adapter_app.command()
def compress(
    adapter: Annotated[str, typer.Argument(help="LoRA adapter: a directory or a Hugging Face repository.")],
    base: BaseOption,
    rank: Annotated[int, typer.Option(min=1, help="Largest rank of the result.")],
    out: OutOption,
    dtype: Annotated[Dtype | None, typer.Option(help="Of the stored factors; default: the adapter's.")] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write an adapter again with a smaller rank, cut by singular values."""
    from merging.lora.files import open_experts
    from merging.lora.merge import merge_adapters
    from merging.lora.write import stored_dtype
    from merging.recipe import Recipe

    with _writing(out) as progress:
        models = open_experts(base, [adapter])
        (expert,) = models.experts
        stored = dtype.value if dtype else stored_dtype(models.adapter(expert.name))
        result = merge_adapters(models, Recipe("linear", (expert.name,)), out, rank, dtype=stored, progress=progress)
    _adapter(format, result)


@adapter_app.command()
def basis(
    adapters: Annotated[
        list[str], typer.Argument(help="Two LoRA adapters or more, each as DIRECTORY or NAME=DIRECTORY.")
    ],
    base: BaseOption,
    components: Annotated[int, typer.Option(min=1, help="Shared directions kept for every row and column.")],
    out: OutOption,
    dtype: Annotated[Dtype, typer.Option(help="Of the stored basis.")] = Dtype.FLOAT32,
    format: FormatOption = Format.TEXT,
) -> None:
    """Keep many adapters as one shared basis from which each can be had back (RMM)."""
    from merging.lora.files import open_experts
    from merging.lora.reversible import pack_basis

    with _writing(out) as progress:
        result = pack_basis(open_experts(base, adapters), out, components, dtype=dtype.value, progress=progress)
    if format is Format.JSON:
        Output(json=True).document({"basis": result})
        return
    typer.echo(
        f"basis of {len(result.errors)} adapters written to {result.path}: {_size(result.bytes, result.adapter_bytes)}"
    )
    for name, error in result.errors.items():
        typer.echo(f"{name}: relative error {error:.2e}")


@adapter_app.command()
def revert(
    directory: Annotated[Path, typer.Argument(help="What 'evomerge adapter basis' wrote.")],
    name: Annotated[str, typer.Argument(help="Name of the adapter in it.")],
    out: OutOption,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write one adapter of a basis as a PEFT adapter."""
    from merging.lora.reversible import revert as revert_adapter

    with _writing(out):
        revert_adapter(directory, name, out)
    if format is Format.JSON:
        Output(json=True).document({"adapter": {"name": name, "path": out}})
    else:
        typer.echo(f"{name} written to {out}")


def pack(
    expert: Annotated[str, typer.Argument(help="Expert, checkpoint or adapter: a directory or a repository.")],
    base: BaseOption,
    out: OutOption,
    matrices: Annotated[Matrices, typer.Option(help="Codec of linear weights.")] = Matrices.SVD,
    attention_rank: Annotated[
        int | None, typer.Option(min=1, help="Components of attention weights; default: a quarter of the smaller side.")
    ] = None,
    mlp_rank: Annotated[
        int | None, typer.Option(min=1, help="Components of mlp weights; default: 35 % of the smaller side.")
    ] = None,
    embedding_density: Annotated[float, typer.Option(help="Share of the embedding's and head's change kept.")] = 0.1,
    bits: Annotated[str, typer.Option(help="BITSxCOUNT for the first components, BITS for the rest.")] = "8x20,4x180,2",
    format: FormatOption = Format.TEXT,
) -> None:
    """Compress an expert into a delta pack, which is accepted wherever an expert of the same base is."""
    from merging.lora.files import open_experts
    from merging.packs.pack import PackSettings, pack_expert

    with _writing(out) as progress:
        settings = PackSettings(matrices.value, attention_rank, mlp_rank, embedding_density, bits)
        models = open_experts(base, [expert])
        result = pack_expert(models, models.experts[0].name, out, settings, progress=progress)
    if format is Format.JSON:
        Output(json=True).document({"pack": result})
        return
    worst = max(result.tensors, key=lambda name: result.tensors[name].error)
    typer.echo(f"{len(result.tensors)} tensors packed to {result.path}: {_size(result.bytes, result.expert_bytes)}")
    typer.echo(f"relative error {result.error:.4f}, at worst {result.tensors[worst].error:.4f} in {worst}")


def _adapter(format: Format, result: AdapterResult) -> None:
    if format is Format.JSON:
        Output(json=True).document({"adapter": result})
        return
    ranks = sorted(set(result.ranks.values()))
    rank = str(ranks[0]) if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"
    typer.echo(f"adapter of rank {rank} written to {result.path}: {_megabytes(result.bytes)}, {result.dtype}")
    worst = max(result.errors, key=result.errors.__getitem__)
    kind = "exact" if result.exact else "truncated"
    typer.echo(f"{kind}: relative error {result.error:.2e}, at worst {result.errors[worst]:.2e} in {worst}")
    if result.saved:
        typer.echo(f"stored as a whole: {', '.join(result.saved)}")


@contextmanager
def _writing(out: Path) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being worked on, and say of other people's errors what they mean here."""
    console = Console(stderr=True)
    try:
        with console.status("opening the models") as status:
            yield lambda name: status.update(name)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; nothing was written to {out}") from None
    except OSError as error:
        raise EvomergeError(f"{out} cannot be written: {error}") from error


def _size(size: int, before: int) -> str:
    return f"{_megabytes(size)}, {size / before:.0%} of {_megabytes(before)}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
