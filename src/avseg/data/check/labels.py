"""Check that a synthetic AVSS set names as many classes as the official reader demands."""

from collections.abc import Iterator

from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import Finding
from avseg.data.palette import AVSS_CLASSES

ADD_NAMES = "`avseg data check --fix` adds names for the classes that the set does not use"


def check_label_count(layout: Layout) -> Iterator[Finding]:
    """Yield a finding if the file of class names has fewer than 71; nothing for S4 and MS3."""
    if layout.label_file is not None:
        count = len(class_names(layout))
        if count < AVSS_CLASSES:
            text = f"names {count} classes; the official reader demands {AVSS_CLASSES}"
            yield Finding("index", layout.label_file.name, text, ADD_NAMES)
