from collector_mesh.domain.policies.repeats import MAX_KINDS, Repeats


def told(repeats: Repeats, moments: list[float], kind: str = "k", source: str = "s") -> list[int]:
    heard = [repeats.heard(kind, source, now) for now in moments]
    return [number for number in heard if number]


def test_of_many_at_once_the_first_second_fourth_and_so_on_are_told() -> None:
    assert told(Repeats(), [5.0] * 1000) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_what_goes_on_is_told_once_a_minute() -> None:
    moments = [float(second) for second in range(600)]

    numbers = told(Repeats(), moments)

    assert numbers[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert numbers[7:] == [124, 128, 188, 248, 256, 316, 376, 436, 496, 512, 572]


def test_kinds_and_sources_are_told_apart() -> None:
    repeats = Repeats()
    told(repeats, [1.0] * 3)

    assert repeats.heard("other", "s", 1.0) == 1
    assert repeats.heard("k", "other", 1.0) == 1
    assert repeats.heard("k", "s", 1.0) == 4


def test_more_sources_than_can_be_remembered_are_told_as_one() -> None:
    repeats = Repeats()

    numbers = [repeats.heard("k", f"host {number}", 1.0) for number in range(MAX_KINDS + 1024)]

    assert sum(map(bool, numbers)) == MAX_KINDS + 11
    assert numbers[-1] == 1024


def test_a_source_that_was_quiet_for_long_makes_room_for_a_new_one() -> None:
    repeats = Repeats()
    told(repeats, [1.0] * 3)
    for number in range(MAX_KINDS - 1):
        repeats.heard("k", f"host {number}", 1000.0)

    assert repeats.heard("k", "new", 1000.0) == 1
    assert repeats.heard("k", "newer", 1000.0) == 1
    assert repeats.heard("k", "newest", 1000.0) == 2
    assert repeats.heard("k", "s", 1000.0) == 0


def test_some_in_each_minute_are_told_in_any_case_and_bear_no_number() -> None:
    repeats = Repeats(free=3)

    assert [told(repeats, [minute] * 3) for minute in (0.0, 60.0, 120.0)] == [[1, 1, 1]] * 3


def test_beyond_those_that_are_free_numbers_tell_how_many_there_were_until_all_are_told_again() -> None:
    repeats = Repeats(free=3)

    assert told(repeats, [0.0] * 20) == [1, 1, 1, 1, 8, 16]
    assert told(repeats, [60.0] * 2) == [21, 22]
    assert told(repeats, [120.0] * 2) == [1, 1]


def test_a_flood_is_told_some_thirty_times_a_minute_at_most() -> None:
    repeats = Repeats(free=16)

    in_minutes = [told(repeats, [60.0 * minute + at / 200 for at in range(10_000)]) for minute in range(3)]

    assert max(map(len, in_minutes)) <= 32
