"""The engine that a configuration asks for; its libraries are imported when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.config import WorkerConfig

if TYPE_CHECKING:
    from workers.engines.base import Engine


def make_engine(config: WorkerConfig) -> Engine:
    """Start the engine; raises what its class raises."""
    if config.engine == "vllm":
        from workers.engines.vllm_engine import VllmEngine

        return VllmEngine(config)
    from workers.engines.transformers_engine import TransformersEngine

    return TransformersEngine(config)


def load_libraries(config: WorkerConfig) -> None:
    """Import what the engine needs, which is half of its start, in a process that has its environment."""
    if config.engine == "vllm":
        from workers.engines.vllm_engine import load_library

        load_library()
    else:
        import workers.engines.transformers_engine  # noqa: F401
