"""`avseg data toy|compose --setting lu_avs`."""

import json

import pytest

from avseg.data.lu_avs import read_release
from avseg.data.lu_avs.ground_truth import check_video
from avseg.media.frame_index import frame_index
from tests.data.synthetic.make_cutouts import write_cutouts
from tests.runs_for_tests import avseg

SMALL = ["--setting", "lu_avs", "--size", "32", "--train", "2", "--val", "1", "--test", "0", "--seconds", "3", "4"]


@pytest.mark.parametrize("subverb", ["toy", "compose"])
def test_a_release_is_written_and_summarised(tmp_path, subverb):
    cutouts = ["--cutouts", str(write_cutouts(tmp_path / "cutouts"))] if subverb == "compose" else []
    out = tmp_path / "set"
    done = avseg(["data", subverb, *cutouts, "--out", str(out), *SMALL, "--hard", "0.5"])
    assert (done.code, done.err) == (0, "")
    assert "audible segments" in done.out
    release = read_release(out)
    assert [len(release.subset(split)) for split in ("train", "val", "test")] == [2, 1, 0]
    assert sorted(video.has_masks for video in release.subset("train")) == [False, True]
    for video in release.videos.values():
        assert 2.9 < video.duration < 4.1
        check_video(video, frame_index(video.path))
    options = json.loads((out / "generator.json").read_text())
    assert (options["setting"], options["seconds"], options["hard"]) == ("lu_avs", [3.0, 4.0], 0.5)
    assert "sounding" not in options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "30"], "size is 30; allowed: multiples of 4 from 32 to 1024 pixels"),
        (["--seconds", "9", "5"], "seconds is 9 to 5; allowed: 3 to 600"),
        (["--hard", "7"], "hard is 7"),
    ],
)
def test_errors_are_one_line_and_write_nothing(tmp_path, arguments, message):
    done = avseg(["data", "toy", *SMALL, "--out", str(tmp_path / "set"), *arguments])
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
