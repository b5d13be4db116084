"""Arguments of `avseg compare`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg compare tpavi=outputs/demo/RUN/seed=123 other=their_masks/ --data data=toy_ms3
  avseg compare ours=outputs/a1/RUN/seed=1 avsegformer=avsegformer_pvt_ms3 --root data/AVSBench/Multi-sources

a method is a run, a checkpoint, published weights (`avseg weights`), hf:owner/name, or a folder of masks: palette,
black-and-white or grey PNG; soft maps as PNG of 8 or 16 bit, npz or npy, a file per frame (h, w) or per clip (T, h, w).
Known names are those of AVSBench and of `avseg predict`; --pattern gives others, without or with the method's name:
  --pattern 'other={category}/{name}/{name}_{number}.png'
fields: {name}, {category}, {split}, {subset}, {number} (of the frame, from 1), {index} (from 0, such as {index:05d})

writes to DIR: table.md, .tex, .png, .pdf; scores.csv, tests.csv, categories.csv, per_clip.csv; comparison.json;
panels/CLIP.png and .pdf, panels/figure.png and .pdf with all of them; videos/CLIP.mp4 with all methods and the sound;
page.html, one file to flip through all clips and sort them by any column
Masks that are missing or unreadable are refused unless --allow-missing counts them as empty; other sizes are resized.
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    summary = "several methods on one split: table, panels, video, page"
    description = "Compare runs, published weights and folders of masks on one split."
    parser = add_verb(commands, "compare", summary, description, _EPILOG)
    add = parser.add_argument
    add(
        "methods",
        nargs="+",
        metavar="NAME=SOURCE",
        help="a name of your choice, and a run, weights or a folder of masks",
    )
    data = "data and its options, such as data=toy_ms3; repeatable (default: that of the first run)"
    add("--data", action="append", default=[], metavar="KEY=VALUE", help=data)
    add("--root", metavar="DIR", help="folder of the data set")
    add("--split", choices=("train", "val", "test"), default="test", help="default: test")
    add("--out", type=Path, default=Path("outputs/comparison"), metavar="DIR", help="default: outputs/comparison")
    add("--pattern", action="append", default=[], metavar="[NAME=]PATTERN", help="file names of masks; repeatable")
    add("--allow-missing", action="store_true", help="count missing and unreadable masks as empty")
    group = "test batch of the official F-score for all methods; 0 = the whole split (default: that of the runs, or 4)"
    add("--videos-per-group", type=int, metavar="N", help=group)
    add("--save-masks", action="store_true", help="also write the soft maps of the runs, as PNG of 16 bit")
    show = "clips of panels and videos: an id, disagreement[:N], gain[:N] or random[:N]; repeatable (default: "
    show += "disagreement:4); gain is J of the last method minus J of the first"
    add("--show", action="append", metavar="CLIPS", help=show)
    add("--seed", type=int, default=0, help="of --show random; default: 0")
    add("--no-pictures", action="store_true", help="no panels and videos")
    add("--published", action="store_true", help="also published numbers of S4 or MS3, with source, grade and family")
    add("--no-page", action="store_true", help="no page.html")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps, ... (default: auto)")
