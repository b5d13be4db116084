"""Finding raw videos and naming their clips."""

from pathlib import Path

import pytest

from avseg.data.avsbench.layout import layout_for
from avseg.data.prepare.options import Options
from avseg.data.prepare.raw_videos import find_benchmark_videos, find_index, find_own_videos
from avseg.data.prepare.video import prepare_video
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError
from tests.media.make_video import make_video

OUT = Path("elsewhere")


def _touch(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def test_names_are_paths_and_differ(tmp_path: Path) -> None:
    _touch(tmp_path, "b/a.mp4", "a.mp4", "a.webm", "b/two words, and more.MKV", ".hidden.mp4", ".cache/a.mp4", "n.txt")
    names = {source.file: source.entry.name for source in find_own_videos(tmp_path, "val", OUT)}
    assert names == {
        "a.mp4": "a.mp4",
        "a.webm": "a.webm",
        "b/a.mp4": "b__a",
        "b/two words, and more.MKV": "b__two_words_and_more",
    }
    keys = {source.key for source in find_own_videos(tmp_path, "val", OUT)}
    assert keys == {f"val/{name}" for name in names.values()}


def test_equal_names_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a b.mp4", "a_b.mp4")
    with pytest.raises(UserError, match=r"would both be called 'a_b.mp4'"):
        find_own_videos(tmp_path, "test", OUT)


def test_a_video_of_any_suffix_is_found_and_images_are_not(tmp_path: Path) -> None:
    from PIL import Image

    make_video(tmp_path / "v.mkv", frames=5, sound=None).rename(tmp_path / "capture.001")
    Image.new("RGB", (32, 32)).save(tmp_path / "cover.png")
    (tmp_path / "readme").write_text("plain text " * 50)
    assert [source.file for source in find_own_videos(tmp_path, "test", OUT)] == ["capture.001"]


def test_long_names_are_shortened_and_stay_different(tmp_path: Path) -> None:
    _touch(tmp_path, f"{'x' * 120}/{'y' * 120}1.mp4", f"{'x' * 120}/{'y' * 120}2.mp4")
    names = [source.entry.name for source in find_own_videos(tmp_path, "test", OUT)]
    assert len(set(names)) == 2
    assert max(map(len, names)) <= 180


def test_a_broken_link_is_a_video_that_fails(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp4")
    (tmp_path / "b.mp4").symlink_to("moved_away.mp4")
    (tmp_path / "c.mp4").symlink_to("c.mp4")
    (tmp_path / "notes.txt").symlink_to("moved_away.txt")
    for broken, name in zip(find_own_videos(tmp_path, "test", OUT)[1:], ("b.mp4", "c.mp4"), strict=True):
        assert broken.file == name
        with pytest.raises(UserError, match=name):
            prepare_video(broken, Options(), tmp_path / "staging")


def test_the_output_folder_is_not_searched(tmp_path: Path) -> None:
    _touch(tmp_path, "a.mp4", "out/b.mp4")
    assert [source.file for source in find_own_videos(tmp_path, "test", tmp_path / "out")] == ["a.mp4"]
    assert len(find_own_videos(tmp_path, "test", tmp_path)) == 2


@pytest.mark.parametrize("parent", ["", "raw_videos", "s4_data/raw_videos", "Single-source/s4_data/raw_videos"])
@pytest.mark.parametrize("inside", ["train/dog/", ""])
def test_the_clips_of_s4_are_found(tmp_path: Path, parent: str, inside: str) -> None:
    layout = layout_for("s4", tmp_path / "out")
    entry, lost = ClipEntry("-x.1_0", "dog", "train"), ClipEntry("y_0", "dog", "test")
    _touch(tmp_path / "raw" / parent, f"{inside}-x.1_0.mp4", f"{inside}-x.1_0.webm", "other.mp4")
    found, missing = find_benchmark_videos(tmp_path / "raw", layout, [entry, lost])
    assert found.path == tmp_path / "raw" / parent / f"{inside}-x.1_0.mp4"
    assert found.key == "train/dog/-x.1_0"
    assert missing.path is None
    assert missing.file.endswith("y_0.mp4")


def test_names_with_folders_in_them_are_refused(tmp_path: Path) -> None:
    layout = layout_for("ms3", tmp_path / "out")
    with pytest.raises(UserError, match="not a file name"):
        find_benchmark_videos(tmp_path, layout, [ClipEntry("../../up", "", "test")])


def test_the_index_is_found_next_to_the_videos_or_above(tmp_path: Path) -> None:
    layout = layout_for("ms3", tmp_path / "out")
    (tmp_path / "ms3_data/raw_videos").mkdir(parents=True)
    with pytest.raises(UserError, match="--index"):
        find_index(tmp_path / "ms3_data/raw_videos", layout)
    (tmp_path / "ms3_meta_data.csv").write_text("name,split\n")
    for folder in (tmp_path, tmp_path / "ms3_data", tmp_path / "ms3_data/raw_videos"):
        assert find_index(folder, layout).resolve() == tmp_path / "ms3_meta_data.csv"


@pytest.mark.parametrize(
    ("folder", "message"), [("nowhere", "does not exist"), ("file", "is a file"), ("empty", "no video in this folder")]
)
def test_mistakes(tmp_path: Path, folder: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        find_own_videos(tmp_path / folder, "test", OUT)
