"""Progress: a pipeline runs to its end, or is closed where it stands."""

from __future__ import annotations

import pytest

from napari_discern.progress import Progress, Steps, run


class Kitchen:
    """A pipeline that says whether it was cleaned up."""

    def __init__(self) -> None:
        self.steps_done = 0
        self.clean = False

    def cook(self, steps: int, burn_at: int = -1) -> Steps[str]:
        try:
            for done in range(steps):
                if done == burn_at:
                    raise ArithmeticError("burnt")
                yield Progress("stir", done, steps)
                self.steps_done += 1
            return "soup"
        finally:
            self.clean = True


def test_run_returns_the_result_and_reports_each_step():
    seen: list[float] = []
    assert run(Kitchen().cook(3), lambda p: seen.append(p.done)) == "soup"
    assert seen == [0, 1, 2]


def test_run_needs_no_report():
    assert run(Kitchen().cook(2)) == "soup"


def test_pipeline_without_steps_still_has_a_result():
    assert run(Kitchen().cook(0)) == "soup"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_report_that_raises_stops_the_pipeline_and_cleans_up(stop):
    kitchen = Kitchen()

    def report(progress: Progress) -> None:
        if progress.done == 1:
            raise stop

    steps = kitchen.cook(5)
    with pytest.raises(stop):
        run(steps, report)
    assert (kitchen.steps_done, kitchen.clean) == (1, True)
    assert next(steps, "closed") == "closed"


def test_an_error_in_the_pipeline_comes_through():
    kitchen = Kitchen()
    with pytest.raises(ArithmeticError, match="burnt"):
        run(kitchen.cook(5, burn_at=2))
    assert kitchen.clean


@pytest.mark.parametrize(("done", "total", "share"), [(0, 4, 0), (1, 4, 0.25), (4, 4, 1), (5, 4, 1), (3, 0, 0)])
def test_fraction_lies_between_nothing_and_all(done, total, share):
    assert Progress("read", done, total).fraction == share


def test_progress_of_two_stages_share_no_values():
    first, second = Progress("a", 0, 1), Progress("b", 0, 1)
    assert first.values == {}
    assert first.values is not second.values
