"""Take the pictures of the dashboard in ``docs/images/dashboard``: ``make screenshots``."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import Visitor, chromium, find_chromium, settled  # noqa: E402
from dashboard_server import SETTINGS, fill  # noqa: E402
from PIL import Image  # noqa: E402
from service import services  # noqa: E402

from experiments.states import Scope  # noqa: E402

TARGET = ROOT / "docs" / "images" / "dashboard"
WIDTH, HEIGHT = 1280, 860
# Name of the picture, theme, address, and the heading that is at its top; the page's own where that is None.
PICTURES = (
    ("experiments", "light", "/experiments", None),
    ("overview", "light", "/experiments/{real}", None),
    ("overview-dark", "dark", "/experiments/{real}", None),
    ("fitness", "dark", "/experiments/{real}", "Fitness"),
    ("coefficients", "light", "/experiments/{real}/coefficients", None),
    ("dynamics", "light", "/experiments/{real}/dynamics", None),
    ("tradeoffs", "light", "/experiments/{finished}/dynamics", "Trade-offs between tasks"),
    ("generalisation", "light", "/experiments/{real}/generalisation", None),
    ("workers", "dark", "/experiments/{real}/workers", None),
    ("timeline", "light", "/experiments/{finished}/workers", "Worker timeline"),
    ("items", "light", "/experiments/{real}/candidates/572?split=test&against=5&only=changed", "Items"),
    ("new", "light", "/experiments/new?template=first-look", None),
    ("compare", "light", "/compare?ids={real},{finished},{running}", None),
)


# The data is that of tests, where somebody writes what only an attacker would.
HARMLESS = (
    "UPDATE experiments SET owner = 'bob' WHERE owner LIKE '<%'",
    "UPDATE experiments SET error = 'The worker died: out of memory.' WHERE error LIKE '%<%'",
    "UPDATE candidates SET label = 'by hand' WHERE label LIKE '<%'",
)


def main() -> None:
    """Serve a filled store, and take every picture."""
    executable = find_chromium()
    if executable is None:
        sys.exit("no Chromium was found: run 'make browser' as root, or install one")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "store.db"
        content = fill(file, names=("ada's laptop", "nightly runs", "the wall"))
        with closing(sqlite3.connect(file)) as connection:
            for statement in HARMLESS:
                connection.execute(statement)
            connection.commit()
        with services(Path(name)) as serve, chromium(executable) as browser:
            server = serve(content.url, token=content.tokens[Scope.ADMIN], settings=SETTINGS)
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
            visitor = Visitor(context, server.url).log_in(server.token)
            TARGET.mkdir(parents=True, exist_ok=True)
            for picture, theme, path, heading in PICTURES:
                take(visitor, picture, theme, path.format(**content.experiments), heading)
            if visitor.problems:
                sys.exit("\n".join(visitor.problems))


def take(visitor: Visitor, name: str, theme: str, path: str, heading: str | None) -> None:
    """Write one picture."""
    page = visitor.open(path)
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    if heading is not None:
        # The bar at the top covers what is behind it.
        page.get_by_role("heading", name=heading, exact=True).evaluate(
            "(one) => window.scrollTo({top: one.getBoundingClientRect().top + window.scrollY - 90})"
        )
    settled(page)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    # A palette of 256 colours is enough for lines and letters, and a third of the bytes.
    picture.quantize(256, dither=Image.Dither.NONE).save(TARGET / f"{name}.png", optimize=True)
    page.close()


if __name__ == "__main__":
    main()
