from dataclasses import replace
from io import StringIO

from rich.console import Console

from evomerge.live import LiveView, format_duration
from optimizer.progress import RunProgress, Standing

BEST = Standing("candidate 22", 0.641, 0.518, 0.747)
PARENT = Standing("expert json", 0.020, 0.006, 0.105)


def progress(done: int, message: str = "candidate 22 scored 0.6 on the search items") -> RunProgress:
    return RunProgress("json-math abc", "search", done, 100, BEST, PARENT, 16.5, 245.0, message)


def shown(terminal: bool, *steps: RunProgress) -> str:
    screen = StringIO()
    with LiveView(Console(file=screen, force_terminal=terminal, width=110, color_system=None)) as view:
        for step in steps:
            view.update(step)
    return screen.getvalue()


def test_terminal_shows_budget_standings_pace_and_remaining_time() -> None:
    text = shown(True, progress(33))
    for part in ("33/100", "0.641 [0.518, 0.747] candidate 22", "0.020 [0.006, 0.105] expert json"):
        assert part in text
    assert "16 items/min, 4 min 05 s left" in text


def test_elsewhere_every_evaluation_is_one_line_and_repetitions_are_dropped() -> None:
    lines = shown(False, progress(33), progress(33), progress(34)).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("search 33/100 items | best 0.641 [0.518, 0.747] candidate 22")


def test_decisions_stay_in_sight() -> None:
    noted = replace(progress(33), notes=("search: merge-cma", "prior: none"))
    for terminal in (True, False):
        assert "search: merge-cma" in shown(terminal, noted, progress(34))


def test_markup_in_messages_is_text() -> None:
    assert "[red]x[/red]" in shown(False, progress(1, "[red]x[/red]"))
    assert "[red]x[/red]" in shown(True, progress(1, "[red]x[/red]"))


def test_budget_without_a_number_of_evaluations_shows_what_is_done() -> None:
    open_ended = RunProgress("x", "search", 12, 0, BEST, PARENT, 16.5, None, "one more")
    assert shown(False, open_ended).startswith("search 12 items | best")
    assert "12/" not in shown(True, open_ended)


def test_durations_are_readable() -> None:
    assert [format_duration(s) for s in (4.6, 65, 7800)] == ["5 s", "1 min 05 s", "2 h 10 min"]
