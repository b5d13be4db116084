"""`avseg demo`: commands that a user could type, printed and run one after another."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from avseg.audio.log_mel import read_wav
from avseg.cli.data_common import recorded_options
from avseg.cli.demo_listening import check_listening, draw_scopes
from avseg.cli.main import build_parser
from avseg.cli.main import main as avseg
from avseg.cli.scores_table import show_scores
from avseg.media.video_writer import make_clip_video
from avseg.runs import RunDirectory, read_json
from avseg.runs.configure import training_config
from avseg.training.build import build_data
from avseg.training.load import load_model, saved_config
from avseg.utils.errors import UserError

_TOY = ("--setting", "ms3", "--size", "64", "--val", "40", "--test", "80")
_FEW = ("--train", "40", "--setting", "ms3", "--size", "64", "--val", "4", "--test", "8")
# all 73 classes need more clips than two cores can train on in minutes
_CUTOUT_CLASSES: tuple[str, ...] = ("dog", "cow", "duck", "rooster", "sheep", "lion", "elephant", "owl")
_CUTOUT_CLASSES += ("violin", "drumkit", "firetruck", "frog")
_SHORT = ("trainer.max_epochs=12", "callbacks.panels.every_n_epochs=4")


def run(arguments: argparse.Namespace) -> int:
    """Run a demonstration."""
    demonstrations = {"main": run_main, "short": run_short, "listening": run_listening, "cutouts": run_cutouts}
    demonstrations[arguments.which](arguments.data, arguments.out)
    return 0


def run_main(data: Path, outputs: Path) -> None:
    """Train on toy data, evaluate with the sound controls, draw an image, predict on a video with sound."""
    make_data(data / "demo", ["toy", "--train", "400", *_TOY])
    _run_workflow(data / "demo", outputs, "demo", "trainer.max_epochs=8", "callbacks.panels.every_n_epochs=4")
    print(f"next: avseg predict YOUR_VIDEO --out {outputs}/mine; or avseg demo listening")


def run_short(data: Path, outputs: Path) -> None:
    """Run the same steps with few clips and one epoch: whether an installation works, not what a model learns."""
    make_data(data / "demo_short", ["toy", *_FEW])
    _run_workflow(data / "demo_short", outputs, "demo_short", "trainer.max_epochs=1")


def _run_workflow(data_root: Path, outputs: Path, experiment: str, *overrides: str) -> None:
    out = outputs / experiment
    trained = _train(data_root, outputs, experiment, *overrides)
    video = out / "clip.mp4"
    _write_test_clip(trained, video)
    _run_command(["predict", video, "--out", out / "prediction", "--checkpoint", trained.path, "--overwrite"])
    _show_result(trained, data_root)
    print(f"image: {trained.pictures / 'test.png'}")
    print(f"video with sound: {out / 'prediction' / 'clip' / 'overlay.mp4'}")


def run_cutouts(data: Path, outputs: Path) -> None:
    """Train and evaluate on real cut-outs with real sounds; a `UserError` if the cut-outs are missing."""
    source = data / "cutouts"
    if not source.is_dir():
        raise UserError(f"{source} does not exist; `avseg data cutouts --out {source}` obtains it")
    data_root = data / "cutouts_ms3"
    counts = ["--train", "1000", "--val", "40", "--test", "100"]
    options = ["compose", "--cutouts", source, "--setting", "ms3", "--size", "96", "--classes", *_CUTOUT_CLASSES]
    make_data(data_root, [*options, *counts])
    trained = _train(data_root, outputs, "demo_cutouts", "callbacks.panels.every_n_epochs=5", recipe="cutouts")
    _show_result(trained, data_root)
    print(f"image: {trained.pictures / 'test.png'}")


def run_listening(data: Path, outputs: Path) -> None:
    """Check that TPAVI uses the sound and which scope resolves it in time: four trainings, a table and an image.

    A failed check is a `UserError`.
    """
    clip = data / "listening_clip"
    second = data / "listening_second"
    make_data(clip, ["toy", "--train", "600", "--sounding", "clip", *_TOY])
    make_data(second, ["toy", "--train", "600", "--sounding", "second", *_TOY])
    runs = {
        "no fusion": _train(clip, outputs, "listening_clip", "fusion=none", *_SHORT),
        "clip": _train(clip, outputs, "listening_clip", "fusion=stages_1234", *_SHORT),
        "clip, changing": _train(second, outputs, "listening_second", "fusion=stages_1234", *_SHORT),
        "frame, changing": _train(second, outputs, "listening_second", "fusion=frame_1234", *_SHORT),
    }
    image = outputs / "listening_second" / "scopes.png"
    draw_scopes(runs["clip, changing"], runs["frame, changing"], image)
    passed = check_listening(runs, {"clip": _oracle(clip), "second": _oracle(second)})
    print(f"image: {image}")
    if not passed:
        raise UserError("a check of listening failed; see the table above")


def make_data(root: Path, options: Sequence[object]) -> None:
    """Generate a data set with `avseg data`, unless its generator.json records the same options."""
    command = ["data", *map(str, options), "--out", str(root)]
    note = root / "generator.json"
    if note.is_file():
        arguments = recorded_options(build_parser().parse_args(command), ())
        # the note omits options that do not change the data
        if read_json(note).items() <= arguments.items():
            print(f"{root}: exists already")
            return
    _run_command(command)


def _train(root: Path, outputs: Path, experiment: str, *overrides: str, recipe: str = "toy") -> RunDirectory:
    # the same overrides give the run directory
    all_overrides = [f"recipe={recipe}", f"experiment={experiment}", f"data.root={root}", f"paths.outputs={outputs}"]
    all_overrides += overrides
    _run_command(["train", *all_overrides])
    return RunDirectory.of(training_config(all_overrides))


def _run_command(arguments: Sequence[object]) -> None:
    """Print a command and run it; `UserError` if it failed, after printing its own error, and `KeyboardInterrupt`."""
    command = list(map(str, arguments))
    print(f"\n$ avseg {' '.join(command)}", flush=True)  # before the output of libraries
    code = avseg(command)
    if code == 130:  # the inner command has caught Ctrl-C
        raise KeyboardInterrupt
    if code:
        raise UserError(f"the step `avseg {' '.join(command)}` failed; see the line above")


def _write_test_clip(trained: RunDirectory, path: Path) -> None:
    # the first test clip, to predict on
    dataset = build_data(saved_config(load_model(trained.path).record)).dataset("test")
    waveform, sample_rate = read_wav(dataset.layout.wav(dataset.entries[0]))
    frames = dataset[0].frames[0].permute(0, 2, 3, 1).numpy()  # (T, H, W, 3)
    make_clip_video(frames, waveform.numpy(), path, sample_rate=sample_rate)


def _show_result(trained: RunDirectory, root: Path) -> None:
    show_scores(read_json(trained.result))
    print(f"an audio-blind oracle reaches at most {100 * _oracle(root):.1f} (J)")


def _oracle(root: Path) -> float:
    # the best mIoU on the test split of an oracle that sees every object and ignores the sound
    return float(read_json(root / "oracle.json")["test"]["oracle"])
