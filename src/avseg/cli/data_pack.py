"""`avseg data pack`: one memory-mapped store per split, beside the data."""

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

    from avseg.data.avsbench.dataset import AVSBenchDataset
    from avseg.data.pack import Embedder

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_SPLITS = ("train", "val", "test")
_EPILOG = """\
writes ROOT/packed/SPLIT-SIZE. Training and evaluation read it from then on, with the same numbers as from the files;
data.packed=false reads the files. A pack is refused, never passed over, once a file has changed or a byte is damaged.
examples:
  avseg data pack data/AVSBench/Multi-sources --setting ms3
  avseg data pack data/AVSBench/Single-source --setting s4 --embeddings download --seeds 123 124
  avseg data pack data/AVSBench/Multi-sources --setting ms3 --verify
"""


def add_pack(subverbs: Commands) -> None:
    """Adds the subverb `pack`."""
    text = "pack a data set, so that clips load many times faster"
    shape = argparse.RawDescriptionHelpFormatter
    parser = subverbs.add_parser("pack", help=text, description=text, epilog=_EPILOG, formatter_class=shape)
    parser.add_argument("root", type=Path, metavar="ROOT", help="the data set, as in data.root")
    parser.add_argument("--setting", choices=("s4", "ms3", "avss"), required=True)
    parser.add_argument("--size", type=int, default=224, help="side of the frames, as in data.image_size; default: 224")
    parser.add_argument("--splits", nargs="+", choices=_SPLITS, metavar="SPLIT", help="default: all that have clips")
    parser.add_argument("--hop", default="vggish", help="of the log-mel patches, as in data.hop; default: vggish")
    parser.add_argument("--audio", default="auto", help="auto, wav or log_mel, as in data.audio; default: auto")
    text = "AVSS: colours of no class, error, background or nearest"
    parser.add_argument("--stray", default="background", help=text)
    text = "the frozen VGGish's embeddings too: its weights file, or download; read with data.packed_audio=embeddings"
    parser.add_argument("--embeddings", metavar="WEIGHTS", help=text)
    text = "with --embeddings: embed the control sounds of runs with these seeds; default: 123"
    parser.add_argument("--seeds", type=int, nargs="+", default=[123], metavar="N", help=text)
    parser.add_argument("--workers", type=int, metavar="N", help="reading processes; default: one per processor")
    parser.add_argument("--verify", action="store_true", help="pack nothing: read every byte of all packs of ROOT")


def run_pack(arguments: argparse.Namespace) -> int:
    """Packs what is not packed yet, or verifies; returns the exit code."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    return _verify(arguments, console) if arguments.verify else _pack(arguments, console)


def _pack(arguments: argparse.Namespace, console: "Console") -> int:
    from avseg.data.avsbench.datamodule import AVSBenchDataModule
    from avseg.data.pack import reason_to_pack

    _check_numbers(arguments)
    module = AVSBenchDataModule(
        arguments.root,
        arguments.setting,
        arguments.size,
        audio=arguments.audio,
        hop=arguments.hop,
        stray=arguments.stray,
        packed=False,
        num_workers=_workers(arguments.workers),
    )
    there = {entry.split for entry in module.layout.read_index()}
    splits = arguments.splits or [split for split in _SPLITS if split in there]
    datasets = [module.dataset(split) for split in dict.fromkeys(splits)]
    embedder = _embedder(arguments) if arguments.embeddings else None
    started, clips, size = time.monotonic(), 0, 0
    for dataset in datasets:
        reason = reason_to_pack(dataset, embedder)
        if reason is None:
            console.print(f"{dataset.split}: packed already")
            continue
        if reason:
            console.print(f"{dataset.split}: packed again, since {reason}")
        size += _build(dataset, module.fingerprint(), module.num_workers, embedder, console)
        clips += len(dataset)
    seconds = time.monotonic() - started
    console.print(f"packed: {clips} clips, {size / 2**20:,.1f} MiB, {seconds:.1f} s")
    return 0


def _check_numbers(arguments: argparse.Namespace) -> None:
    from avseg.utils.errors import UserError

    if arguments.size < 1:
        raise UserError(f"--size {arguments.size} is not a number of pixels; give 1 or more, 224 is the paper's")
    if arguments.workers is not None and arguments.workers < 0:
        raise UserError(f"--workers {arguments.workers} is not a number of processes; give 0 or more")


def _build(
    dataset: "AVSBenchDataset", fingerprint: str, workers: int, embedder: "Embedder | None", console: "Console"
) -> int:
    """Packs a split under a progress bar; returns the bytes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from avseg.data.pack import build_pack

    started = time.monotonic()
    columns = (TextColumn(f"packing {dataset.split}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(dataset))
        folder = build_pack(dataset, fingerprint, workers, embedder, lambda: progress.advance(task))
    size, seconds = sum(path.stat().st_size for path in folder.iterdir()), time.monotonic() - started
    console.print(f"{dataset.split}: {len(dataset)} clips, {size / 2**20:,.1f} MiB, {seconds:.1f} s in {folder}")
    return size


def _verify(arguments: argparse.Namespace, console: "Console") -> int:
    from avseg.data.avsbench.layout import layout_for
    from avseg.data.pack import verify_packs
    from avseg.utils.errors import UserError

    layout = layout_for(arguments.setting, arguments.root)
    layout.read_index()
    found = []
    for folder, problem in verify_packs(layout):
        console.print(f"{folder.name}: {problem or 'sound'}")
        found.append(problem)
    if not found:
        raise UserError(f"{layout.root} has no packs; leave out --verify to make them")
    if bad := [problem for problem in found if problem]:
        raise UserError(f"{len(bad)} of {len(found)} packs must not be used; leave out --verify to pack again")
    return 0


def _embedder(arguments: argparse.Namespace) -> "Embedder":
    from avseg.audio.vggish import VGGish
    from avseg.audio.vggish_weights import load_vggish_weights
    from avseg.data.pack import Embedder, weights_fingerprint

    encoder = VGGish()
    load_vggish_weights(encoder, arguments.embeddings)
    return Embedder(encoder, weights_fingerprint(encoder.state_dict()), tuple(dict.fromkeys(arguments.seeds)))


def _workers(asked: Any) -> int:
    from avseg.data.avsbench.datamodule import default_workers

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else default_workers() + 1
    return processors if asked is None else int(asked)
