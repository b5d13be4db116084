"""Run `avseg data pack`: write one memory-mapped pack per split next to the data."""

import time
from argparse import Namespace
from pathlib import Path

from rich.console import Console

from avseg.audio.frontend import LogMel
from avseg.audio.vggish import VGGish
from avseg.audio.vggish_weights import load_vggish_weights
from avseg.cli.data_common import check_minimum, progress_bar
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import layout_for
from avseg.data.pack import Embedder, build_pack, reason_to_pack, verify_packs, weights_fingerprint
from avseg.data.setting import SPLITS
from avseg.utils.errors import UserError
from avseg.utils.processes import usable_cores


def run(arguments: Namespace) -> int:
    """Pack the splits that are not packed yet, or verify all packs."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    return _verify(arguments, console) if arguments.verify else _pack(arguments, console)


def _pack(arguments: Namespace, console: Console) -> int:
    if arguments.size < 1:
        raise UserError(f"--size {arguments.size} is not a number of pixels; give 1 or more, 224 is the paper's")
    check_minimum(arguments, workers=0)
    config = AVSBenchConfig(
        setting=arguments.setting,
        root=arguments.root,
        image_size=arguments.size,
        num_workers=usable_cores() if arguments.workers is None else arguments.workers,
        audio=arguments.audio,
        packed=False,
        stray=arguments.stray,
    )
    module = AVSBenchDataModule(config, LogMel(arguments.hop))
    nonempty = {entry.split for entry in module.layout.read_index()}
    splits = arguments.splits or [split for split in SPLITS if split in nonempty]
    # every split is checked before the first is packed
    datasets = list(map(module.dataset, dict.fromkeys(splits)))
    embedder = None
    if arguments.embeddings:
        encoder = VGGish()
        load_vggish_weights(encoder, arguments.embeddings)
        seeds = tuple(dict.fromkeys(arguments.seeds))
        embedder = Embedder(encoder, weights_fingerprint(encoder.state_dict()), seeds)
    start = time.monotonic()
    clips = 0  # packed by this command
    size = 0  # bytes
    for dataset in datasets:
        reason = reason_to_pack(dataset, embedder)
        if reason is None:
            console.print(f"{dataset.split}: packed already")
            continue
        if reason:
            console.print(f"{dataset.split}: packed again, since {reason}")
        size += _build(dataset, module.fingerprint(), module.num_workers, embedder, console)
        clips += len(dataset)
    console.print(f"packed: {clips} clips, {size / 2**20:,.1f} MiB, {time.monotonic() - start:.1f} s")
    return 0


def _build(
    dataset: AVSBenchDataset, fingerprint: str, workers: int, embedder: Embedder | None, console: Console
) -> int:
    """Pack a split under a progress bar; return its size in bytes."""
    start = time.monotonic()
    with progress_bar(f"packing {dataset.split}", console) as progress:
        task = progress.add_task("", total=len(dataset))
        folder = build_pack(dataset, fingerprint, workers, embedder, lambda: progress.advance(task))
    size = sum(path.stat().st_size for path in folder.iterdir())
    seconds = time.monotonic() - start
    console.print(f"{dataset.split}: {len(dataset)} clips, {size / 2**20:,.1f} MiB, {seconds:.1f} s in {folder}")
    return size


def _verify(arguments: Namespace, console: Console) -> int:
    layout = layout_for(arguments.setting, arguments.root)
    layout.read_index()
    damaged: list[Path] = []
    count = 0
    for folder, problem in verify_packs(layout):
        count += 1
        console.print(f"{folder.name}: {problem or 'valid'}")
        if problem:
            damaged.append(folder)
    if not count:
        raise UserError(f"{layout.root} has no packs; leave out --verify to create them")
    if damaged:
        raise UserError(f"{len(damaged)} of {count} packs must not be used; leave out --verify to pack again")
    return 0
