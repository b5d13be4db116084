"""Mark the classes of a frame: a tint of the class's colour, its name at each object, and a legend in a corner."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from avseg.draw.boxes import Mark, MarkedFrame
from avseg.draw.labels import name_label
from avseg.draw.overlay import Colour

_SMALLEST = 0.002  # share of the frame below which a separate part of a class gets no name of its own


class SemanticFrame:
    """A class map (H, W), 0 = background, prepared for drawing on many frames.

    `names`, `colours` and `probabilities` are those of the classes in it.
    """

    def __init__(
        self,
        labels: np.ndarray,
        names: Mapping[int, str],
        colours: Mapping[int, Colour],
        probabilities: Mapping[int, float],
    ) -> None:
        marks: list[Mark] = []
        for label, name in names.items():
            marks += [Mark(name, colours[label], mask) for mask in _objects(labels == label)]
        size = (labels.shape[0], labels.shape[1])
        self.marked = MarkedFrame(size, marks)
        rows = max(11, round(min(size) / 22))  # the least that is legible
        self.legend: list[np.ndarray] = []
        for label in sorted(names, key=lambda label: -probabilities[label]):
            text = f"{names[label]} {100 * probabilities[label]:.0f} %"
            self.legend.append(name_label(text, colours[label], rows))

    def on(self, frame: np.ndarray) -> np.ndarray:
        """Mark a frame (H, W, 3) uint8; returns a new array."""
        marked = self.marked.on(frame)
        bottom = marked.shape[0]
        for label in reversed(self.legend):  # the most probable class on top, the last line at the lower edge
            top = max(bottom - label.shape[0], 0)
            width = min(label.shape[1], marked.shape[1])
            marked[top:bottom, :width] = label[: bottom - top, :width]
            bottom = top
        return marked


def _objects(mask: np.ndarray) -> list[np.ndarray]:
    """Split a mask (H, W) bool into its connected parts; small ones join the largest."""
    components, count = ndimage.label(mask)
    areas = np.bincount(components.ravel(), minlength=count + 1)
    areas[0] = 0
    largest = int(areas.argmax())
    large = [
        component
        for component in range(1, count + 1)
        if areas[component] >= _SMALLEST * mask.size or component == largest
    ]
    objects = [components == component for component in large]
    if objects:
        objects[large.index(largest)] = mask & ~np.isin(
            components, [component for component in large if component != largest]
        )
    return objects
