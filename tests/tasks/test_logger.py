"""`logger=wandb_offline`: one curve per run, under an id that follows from the configuration."""

from pathlib import Path

import pytest

from avseg.config.compose import compose
from avseg.runs import run_id
from tests.runs_for_tests import SMALL, Command, avseg


def words(ms3_root: Path, outputs: Path) -> list[str]:
    return [*SMALL, f"data.root={ms3_root}", f"paths.outputs={outputs}", "data.epochs=2", "logger=wandb_offline"]


@pytest.fixture(scope="module")
def logged(ms3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    outputs = tmp_path_factory.mktemp("logged")
    return avseg(["train", *words(ms3_root, outputs)], outputs)


def curves(run: Path) -> list[Path]:
    """The folders of wandb's offline runs, `offline-run-DATE-ID`."""
    return sorted(path for path in run.glob("wandb/offline-run-*") if path.is_dir())


def test_one_offline_run_with_the_deterministic_id(logged: Command) -> None:
    assert logged.code == 0, logged.err
    name = run_id(compose("train", logged.words[1:]))
    (curve,) = curves(logged.run)
    assert curve.name.split("-", 3)[-1] == name
    (content,) = curve.glob("*.wandb")
    assert content.name == f"run-{name}.wandb"
    written = content.read_bytes()
    # the curve of the validation, the test scores, the hyper-parameters, and a picture of the fixed clips
    for text in (b"val/miou", b"train/loss", b"test/miou", b"test/silence/g_miou", b"backbone", b"val/panels"):
        assert text in written, text
    assert list(curve.glob("files/media/images/val/panels*.png"))


def test_offline_is_a_setting_of_its_own() -> None:
    """The tests' environment would keep wandb offline anyway; a user's does not."""
    assert compose("train", ["logger=wandb_offline"])["logger"]["offline"] is True
    assert compose("train", ["logger=wandb"])["logger"]["offline"] is False
    assert not compose("train", [])["logger"]


def test_csv_is_written_all_the_same(logged: Command) -> None:
    lines = (logged.run / "metrics.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "val/miou" in lines[0]


def test_nothing_is_left_outside_of_the_run(logged: Command) -> None:
    everything = {path for path in logged.outputs.rglob("*") if path.is_file()}
    assert everything == {path for path in logged.run.rglob("*") if path.is_file()}


def test_a_complete_run_opens_no_second_curve(logged: Command) -> None:
    again = avseg(logged.words, logged.outputs)
    assert again.code == 0, again.err
    assert len(curves(logged.run)) == 1


def test_the_logger_is_no_part_of_the_science(logged: Command, ms3_root: Path) -> None:
    """The same run with csv alone is the same run, and is complete already."""
    plain = avseg([word for word in logged.words if not word.startswith("logger=")], logged.outputs)
    assert plain.code == 0, plain.err
    assert plain.run == logged.run


def test_csv_alone_opens_no_dashboard(trained: Command) -> None:
    assert not list(trained.outputs.rglob("wandb"))


def test_two_runs_in_one_process_have_a_curve_each(logged: Command, ms3_root: Path, tmp_path: Path) -> None:
    other = avseg(["train", *words(ms3_root, tmp_path), "seed=7", "debug=one_batch"], tmp_path)
    assert other.code == 0, other.err
    (curve,) = curves(other.run)
    assert curve.name.endswith("-s7")
    assert len(curves(logged.run)) == 1
