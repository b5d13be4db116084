import errno
import json
import signal
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from avseg.annotate.dataset.classes import LabelClass, load_classes, save_classes
from avseg.annotate.document.document import Document
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.document.rle import encode
from avseg.annotate.project import Project
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import document, refusal
from tests.fresh_process import FreshProcess
from tests.media.make_video import make_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("video") / "one.mp4", frames=20, size=(32, 48), sound=None)


@pytest.fixture
def folder(tmp_path, video):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / "films" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "films" / name).write_bytes(video.read_bytes())
    (tmp_path / "films" / "notes.txt").write_text("no video")
    return tmp_path / "films"


def entries(project):
    return {entry.name: entry for entry in project.videos()}


def test_videos_and_how_far_they_are(folder):
    with Project(folder) as project:
        assert [entry.name for entry in project.videos()] == ["one.mp4", "two.mp4"]
        assert {entry.status for entry in project.videos()} == {"new"}
        assert entries(project)["one.mp4"].seconds == pytest.approx(0.8, abs=0.05)
        assert not (folder / ".avseg").exists()  # looking leaves no trace
        doc = project.open("one.mp4")
        assert (doc.video.frames, doc.video.height, doc.video.width) == (20, 32, 48)
        assert entries(project)["one.mp4"].status == "new"
        doc.do({"op": "add_object", "label": "dog"})
        doc.do({"op": "add_segment", "object": 1, "start": 2, "end": 9})
        doc.do({"op": "spend", "segment": 1, "seconds": 7.5, "clicks": 2})
        doc.do({"op": "set_status", "status": "done"})
        entry = entries(project)["one.mp4"]
        assert (entry.status, entry.objects, entry.segments, entry.spent) == ("done", 1, 1, 7.5)
    with Project(folder) as project:  # from the summary
        assert entries(project)["one.mp4"] == entry


def test_a_summary_that_is_missing_old_or_damaged_is_not_believed(folder):
    with Project(folder) as project:
        project.open("one.mp4").do({"op": "add_object", "label": "dog"})
    summary = folder / ".avseg" / "one.mp4" / "summary.json"
    said = json.loads(summary.read_text())
    for wrong in ("", "[]", "{}", json.dumps({**said, "objects": 99, "journal_bytes": 1})):
        summary.write_text(wrong)
        assert entries(Project(folder))["one.mp4"].objects == 1
    summary.unlink()
    assert entries(Project(folder))["one.mp4"].objects == 1


def test_a_broken_video_and_a_broken_journal_are_told_apart(folder):
    (folder / "bad.mp4").write_bytes(b"no video at all")
    with Project(folder) as project:
        project.open("one.mp4").do({"op": "add_object", "label": "dog"})
        assert entries(project)["bad.mp4"].status == "broken"
        assert "bad.mp4" in refusal(lambda: project.open("bad.mp4"))
    home = folder / ".avseg" / "one.mp4"
    lines = (home / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (home / "journal.jsonl").write_bytes(lines[0].replace(b"20", b"21") + lines[1])
    (home / "summary.json").unlink()
    with Project(folder) as project:
        assert entries(project)["one.mp4"].status == "broken"
        assert "line 1 is damaged" in refusal(lambda: project.open("one.mp4"))


def test_one_document_for_all_in_this_process(folder):
    with Project(folder) as project:
        found = []
        threads = [threading.Thread(target=lambda: found.append(project.open("one.mp4"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(doc) for doc in found}) == 1


def hold_a_video(folder: Path) -> None:
    project = Project(folder)
    project.open("one.mp4").do({"op": "add_object", "label": "dog"})
    print("open", flush=True)
    signal.pause()


def test_another_process_is_refused_until_the_first_is_gone_however_it_went(folder):
    process = FreshProcess(hold_a_video, folder)
    try:
        while process.running and process.out != "open\n":
            time.sleep(0.005)
        assert process.running, process.out
        project = Project(folder)
        message = refusal(lambda: project.open("one.mp4"))
        assert f"is open in another process (process {process.pid} on " in message
        project.open("two.mp4")  # another video is free
        assert entries(project)["one.mp4"].objects == 1  # and reading goes on
    finally:
        process.send_signal(signal.SIGKILL)
        process.end()
    assert project.open("one.mp4").objects[1].label == "dog"
    project.close()
    with Project(folder) as project:
        project.open("one.mp4")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("on.mp4", "did you mean 'one.mp4'"),
        ("../films/one.mp4", "no video"),
        ("/etc/passwd", "no video"),
        ("notes.txt", "no video"),
        ("", "no video"),
        ("..", "no video"),
    ],
)
def test_no_other_file_can_be_opened(folder, name, message):
    with Project(folder) as project:
        assert message in refusal(lambda: project.open(name))
        assert message in refusal(lambda: project.home(name))


def test_links_out_of_the_folder_are_left_out(folder, video, tmp_path):
    (folder / "link.mp4").symlink_to(video)
    (folder / "inside.mp4").symlink_to(folder / "one.mp4")
    (folder / ".avseg").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / ".avseg" / "two.mp4").symlink_to(tmp_path / "elsewhere")
    with Project(folder) as project:
        assert project.names() == ["inside.mp4", "one.mp4", "two.mp4"]
        assert "is a link" in refusal(lambda: project.open("two.mp4"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_cannot_be_written(folder):
    (folder / ".avseg").write_text("a file in its place")
    with Project(folder) as project:
        assert "cannot be written" in refusal(lambda: project.open("one.mp4"))


def test_wrong_folders(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "none", "no such folder"),
        (folder / "one.mp4", "is a file"),
        (tmp_path / "empty", "no video in this folder"),
    ):
        assert message in refusal(lambda path=path: Project(path))
    assert "did you mean 'two.mp4'" in refusal(lambda: Project(folder, ("tow.mp4",)))
    assert Project(folder, ("two.mp4",)).names() == ["two.mp4"]


@pytest.mark.slow
def test_a_long_video_takes_little_memory_and_opens_again(tmp_path):
    """Ten minutes at 25 frames per second, every frame with a mask of a 720p picture."""
    facts = VideoFacts("long.mp4", 15000, 25.0, 720, 1280)
    rows, columns = np.mgrid[:720, :1280]
    disc = encode((rows - 360) ** 2 + (columns - 640) ** 2 < 150**2)
    doc = Document(facts, tmp_path)
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "add_segment", "object": 1, "start": 0, "end": 15000})
    doc.do({"op": "set_mask", "object": 1, "frame": 0, "mask": disc, "source": "points"})
    run, terms = doc.version, dict.fromkeys(("agreement", "evidence", "area", "shape", "whole", "visible"), 0.5)
    for start in range(1, 15000, 500):
        rows_ = [
            {"object": 1, "frame": frame, "mask": disc, "source": "refined", "score": 0.5, "terms": terms}
            for frame in range(start, min(start + 500, 15000))
        ]
        doc.do({"op": "set_results", "segment": 1, "run": run, "results": rows_})
    doc.close()
    tracemalloc.start()
    again = Document(facts, tmp_path)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(again.masked_frames(1)) == 15000
    assert held < 60e6, held  # a decoded mask takes 0.9 MB: all of them 13.8 GB
    for frame in range(0, 15000, 300):
        assert again.mask(1, frame).sum() > 0
    assert len(again._decoded) <= 72


