"""`avseg convert`: official AVSBench weights to an avseg checkpoint, and back."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_EPILOG = """\
examples:
  avseg convert MS3_R50_best.pth --out ms3.ckpt data=avsbench_ms3 backbone=resnet50 audio.weights=vggish-10086976.pth
  avseg convert outputs/demo/RUN/seed=123 --out official.pth

A file of official names becomes a checkpoint that evaluate and predict read; its model is described by overrides, as
for train. A run or a checkpoint of avseg becomes a file of official names (.pth or .safetensors).
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "convert",
        help="official weights to ours and back",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, help="a file of official weights, or a run or checkpoint of avseg")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="the model of official weights")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Converts."""
    from avseg.utils.errors import UserError

    _check_out(arguments.source, arguments.out)
    if arguments.source.is_dir() or _is_ours(arguments.source):
        if arguments.overrides:
            raise UserError(
                f"{arguments.overrides[0]}: {arguments.source} brings its own configuration; leave KEY=VALUE out"
            )
        _to_official(arguments.source, arguments.out)
    else:
        _from_official(arguments.source, arguments.out, arguments.overrides)
    print(f"written to {arguments.out}")
    return 0


def _check_out(source: Path, out: Path) -> None:
    from avseg.utils.errors import UserError

    if out.is_dir():
        raise UserError(f"--out {out}: is a folder; name a file")
    if out.exists() and source.exists() and out.samefile(source):
        raise UserError(f"--out {out}: is the file to convert; name another")


def _is_ours(path: Path) -> bool:
    """Whether a file is a checkpoint of avseg; a file that cannot be read says so."""
    from avseg.utils.errors import UserError

    if not path.is_file():
        raise UserError(f"{path} does not exist; give a file of official weights, or a run or checkpoint of avseg")
    if path.suffix == ".safetensors":
        return False
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever is wrong with it, the reader of weights says it best
        return False
    return isinstance(content, dict) and "avseg" in content


def _to_official(source: Path, out: Path) -> None:
    import torch

    from avseg.models.avs.weights import to_official
    from avseg.training.load import load_task

    state = to_official(load_task(source).net)
    if out.suffix == ".safetensors":
        from safetensors.torch import save

        content = save({key: value.contiguous().clone() for key, value in state.items()})
        _write(out, lambda file: file.write(content))
    else:
        _write(out, lambda file: torch.save(state, file))


def _from_official(source: Path, out: Path, overrides: list[str]) -> None:
    import torch

    from avseg.config.compose import compose
    from avseg.config.schema import validate
    from avseg.models.avs.weights import load_official
    from avseg.training.build import build_task
    from avseg.utils.weights_file import read_state_dict

    official = read_state_dict(source)
    # the file brings the backbone's weights; VGGish's are not in it
    config = compose("train", [*overrides, "backbone.pretrained=false"])
    validate(config)
    task = build_task(config)
    load_official(task.net, official)
    checkpoint = {"state_dict": task.state_dict(), "avseg": {"config": config}}
    _write(out, lambda file: torch.save(checkpoint, file))


def _write(out: Path, save: Callable[[BinaryIO], object]) -> None:
    """Writes through a file of Python's: a full disk is an `OSError` there, but not where torch opens the file."""
    from avseg.utils.files import atomic_file

    with atomic_file(out) as path, path.open("wb") as file:
        save(file)
