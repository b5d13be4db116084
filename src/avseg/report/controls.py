"""Evidence that the model uses the sound: paired differences to the controls over the test clips."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseg.draw.strips import save_figure
from avseg.metrics.registry import SOUND_TITLES, metric_info
from avseg.report.run_files import RunFiles
from avseg.report.section import Picture, Section
from avseg.report.training_curves import COLOURS
from avseg.tables.layout import number, p_value
from avseg.tables.statistics import SIGNIFICANT, clip_interval, holm, paired_p
from avseg.tables.text import TextTable

_TITLE = "Controls"
_KEY = "miou"
_SCORES = ("miou", "fscore", "marked", "g_miou")
_MEANING = {
    "silence": "hears whether there is sound at all",
    "noise": "tells sound from noise",
    "other": "uses what it hears to choose the object",
    "shuffled": "resolves when an object sounds",
}


@dataclass(frozen=True)
class Difference:
    """J with the own sound minus J with a control, in per cent, over the clips."""

    sound: str
    values: np.ndarray
    mean: float
    low: float
    high: float
    p: float  # Holm's correction over the controls

    @property
    def better(self) -> float:
        """Share of clips on which the own sound is better; equal clips count half."""
        return float(((self.values > 0) + 0.5 * (self.values == 0)).mean())


def control_section(files: RunFiles, folder: Path) -> Section:
    """Draw `controls.png` and tabulate the scores under every sound."""
    if files.long_videos:
        return Section(_TITLE, "No controls: they replace the sound of short clips.")
    sounds = files.sounds
    if len(sounds) < 2:
        return Section(_TITLE, "No controls: the run is not complete, or its model does not hear.")
    tables = [_score_table(files)]
    differences = _differences(files)
    if not differences:
        text = "No paired differences: masks of several classes have no J per clip."
        return Section(_TITLE, text, tables=tables)
    path = folder / "controls.png"
    _draw(path, differences)
    tables.append(_difference_table(differences))
    return Section(
        _TITLE, _verdict(differences), [Picture(path, "Differences of J to each control over the clips")], tables
    )


def _differences(files: RunFiles) -> list[Difference]:
    own_scores = np.array(files.column(_KEY))
    rows = []
    for sound in files.sounds[1:]:
        control = np.array(files.column(f"{sound}/{_KEY}"))
        if not len(own_scores) or len(control) != len(own_scores):
            continue
        scored = ~(np.isnan(own_scores) | np.isnan(control))
        values = 100 * (own_scores - control)[scored]
        low, high = clip_interval(values)
        rows.append((sound, values, low, high, paired_p(control[scored], own_scores[scored])))
    corrected = holm([row[4] for row in rows])
    return [
        Difference(sound, values, float(values.mean()), low, high, p)
        for (sound, values, low, high, _), p in zip(rows, corrected, strict=True)
    ]


def _score_table(files: RunFiles) -> TextTable:
    scores = files.result["scores"]
    keys = [key for key in _SCORES if any(key in row for row in scores.values())]
    rows = []
    for sound, values in scores.items():
        cells = [number(metric_info(key).scale * values[key]) if key in values else "" for key in keys]
        rows.append([SOUND_TITLES.get(sound, sound), *cells])
    header = ["sound", *(metric_info(key).heading for key in keys)]
    note = "per cent, against the clip's own masks: a model that uses the sound is high in the first row only"
    return TextTable("Scores under every sound", header, rows, [note])


def _difference_table(differences: list[Difference]) -> TextTable:
    rows = []
    for item in differences:
        interval = "-" if math.isnan(item.low) else f"[{item.low:+.2f}, {item.high:+.2f}]"
        share = f"{100 * item.better:.0f} %"
        rows.append([SOUND_TITLES[item.sound], number(item.mean, sign=True), interval, share, p_value(item.p)])
    notes = ["95 % BCa interval over clips; paired permutation test, Holm's correction over the controls"]
    header = ["control", "J lost", "interval", "own is better in", "p"]
    return TextTable("J with the own sound minus J with the control", header, rows, notes)


def _verdict(differences: list[Difference]) -> str:
    yes: list[str] = []
    no: list[str] = []
    for item in differences:
        target = yes if item.p < SIGNIFICANT and item.mean > 0 else no
        target.append(_MEANING.get(item.sound, item.sound))
    text = f"{len(differences[0].values)} clips. "
    if yes:
        text += f"The model {'; '.join(yes)} (p < {SIGNIFICANT}). "
    if no:
        text += f"Not shown on these clips: that it {'; '.join(no)}."
    return text.strip()


def _draw(path: Path, differences: list[Difference]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.9 + 0.75 * len(differences)), layout="constrained")
    axis = figure.subplots()
    rng = np.random.default_rng(0)
    for row, (item, colour) in enumerate(zip(differences, COLOURS[1:], strict=False)):
        heights = row + rng.uniform(-0.28, 0.28, len(item.values))
        axis.plot(item.values, heights, "o", color=colour, ms=3, alpha=0.35, mew=0)
        axis.plot([item.low, item.high], [row, row], color="0.1", lw=3, solid_capstyle="butt")
        axis.plot([item.mean], [row], "D", color="0.1", ms=6)
    axis.axvline(0, color="0.4", lw=1)
    axis.set_yticks(range(len(differences)), [SOUND_TITLES[item.sound] for item in differences], fontsize=9)
    axis.set_ylim(len(differences) - 0.5, -0.5)
    axis.set_title(
        "J lost when the sound is replaced, per clip; diamond: mean with 95 % interval", loc="left", fontsize=10
    )
    axis.set_xlabel("J with its own sound minus J with the control, per cent", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path, dpi=120)
