import json
import random
import signal
from pathlib import Path

import pytest

from avseg.annotate.document.document import Document
from avseg.annotate.plan.run import read_plan, run_plan
from avseg.annotate.project import Project
from avseg.annotate.session import Session
from tests.annotate.document_helpers import FACTS, killed, refusal
from tests.annotate.fake_models import FakeVideo, Squares, Still

SHORT = """\
# a comment
- video: film.mp4
- add_object: {label: dog}
- add_segment: {object: 1, start: 2, end: 22}
- click: {object: 1, frame: 4, points: [[2, 2, 1]]}
- propagate: {segment: 1}
- refine: {object: 1, frame: 9, points: [[5, 3, 1]]}
- propagate: {segment: 1, direction: forward}
- accept: {segment: 1}
- accept: {object: 1, frames: [4, 5]}
- spend: {segment: 1, clicks: 1}
- set_segment_status: {segment: 1, status: accepted}
"""


def make_project(folder: Path) -> Project:
    return Project(folder, open_reader=lambda path: FakeVideo())


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "films"
    made.mkdir()
    for name in ("film.mp4", "other.mp4"):
        (made / name).write_bytes(b"opened by a fake")
    return made


def follow(folder: Path, text: str, say=lambda _: None) -> int:
    path = folder.parent / "plan.yaml"
    path.write_text(text)
    with make_project(folder) as project:
        return run_plan(path, project, lambda name: _session(project, name), say)


def _session(project: Project, name: str) -> Session:
    return Session(project.open(name), project.video(name), Squares(), Still())


def opened(folder: Path, name: str = "film.mp4") -> Document:
    return Document(FACTS, folder / ".avseg" / name)


def test_a_plan_is_done_once(folder):
    said = []
    assert follow(folder, SHORT, said.append) == 10
    assert said[3] == "film.mp4: propagate: segment 1, 19 frames"
    doc = opened(folder)
    assert doc.masked_frames(1) == list(range(2, 22))
    assert doc.frame_info(1, 9).points == ((5.0, 3.0, 1),)
    assert doc.frame_info(1, 4).accepted
    assert doc.segments[1].status == "accepted"
    version = doc.version
    doc.close()
    said.clear()
    assert follow(folder, SHORT, said.append) == 0
    assert said == ["film.mp4: all 10 steps were done before"]
    assert opened(folder).version == version


def test_further_steps_go_on_and_changed_ones_are_refused(folder):
    follow(folder, SHORT)
    assert follow(folder, SHORT + "- set_status: {status: done}\n") == 1
    said = []
    assert follow(folder, SHORT + "- add_object: {label: cat}\n", said.append) == 0
    assert said == ["film.mp4: is done already"]
    doc = opened(folder)
    doc.do({"op": "set_status", "status": "open"})
    doc.close()
    message = refusal(lambda: follow(folder, SHORT.replace("label: dog", "label: cat")))
    assert "line 3, step 2 (add_object)" in message
    assert "annotated by another step here before" in message


def test_a_pattern_stands_for_several_videos(folder):
    assert follow(folder, SHORT.replace("film.mp4", "'*.mp4'")) == 20
    assert opened(folder, "other.mp4").masked_frames(1) == list(range(2, 22))


