"""One timer for many: who is told, when, and how often the timer is set."""

import gc
import weakref

import attrs
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.app.testing.fakes import FakeClock
from collector_mesh.domain.link.sweep import LOOK_SECONDS, Entry, Sweep

NEVER = float("inf")


@attrs.define(eq=False)
class Sleeper:
    """Wants to be told at some times, in any order."""

    clock: FakeClock
    wants: list[float]
    told: list[float] = attrs.field(factory=list)
    entry: Entry | None = None
    is_watched: bool = False
    stays_watched: bool = False

    @property
    def next_tick(self) -> float:
        return min(self.wants, default=NEVER)

    def tick(self, now: float) -> None:
        self.told.append(now)
        self.wants = [want for want in self.wants if want > now]


def pass_time(clock: FakeClock, seconds: float) -> int:
    """Let time pass; gives how often a timer has rung."""
    until, rung = clock.time + seconds, 0
    while (due := min((timer.when for timer in clock.timers if not timer.is_over), default=NEVER)) <= until:
        clock.time = max(clock.time, due)
        clock.ring()
        rung += 1
        assert rung < 100_000
    clock.time = until
    return rung


def test_many_that_wait_for_long_cost_nothing_meanwhile() -> None:
    clock = FakeClock()
    sweep, begin = Sweep(clock), clock.time
    sleepers = [Sleeper(clock, [begin + 60.0 + n * 1e-6]) for n in range(1000)]
    for sleeper in sleepers:
        sweep.watch(sleeper)

    rung = pass_time(clock, 59.0)
    told = [sleeper for sleeper in sleepers if sleeper.told]
    more = pass_time(clock, 2.0)

    assert told == []
    assert rung == 1
    assert more <= 2
    assert all(len(sleeper.told) == 1 for sleeper in sleepers)


def test_what_is_brought_forward_is_seen_soon_after_it_is_watched() -> None:
    clock = FakeClock()
    sweep = Sweep(clock)
    sleeper = Sleeper(clock, [clock.time + 60.0])
    sweep.watch(sleeper)
    pass_time(clock, 10.0)

    sleeper.wants.append(due := clock.time + 0.001)
    sweep.watch(sleeper)
    pass_time(clock, 1.0)

    assert len(sleeper.told) == 1
    assert due <= sleeper.told[0] <= due + LOOK_SECONDS


def test_what_stays_watched_is_looked_at_until_it_does_not() -> None:
    clock = FakeClock()
    sweep = Sweep(clock)
    sleeper = Sleeper(clock, [], stays_watched=True)
    sweep.watch(sleeper)
    pass_time(clock, 1.0)

    sleeper.wants.append(due := clock.time + 0.5)
    pass_time(clock, 1.0)
    sleeper.stays_watched = False
    pass_time(clock, 1.0)

    assert due <= sleeper.told[0] <= due + LOOK_SECONDS
    assert pass_time(clock, 100.0) == 0


def test_whoever_always_wants_to_be_told_at_once_is_told_now_and_then() -> None:
    class Eager(Sleeper):
        @property
        def next_tick(self) -> float:
            return 0.0

    clock = FakeClock()
    sweep = Sweep(clock)
    eager = Eager(clock, [])
    sweep.watch(eager)

    pass_time(clock, 1.0)

    assert 50 <= len(eager.told) <= 250


def test_whoever_is_forgotten_is_told_nothing_and_not_held() -> None:
    clock = FakeClock()
    sweep = Sweep(clock)
    gone, stays = Sleeper(clock, [clock.time + 1.0]), Sleeper(clock, [clock.time + 1.0])
    for sleeper in (gone, stays):
        sweep.watch(sleeper)
    pass_time(clock, 0.5)

    sweep.forget(gone)
    sweep.watch(gone)
    sweep.forget(gone)
    pass_time(clock, 1.0)
    told, held = gone.told, weakref.ref(gone)
    del gone, sleeper
    gc.collect()

    assert told == []
    assert len(stays.told) == 1
    assert held() is None


def test_no_timer_is_left_when_everybody_was_forgotten() -> None:
    clock = FakeClock()
    sweep = Sweep(clock)
    sleepers = [Sleeper(clock, [clock.time + 5.0]) for _ in range(10)]
    for sleeper in sleepers:
        sweep.watch(sleeper)
    pass_time(clock, 1.0)

    for sleeper in sleepers:
        sweep.forget(sleeper)

    assert [timer for timer in clock.timers if not timer.is_over] == []


def test_the_timer_is_set_again_though_somebody_ends_the_process_meanwhile() -> None:
    class Interrupting(Sleeper):
        def tick(self, now: float) -> None:
            super().tick(now)
            raise KeyboardInterrupt

    clock = FakeClock()
    sweep = Sweep(clock)
    other = Sleeper(clock, [clock.time + 2.0])
    for sleeper in (Interrupting(clock, [clock.time + 1.0]), other):
        sweep.watch(sleeper)
    pass_time(clock, 0.5)

    interrupted = 0
    for _ in range(2):
        try:
            pass_time(clock, 1.0)
        except KeyboardInterrupt:
            interrupted += 1

    assert interrupted == 1
    assert len(other.told) == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 10.0), st.floats(0.0, 3.0)), max_size=30))
def test_everybody_is_told_each_time_soon_after_it_is_due_and_never_before(
    wants: list[tuple[int, float, float]],
) -> None:
    clock = FakeClock()
    sweep = Sweep(clock)
    sleepers = [Sleeper(clock, []) for _ in range(5)]
    due: list[list[float]] = [[] for _ in sleepers]
    for n, seconds, pause in wants:
        sleepers[n].wants.append(clock.time + seconds)
        due[n].append(clock.time + seconds)
        sweep.watch(sleepers[n])
        pass_time(clock, pause)
    pass_time(clock, 60.0)

    for sleeper, times in zip(sleepers, due, strict=True):
        assert not sleeper.wants
        for told in sleeper.told:
            assert any(when - 1e-5 <= told <= when + 2 * LOOK_SECONDS for when in times)
