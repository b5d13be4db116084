"""What `avseg demo` does: commands that a user could type, printed and run one after the other."""

from collections.abc import Sequence
from pathlib import Path

from avseg.cli.main import build_parser
from avseg.cli.main import main as avseg
from avseg.config.compose import compose
from avseg.runs import RunDirectory, read_json
from avseg.utils.errors import UserError

_TOY = ("--setting", "ms3", "--size", "64", "--val", "40", "--test", "80")
# all 73 classes need more clips than two cores train on in minutes
_CUTOUT_CLASSES: tuple[str, ...] = ("dog", "cow", "duck", "rooster", "sheep", "lion", "elephant", "owl")
_CUTOUT_CLASSES += ("violin", "drumkit", "firetruck", "frog")
_SHORT = ("data.epochs=12", "callbacks.panels.every_n_epochs=4")


def main(data: Path, outputs: Path) -> None:
    """The main job: toy data, a run with its controls, a picture, a video with sound."""
    folder, demo = data / "demo", outputs / "demo"
    make_data(folder, ["toy", "--train", "400", *_TOY])
    run = _train(folder, outputs, "demo", "data.epochs=8", "callbacks.panels.every_n_epochs=4")
    video = demo / "clip.mp4"
    _clip_video(run, video)
    _do(["predict", video, "--out", demo / "prediction", "--checkpoint", run.path, "--overwrite"])
    _show_scores(run, folder)
    print(f"picture: {run.pictures / 'test.png'}")
    print(f"video with sound: {demo / 'prediction' / 'clip' / 'overlay.mp4'}")
    print(f"next: avseg predict YOUR_VIDEO --out {outputs}/mine; or make check-listening")


def _train(folder: Path, outputs: Path, experiment: str, *more: str, recipe: str = "toy") -> RunDirectory:
    """Trains by the command; the run directory follows from the same words."""
    overrides = [
        f"recipe={recipe}",
        f"experiment={experiment}",
        f"data.root={folder}",
        f"paths.outputs={outputs}",
        *more,
    ]
    _do(["train", *overrides])
    return RunDirectory.of(compose("train", overrides))


def _do(words: Sequence[object]) -> None:
    """Prints a command and runs it.

    Raises:
        UserError: it failed; it has said why.
        KeyboardInterrupt: Ctrl-C.
    """
    text = [str(word) for word in words]
    print(f"\n$ avseg {' '.join(text)}", flush=True)
    code = avseg(text)
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise UserError(f"the step `avseg {' '.join(text)}` failed; the line above says why")


def make_data(folder: Path, words: Sequence[object]) -> None:
    """Makes a data set, unless the very same one lies there already (each notes how it was made)."""
    command = ["data", *map(str, words), "--out", str(folder)]
    note = folder / "generator.json"
    asked = {key: _plain(value) for key, value in vars(build_parser().parse_args(command)).items()}
    if note.is_file() and all(asked.get(key) == value for key, value in read_json(note).items()):
        print(f"{folder}: made already")
        return
    _do(command)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _clip_video(run: RunDirectory, path: Path) -> None:
    """A test clip as a video with sound, to predict on."""
    from avseg.audio.log_mel import read_wav
    from avseg.media.video_writer import make_clip_video
    from avseg.training.build import build_data
    from avseg.training.load import load_task

    dataset = build_data(load_task(run.path).config).dataset("test")
    sound, rate = read_wav(dataset.layout.wav(dataset.entries[0]))
    make_clip_video(dataset[0].frames[0].permute(0, 2, 3, 1).numpy(), sound.numpy(), path, sample_rate=rate)


def _show_scores(run: RunDirectory, folder: Path) -> None:
    from avseg.cli.scores_table import show_scores

    show_scores(read_json(run.result))
    print(f"an audio-blind oracle reaches at most {100 * _oracle(folder):.1f} (J)")


def _oracle(folder: Path) -> float:
    """The best mIoU on the test split for one that sees every object but hears nothing."""
    return float(read_json(folder / "oracle.json")["test"]["oracle"])


def cutouts(data: Path, outputs: Path) -> None:
    """The main job on real cut-outs with real sounds."""
    source, folder = data / "cutouts", data / "cutouts_ms3"
    if not source.is_dir():
        raise UserError(f"{source} does not exist; `make data-cutouts` (avseg data cutouts --out {source}) obtains it")
    words = ["compose", "--cutouts", source, "--setting", "ms3", "--size", "96", "--classes", *_CUTOUT_CLASSES]
    make_data(folder, [*words, "--train", "1000", "--val", "40", "--test", "100"])
    run = _train(folder, outputs, "demo_cutouts", "callbacks.panels.every_n_epochs=5", recipe="cutouts")
    _show_scores(run, folder)
    print(f"picture: {run.pictures / 'test.png'}")


def listening(data: Path, outputs: Path) -> None:
    """Does TPAVI listen, and which scope can tell when? Four trainings, a table of checks, a picture."""
    from avseg.cli.demo_listening import check_listening, draw_scopes

    clip, second = data / "listening_clip", data / "listening_second"
    make_data(clip, ["toy", "--train", "600", "--sounding", "clip", *_TOY])
    make_data(second, ["toy", "--train", "600", "--sounding", "second", *_TOY])
    runs = {
        "deaf": _train(clip, outputs, "listening_clip", "fusion=none", *_SHORT),
        "clip": _train(clip, outputs, "listening_clip", "fusion=stages_1234", *_SHORT),
        "clip, changing": _train(second, outputs, "listening_second", "fusion=stages_1234", *_SHORT),
        "frame, changing": _train(second, outputs, "listening_second", "fusion=frame_1234", *_SHORT),
    }
    picture = outputs / "listening_second" / "scopes.png"
    draw_scopes(runs["clip, changing"], runs["frame, changing"], picture)
    passed = check_listening(runs, {"clip": _oracle(clip), "second": _oracle(second)})
    print(f"picture: {picture}")
    if not passed:
        raise UserError("a check of listening failed; the table above says which")
