"""Export segments for ELAN: an EAF file with one tier per object, time-aligned with the video.

Format: Max Planck Institute for Psycholinguistics, "ELAN Annotation Format", schema EAFv3.0.xsd.
"""

import mimetypes
import os
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np

from avseg.annotate.export.source import ExportSource

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
TYPE = "audible segment"


def write(folder: Path, source: ExportSource) -> None:
    """Write `{video}.eaf`; with the video next to it, ELAN opens both.

    Boundaries are whole milliseconds: the first one at which the frame is shown, so that looking up the frame at that
    time returns the same frame.
    """
    ET.register_namespace("xsi", XSI)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "avseg annotate",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{XSI}}}noNamespaceSchemaLocation": SCHEMA,
        },
    )
    _add_header(root, source)
    _add_tiers(root, source, _add_time_slots(root, source))
    linguistic_type = {"LINGUISTIC_TYPE_ID": TYPE, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ET.SubElement(root, "LINGUISTIC_TYPE", linguistic_type)
    ET.indent(root)
    ET.ElementTree(root).write(folder / f"{source.video_id}.eaf", encoding="UTF-8", xml_declaration=True)


def milliseconds(source: ExportSource, frame: int) -> int:
    """Return the first whole millisecond at which a frame (or the end of the video) is reached."""
    # rounded first: 1.0000000001 ms must not become 2 ms
    return int(np.ceil(round(float(source.video.index.edges()[frame]) * 1000, 3)))


def _add_header(root: ET.Element, source: ExportSource) -> None:
    name = source.video.path.name
    if not name.isprintable():  # XML has no line breaks and stray bytes in names
        name = quote(os.fsencode(name))
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    mime_type = mimetypes.guess_type(name)[0] or "video/mp4"
    media = {"MEDIA_URL": f"./{name}", "MIME_TYPE": mime_type, "RELATIVE_MEDIA_URL": f"./{name}"}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    last_id = ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    last_id.text = str(len(source.segments))


def _add_time_slots(root: ET.Element, source: ExportSource) -> dict[tuple[int, int], str]:
    """Add all boundaries in order of time; return their ids by segment id and side (0 = start, 1 = end)."""
    order = ET.SubElement(root, "TIME_ORDER")
    boundaries = []
    for segment in source.segments:
        boundaries.append((milliseconds(source, segment.start), segment.id, 0))
        boundaries.append((milliseconds(source, segment.end), segment.id, 1))
    slots: dict[tuple[int, int], str] = {}
    for index, (time, segment_id, side) in enumerate(sorted(boundaries), 1):
        slots[segment_id, side] = f"ts{index}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{index}", "TIME_VALUE": str(time)})
    return slots


def _add_tiers(root: ET.Element, source: ExportSource, slots: dict[tuple[int, int], str]) -> None:
    for object_id, item in source.objects.items():
        attributes = {"LINGUISTIC_TYPE_REF": TYPE, "TIER_ID": f"{object_id} {item.name or item.label}"}
        tier = ET.SubElement(root, "TIER", attributes)
        for index, segment in enumerate(source.segments, 1):
            if segment.object_id != object_id:
                continue
            attributes = {
                "ANNOTATION_ID": f"a{index}",
                "TIME_SLOT_REF1": slots[segment.id, 0],
                "TIME_SLOT_REF2": slots[segment.id, 1],
            }
            annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", attributes)
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = item.label
