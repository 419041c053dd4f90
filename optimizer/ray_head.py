"""A Ray of this machine that outlives the runs on it: ``python -m optimizer.ray_head RECORD``.

It is started through ``ray.init`` and not ``ray start``, whose processes outlive it when it is killed. Its nodes talk
over loopback, but some of its ports are open to other machines, as every Ray's: what keeps strangers out is the token
of ``RAY_AUTH_TOKEN``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import ray

from optimizer.cluster import start_local_ray


def main(record: Path) -> None:
    """Start Ray, write process and address into a file that appears whole, and wait for SIGTERM."""
    start_local_ray(num_cpus=os.cpu_count() or 1)
    process = psutil.Process()
    known = {
        "pid": process.pid,
        "created": process.create_time(),
        "address": ray.get_runtime_context().gcs_address,
        "token": os.environ["RAY_AUTH_TOKEN"],
    }
    partial = record.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(known))
    partial.replace(record)
    # Ray's own handler for SIGTERM ends the process without ending what it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        signal.pause()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
