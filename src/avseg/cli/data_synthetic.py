"""Run `avseg data toy`, `compose` and `cutouts`: generate data sets in the layouts of AVSBench and LU-AVS."""

from argparse import Namespace

from rich.table import Table

from avseg.cli.console_table import new_table
from avseg.cli.data_common import progress_bar, recorded_options
from avseg.data.avsbench.writer import write_set
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import SplitTotals, write_release
from avseg.data.setting import SPLITS
from avseg.data.synthetic.background import draw_background, photo_background
from avseg.data.synthetic.composer import CutoutCast
from avseg.data.synthetic.cutouts import obtain_cutouts
from avseg.data.synthetic.generate import SyntheticClipConfig
from avseg.data.synthetic.oracle import BlindScores
from avseg.data.synthetic.schedule import ScheduleRules
from avseg.data.synthetic.toy import ToyCast
from avseg.utils.console import new_console
from avseg.utils.names import printable

# options that do not determine the data are not recorded in generator.json
_NOT_RECORDED = ("run", "verb", "debug", "plugin", "out")
_ONLY_CLIPS = ("sounding", "frames", "silent_clips", "silent_seconds")
_ONLY_VIDEOS = ("seconds", "hard")  # options of long videos alone


def run_toy(arguments: Namespace) -> int:
    """Generate coloured shapes that sound."""
    cast = ToyCast(arguments.kinds)
    if arguments.setting == "lu_avs":
        return _write_videos(arguments, SyntheticVideoConfig(cast, *_video_options(arguments)))
    return _write_clips(arguments, SyntheticClipConfig(cast, *_clip_options(arguments)))


def run_compose(arguments: Namespace) -> int:
    """Compose clips of cut-outs and sound files."""
    cast = CutoutCast(arguments.cutouts, arguments.classes, arguments.held_out, arguments.seed)
    background = photo_background(arguments.backgrounds) if arguments.backgrounds else draw_background
    if arguments.setting == "lu_avs":
        options = _video_options(arguments)
        videos = SyntheticVideoConfig(cast, *options, object_sizes=(0.25, 0.45), background=background)
        return _write_videos(arguments, videos)
    clips = SyntheticClipConfig(cast, *_clip_options(arguments), object_sizes=(0.35, 0.6), background=background)
    return _write_clips(arguments, clips)


def run_cutouts(arguments: Namespace) -> int:
    """Download cut-outs, or unpack them from a package file."""
    console = new_console()
    with console.status("fetching and unpacking the cut-outs"):
        classes = obtain_cutouts(arguments.out, arguments.deb)
    count = sum(map(len, classes.values()))
    print(printable(f"{count} cut-outs of {len(classes)} classes in {arguments.out} (GPL-2: do not commit them)"))
    return 0


def _clip_options(arguments: Namespace) -> tuple[ScheduleRules, int, int, int]:
    rules = ScheduleRules(arguments.setting, arguments.sounding, arguments.silent_clips, arguments.silent_seconds)
    return rules, arguments.size, arguments.frames, arguments.seed


def _video_options(arguments: Namespace) -> tuple[int, tuple[float, float], float, int]:
    shortest, longest = arguments.seconds  # argparse returns a list
    return arguments.size, (shortest, longest), arguments.hard, arguments.seed


def _split_counts(arguments: Namespace) -> dict[str, int]:
    return {split: getattr(arguments, split) for split in SPLITS}


def _write_clips(arguments: Namespace, config: SyntheticClipConfig) -> int:
    """Write the clips and print the scores that a model without sound can reach."""
    counts = _split_counts(arguments)
    options = recorded_options(arguments, (*_NOT_RECORDED, *_ONLY_VIDEOS))
    console = new_console()
    with progress_bar("generating clips", console) as progress:
        task = progress.add_task("", total=sum(counts.values()))
        scores = write_set(arguments.out, config, counts, options, lambda: progress.advance(task))
    console.print(_scores_table(scores, counts))
    print(printable(f"written: {arguments.out} (sounding objects: events.csv; this table: oracle.json)"))
    return 0


def _scores_table(scores: dict[str, BlindScores], counts: dict[str, int]) -> Table:
    columns = ("split", "clips", "frames", "silent", "oracle", "drawn", "all", "biggest", "none")
    table = new_table("mIoU that can be reached without hearing (%)", columns, ("split",))
    for split, score in scores.items():
        row = [split, str(counts[split]), str(score.frames)]
        row += [_percent(score.silent_share), _percent(score.oracle), _percent(score.oracle_drawn)]
        row += [_percent(score.everything), _percent(score.biggest), _percent(score.nothing)]
        table.add_row(*row)
    return table


def _write_videos(arguments: Namespace, config: SyntheticVideoConfig) -> int:
    counts = _split_counts(arguments)
    options = recorded_options(arguments, (*_NOT_RECORDED, *_ONLY_CLIPS))
    console = new_console()
    with progress_bar("generating videos", console) as progress:
        task = progress.add_task("", total=sum(counts.values()))
        totals = write_release(arguments.out, config, counts, options, lambda: progress.advance(task))
    console.print(_totals_table(totals))
    print(printable(f"written: {arguments.out} (sounding objects, silent ones too: events.csv)"))
    return 0


def _totals_table(totals: dict[str, SplitTotals]) -> Table:
    columns = ("split", "videos", "boxes alone", "audible segments", "minutes", "silent %")
    table = new_table("long videos", columns, ("split",))
    for split, total in totals.items():
        row = [split, str(total.videos), str(total.hard), str(total.segments)]
        table.add_row(*row, f"{total.seconds / 60:.1f}", _percent(total.silence / total.seconds))
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
