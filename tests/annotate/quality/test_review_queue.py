from avseg.annotate.quality.review_queue import compute_severity, rank_worst_first


def test_the_worst_segment_comes_first_with_the_frame_to_mend() -> None:
    fine = dict.fromkeys(range(10, 30), 0.95)
    dip = fine | {15: 0.3}
    drifted = {frame: 0.9 if frame < 20 else 0.4 - 0.01 * (frame - 20) for frame in range(10, 30)}
    checks = rank_worst_first({1: fine, 2: dip, 3: drifted}, {3: [10], 2: [10, 18]})
    assert [check.segment_id for check in checks] == [3, 2, 1]
    worst, dipped, _ = checks
    assert worst.quality.longest_bad_run == 10
    assert (worst.frame, worst.frames, worst.bad) == (29, 18, 10)
    # between the accepted frames 10 and 18 are seven, one of them is mended by hand
    assert (dipped.frame, dipped.frames, dipped.bad) == (15, 6, 1)


def test_accepted_frames_are_not_asked_for_again() -> None:
    scores = {1: {0: 0.1, 1: 0.9}, 2: {5: 0.2}}
    (check,) = rank_worst_first(scores, {1: [0], 2: [5]})
    assert check.segment_id == 1
    assert check.quality.minimum == 0.9


def test_of_equals_the_first_stays_first_and_nothing_is_no_queue() -> None:
    assert [check.segment_id for check in rank_worst_first({7: {0: 0.5}, 3: {0: 0.5}})] == [7, 3]
    assert rank_worst_first({}) == []


def test_severity() -> None:
    assert compute_severity([1.0] * 5) == 0
    assert compute_severity([0.0] * 5) == 1
    assert compute_severity([0.9] * 9 + [0.1]) < compute_severity([0.9] * 5 + [0.4] * 5)
