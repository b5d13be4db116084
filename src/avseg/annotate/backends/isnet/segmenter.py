"""ISNet for boxes: the object that stands out in a box (Qin et al., ECCV 2022, arXiv 2203.03041), on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avseg.annotate.backends.crop import Crop, crop_image
from avseg.annotate.backends.isnet.onnx_graph import OnnxGraph, read_graph
from avseg.annotate.backends.light.scene import Scene
from avseg.annotate.backends.light.segmenter import LightSegmenter, inside_box
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability
from avseg.utils.errors import UserError

CONTEXT = 0.15  # around a box, as a share of its longer side
MIN_SHARE = 0.02  # of the box: a smaller mask is no object
_EXPECTED = "expected is ISNet: an image (1, 3, side, side), and first of its outputs the mask (1, 1, side, side)"


class IsNet(LightSegmenter):
    """Draws the first mask of a box with ISNet; clicks, and changes of a mask, are those of the backend `light`.

    `weights` is the ONNX file.
    """

    name = "isnet"

    def __init__(self, weights: str | Path | None = None, device: str | None = None) -> None:  # it runs on the CPU
        if weights is None:
            raise UserError("'isnet': no weights; give weights=FILE, its ONNX file")
        super().__init__()
        path = Path(weights)
        try:
            graph = read_graph(path.read_bytes())
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); give the ONNX file of ISNet") from error
        except ValueError as error:
            raise UserError(f"{path}: {error}; {_EXPECTED}") from error
        self._side = _check_side(path, graph)
        self._output = next(iter(graph.outputs))
        try:
            self._net: Any = cv.dnn.readNetFromONNX(graph.model)
        except cv.error as error:
            raise UserError(f"{path}: OpenCV {cv.__version__} cannot run this model; {_EXPECTED}") from error

    def predict(
        self,
        encoded: Scene,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> Sequence[Candidate]:
        """See `Segmenter.predict`."""
        candidates = super().predict(encoded, points, box, mask)
        if box is None or points or (mask is not None and (mask > 0.5).any()):
            return candidates
        best = self._in_box(encoded.image, box)
        return candidates if best is None else [best, *candidates]

    def _in_box(self, image: Image, box: Box) -> Candidate | None:
        """Return the object in a box; None if nothing stands out there."""
        crop = crop_image(image, max(image.shape[:2]), box, CONTEXT)
        probability = self._probability(crop)
        allowed = inside_box(box, image.shape[:2])
        mask = np.asarray(crop.paste(probability > 0.5, image.shape[:2]), np.bool_) & allowed
        if np.count_nonzero(mask) < MIN_SHARE * np.count_nonzero(allowed):
            return None
        full = np.asarray(crop.paste(probability, image.shape[:2]), np.float32)
        return Candidate(mask, float(full[mask].mean()))

    def _probability(self, crop: Crop) -> Probability:
        """Run the network on a crop of full size, (height, width)."""
        size = (self._side, self._side)
        self._net.setInput(cv.dnn.blobFromImage(crop.image, 1 / 256, size, mean=(128, 128, 128)))
        small = self._net.forward(self._output)[0, 0]
        return np.asarray(cv.resize(small, (crop.width, crop.height), interpolation=cv.INTER_LINEAR), np.float32)


def _check_side(path: Path, graph: OnnxGraph) -> int:
    """Return the side of the input in pixels; refuse other models."""
    inputs, outputs = list(graph.inputs.values()), list(graph.outputs.values())
    shapes = f"inputs {inputs}, first output {outputs[0] if outputs else 'none'}"
    side = inputs[0][-1] if len(inputs) == 1 and inputs[0] else 0
    if not outputs or side < 32 or inputs != [(1, 3, side, side)] or outputs[0] != (1, 1, side, side):
        raise UserError(f"{path}: {shapes}; {_EXPECTED}")
    return side
