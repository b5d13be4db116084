"""Read the side data of decoded frames without keeping the frames in memory.

PyAV's `frame.side_data` and its frame refer to each other, so that a frame whose side data was read stays until the
garbage collector comes, which may be hundreds of frames later. A container of our own refers to the frame only.
"""

from av.frame import Frame
from av.sidedata.sidedata import SideDataContainer, Type


def read_side_data(frame: Frame, kind: Type) -> bytes:
    """Return a frame's side data of a kind, b"" if it has none."""
    data = SideDataContainer(frame).get(kind)  # type: ignore[call-arg]  # its stub has no such call
    return b"" if data is None else bytes(data)
