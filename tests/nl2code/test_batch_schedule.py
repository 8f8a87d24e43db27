"""Which blocks each step takes: growth of the batch, every block once an epoch, equal shares for all processes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2code.batch_schedule import BatchSchedule, StepBatches, batch_schedule
from nl2code.errors import UserError

schedules = st.builds(
    lambda unit, first, more, steps: BatchSchedule(unit, first, first + more, steps),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 9),
    st.integers(0, 30),
)


@settings(max_examples=60, deadline=None)
@given(schedules)
def test_a_batch_grows_linearly_and_never_shrinks(schedule):
    sizes = [schedule.accumulation(step) for step in range(50)]
    assert sizes == sorted(sizes)
    assert sizes[0] == (schedule.first if schedule.growth_steps else schedule.last)
    assert set(sizes[schedule.growth_steps :]) == {schedule.last}
    for step in range(schedule.growth_steps):
        exact = schedule.first + (schedule.last - schedule.first) * step / schedule.growth_steps
        assert exact - 1 < sizes[step] <= exact


@settings(max_examples=60, deadline=None)
@given(schedules, st.integers(0, 400))
def test_sums_are_exact(schedule, blocks):
    before = [0, *itertools.accumulate(schedule.blocks(step) for step in range(500))]
    assert [schedule.blocks_before(step) for step in range(len(before))] == before
    assert schedule.steps_for(blocks) == next(step for step, total in enumerate(before) if total >= blocks)


def test_the_strategy_is_in_tokens():
    schedule = batch_schedule(8, 2, 1024, "512K_150K")
    assert (schedule.first, schedule.last, schedule.growth_steps) == (2, 64, 150_000)  # 64 x 8 x 1,024 = 512 x 1,024
    assert batch_schedule(8, 2, 1024, "1M_20").last == 128
    assert batch_schedule(8, 2, 1024, "512k_150k") == schedule  # the original's spelling
    assert batch_schedule(8, 2, 1024, "const") == batch_schedule(8, 2, 1024)
    assert batch_schedule(8, 2, 1024, "20000_0").accumulation(0) == 2
    assert batch_schedule(8, 3, 1024).blocks(10**6) == 24


@pytest.mark.parametrize(
    ("strategy", "message"), [("512K", "TOKENS_STEPS"), ("5G_1", "TOKENS_STEPS"), ("15K_10", "below the initial 16384")]
)
def test_bad_strategies_are_named(strategy, message):
    with pytest.raises(UserError, match=message):
        batch_schedule(8, 2, 1024, strategy)


class Lengths:
    """Epochs of changing length, as resampling makes them."""

    def epoch(self, number):
        return range([7, 5, 9, 6][number % 4])


@pytest.mark.parametrize("processes", [1, 2])
def test_steps_take_the_stream_of_blocks_in_order(processes):
    schedule = BatchSchedule(2, 1, 6, 10)
    shares = [list(StepBatches(Lengths(), schedule, 20, process, processes)) for process in range(processes)]
    assert all(len(share) == 20 for share in shares)
    stream = ((epoch, index) for epoch in itertools.count() for index in Lengths().epoch(epoch))
    for step in range(20):
        parts = [share[step] for share in shares]
        assert len({len(part) for part in parts}) == 1
        together = [block for row in zip(*parts, strict=True) for block in row]
        assert together == list(itertools.islice(stream, schedule.blocks(step)))