def test_a_step_that_fails_is_told_and_the_next_run_goes_on_from_it(folder):
    wrong = SHORT.replace("frame: 4, points", "frame: 1, points")
    message = refusal(lambda: follow(folder, wrong))
    assert "plan.yaml, line 5, step 4 (click): object" in message
    assert "is silent in frame 1" in message
    assert follow(folder, SHORT) == 8
    assert [step.op for step in opened(folder).history][:3] == ["add_object", "add_segment", "draw"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- set_status: {status: done}", "line 1, step 1 (set_status): is before the first `- video: NAME`"),
        ("- video: film.mp4\n- clik: {}", "line 2, step 2: unknown step 'clik'"),
        (
            "- video: film.mp4\n\n- click: {object: 1, frame: 2, point: []}",
            "line 3, step 2 (click): unknown key 'point'",
        ),
        ("- video: film.mp4\n- click: {object: 1, frame: 2}", "points is missing"),
        ("- video: film.mp4\n- click: 3", "values must be like"),
        ("- video: film.mp4\n- click: [", "invalid yaml"),
        ("- video: film.mp4\n- {click: {}, box: {}}", "must be one verb"),
        ("- video: film.mp4\n- !!python/object:os.system {}", "line 2, step 2"),
        ("- video: flim.mp4", "did you mean 'film.mp4'"),
        ("- video: 3", "give the name of a video"),
        ("video: film.mp4", "must be a list of steps"),
        ("", "must be a list of steps"),
        ("- video: film.mp4\n- undo: {}", "unknown step 'undo'"),
        ("- video: film.mp4\n- accept: {segment: 3}", "no segment 3"),
        ("- video: film.mp4\n- accept: {object: 3}", "needs object and frames, or segment"),
        ("- video: film.mp4\n- propagate: {segment: a}", "segment is 'a'; give a number"),
        ("- video: film.mp4\n- propagate: {segment: 1, refine: 3}", "refine is '3'; give true or false"),
        ("- video: film.mp4\n- click: {object: [1], frame: 2, points: [[1, 1, 1]]}", "object is '[1]'; give a number"),
        ("- video: film.mp4\n- add_object: {label: [1]}", "label is [1]"),
        ("- video: film.mp4\n- export: {format: [1], out: x}", "format is '[1]'; give a text"),
    ],
)
def test_mistakes_in_a_plan(folder, text, message):
    assert message in refusal(lambda: follow(folder, text))


def test_mistakes_are_told_before_anything_is_done(folder):
    refusal(lambda: follow(folder, SHORT + "- propagte: {segment: 1}\n"))
    assert not (folder / ".avseg").exists()
    assert "did you mean 'propagate'" in refusal(lambda: follow(folder, "- video: film.mp4\n- propagte: {segment: 1}"))


def test_a_plan_that_is_not_there(tmp_path):
    assert "cannot be read" in refusal(lambda: read_plan(tmp_path / "none.yaml"))


def test_half_a_step_is_undone_and_done_again(folder):
    """What an interrupted run began is at the end of the history, and nobody knows whether it was finished."""
    refusal(lambda: follow(folder, SHORT.replace("frame: 4, points", "frame: 1, points")))
    book = folder / ".avseg" / "film.mp4" / "plan.json"
    follow(folder, SHORT[: SHORT.index("- propagate")])
    said = json.loads(book.read_text())
    said["begun"] = said["done"].pop()  # as if the process had been killed before it wrote this down
    book.write_text(json.dumps(said))
    assert follow(folder, SHORT) == 8
    doc = opened(folder)
    assert [step.op for step in doc.history].count("add_segment") == 1
    assert doc.anchors(1) == list(range(2, 22))


def follow_and_wait(folder: Path) -> None:
    print(0, flush=True)
    follow(folder, SHORT, lambda line: print(1, flush=True))
    print(2, flush=True)
    signal.pause()


def test_a_plan_that_is_killed_anywhere_ends_as_if_it_had_not_been(folder, tmp_path):
    chance = random.Random(2)
    for _ in range(3):
        killed(follow_and_wait, folder, chance.randint(1, 2))
    follow(folder, SHORT)
    other = tmp_path / "undisturbed" / "films"
    other.mkdir(parents=True)
    (other / "film.mp4").write_bytes(b"opened by a fake")
    follow(other, SHORT)
    one, two = opened(folder).snapshot(), opened(other).snapshot()
    one["segments"][0].pop("clicks")  # a spend may count twice
    two["segments"][0].pop("clicks")
    assert one.pop("version") >= two.pop("version")
    assert one == two
