"""The clips with the lowest J: frames, truth, prediction and sound of each second."""

import logging
import math
from pathlib import Path
from typing import Any

from avseg.draw.strips import draw_blocks
from avseg.prediction.device import find_device
from avseg.report.run_files import RunFiles
from avseg.report.section import Picture, Section
from avseg.training.build import build_data
from avseg.training.load import load_clip_model, saved_config
from avseg.training.panels import panel_clip
from avseg.utils.errors import UserError
from avseg.utils.iteration import evenly_spaced
from avseg.utils.names import short_name

log = logging.getLogger("avseg")
_TITLE = "Worst clips"
_CANDIDATES = 8  # per clip shown, where the run has no J per clip
_NAME_BYTES = 100  # of file names


def gallery_section(files: RunFiles, folder: Path, clips: int, device: str) -> Section:
    """Predict the worst clips again and draw `failures/NN_CLIP.png`."""
    if clips == 0:
        return Section(_TITLE, "No gallery: --clips 0.")
    if files.long_videos or not files.run.complete:
        reason = "long videos are shown by `avseg predict`" if files.long_videos else "the run is not complete"
        return Section(_TITLE, f"No gallery: {reason}.")
    try:
        model = load_clip_model(files.run.path)
        dataset: Any = build_data(saved_config(model.record)).dataset("test")
        model.to(find_device(device))
        chosen, text = _worst(files, len(dataset), clips)
        panels = [panel_clip(model, dataset[index]) for index in chosen]
    except UserError as error:
        return Section(_TITLE, f"No gallery: {error}.")
    if not files.column("miou"):
        panels = sorted(panels, key=lambda panel: panel.score or 0.0)[:clips]
    pictures = []
    for rank, panel in enumerate(panels, 1):
        path = folder / "failures" / f"{rank:02d}_{short_name(panel.video_id, _NAME_BYTES)}.png"
        title = f"{panel.video_id}   J = {100 * (panel.score or 0.0):.1f}"
        draw_blocks(path, 1, [(title, panel.rows())])
        pictures.append(Picture(path, f"Frames, truth, prediction and sound of {panel.video_id}"))
    return Section(_TITLE, text, pictures)


def _worst(files: RunFiles, total: int, clips: int) -> tuple[list[int], str]:
    """Return the positions of the clips to predict, and the sentence about their choice."""
    scores = files.column("miou")
    if not scores:
        indices = evenly_spaced(range(total), clips * _CANDIDATES)
        return indices, f"The lowest J (sounding or not) among {len(indices)} clips spread over the test split."
    if len(scores) != total:
        raise UserError(f"the test split has {total} clips, per_clip.csv {len(scores)}; the data have changed")
    order = sorted(range(total), key=lambda row: math.inf if math.isnan(scores[row]) else scores[row])
    indices = [int(files.items[row]["index"]) for row in order[:clips]]
    return indices, f"The {len(indices)} clips of {total} with the lowest J."
