"""Videos whose frames and masks contain their numbers, and documents of them."""

import numpy as np

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.document.rle import encode
from avseg.annotate.media.video import open_reader
from tests.media.make_video import make_video, read_number

SIZE = (64, 96)
B_FRAMES = {"bf": "3", "g": "50", "b_strategy": "0"}
GAPS = np.cumsum([0, *np.random.default_rng(8).choice([0.02, 0.04, 0.05, 0.12], 149)]).round(3).tolist()
KINDS = {
    "constant.mp4": {"rate": 25, "options": B_FRAMES},
    "varying.mkv": {"times": GAPS, "options": B_FRAMES, "sound": "flac"},
}


def open_numbered_video(folder, kind="constant.mp4", frames=150, **changes):
    return open_reader(make_video(folder / kind, frames=frames, **{**KINDS[kind], **changes}))


def facts(reader):
    return VideoFacts(reader.path.name, reader.frames, reader.fps, reader.height, reader.width)


def drawn_mask(image):
    """Return the white pixels of an image: its number."""
    mask = image.mean(-1) > 125
    mask[SIZE[0] // 3 - 1 :] = False
    return mask


def number_of(mask):
    """Return the number in a mask."""
    return read_number(np.repeat(np.asarray(mask, np.uint8)[..., None] * 255, 3, 2))


def ops(document, *rows):
    return [document.do(row) for row in rows]


def add_object(document, label, *spans, name=None):
    """Add an object with segments and return its id."""
    op = {"op": "add_object", "label": label} | ({"name": name} if name else {})
    number = document.do(op).object_id
    for start, end in spans:
        document.do({"op": "add_segment", "object": number, "start": start, "end": end})
    return number


def set_mask(document, object, frame, mask):
    row = {"op": "set_mask", "object": object, "frame": frame, "mask": encode(mask), "source": "brush"}
    document.do(row)


def rectangle(top, left, height, width, size=SIZE):
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def blank(reader, folder=None):
    return Document(facts(reader), folder)


def annotations_of(document):
    """Return objects by label and name with segments and masks: the content that an export must keep."""
    rows = []
    for object in document.objects.values():
        spans = sorted((span.start, span.end) for span in document.segments.values() if span.object_id == object.id)
        masks = {
            frame: mask.tobytes()
            for start, end in spans
            for frame in range(start, end)
            if (mask := document.mask(object.id, frame)) is not None and mask.any()
        }
        rows.append((object.label, object.name, spans, masks))
    return sorted(rows, key=repr)
