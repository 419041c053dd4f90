"""A wheel holds the built dashboard; everything else about the package is in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithDashboard(build_py):
    """Builds the dashboard where it is not built yet; a wheel without it is never made."""

    def run(self) -> None:
        """Build. An editable install takes the dashboard from the checkout, where ``make setup`` builds it."""
        if not self.editable_mode and not (ROOT / "api" / "dashboard" / "index.html").exists():
            subprocess.run([sys.executable, ROOT / "dashboard" / "build.py"], check=True)
        super().run()


setup(cmdclass={"build_py": BuildWithDashboard})
