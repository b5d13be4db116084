"""A folder of various raw videos is prepared at once, again, and after having been killed."""

import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from avseg.data.avsbench.layout import MS3Layout
from avseg.data.prepare import run
from avseg.data.prepare.options import Options
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.run import prepare
from avseg.media.images import read_frames
from avseg.utils.errors import UserError
from avseg.utils.processes import ProcessDied
from tests.data.modules import avsbench_module
from tests.data.prepare.prepared_files import clip_name, drawn_numbers, expected_numbers, file_digests
from tests.data.prepare.raw_samples import BROKEN, REASONS, RawSample, make_folder
from tests.media.make_video import make_video
from tests.media.test_downmix import two_tracks

OPTIONS = Options(size=48)


class Prepared(NamedTuple):
    folder: Path
    raws: list[RawSample]
    out: Path
    outcomes: list[Outcome]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Prepare twelve videos, six of them broken."""
    folder, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("prepared") / "out"
    raws = make_folder(folder, 6)
    return Prepared(folder, raws, out, prepare(folder, out, OPTIONS))


def test_each_second_shows_the_official_frame(prepared: Prepared) -> None:
    for raw in prepared.raws:
        drawn = drawn_numbers(prepared.out, clip_name(raw), raw.rotation)
        assert drawn == expected_numbers(raw.official), raw
    names = [entry.name for entry in MS3Layout(prepared.out).entries("test")]
    assert names == sorted(clip_name(raw) for raw in prepared.raws)


def test_frames_and_sound_load(prepared: Prepared) -> None:
    dataset = avsbench_module(prepared.out, "ms3", image_size=224).dataset("test")
    for index, entry in enumerate(dataset.entries):
        frames, sizes = read_frames(dataset.layout.frames(entry), dataset.rule)
        assert (frames.shape, set(sizes)) == ((5, 3, 224, 224), {(48, 48)})
        assert dataset.sound(index).shape == (5, 1, 96, 64)


def test_exact_seconds_are_an_option(prepared: Prepared, tmp_path: Path) -> None:
    prepare(prepared.folder, tmp_path, replace(OPTIONS, rule="second"))
    for raw in prepared.raws:
        assert drawn_numbers(tmp_path, clip_name(raw), raw.rotation) == expected_numbers(raw.exact), raw
    assert json.loads((tmp_path / "prepare.json").read_text())["rule"] == "second"


def test_the_report_names_the_broken_ones_with_reasons(prepared: Prepared) -> None:
    report = json.loads((prepared.out / "report.json").read_text())
    assert (report["prepared"], report["failed"], report["clips"]) == (6, 6, 6)
    assert set(report["failures"]) == {f"{name}.mp4" for name in BROKEN}
    for name, reason in REASONS.items():
        assert re.search(reason, report["failures"][f"{name}.mp4"])
    assert [outcome.record() for outcome in prepared.outcomes] == report["files"]


def test_the_report_says_what_was_handled(prepared: Prepared) -> None:
    by_file = {outcome.file: outcome for outcome in prepared.outcomes}
    for raw in prepared.raws:
        notes, sound = by_file[raw.file].notes, by_file[raw.file].facts["sound"]
        assert ("odd size" in notes) == any(side % 2 for side in raw.size)
        assert ("rotated" in notes) == bool(raw.rotation)
        assert ("variable frame rate" in notes) == raw.variable
        assert ("no sound" in notes) == (raw.layout is None)
        assert ("short sound" in notes) == (0 < raw.sound_seconds < 5)
        assert (sound and sound["layout"]) == raw.layout


def test_a_second_run_does_only_what_is_missing(prepared: Prepared, tmp_path: Path) -> None:
    out = shutil.copytree(prepared.out, tmp_path / "out")
    files: list[str] = []
    times = {path: path.stat().st_mtime_ns for path in (out / "ms3_data").rglob("*.*")}
    deleted = out / "ms3_data/visual_frames" / clip_name(prepared.raws[1]) / f"{clip_name(prepared.raws[1])}.mp4_3.png"
    deleted.unlink()
    prepare(prepared.folder, out, OPTIONS, advance=lambda outcome: files.append(outcome.file))
    assert sorted(files) == sorted([prepared.raws[1].file, *(f"{name}.mp4" for name in BROKEN)])
    assert file_digests(out) == file_digests(prepared.out)
    changed = [path for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert changed
    assert all(clip_name(prepared.raws[1]) in path.as_posix() for path in changed)


def _die_at(count: int, folder: Path, out: Path) -> None:
    """Prepare, and die when the count-th file is moved to its final path."""
    remaining = [count]
    replace_path = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        remaining[0] -= 1
        if remaining[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace_path(self, target)

    Path.replace = replaced
    prepare(folder, out, OPTIONS)


def test_killed_at_any_file_and_run_again_the_bytes_are_the_same(prepared: Prepared, tmp_path: Path) -> None:
    for count in (1, 2, 5, 9, 12, 17):  # before the record, in the middle of a clip, before its mark, ...
        child = multiprocessing.get_context("fork").Process(target=_die_at, args=(count, prepared.folder, tmp_path))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
    assert file_digests(tmp_path) != file_digests(prepared.out)
    prepare(prepared.folder, tmp_path, OPTIONS)
    assert file_digests(tmp_path) == file_digests(prepared.out)


def test_other_options_are_refused_unless_everything_is_overwritten(prepared: Prepared, tmp_path: Path) -> None:
    out = shutil.copytree(prepared.out, tmp_path / "out")
    options = replace(OPTIONS, size=40, split="train")
    with pytest.raises(UserError, match=r"prepared with size 48 and not 40, split test and not train.*--overwrite"):
        prepare(prepared.folder, out, options)
    assert file_digests(out) == file_digests(prepared.out)
    prepare(prepared.folder, out, options, overwrite=True)
    prepare(prepared.folder, tmp_path / "new", options)
    assert file_digests(out) == file_digests(tmp_path / "new")


def test_a_changed_video_is_prepared_again_and_a_broken_one_leaves_nothing(tmp_path: Path) -> None:
    path = make_video(tmp_path / "raw.mp4", frames=260)
    folder, out = tmp_path / "videos", tmp_path / "out"
    folder.mkdir()
    (outcome,) = _prepare_one(path, folder, out)
    assert outcome.clips == ("v_000000", "v_000005")
    assert drawn_numbers(out, "v_000005") == expected_numbers([125 + 23, 125 + 48, 125 + 73, 125 + 98, 125 + 123])
    (outcome,) = _prepare_one(make_video(tmp_path / "short.mp4", frames=40), folder, out)
    assert outcome.clips == ("v_000000",)
    assert drawn_numbers(out, "v_000000") == [23, 39, 39, 39, 39]
    assert "short picture" in outcome.notes
    assert not (out / "ms3_data/visual_frames/v_000005").exists()
    (tmp_path / "text").write_text("no video " * 9)
    (outcome,) = _prepare_one(tmp_path / "text", folder, out)
    assert outcome.failed
    assert not [path for path in (out / "ms3_data").rglob("*") if path.is_file()]


def _prepare_one(path: Path, folder: Path, out: Path) -> list[Outcome]:
    shutil.copy2(path, folder / "v.mp4")
    return prepare(folder, out, OPTIONS)


def test_damaged_files_are_prepared_on_demand(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name in ("truncated", "random_bytes"):
        shutil.copy2(prepared.folder / f"{name}.mp4", tmp_path / "raw")
    damaged, truncated = prepare(tmp_path / "raw", tmp_path / "out", replace(OPTIONS, allow_damaged=True))
    assert not damaged.failed
    assert "damaged picture" in damaged.notes or "damaged sound" in damaged.notes
    assert "truncated" in truncated.notes
    assert drawn_numbers(tmp_path / "out", "truncated_000000")[:2] == [23, 48]


def test_other_data_is_not_touched(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "ms3_data/visual_frames/x").mkdir(parents=True)
    with pytest.raises(UserError, match="was not written by avseg data prepare"):
        prepare(prepared.folder, tmp_path, OPTIONS, overwrite=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["ms3_data", "visual_frames", "x"]


def test_a_process_that_dies_names_its_video(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_dies(function, jobs, *_):
        for job in jobs:
            yield job, ProcessDied() if job.video.file == prepared.raws[0].file else function(job)

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_jobs", one_dies)
        outcomes = prepare(prepared.folder, tmp_path, OPTIONS)
    (died,) = [outcome for outcome in outcomes if "died" in outcome.reason]
    assert died.file == prepared.raws[0].file
    assert clip_name(prepared.raws[0]) not in (tmp_path / "ms3_meta_data.csv").read_text()
    prepare(prepared.folder, tmp_path, OPTIONS)
    assert file_digests(tmp_path) == file_digests(prepared.out)


def test_a_full_disk_ends_the_run_and_another_error_costs_one_video(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(number: int) -> None:
        def prepare_video(*_: object) -> Outcome:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(run, "prepare_video", prepare_video)

    fail(errno.EIO)
    assert {outcome.reason for outcome in prepare(prepared.folder, tmp_path, OPTIONS)} == {
        "cannot be read (Input/output error)"
    }
    fail(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        prepare(prepared.folder, tmp_path, OPTIONS)


def test_only_one_process_prepares_a_folder(prepared: Prepared, tmp_path: Path) -> None:
    def prepare_again(total: int, finished: int) -> None:
        with pytest.raises(UserError, match=f"is being prepared by process {os.getpid()} on "):
            prepare(prepared.folder, tmp_path, OPTIONS)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(prepared.folder, tmp_path, OPTIONS, started=prepare_again)


def test_names_of_all_kinds_and_a_chosen_sound_track(tmp_path: Path) -> None:
    names = ["10:30.mkv", "pipe:0.mkv", os.fsdecode(b"b\xff.mkv"), "two\nlines.mkv", "x" * 251 + ".mkv", "%03d.xyz"]
    (tmp_path / "raw").mkdir()
    content = two_tracks(tmp_path / "v.mkv", default=0).read_bytes()
    for name in names:
        (tmp_path / "raw" / name).write_bytes(content)
    (tmp_path / "raw/sub").mkdir()
    (tmp_path / "raw/sub/link").symlink_to("..")
    outcomes = prepare(tmp_path / "raw", tmp_path / "out", replace(OPTIONS, audio_track=1))
    failed = {outcome.file: outcome.reason for outcome in outcomes if outcome.failed}
    assert failed == {"sub/link": "is a link to a folder, which is not searched; name the folder itself"}
    clips = sorted((tmp_path / "out").rglob("*.wav"))
    assert len(clips) == len(names)
    for clip in clips:
        assert np.abs(soundfile.read(clip)[0]).max() == pytest.approx(0.6, abs=0.02)
        str(clip).encode()
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert "two\\\\nlines.mkv" in json.dumps(report)
    assert json.loads((tmp_path / "out/prepare.json").read_text(encoding="utf-8"))["audio_track"] == 1
