"""Files of a prediction of classes: masks in the colours of the AVSS release, a legend, class names per second."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from avseg.data.palette import AVSS_CLASSES, voc_palette
from avseg.draw.legend import draw_legend
from avseg.draw.overlay import upsample
from avseg.draw.semantic import SemanticFrame
from avseg.prediction.clip_results import ClipResults
from avseg.prediction.prediction import FramePrediction, VideoPrediction
from avseg.prediction.scores_file import RowsFile
from avseg.prediction.semantic_predictor import BACKGROUND, SemanticPredictor


class SemanticResults(ClipResults):
    """Writes `masks/NUMBER.png` (RGB, as the released `labels_rgb`), `legend.png` and the rows of `scores.json`.

    A row has `classes`: for each class of the second its probability, the mean over its pixels, and its share of the
    frame, both as means over the scored frames of the second that show it.
    """

    def __init__(
        self, folder: Path, predictor: SemanticPredictor, prediction: VideoPrediction, scores: RowsFile
    ) -> None:
        super().__init__(folder, prediction, scores, threshold=0.5, every_frame=predictor.every_frame)
        self.names = predictor.names
        self.palette = voc_palette(max(AVSS_CLASSES, len(self.names)))
        self.seconds_of_class: dict[int, int] = defaultdict(int)
        self.current: dict[int, list[tuple[float, float]]] = {}  # probability and share, by class of this second

    def add(self, frame: FramePrediction) -> SemanticFrame:  # type: ignore[override]  # drawn like an overlay
        """Write the mask of a frame; returns how to draw it."""
        assert frame.class_maps is not None
        assert frame.probability is not None
        labels, probability = class_map(frame.class_maps, self.size)  # (H, W) each
        number = frame.number if self.every_frame else frame.second
        Image.fromarray(self.palette[labels]).save(self.folder / f"{number:06d}.png", compress_level=3)
        if not self.rows:
            self.current = {}
        shares: dict[int, float] = {}
        for label in np.unique(labels[labels != BACKGROUND]).tolist():
            pixels = labels == label
            shares[label] = float(probability[pixels].mean())
            self.current.setdefault(label, []).append((shares[label], float(pixels.mean())))
        self.rows.append(
            {
                "frame": frame.number,
                "time": round(frame.time, 6),
                "mean_probability": float(frame.probability.mean()),
                "mask_share": float((labels != BACKGROUND).mean()),
            }
        )
        colours = {label: tuple(self.palette[label].tolist()) for label in shares}
        return SemanticFrame(labels, {label: self.names[label] for label in shares}, colours, shares)

    def extras(self) -> dict[str, object]:
        """Return the classes of the second with their probabilities and shares, the most probable first."""
        classes: dict[str, dict[str, float]] = {}
        means = {label: np.mean(values, axis=0).tolist() for label, values in self.current.items()}
        for label in sorted(means, key=lambda label: -means[label][0]):
            probability, share = means[label]
            classes[self.names[label]] = {"probability": round(probability, 4), "share": round(share, 6)}
            self.seconds_of_class[label] += 1
        return {"classes": classes}

    def finish(self) -> dict[str, float]:
        """Write the legend of all classes of the video; returns the counts of `ClipResults.finish`."""
        entries: list[tuple[str, tuple[int, int, int]]] = []
        for label, seconds in sorted(self.seconds_of_class.items()):
            red, green, blue = self.palette[label].tolist()
            entries.append((f"{self.names[label]}   {seconds} s", (red, green, blue)))
        Image.fromarray(draw_legend(entries)).save(self.folder.parent / "legend.png")
        return super().finish()


def class_map(maps: dict[int, np.ndarray], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable class of each pixel (H, W) uint8 and its probability (H, W), of maps (h, w) by class."""
    labels = np.zeros(size, np.uint8)
    best = np.full(size, -1.0, np.float32)
    for label, probabilities in sorted(maps.items()):
        resized = upsample(probabilities, *size)
        better = resized > best
        labels[better] = label
        best[better] = resized[better]
    return labels, best
