"""`avseg data pack` from the command line, and runs that read its packs."""

import shutil
from pathlib import Path

import pytest
import torch

from avseg.audio.vggish import VGGish
from tests.data.fake import make_ms3
from tests.runs_for_tests import SMALL, Command, avseg


@pytest.fixture
def root(ms3_root: Path, tmp_path: Path) -> Path:
    """A copy of the set that `trained` was trained on."""
    return Path(shutil.copytree(ms3_root, tmp_path / "set"))


def _pack(root: Path, *words: str) -> Command:
    return avseg(["data", "pack", str(root), "--setting", "ms3", "--size", "32", "--workers", "0", *words])


def test_packs_every_split_once(root: Path) -> None:
    command = _pack(root)
    assert (command.code, command.err) == (0, "")
    lines = command.out.splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == ["train: 8 clips", "val: 3 clips", "test: 7 clips"]
    assert lines[3].startswith("packed: 18 clips, ")
    assert " MiB, " in lines[3]
    assert lines[3].endswith(" s")
    again = _pack(root).out.splitlines()
    assert again[:3] == [f"{split}: packed already" for split in ("train", "val", "test")]
    assert again[3].startswith("packed: 0 clips, 0.0 MiB")
    assert _pack(root, "--splits", "val", "--hop", "second").out.splitlines()[0] == (
        f"val: packed again, since {root}/packed/val-32 was packed with hop vggish, but second is requested"
    )


def test_verify_reads_every_byte(root: Path) -> None:
    command = _pack(root, "--verify")
    assert (command.code, command.out) == (2, "")
    assert "has no packs" in command.err
    _pack(root)
    command = _pack(root, "--verify")
    assert (command.code, command.out.splitlines()) == (0, ["test-32: valid", "train-32: valid", "val-32: valid"])
    path = root / "packed/val-32/patches.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    command = _pack(root, "--verify")
    assert command.code == 2
    assert f"val-32: {path} is damaged" in command.out
    assert "1 of 3 packs must not be used" in command.err
    assert len(command.err.splitlines()) == 1
    assert _pack(root).out.count("packed already") == 2
    assert _pack(root, "--verify").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hop", "seconds"], "audio.hop 'seconds' is unknown"),
        (["--audio", "mp3"], "data.audio 'mp3' is unknown"),
        (["--size", "0"], "--size 0 is not a number of pixels; give 1 or more"),
        (["--workers", "-1"], "--workers is -1; give 0 or more"),
        (["--embeddings", "nowhere.pth"], "nowhere.pth"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(root: Path, words: list[str], message: str) -> None:
    command = _pack(root, *words)
    assert command.code == 2
    assert message in command.err
    assert len(command.err.splitlines()) == 1
    assert not (root / "packed").exists()


def test_a_run_on_packs_is_the_same_run(root: Path, trained: Command, tmp_path: Path) -> None:
    """A run on packs has the same identity and the same numbers to the last digit."""
    _pack(root)
    outputs = tmp_path / "outputs"
    words = [
        "train",
        *SMALL,
        f"data.root={root}",
        f"paths.outputs={outputs}",
        "trainer.max_epochs=2",
        "data.packed=true",
    ]
    command = avseg(words, outputs)
    assert command.code == 0, command.err
    assert command.run.parent.name == trained.run.parent.name
    for name in ("result.json", "per_clip.csv", "metrics.csv"):
        assert (command.run / name).read_text() == (trained.run / name).read_text()
    # a stale pack stops the next evaluation, which may read the files instead
    (root / "packed/test-32/verified.json").unlink()
    (root / "packed/test-32/frames.bin").write_bytes(b"")
    evaluate = ["evaluate", f"checkpoint={command.run}", "trainer=cpu", f"out={tmp_path / 'scores'}"]
    refused = avseg(evaluate)
    assert refused.code == 2
    assert "frames.bin is damaged" in refused.err
    assert avseg([*evaluate, "packed=false"]).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.packed=maybe"], "data.packed='maybe' is not allowed; it must be 'auto', True or False"),
        (["data.packed_audio=embedding"], "data.packed_audio='embedding' is not allowed; it must be 'patches'"),
        (["data.packed_audio=embeddings", "audio=mel"], "needs audio=vggish"),
        (["data.packed_audio=embeddings", "audio=vggish", "audio.weights=random"], "needs audio=vggish"),
        (["data=toy_lu_avs", "model=lu_avs_mask", "data.packed=true"], "the key 'data.packed' does not exist"),
    ],
)
def test_impossible_options_are_one_line(root: Path, tmp_path: Path, words: list[str], message: str) -> None:
    command = avseg(["train", *SMALL[:3], f"data.root={root}", f"paths.outputs={tmp_path}", "trainer=cpu", *words])
    assert command.code == 2
    assert message in command.err
    assert len(command.err.splitlines()) == 1


@pytest.mark.slow
def test_a_run_on_packed_embeddings(tmp_path: Path) -> None:
    """Without running VGGish the scores are the same up to rounding."""
    make_ms3(tmp_path / "set", {"train": 3, "val": 2, "test": 2})
    weights = tmp_path / "vggish.pth"
    torch.save(VGGish().state_dict(), weights)
    assert _pack(tmp_path / "set", "--embeddings", str(weights), "--seeds", "123").code == 0
    scores = {}
    for sound in ("patches", "embeddings"):
        outputs = tmp_path / sound
        words = [
            *SMALL,
            "audio=vggish",
            f"audio.weights={weights}",
            "trainer.max_epochs=1",
            f"data.packed_audio={sound}",
        ]
        command = avseg(["train", *words, f"data.root={tmp_path / 'set'}", f"paths.outputs={outputs}"], outputs)
        assert command.code == 0, command.err
        scores[sound] = [
            float(value)
            for row in (command.run / "per_clip.csv").read_text().splitlines()[1:]
            for value in row.split(",")[3:]
            if value
        ]
    assert scores["embeddings"] == pytest.approx(scores["patches"], abs=1e-3)
    command = avseg(["train", *words, "seed=5", f"data.root={tmp_path / 'set'}", f"paths.outputs={outputs}"], outputs)
    assert command.code == 2
    assert "pack with --seeds 5" in command.err
