"""Segmenters and propagators by name."""

from collections.abc import Callable, Mapping
from typing import Any

from avseg.annotate.protocols import Propagator, Segmenter
from avseg.utils.errors import UserError, nearest

__all__ = ["PROPAGATORS", "SEGMENTERS", "make_propagator", "make_segmenter", "options_of"]


def options_of(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What of the options concerns one backend.

    Args:
        name: the backend; the default one has no options.
        options: for all backends; `weights` may be a mapping from the names of backends, as for SAM beside XMem.
    """
    if name == "default":
        return {}
    weights = options.get("weights")
    return {**options, "weights": weights[name]} if isinstance(weights, Mapping) else dict(options)


def make_segmenter(name: str = "default", **options: Any) -> Segmenter:
    """Builds a segmenter.

    Args:
        name: "default" (GrabCut: no weights, some 25 ms per click), "sam" or "sam2" (`weights`: a folder or hub name,
            `device`), or "tiny" (random weights, for tests).
        options: of the backend's constructor.

    Raises:
        UserError: an unknown name or option, a package or weights that are missing.
    """
    segmenter: Segmenter = _make("segmenter", SEGMENTERS, name, options)
    return segmenter


def make_propagator(name: str = "default", **options: Any) -> Propagator:
    """Builds a propagator.

    Args:
        name: "default" (optical flow and affinity: no weights, some 15 ms per frame), "xmem" (`weights`: the official
            file, `device`, `short_side`), or "tiny" (random weights, for tests).
        options: of the backend's constructor.

    Raises:
        UserError: an unknown name or option, a package or weights that are missing.
    """
    propagator: Propagator = _make("propagator", PROPAGATORS, name, options)
    return propagator


def _make(kind: str, known: dict[str, Callable[..., Any]], name: str, options: dict[str, Any]) -> Any:
    if name not in known:
        raise UserError(f"{kind}: '{name}' is unknown{nearest(name, known)}; choose {', '.join(known)}")
    try:
        return known[name](**options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise UserError(f"{kind} '{name}': {str(error).split(') ')[-1]}; see `avseg annotate --help`") from error


def _grabcut(**options: Any) -> Segmenter:
    from avseg.annotate.backends.grabcut.segmenter import GrabCut

    return GrabCut(**options)


def _flow(**options: Any) -> Propagator:
    from avseg.annotate.backends.flow.propagator import FlowAffinity

    return FlowAffinity(**options)


def _sam(**options: Any) -> Segmenter:
    from avseg.annotate.backends.sam import Sam

    return Sam(**options)


def _sam2(**options: Any) -> Segmenter:
    from avseg.annotate.backends.sam2 import Sam2

    return Sam2(**options)


def _xmem(**options: Any) -> Propagator:
    from avseg.annotate.backends.xmem import XMemPropagator

    return XMemPropagator.from_file(**options)


def _tiny_segmenter(**options: Any) -> Segmenter:
    from avseg.annotate.backends.tiny import tiny_sam

    return tiny_sam(**options)


def _tiny_propagator(**options: Any) -> Propagator:
    from avseg.annotate.backends.tiny import tiny_propagator

    return tiny_propagator(**options)


# each is imported when it is asked for: OpenCV and transformers are extras
SEGMENTERS: dict[str, Callable[..., Segmenter]] = {
    "default": _grabcut,
    "sam": _sam,
    "sam2": _sam2,
    "tiny": _tiny_segmenter,
}
PROPAGATORS: dict[str, Callable[..., Propagator]] = {"default": _flow, "xmem": _xmem, "tiny": _tiny_propagator}