@pytest.mark.parametrize("name", ["lock", "journal.jsonl", "sound.wav", "index.npz", "file.json"])
def test_a_link_in_the_folder_of_a_video_is_never_followed(folder, tmp_path, name):
    """A project from somebody else must not make the tool write or serve a file outside of it."""
    victim = tmp_path / "thesis.tex"
    victim.write_text("years of work")
    home = folder / ".avseg" / "one.mp4"
    home.mkdir(parents=True)
    (home / name).symlink_to(victim)
    with Project(folder) as project:
        assert "is a link" in refusal(lambda: project.open("one.mp4"))
        assert [entry.status for entry in project.videos() if entry.name == "one.mp4"] == ["broken"]
    dangling = folder / ".avseg" / "two.mp4"
    dangling.mkdir()
    (dangling / name).symlink_to(tmp_path / "new")
    with Project(folder) as project:
        assert "is a link" in refusal(lambda: project.open("two.mp4"))
    assert victim.read_text() == "years of work"
    assert not (tmp_path / "new").exists()


def test_a_journal_is_not_opened_through_a_link(tmp_path):
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match=r"cannot be (read|written)"):
        document(tmp_path).do({"op": "add_object", "label": "dog"})
    assert not (tmp_path / "other").exists()


def test_the_list_tells_the_work_and_the_worst_score(folder):
    with Project(folder) as project:
        doc = project.open("one.mp4")
        facts = doc.video
        doc.do({"op": "add_object", "label": "dog"})
        doc.do({"op": "add_segment", "object": 1, "start": 0, "end": 4})
        empty = encode(np.zeros((facts.height, facts.width), bool))
        rows = [
            {"object": 1, "frame": frame, "mask": empty, "source": "propagated", "score": frame / 10}
            for frame in (1, 2)
        ]
        doc.do({"op": "set_results", "segment": 1, "results": rows})
        doc.do({"op": "spend", "segment": 1, "seconds": 90, "clicks": 3})
        entry = next(entry for entry in project.videos() if entry.name == "one.mp4")
        assert (entry.spent, entry.worst) == (90, 0.1)
        doc.do({"op": "accept", "object": 1, "frames": [1]})
    with Project(folder) as project:  # from the summary
        assert next(entry for entry in project.videos() if entry.name == "one.mp4").worst == 0.2


def test_a_full_disk_does_not_keep_a_project_open(folder, monkeypatch):
    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with Project(folder) as project:
        project.open("one.mp4").do({"op": "add_object", "label": "dog"})
        monkeypatch.setattr("avseg.annotate.project.atomic_file", full)
    with Project(folder) as project:
        assert [entry.objects for entry in project.videos()] == [1, 0]
        assert len(project.open("one.mp4").objects) == 1


def test_a_video_that_is_renamed_while_it_is_open_keeps_its_annotation(folder):
    with Project(folder) as project:
        project.open("one.mp4").do({"op": "add_object", "label": "dog"})
        (folder / "two.mp4").unlink()
        (folder / "one.mp4").rename(folder / "new.mp4")
        with pytest.raises(UserError, match=r"new.mp4: is one.mp4, which was renamed while it is open; start"):
            project.open("new.mp4")
    with Project(folder) as project:
        assert len(project.open("new.mp4").objects) == 1


@pytest.mark.parametrize("label", ["👩\u200d🎤", "می\u200cخواند", "क्\u200dष"])
def test_labels_with_joined_characters(folder, label):
    save_classes(folder, [LabelClass(label, "#e69f00")])
    assert load_classes(folder)[0].name == label
    with Project(folder) as project:
        document = project.open("one.mp4")
        document.do({"op": "add_object", "label": label})
        with pytest.raises(UserError, match="one line"):
            document.do({"op": "add_object", "label": f"{label}\u202e"})
