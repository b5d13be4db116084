"""F at every threshold, under the clip's own sound and under the controls."""

from pathlib import Path

from avseg.draw.strips import save_figure
from avseg.metrics.registry import SOUND_TITLES
from avseg.report.run_files import RunFiles
from avseg.report.section import Picture, Section
from avseg.report.training_curves import COLOURS

_TITLE = "F by threshold"


def threshold_section(files: RunFiles, folder: Path) -> Section:
    """Draw `f_curve.png`."""
    if files.long_videos:
        return Section(_TITLE, "No curve of F: long videos are scored on masks of one threshold.")
    if not files.curve:
        return Section(
            _TITLE,
            "No curve of F: the run has no f_curve.csv (not complete, several classes, or scored by an older version; "
            f"`avseg evaluate checkpoint={files.run.path}` writes one, and the next report shows it).",
        )
    path = folder / "f_curve.png"
    best, at = _draw(path, files)
    middle = min(files.curve, key=lambda row: abs(float(row["threshold"]) - 0.5))
    text = (
        f"Mean over all frames that sound: best {100 * best:.2f} at threshold {at:.2f}, "
        f"{100 * float(middle['own']):.2f} at 0.5, which decides the mask. A best threshold far from 0.5 means that "
        "the probabilities are not calibrated. The F-score of the run takes the maximum per group of videos instead."
    )
    return Section(_TITLE, text, [Picture(path, "F at each threshold, a line per sound")])


def _draw(path: Path, files: RunFiles) -> tuple[float, float]:
    """Draw the curves; return the best F of the own sound and its threshold."""
    from matplotlib.figure import Figure

    thresholds = [float(row["threshold"]) for row in files.curve]
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axis = figure.subplots()
    sounds = [name for name in files.curve[0] if name != "threshold"]
    for sound, colour in zip(sounds, COLOURS, strict=False):
        values = [100 * float(row[sound]) for row in files.curve]
        width = 2.4 if sound == "own" else 1.2
        axis.plot(thresholds, values, color=colour, lw=width, label=SOUND_TITLES.get(sound, sound))
    scores = [float(row["own"]) for row in files.curve]
    best = max(scores)
    at = thresholds[scores.index(best)]
    axis.plot([at], [100 * best], "o", color=COLOURS[0])
    axis.axvline(0.5, color="0.6", lw=1, ls=":")
    axis.set_xlim(0, 1)
    axis.set_ylim(bottom=0)
    axis.set_title("F (beta² = 0.3), per cent", loc="left", fontsize=10)
    axis.set_xlabel("threshold on the probability", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path, dpi=120)
    return best, at
