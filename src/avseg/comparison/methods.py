"""Run every method over the split: folders of masks together in one pass, runs one after the other."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avseg.comparison.logits import exact_logits
from avseg.comparison.mask_folder import MaskFolder, open_folder
from avseg.comparison.request import Method, Request
from avseg.comparison.scoring import MethodScorer, MethodScores
from avseg.comparison.split import Split
from avseg.comparison.store import MaskStore, marked
from avseg.config.schema import TrainConfig
from avseg.models.base import AVSegModule
from avseg.prediction.device import find_device, inference
from avseg.training.build import build_data
from avseg.training.load import load_clip_model, saved_config
from avseg.training.source import WeightsSource, find_source
from avseg.training.trainer import configure_logging, share_cores
from avseg.utils.errors import UserError
from avseg.utils.memory import return_free_memory

log = logging.getLogger("avseg")
OFFICIAL_GROUP = 4  # videos per group of F in AVSBench


@dataclass(frozen=True)
class LoadedRun:
    """A run of a comparison; the model is loaded again when its turn comes."""

    method: Method
    source: WeightsSource
    config: TrainConfig
    videos_per_group: int | None


def load_run(method: Method) -> LoadedRun:
    """Load a run to know its configuration; raises `UserError` if it cannot be compared."""
    source = find_source(method.source)
    model = load_clip_model(source)
    if model.num_classes > 1:
        raise UserError(
            f"{method.name}={method.source} has {model.num_classes} classes; compare takes sounding or not: score the "
            "run with avseg evaluate"
        )
    return LoadedRun(method, source, saved_config(model.record), model.videos_per_group)


def grouping(request: Request, runs: Sequence[LoadedRun]) -> int | None:
    """Return the videos per group of F, the same for all methods."""
    if request.videos_per_group is not None:
        return request.videos_per_group or None
    groups = {run.videos_per_group for run in runs}
    if len(groups) > 1:
        log.info("the runs group F differently; F is over groups of %d videos for all (AVSBench)", OFFICIAL_GROUP)
    return groups.pop() if len(groups) == 1 else OFFICIAL_GROUP


def open_folders(request: Request, split: Split) -> dict[str, MaskFolder]:
    """Open the folders of masks, report what is wrong with them, a line per finding.

    Raises:
        UserError: masks are missing or unreadable, and the request does not allow it.
    """
    if not request.folders:
        return {}
    frames = list(map(split.labelled, range(len(split.entries))))
    size = split.size()
    folders: dict[str, MaskFolder] = {}
    refused = []
    for method in request.folders:
        root = Path(method.source).expanduser()
        folder = open_folder(root, split.entries, split.name, frames, size, method.pattern)
        folders[method.name] = folder
        for finding in folder.findings:
            if finding.refused and not request.allow_missing:
                refused.append(f"{method.name}: {finding.text.replace('; they count as empty', '')}")
            else:
                log.info("%s: %s", method.name, finding.text)
    if refused:
        raise UserError(
            f"{'; '.join(refused)}; complete the folder, or add --allow-missing to count them as empty masks"
        )
    return folders


def score_folders(
    folders: dict[str, MaskFolder],
    request: Request,
    split: Split,
    store: MaskStore,
    videos_per_group: int | None,
) -> list[MethodScores]:
    """Score all folders of masks in one pass over the split."""
    scorers = {name: MethodScorer(split.length, videos_per_group) for name in folders}
    for clip in split.batches(request.batch) if folders else ():
        height, width = clip.masks.shape[-2:]
        for name, folder in folders.items():
            maps = np.stack([folder.read(index, height, width, split.length) for index in clip.index.tolist()])
            logits = exact_logits(torch.from_numpy(maps))[:, :, None]  # (B, T, 1, H, W)
            scorers[name].update(logits, clip)
            store.write(request.names.index(name), clip.index, marked(logits))
        store.flush()
        return_free_memory()
    results = []
    for name, folder in folders.items():
        scorer = scorers.pop(name)  # its counts are freed
        results.append(scorer.finish(name, str(folder.root), soft=folder.soft, findings=folder.findings))
    return results


def score_run(
    run: LoadedRun, request: Request, split: Split, store: MaskStore, videos_per_group: int | None, masks: Path | None
) -> MethodScores:
    """Score a run as `avseg evaluate` does, in batches of its own size; writes soft masks below `masks`, if given."""
    configure_logging()
    model = load_clip_model(run.source)
    device = find_device(request.device)
    model.to(device)
    data = build_data(replace(run.config, data=_data_of_run(run, split)))
    data.test_split = split.name
    data.controls = False
    share_cores(data.num_workers)
    data.setup("test")
    _check_entries(run, data.dataset(split.name).entries, split)
    scorer = MethodScorer(split.length, videos_per_group, device)
    position = request.names.index(run.method.name)
    with inference(device):
        for batch in data.test_dataloader():
            clip = batch.to(device)
            prediction = model.checked(model.decode(model.encode_clip(clip), clip), clip)
            logits = model.mask_logits(prediction)
            graded = prediction.logits if prediction.graded is None else prediction.graded
            scorer.update(logits, clip, graded)
            store.write(position, clip.index, marked(logits))
            if masks is not None:
                _save_masks(masks, prediction.logits, clip.index.tolist(), split)
            store.flush()
            return_free_memory()
    return scorer.finish(run.method.name, run.method.source, soft=True, origin=_origin(run, model))


def _origin(run: LoadedRun, model: AVSegModule) -> dict[str, str]:
    return run.source.origin() if model.config.trained else {"path": str(run.source.path)}


def _data_of_run(run: LoadedRun, split: Split) -> Any:
    """Return the data of a run's training, read from the folder of the split."""
    data = run.config.data
    changes = {}
    for key in ("root", "setting"):
        if hasattr(data, key) and hasattr(split.config, key):
            changes[key] = getattr(split.config, key)
    return replace(data, **changes)


def _check_entries(run: LoadedRun, entries: Sequence[Any], split: Split) -> None:
    if [entry.name for entry in entries] != [entry.name for entry in split.entries]:
        raise UserError(
            f"{run.method.name}={run.method.source} reads {len(entries)} other clips than the {len(split.entries)} of "
            f"{split.config.name}; name the data of the run with --data"
        )


def _save_masks(folder: Path, logits: torch.Tensor, indices: Sequence[int], split: Split) -> None:
    """Write soft maps as 16-bit PNG, NAME/NAME_1.png and so on."""
    probability = logits[:, :, 0].float().sigmoid().cpu().numpy()  # (B, T, H, W)
    values = np.round(probability.astype(np.float64) * 65535).astype(np.uint16)
    for maps, index in zip(values, indices, strict=True):
        entry = split.entries[index]
        target = folder / entry.name
        target.mkdir(parents=True, exist_ok=True)
        for frame in range(split.labelled(index)):
            Image.fromarray(maps[frame]).save(target / f"{entry.name}_{frame + 1}.png")
