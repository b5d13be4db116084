"""Write synthetic clips into the official folder tree, so that they are read exactly like the released data."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from avseg.audio.frontend import LogMel, fit_to_frames
from avseg.audio.log_mel import read_wav
from avseg.audio.log_mel_file import write_log_mel
from avseg.data.avsbench.avss import label_table
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.palette import voc_palette
from avseg.data.setting import SPLITS, ClipEntry
from avseg.data.synthetic.generate import SyntheticClip, SyntheticClipConfig, generate_clip
from avseg.data.synthetic.oracle import BlindFrame, BlindScores, score_frame, summarise
from avseg.data.synthetic.output import check_counts, check_new_folder, write_json
from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.utils.files import atomic_folder

EVENT_COLUMNS = ("split", "clip", "object", "category", "source", "depth", "level_db", "seconds")
_BLACK_WHITE = [0] * 765 + [255] * 3  # the released MS3 masks: index 255 = sounding
_JPEG_QUALITY = 95
_PNG_LEVEL = 3


def write_set(
    out: Path,  # a folder that does not exist or is empty
    config: SyntheticClipConfig,
    counts: Mapping[str, int],  # clips per split
    options: Mapping[str, object],  # recorded in `generator.json`
    advance: Callable[[], None] = lambda: None,
) -> dict[str, BlindScores]:
    """Generate and write a whole data set; nothing is left on failure.

    Besides the official files it writes `events.csv` (each object of each clip: class, depth, level, and its seconds
    as 1 where it sounds, else 0), `oracle.json` (scores that are possible without sound) and `generator.json` (the
    options). `advance` is called after each clip.

    Returns:
        The scores of the audio-blind oracle by split; splits without clips are left out.

    Raises:
        UserError: `out` is not an empty folder; a negative number of clips, or no clips at all.
    """
    check_counts(counts, "clips")
    check_new_folder(out)
    with atomic_folder(out) as folder:
        layout = layout_for(config.rules.setting, folder)
        scores = _write_clips(layout, config, counts, advance)
        write_json(folder / "oracle.json", {split: asdict(score) for split, score in scores.items()})
        write_json(folder / "generator.json", dict(options))
    return scores


def write_clip(layout: Layout, clip: SyntheticClip, classes: Mapping[str, int]) -> ClipEntry:
    """Write the frames, masks and sound of a clip, with log-mel patches where the release has them.

    Returns:
        The clip's row of the index file.
    """
    entry = _index_entry(layout, clip)
    for path, frame in zip(layout.frames(entry), clip.frames, strict=True):
        _save(Image.fromarray(frame), path)
    # S4 training clips have the mask of the first frame only
    for path, mask in zip(layout.masks(entry), _mask_images(layout, clip, classes), strict=False):
        _save(mask, path)
    write_wav(layout.wav(entry), clip.waveform, SAMPLE_RATE)
    if layout.has_log_mel:
        write_patches(layout, entry)
    return entry


def write_patches(layout: Layout, entry: ClipEntry) -> None:
    """Write the log-mel patches of a clip's wav by the official rule: one per frame, the last one repeated."""
    patches = LogMel()(*read_wav(layout.wav(entry)))
    write_log_mel(layout.log_mel(entry), fit_to_frames(patches, len(layout.frames(entry))))


def write_wav(path: Path, wave: NDArray[np.float32], rate: int) -> None:
    """Write 16-bit samples; a full disk raises `OSError`, which soundfile's own files would not."""
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, subtype="PCM_16", format="WAV")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def _write_clips(
    layout: Layout, config: SyntheticClipConfig, counts: Mapping[str, int], advance: Callable[[], None]
) -> dict[str, BlindScores]:
    names = ["background", *config.cast.categories]
    # only AVSS stores class indices
    classes = dict(zip(names, range(len(names)), strict=True))
    entries: list[ClipEntry] = []
    scores: dict[str, BlindScores] = {}
    with (layout.root / "events.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        events = csv.writer(file, lineterminator="\n")
        events.writerow(EVENT_COLUMNS)
        for split in SPLITS:
            if not counts.get(split):
                continue
            blind: list[BlindFrame] = []
            for index in range(counts[split]):
                clip = generate_clip(config, split, index)
                entries.append(write_clip(layout, clip, classes))
                events.writerows(_event_rows(clip))
                for visible, sounding in zip(clip.visible, clip.sounding, strict=True):  # (N, H, W), (N,)
                    blind.append(score_frame(visible, clip.prior, sounding))
                advance()
            scores[split] = summarise(blind)
    layout.write_index(entries)
    if layout.label_file is not None:
        write_json(layout.label_file, label_table(names))
    return scores


def _index_entry(layout: Layout, clip: SyntheticClip) -> ClipEntry:
    category = ""
    if layout.setting.single_source:
        category = clip.categories[clip.lead]
    elif layout.setting.semantic:
        # the release joins the names of the sounding objects
        category = "_".join(np.array(clip.categories)[clip.sounding.any(axis=0)])
    return ClipEntry(clip.name, category, clip.split, subset=layout.subset(len(clip.frames)))


def _mask_images(layout: Layout, clip: SyntheticClip, classes: Mapping[str, int]) -> Iterator[Image.Image]:
    if layout.setting.mask_coding == "class_colours":
        palette = voc_palette()  # (71, 3)
        for labels in clip.class_masks(dict(classes)):
            yield Image.fromarray(palette[labels])  # (H, W, 3)
        return
    for mask in clip.masks:
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        if layout.setting.mask_coding == "palette":
            image = image.convert("L")
            image.putpalette(_BLACK_WHITE)
        yield image


def _event_rows(clip: SyntheticClip) -> Iterator[list[object]]:
    for index, category in enumerate(clip.categories):
        seconds = "".join(map(str, clip.sounding[:, index].astype(int)))  # such as 01101
        level = f"{clip.levels_db[index]:.2f}"
        yield [clip.split, clip.name, index, category, clip.sources[index], clip.depths[index], level, seconds]


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # each format ignores the options of the other one; jpg keeps its colours at full resolution
    image.save(path, quality=_JPEG_QUALITY, subsampling=0, compress_level=_PNG_LEVEL)
