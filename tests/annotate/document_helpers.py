"""Documents, masks and random operations for the tests of the annotation tool."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.document.rle import encode
from avseg.utils.errors import UserError
from tests.fresh_process import FreshProcess

FACTS = VideoFacts("film.mp4", frames=24, fps=25.0, height=6, width=8)


def refusal(call: Callable[[], object]) -> str | None:
    """The one line in which something was refused; None if it was not."""
    try:
        call()
    except UserError as error:
        lines = str(error).splitlines()
        return lines[0] if len(lines) == 1 else pytest.fail(f"more than one line: {lines}")
    return None


def killed(function: Callable[[Path], None], folder: Path, lines: int) -> int:
    """Kill a function in a new process as it writes its n-th line; return the number in the last whole one."""
    process = FreshProcess(function, folder)
    deadline = time.monotonic() + 120
    while process.running and process.out.count("\n") < lines and time.monotonic() < deadline:
        time.sleep(0.001)
    if process.running:
        process.send_signal(signal.SIGKILL)
    ended = process.end()
    whole = ended.out.split("\n")[:-1]
    assert len(whole) >= lines, ended.err
    assert ended.code == -signal.SIGKILL, ended.err
    return int(whole[-1])


def document(folder: Path | None = None, facts: VideoFacts = FACTS) -> Document:
    return Document(facts, folder)


def mask(seed: int, facts: VideoFacts = FACTS) -> np.ndarray:
    return np.random.default_rng(seed).random((facts.height, facts.width)) < 0.4


def rle(seed: int, facts: VideoFacts = FACTS) -> dict:
    return encode(mask(seed, facts))


def result(name: int, frame: int, seed: int = 0, facts: VideoFacts = FACTS, **more) -> dict:
    return {"object": name, "frame": frame, "mask": rle(seed, facts), "source": "propagated", **more}


def state_of(doc: Document) -> dict:
    """All there is: the snapshot and every mark, hidden ones too."""
    marks = {(name, frame): mark for name, frames in doc._state.marks.items() for frame, mark in frames.items()}
    seen = doc.snapshot()
    del seen["version"]
    return {"snapshot": seen, "marks": marks}


def fill(doc: Document, segment: int, frames: range, seed: int = 0) -> None:
    """A propagation's results, in two batches."""
    name, run = doc.segments[segment].object_id, doc.version
    rows = [result(name, frame, seed + frame) for frame in frames]
    for batch in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        if batch:
            doc.do({"op": "set_results", "segment": segment, "run": run, "results": batch})


_names = st.sampled_from([1, 1, 1, 2, 3])
_frames = st.integers(0, FACTS.frames - 1)
_edges = st.integers(0, FACTS.frames)
_masks = st.integers(0, 9).map(rle)
_frame_lists = st.lists(_frames, min_size=1, max_size=6)
_points = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(0, 1)).map(list), max_size=2)


def _op(name: str, **values) -> st.SearchStrategy:
    return st.fixed_dictionaries({"op": st.just(name), **values})


# right in form; whether they fit the state is for the document to say
operations = st.one_of(
    _op("add_object", label=st.sampled_from(["dog", "violin"])),
    _op("edit_object", object=_names, label=st.sampled_from(["cat", "owl"])),
    _op("remove_object", object=st.integers(2, 4)),
    _op("add_segment", object=_names, start=_edges, end=_edges),
    _op("add_segment", object=_names, start=st.just(2), end=st.just(12)),
    _op("add_segment", object=_names, start=st.just(14), end=st.just(20)),
    _op("edit_segment", segment=_names, start=_edges),
    _op("edit_segment", segment=_names, end=_edges),
    _op("split_segment", segment=_names, at=_frames),
    _op("merge_segments", segments=st.lists(_names, min_size=2, max_size=2, unique=True)),
    _op("remove_segment", segment=_names),
    _op("move_segment", segment=_names, object=_names),
    _op("set_segment_status", segment=_names, status=st.sampled_from(["open", "accepted", "rejected"])),
    _op("set_prompts", object=_names, frame=_frames, points=_points),
    _op("set_mask", object=_names, frame=_frames, mask=_masks, source=st.sampled_from(["points", "brush", "import"])),
    _op("set_mask", object=st.just(1), frame=_frames, mask=_masks, source=st.just("hand")),
    _op("clear_mask", object=_names, frame=_frames),
    st.builds(
        lambda segment, name, frames, seed: {
            "op": "set_results",
            "segment": segment,
            "results": [result(name, frame, seed) for frame in frames],
        },
        _names,
        _names,
        _frame_lists,
        st.integers(0, 9),
    ),
    _op("accept", object=_names, frames=_frame_lists),
    _op("unaccept", object=_names, frames=_frame_lists),
    _op("set_status", status=st.sampled_from(["open", "done", "skipped"])),
    _op("undo"),
    _op("undo"),
    _op("redo"),
)

# an object that is marked in three frames of a segment and propagated: something for operations to spoil
BEGUN = [
    {"op": "add_object", "label": "dog"},
    {"op": "add_segment", "object": 1, "start": 2, "end": 22},
    *({"op": "set_mask", "object": 1, "frame": frame, "mask": rle(frame), "source": "points"} for frame in (4, 10, 18)),
    {"op": "set_results", "segment": 1, "results": [result(1, frame) for frame in range(2, 22)]},
]
