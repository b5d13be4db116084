"""Annotations belong to the bytes of a video, not to its name."""

import shutil
from pathlib import Path

import pytest

from avseg.annotate.project import Project
from avseg.utils.errors import UserError
from tests.media.make_video import make_video


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for folder in ("films", "other"):
        (tmp_path / folder).mkdir()
    make_video(tmp_path / "films/a.mp4", frames=12, size=(48, 64))
    make_video(tmp_path / "other/a.mp4", frames=12, size=(48, 64), sound=None)  # as many frames, as large
    return tmp_path / "films"


def annotate(films: Path) -> None:
    with Project(films) as project:
        project.open("a.mp4").do({"op": "add_object", "label": "dog"})


def test_another_file_of_the_same_name_is_refused(films: Path) -> None:
    annotate(films)
    shutil.copy(films / "a.mp4", films.parent / "kept.mp4")
    shutil.copy(films.parent / "other/a.mp4", films / "a.mp4")
    with Project(films) as project, pytest.raises(UserError, match="is not the file that was annotated"):
        project.open("a.mp4")
    shutil.copy(films.parent / "kept.mp4", films / "a.mp4")  # with another time, but the same bytes
    with Project(films) as project:
        assert len(project.open("a.mp4").objects) == 1


def test_before_anything_is_annotated_it_may_be_replaced(films: Path) -> None:
    with Project(films) as project:
        project.open("a.mp4")
    shutil.copy(films.parent / "other/a.mp4", films / "a.mp4")
    annotate(films)
    with Project(films) as project:
        assert len(project.open("a.mp4").objects) == 1


def test_annotations_of_an_older_version_are_taken_as_they_are(films: Path) -> None:
    annotate(films)
    (films / ".avseg/a.mp4/file.json").unlink()
    annotate(films)
    assert (films / ".avseg/a.mp4/file.json").exists()
