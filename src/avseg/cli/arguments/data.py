"""Arguments of `avseg data` and its subverbs."""

import argparse
from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb
from avseg.cli.arguments.shards import SHARD_EPILOG, add_shards
from avseg.data.setting import SETTINGS, SPLITS

_EPILOG = """\
examples:
  avseg data toy --out data/toy --setting ms3 --train 200 --val 40 --test 40
  avseg data toy --out data/toy_lu_avs --setting lu_avs --train 30 --val 8 --test 8
  avseg data cutouts --out data/cutouts
  avseg data compose --cutouts data/cutouts --out data/composed --setting ms3 --size 96
  avseg data prepare my_videos --out data/mine
  avseg data pack data/toy --setting ms3 --size 64
  avseg data check data/AVSBench
  avseg data stats data/toy --picture toy.png
  avseg data help
"""
_TOY_EPILOG = """\
example:
  avseg data toy --out data/toy --setting ms3 --sounding second --train 400 --val 50 --test 50
  avseg train data=avsbench_ms3 data.root=data/toy
"""
_COMPOSE_EPILOG = """\
each cut-out is a pair of files with the same stem: X.png with an alpha channel and X.wav, X.ogg or X.flac.
example:
  avseg data compose --cutouts data/cutouts --out data/composed --setting ms3 --classes dog violin owl
"""
_CUTOUTS_EPILOG = """\
the art is under GPL-2 and stays out of the repository. Needs apt-get (Debian, Ubuntu) or the package file.
example:
  avseg data cutouts --out data/cutouts --deb tuxpaint-stamps-default_2022.06.04-1_all.deb
"""
_PREPARE_EPILOG = """\
examples:
  avseg data prepare my_videos --out data/mine
  avseg data prepare s4_data/raw_videos --setting s4 --index s4_meta_data.csv --out data/Single-source

Your own videos, in any container and at any depth, become consecutive clips of 5 seconds in the layout of MS3, without
masks. AVSBench videos are found as {split}/{category}/{name}.mp4 or {name}.mp4; put the released gt_masks next to the
result.
For each second it writes one png by AVSBench's rule (frame int(l r + 15 r / 16) of second l, r = rounded frame rate),
resized as by cv2; a 16 kHz mono wav, the mean of all channels; log-mel patches, the last one repeated where the sound
is short. prepare.json records the options, report.json the properties, notes and failures of each file.
The same command again only adds what is missing. Exit code 1 if a video failed.
"""
_PACK_EPILOG = """\
writes ROOT/packed/SPLIT-SIZE. Training and evaluation read it from then on, with the same numbers as from the files;
data.packed=false reads the files. A pack is refused, never ignored, once a file has changed or a byte is damaged.
examples:
  avseg data pack data/AVSBench/Multi-sources --setting ms3
  avseg data pack data/AVSBench/Single-source --setting s4 --embeddings download --seeds 123 124
  avseg data pack data/AVSBench/Multi-sources --setting ms3 --verify
"""
_CHECK_EPILOG = """\
exit code: 0 complete and valid, 1 findings, 2 the command itself is wrong.
examples:
  avseg data check data/AVSBench                       every data set below, one screen each
  avseg data check data/LU-AVS --setting lu_avs --json lu_avs.json
  avseg data check data/AVSBench/Semantic --ignore 'stray pixels' 'stray colour'
"""
_STATS_EPILOG = """\
examples:
  avseg data stats data/AVSBench/Multi-sources --picture ms3.png --json ms3.json
  avseg data stats data/AVSBench/Single-source --figure categories examples --out figures

figures of the AVS paper's supplementary, as PNG and PDF: categories_SETTING (Figure A1: a bar per category with its
count; MS3 names no categories), examples_SETTING (Figure A2: clips of each split, their annotated seconds framed)
"""
_HELP_EPILOG = """\
examples:
  avseg data help          all data sets
  avseg data help s4
"""


