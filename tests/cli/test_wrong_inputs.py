"""Wrong inputs of each verb: one line that names what is wrong, what is allowed and what to do; exit code 2."""

from pathlib import Path

import pytest

from avseg.prediction.device import find_device
from avseg.utils.errors import UserError
from tests.runs_for_tests import avseg


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("photos/a.txt").write_text("hello")
    Path("notes.txt").write_text("hello")
    Path("one.npz").write_bytes(b"")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("command", "messages"),
    [
        # a typo in an option
        ("predict a.mp4 --treshold 1", ["--treshold: avseg predict has no such option", "did you mean '--threshold'"]),
        ("convert notes.txt --output=x", ["--output: avseg convert has no such option; did you mean '--out'"]),
        ("data prepare photos --out x --sise 1", ["--sise: avseg data prepare has no such option", "'--size'"]),
        ("evaluate --checkpoint photos", ["settings are written without dashes, checkpoint=VALUE"]),
        ("compare a=x --shw y", ["did you mean '--show'?; `avseg compare --help` lists what is allowed"]),
        ("leaderboard ms3", ["unrecognized arguments: ms3; `avseg leaderboard --help` lists"]),
        # an argument that is missing; those that may be left out are not named
        ("reproduce", ["are required: TABLE; `avseg reproduce --help`"]),
        ("annotate", ["are required: FOLDER; `avseg annotate --help`"]),
        # settings
        ("train foo", ["cannot read the override 'foo'; write key=value"]),
        ("evaluate notes.txt", ["'notes.txt' is a path without a key", "checkpoint=notes.txt"]),
        ("evaluate checkpoint=notes.txt", ["notes.txt is not a checkpoint, or damaged; name another"]),
        # a folder or file that is missing, or of something else
        ("predict gone", ["gone: no such file or folder; name videos, or folders that hold some"]),
        (f"predict {300 * 'x'}", ["x: no such file or folder; name videos"]),
        (f"compare a={300 * 'x'} --data toy_ms3", ["x: does not exist; a method is"]),
        ("compare a=gone/ --data toy_ms3", ["a=gone/: does not exist; a method is a run, a checkpoint, a folder of"]),
        ("compare a=lvs_s4x --data toy_ms3", ["a=lvs_s4x: does not exist"]),
        ("compare a=avsegformer_pvt_ms --data toy_ms3", ["did you mean 'avsegformer_pvt_ms3'"]),
        ("compare a=one.npz --data toy_ms3", ["one.npz: is one file; name the folder"]),
        ("report photos", ["photos holds no run; a report needs a run directory"]),
        ("report notes.txt", ["notes.txt is not of a run; a report needs a run directory"]),
        (
            "reproduce photos",
            ["'photos' is unknown; a folder of yours with a sweep.yaml is written ./photos"],
        ),
        ("reproduce ./photos", ["photos holds no sweep.yaml"]),
        ("annotate gone", ["gone: no such folder; name one of videos"]),
    ],
)
def test_a_wrong_input_is_one_line_that_helps(command: str, messages: list[str]) -> None:
    done = avseg(command.split())
    assert done.code == 2, done
    assert done.err.startswith("avseg: error: ")
    assert done.err.count("\n") == 1
    for message in messages:
        assert message in done.err


def test_an_unknown_device_is_told_without_the_list_of_pytorch() -> None:
    with pytest.raises(UserError, match="--device gpu: no such device; use auto, cpu, cuda, cuda:1 or mps") as caught:
        find_device("gpu")
    assert len(str(caught.value)) < 80
