"""Arguments of `avseg annotate`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

SEGMENTERS = ("isnet", "sam2", "edgetam", "sam")
PROPAGATORS = ("flow", "xmem")
WITHOUT_WEIGHTS = ("default", "light", "flow")
BACKENDS = ("default", "light", *SEGMENTERS, *PROPAGATORS)

_EPILOG = """\
Opens a page on this machine: the waveform, the audible segments of each object and its masks on one time line. Points,
boxes and a brush make the mask of a frame, a propagation fills the rest of the segment, and the frames that look worst
are listed first for review. Every step is saved at once, in FOLDER/.avseg; undo reaches back to the beginning.

backends: light draws rough masks and propagates them on a CPU; isnet draws those of boxes (weights: its ONNX
file); sam2, edgetam and sam draw masks (weights: a folder or a hub name), xmem propagates them (weights: XMem.pth),
flow is a propagator without weights. The paper's tool is sam and xmem. After `avseg weights fetch NAME` a name needs no
weights; by default fetched ones are used on a GPU, else light.

examples:
  avseg annotate videos
  avseg annotate videos dog.mp4 --backend sam=models/sam-vit-base --backend xmem=XMem.pth
  avseg annotate videos dog.mp4 --backend sam --backend xmem
  avseg annotate videos --audio-branch outputs/lu_avs_audio/seed=123
  avseg annotate videos --headless plan.yaml
  avseg annotate videos dog.mp4 --export lu_avs --out exports/dog
  avseg annotate videos --import lu_avs data/lu_avs
  avseg annotate videos --export lu_avs --merge --out data/ours
  avseg annotate videos --agreement ann bob

a plan, each step an operation; steps that are done are skipped when it is run again:
  - video: dog.mp4
  - add_object: {label: dog}
  - propose: {object: 1}
  - click: {object: 1, frame: 30, points: [[120, 80, 1], [10, 10, 0]]}
  - propagate: {segment: 1}
  - accept: {segment: 1}
  - export: {format: lu_avs, out: "exports/{video}"}
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    summary = "the mask annotation tool: mark what sounds, by hand and by models"
    description = "The mask annotation tool: mark what sounds where and when, on a page, by a plan, or by import."
    add = add_verb(commands, "annotate", summary, description, _EPILOG).add_argument
    add("folder", type=Path, metavar="FOLDER", help="the folder of videos")
    add("videos", nargs="*", default=[], metavar="VIDEO", help="names of videos in it (default: all)")
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    add("--port", type=int, default=0, help="0 = any free one (default: 0)")
    add("--no-browser", action="store_true", help="only print the address")
    backends = f"{', '.join(BACKENDS)}; repeat it to combine one that draws and one that propagates (default: default)"
    add("--backend", action="append", metavar="NAME[=WEIGHTS]", help=backends)
    add("--weights", metavar="PATH", help="weights of a single backend: a folder, a file or a hub name")
    add("--device", help="device of the backends: cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    branch = "a run of model=lu_avs_audio: the page proposes the classes that it hears (G)"
    add("--audio-branch", type=Path, metavar="RUN", help=branch)
    add("--headless", type=Path, metavar="PLAN", help="run a plan (yaml) without a page")
    add("--import", nargs=2, dest="source", metavar=("FORMAT", "SOURCE"), help="add the annotations of a data set")
    add("--export", metavar="FORMAT", help="lu_avs, avsbench, coco, png, csv or eaf; needs --out")
    add("--out", type=Path, metavar="DIR", help="folder of the export; several videos get a folder each")
    add("--audio-track", type=int, metavar="N", help="number of the sound track, from 0 (default: that of the file)")
    merge = "with --export lu_avs, avsbench or coco: one data set of all videos (splits.yaml, classes.yaml)"
    add("--merge", action="store_true", help=merge)
    add("--annotator", metavar="NAME", help="annotate apart from the others; by default all share one annotation")
    add("--cost", action="store_true", help="print objects, segments, clicks and seconds by video and annotator (csv)")
    quality = "print how often the frames to look at were repaired, and the others accepted (csv)"
    add("--quality", action="store_true", help=quality)
    agreement = "print tIoU and IoU of two annotators by segment (csv); 'shared' is the annotation without a name"
    add("--agreement", nargs=2, metavar=("NAME", "NAME"), help=agreement)
    add("--overwrite", action="store_true", help="replace an earlier export in --out")
