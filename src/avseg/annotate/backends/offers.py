"""The abilities of the backends, those whose weights are present, and the defaults."""

from collections.abc import Callable
from typing import NamedTuple

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
    Offer("sam2", True, "SAM 2: masks of real things with 1 to 3 clicks; a GPU"),
    Offer("edgetam", True, "EdgeTAM, a small SAM 2; a GPU, or seconds per frame"),
    Offer("sam", True, "SAM, the paper's segmenter; a GPU"),
    Offer("xmem", False, "XMem, the paper's propagator; a GPU"),
)


def is_fetched(name: str) -> bool:
    """True if the published weights of a backend are in the cache folder."""
    record = published().get(name)
    return record is not None and record.fetched


def automatic_weights(has_gpu: Callable[[], bool]) -> dict[str, str]:
    """Return the backends to use when none is named, with their weights: those that are fetched, with a GPU.

    Without a GPU they take seconds per frame, so they have to be asked for. `has_gpu` is called only if one is fetched.
    """
    chosen: dict[bool, str] = {}
    for offer in OFFERS:
        if is_fetched(offer.name):
            chosen.setdefault(offer.draws, offer.name)
    if not chosen or not has_gpu():
        return {}
    return {name: name for name in chosen.values()}


def describe_backends(segmenter: str, propagator: str) -> list[dict[str, str]]:
    """List all backends for the page: name, title, state and the command that makes each available."""
    rows = []
    for offer in OFFERS:
        used = offer.name == (segmenter if offer.draws else propagator)
        light = offer.name in ("light", "flow")
        state = "in use" if used else "ready" if light or is_fetched(offer.name) else "not fetched"
        command = f"avseg annotate FOLDER --backend {offer.name}"
        if state == "not fetched":
            command = f"avseg weights fetch {offer.name}"
        rows.append({"name": offer.name, "title": offer.title, "state": state, "command": "" if used else command})
    return rows
