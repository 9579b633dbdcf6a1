"""How far a run is: bars on a terminal, lines without one, and no figure that says nothing."""

import pytest

from evalkit.commands import progress
from evalkit.commands.progress import Pace, ProgressBars, so_far, speed


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_what_was_there_before_takes_no_time(clock: Clock) -> None:
    pace = Pace(1_000)
    pace.advance(600)  # told at once: it was stored
    assert pace.seconds_left is None
    clock.seconds += 50
    pace.advance(100)
    assert pace.seconds_each == 0.5
    assert pace.seconds_left == 150


def test_a_first_step_that_took_its_time_is_one(clock: Clock) -> None:
    pace = Pace(4)
    clock.seconds += 40
    pace.advance(1)
    assert pace.seconds_left == 120


@pytest.mark.parametrize(
    ("seconds_each", "unit", "said"),
    [
        (1 / 350, "document", "350/s"),
        (0.25, "setting", "250 ms/setting"),
        (42.51, "setting", "42.5 s/setting"),
        (0.0, "document", "1,000,000,000/s"),
    ],
)
def test_what_takes_longer_than_a_moment_is_told_by_the_step(seconds_each: float, unit: str, said: str) -> None:
    assert speed(seconds_each, unit) == said


def test_without_a_terminal_there_is_a_line_every_half_a_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressBars("loading cranfield, minilm") as bars:
        advance = bars("documents of cranfield", 1_400)
        advance(0)
        for _ in range(14):
            clock.seconds += 12
            advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "evalkit: loading cranfield, minilm",
        "evalkit: documents of cranfield: 300 of 1,400, 2 min 12 s left",
        "evalkit: documents of cranfield: 600 of 1,400, 1 min 36 s left",
        "evalkit: documents of cranfield: 900 of 1,400, 1 min left",
        "evalkit: documents of cranfield: 1,200 of 1,400, 24 s left",
    ]


def test_a_line_says_no_time_left_where_nobody_knows() -> None:
    assert so_far("settings of cranfield", Pace(12)) == "settings of cranfield: 0 of 12"


def test_on_a_terminal_speed_and_time_left_are_those_of_the_steps(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with ProgressBars("loading cranfield, minilm") as bars:
        assert bars.progress.live.is_started
        assert shown(bars) == ["loading cranfield, minilm"]
        advance = bars("settings of cranfield", 12)
        clock.seconds += 2.5
        advance(1)
        assert shown(bars) == ["settings of cranfield", "1 of 12", "2.5 s/setting", "28 s left"]
        for _ in range(11):
            clock.seconds += 2.5
            advance(1)
        assert shown(bars) == ["settings of cranfield", "12 of 12", "2.5 s/setting"]
    assert not bars.progress.live.is_started


def test_a_pass_of_which_everything_is_stored_leaves_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with ProgressBars() as bars:
        bars("documents of cranfield", 1_398)
        bars("queries of cranfield", 225)
        advance = bars("settings of cranfield", 4)
        assert shown(bars)[0] == "settings of cranfield"
        bars("queries of cranfield, reranked", 225)(1)
        advance(1)
        assert "settings of cranfield" in shown(bars)


def shown(bars: ProgressBars) -> list[str]:
    """The words of all bars on the screen, without the bars."""
    tasks = [task for task in bars.progress.tasks if task.visible]
    columns = [column for place, column in enumerate(bars.progress.columns) if place != 1]
    return [word for task in tasks for column in columns if (word := str(column(task)))]
