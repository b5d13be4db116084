"""The abilities of the backends, those whose weights are present, and the defaults."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from avseg.utils.cache import cache_folder
from avseg.weights.registry import published


class Offer(NamedTuple):
    """A backend as the page shows it."""

    name: str
    draws: bool  # masks from points and boxes; otherwise it propagates them
    title: str


OFFERS = (
    Offer("light", True, "EfficientNet-Lite0 features and GrabCut: 30 ms per click on one core"),
    Offer("light", False, "affinity of EfficientNet-Lite0 features: 4 to 6 frames per second on one core"),
    Offer("flow", False, "optical flow and colours, no weights: 20 frames per second, loses small parts"),
    Offer("isnet", True, "ISNet for boxes, light for clicks: whole objects that stand out; 5 s per box on one core"),
    Offer("sam2", True, "SAM 2: masks of real things with 1 to 3 clicks; a GPU"),
    Offer("edgetam", True, "EdgeTAM, a small SAM 2; a GPU, or seconds per frame"),
    Offer("sam", True, "SAM, the paper's segmenter; a GPU"),
    Offer("xmem", False, "XMem, the paper's propagator; a GPU"),
)


def isnet_file() -> Path:
    """Return where users put the ONNX file of ISNet, so that it is used by itself."""
    return cache_folder() / "isnet.onnx"


def is_fetched(name: str) -> bool:
    """True if the weights of a backend are in the cache folder."""
    if name == "isnet":
        return isnet_file().is_file()
    record = published().get(name)
    return record is not None and record.fetched


def cached_weights(name: str) -> str:
    """Return what a backend is built with whose weights are in the cache folder: a path, or the published name."""
    return str(isnet_file()) if name == "isnet" else name


def automatic_weights(has_gpu: Callable[[], bool]) -> dict[str, str]:
    """Return the backends to use when none is named, with their weights: those that are fetched, with a GPU.

    Without a GPU they take seconds per frame, so they have to be asked for; only `isnet` is made for a CPU. `has_gpu`
    is called only if another one is fetched.
    """
    chosen: dict[bool, str] = {}
    for offer in OFFERS:
        if offer.name != "isnet" and is_fetched(offer.name):
            chosen.setdefault(offer.draws, offer.name)
    if chosen and not has_gpu():
        chosen = {}
    if is_fetched("isnet"):
        chosen.setdefault(True, "isnet")
    return {name: cached_weights(name) for name in chosen.values()}


def describe_backends(segmenter: str, propagator: str) -> list[dict[str, str]]:
    """List all backends for the page: name, title, state and the command that makes each available."""
    rows = []
    for offer in OFFERS:
        used = offer.name == (segmenter if offer.draws else propagator)
        light = offer.name in ("light", "flow")
        state = "in use" if used else "ready" if light or is_fetched(offer.name) else "not fetched"
        command = f"avseg annotate FOLDER --backend {offer.name}"
        if state == "not fetched" and offer.name == "isnet":
            command = f"put its ONNX file at {isnet_file()}"
        elif state == "not fetched":
            command = f"avseg weights fetch {offer.name}"
        rows.append({"name": offer.name, "title": offer.title, "state": state, "command": "" if used else command})
    return rows