def add_parser(commands: Commands) -> None:
    """Add the verb with its subverbs."""
    parser = add_verb(commands, "data", "create, convert, pack and check data sets", epilog=_EPILOG)
    subverbs = parser.add_subparsers(dest="subverb", metavar="SUBVERB", required=True)
    _add_toy(subverbs)
    _add_compose(subverbs)
    _add_cutouts(subverbs)
    _add_prepare(subverbs)
    _add_pack(subverbs)
    _add_check(subverbs)
    _add_stats(subverbs)
    _add_help(subverbs)


def _add_toy(subverbs: Commands) -> None:
    summary = "coloured shapes that sound; generated in seconds"
    parser = add_verb(subverbs, "toy", summary, epilog=_TOY_EPILOG, run="avseg.cli.data_synthetic:run_toy")
    _add_synthetic(parser, size=64)
    parser.add_argument("--kinds", type=int, default=8, help="number of object classes, 6 to 12; default: 8")


def _add_compose(subverbs: Commands) -> None:
    summary = "cut-out images with sound files, moving over backgrounds"
    parser = add_verb(subverbs, "compose", summary, epilog=_COMPOSE_EPILOG, run="avseg.cli.data_synthetic:run_compose")
    add = parser.add_argument
    add("--cutouts", type=Path, required=True, help="folder of cut-outs and sounds")
    _add_synthetic(parser, size=224)
    add("--backgrounds", type=Path, help="folder of photos; default: drawn backgrounds")
    add("--classes", nargs="+", metavar="NAME", help="use only these classes")
    text = "share of the classes that only the test split contains; default: 0"
    add("--held-out", type=float, default=0.0, metavar="SHARE", help=text)


def _add_cutouts(subverbs: Commands) -> None:
    summary = "obtain about 75 real cut-outs with real sounds (160 MB)"
    parser = add_verb(subverbs, "cutouts", summary, epilog=_CUTOUTS_EPILOG, run="avseg.cli.data_synthetic:run_cutouts")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument("--deb", type=Path, help="the package file, if it has been downloaded already")


def _add_synthetic(parser: argparse.ArgumentParser, size: int) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder to write; must be new or empty")
    add("--setting", choices=(*SETTINGS, "lu_avs"), default="ms3", help="default: ms3")
    text = "lu_avs: shortest and longest video; default: 10 20"
    add("--seconds", type=float, nargs=2, default=[10.0, 20.0], metavar=("MIN", "MAX"), help=text)
    add("--hard", type=float, default=0.2, metavar="SHARE", help="lu_avs: videos with boxes alone; default: 0.2")
    text = "not lu_avs: the sounding objects stay the same over the clip, or change each second; default: clip"
    add("--sounding", choices=("clip", "second"), default="clip", help=text)
    add("--size", type=int, default=size, help=f"side of the frames in pixels, shorter one of lu_avs; default: {size}")
    for split, count in (("train", 200), ("val", 40), ("test", 40)):
        add(f"--{split}", type=int, default=count, metavar="N", help=f"clips; default: {count}")
    add("--frames", type=int, default=5, help="per clip: 5, or 10 for avss; default: 5")
    add("--silent-clips", type=float, default=0.04, metavar="P", help="probability; default: 0.04")
    add("--silent-seconds", type=float, default=0.1, metavar="P", help="probability; default: 0.1")
    add("--seed", type=int, default=0, help="default: 0")


def _add_prepare(subverbs: Commands) -> None:
    summary = "convert raw videos to the official layout: frames, sound, log-mel"
    epilog = _PREPARE_EPILOG + SHARD_EPILOG
    parser = add_verb(subverbs, "prepare", summary, epilog=epilog, run="avseg.cli.data_prepare:run")
    add = parser.add_argument
    add("videos", type=Path, metavar="FOLDER", help="folder of the raw videos")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write; may hold masks already")
    add("--setting", default="own", help="own (any videos), s4 or ms3 (AVSBench's, by its index); default: own")
    add("--index", type=Path, metavar="CSV", help="s4, ms3: the official index; default: in FOLDER or above it")
    add("--split", default="test", help="own videos: train, val or test; default: test")
    text = "official (AVSBench's rule), or second (the frame in the middle of each second); default: official"
    add("--frames", default="official", metavar="RULE", help=text)
    add("--size", type=int, default=224, help="side of the frames in pixels; default: 224")
    text = "own videos: length of a clip; readers of AVSBench take its first 5 seconds; default: 5"
    add("--clip-seconds", type=int, default=5, metavar="N", help=text)
    add("--jobs", type=int, metavar="N", help="processes; default: one per core")
    add(
        "--audio-track",
        type=int,
        metavar="N",
        help="of several sound tracks the N-th, from 0; default: the default one",
    )
    add("--allow-damaged", action="store_true", help="prepare the readable part of truncated or damaged files")
    add("--overwrite", action="store_true", help="prepare everything again, also with other options")
    add_shards(parser, "default: in DIR/.prepare")


