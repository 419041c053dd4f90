"""The Ray cluster that workers run on: that of RAY_ADDRESS, or one of our own on this machine."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

# Recipes and scores are small: the object store needs none of the memory that engines need.
_OBJECT_STORE_BYTES = 256 * 2**20


@contextmanager
def ray_cluster(*, num_cpus: float) -> Iterator[None]:
    """Connect to RAY_ADDRESS, or start a local Ray with at least ``num_cpus`` for the time of the context.

    A Ray that the caller has initialized already is used as it is and left running.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    else:
        ray.init(
            num_cpus=max(os.cpu_count() or 1, math.ceil(num_cpus)),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    try:
        yield
    finally:
        ray.shutdown()
