"""No job that waits for a busy worker is lost or begun twice, whatever becomes of that worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from experiments.states import Split
from optimizer.jobs import Job, Work
from optimizer.next_jobs import NextJobs

WORKERS = ("a", "b", "c")


def job(number: int) -> Job:
    return Job(Work(number, Split.SEARCH), None, None)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from(["give", "of", "lose", "for_idle", "settle"]), st.sampled_from(WORKERS))))
def test_every_job_comes_out_once(steps: list[tuple[str, str]]) -> None:
    jobs: NextJobs[str] = NextJobs()
    waiting: set[int] = set()
    for number, (step, worker) in enumerate(steps):
        found: Job | None = None
        if step == "give":
            if jobs.without_one([worker]) is not None:
                jobs.give(worker, job(number))
                waiting.add(number)
        elif step == "of":
            found = jobs.of(worker)
        elif step == "for_idle":
            found = jobs.for_idle()
            assert (found is None) == (not waiting)
        elif step == "lose":
            jobs.lose(worker)
        else:
            jobs.settle(WORKERS)
        if found is not None:
            waiting.remove(found.work.candidate)
        assert len(jobs) == len(waiting)


def test_a_job_without_a_worker_comes_before_new_ones() -> None:
    jobs: NextJobs[str] = NextJobs()
    jobs.give("a", job(0))
    jobs.give("b", job(1))
    assert jobs.announce() == [("a", job(0)), ("b", job(1))]
    jobs.lose("a")
    assert jobs.without_one(WORKERS) is None
    jobs.settle(["b", "c"])
    assert jobs.announce() == [("c", job(0))]
    assert jobs.without_one(WORKERS) == "a"


def test_a_worker_is_not_told_of_a_job_that_another_one_took() -> None:
    jobs: NextJobs[str] = NextJobs()
    jobs.give("a", job(0))
    assert jobs.for_idle() == job(0)
    assert jobs.announce() == []