def _add_pack(subverbs: Commands) -> None:
    summary = "pack a data set, so that clips load many times faster"
    add = add_verb(subverbs, "pack", summary, epilog=_PACK_EPILOG, run="avseg.cli.data_pack:run").add_argument
    add("root", type=Path, metavar="ROOT", help="the data set, as in data.root")
    add("--setting", choices=tuple(SETTINGS), required=True)
    add("--size", type=int, default=224, help="side of the frames, as in data.image_size; default: 224")
    add("--splits", nargs="+", choices=SPLITS, metavar="SPLIT", help="default: all that have clips")
    add("--hop", default="vggish", help="of the log-mel patches, as in audio.hop; default: vggish")
    add("--audio", default="auto", help="auto, wav or log_mel, as in data.audio; default: auto")
    text = "AVSS: colours that belong to no class, error, background or nearest; default: background"
    add("--stray", default="background", help=text)
    text = "also embeddings of a frozen VGGish: its weights file, or download; read with data.packed_audio=embeddings"
    add("--embeddings", metavar="WEIGHTS", help=text)
    text = "with --embeddings: embed the control sounds of runs with these seeds; default: 123"
    add("--seeds", type=int, nargs="+", default=[123], metavar="N", help=text)
    add("--workers", type=int, metavar="N", help="reading processes; default: one per core")
    add("--verify", action="store_true", help="do not pack: read every byte of all packs of ROOT")


def _add_check(subverbs: Commands) -> None:
    summary = "check that a data set is complete and valid"
    epilog = _CHECK_EPILOG + SHARD_EPILOG
    parser = add_verb(subverbs, "check", summary, epilog=epilog, run="avseg.cli.data_check:run_check")
    _add_root(parser)
    add = parser.add_argument
    add("--fix", action="store_true", help="fix what loses no data: leftovers, log-mel files")
    add("--own", action="store_true", help="a set of your own in this layout: no published numbers")
    add("--ignore", nargs="+", default=[], metavar="KIND", help="kinds of findings to leave out")
    add("--show", type=int, default=3, metavar="N", help="findings shown of each kind; default: 3")
    text = "AVSS: smaller spots of a class are stray pixels; default: 10"
    add("--min-pixels", type=int, default=10, metavar="N", help=text)
    add_shards(parser, "must be given: the data set is not written to")


def _add_stats(subverbs: Commands) -> None:
    summary = "count the content of a data set, as a table and a plot"
    parser = add_verb(subverbs, "stats", summary, epilog=_STATS_EPILOG, run="avseg.cli.data_stats:run")
    _add_root(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the plot as a png")
    parser.add_argument("--figure", nargs="+", choices=("categories", "examples"), help="write figures")
    parser.add_argument("--clips", type=int, default=4, metavar="N", help="of the examples, per split; default: 4")
    text = "folder of the figures; default: figures"
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help=text)


def _add_help(subverbs: Commands) -> None:
    summary = "how to obtain a data set, its licence, its folder"
    parser = add_verb(subverbs, "help", summary, epilog=_HELP_EPILOG, run="avseg.cli.data_help:run")
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help="its name; default: list all of them")


def _add_root(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("root", type=Path, metavar="ROOT", help="folder of the set, or one that holds several releases")
    add("--setting", choices=(*SETTINGS, "lu_avs"), help="default: every set found")
    add("--json", type=Path, metavar="FILE", help="write everything as json")
    add("--jobs", type=int, metavar="N", help="processes; default: one per core")
