"""The verbs of the command, with the arguments of those that take few."""

from collections.abc import Callable
from pathlib import Path

from avseg.cli.arguments import annotate, compare, data, predict, train, weights
from avseg.cli.arguments.parser import Commands, add_verb
from avseg.config.paths import experiment_names
from avseg.tables.published import FAMILIES, GRADES, SETTINGS

_DEMO_EPILOG = """\
examples:
  avseg demo                  create a toy MS3 set, train, evaluate with the controls, predict on a video
  avseg demo short            the same steps with few clips, in a minute: does everything run?
  avseg demo listening        show that TPAVI uses the sound, and that the frame scope resolves it in time
  avseg demo cutouts          the same workflow on real cut-outs with real sounds (after `avseg data cutouts`)
"""
_EVALUATE_EPILOG = """\
examples:
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123
  avseg evaluate checkpoint=best.ckpt split=val root=data/AVSBench/Multi-sources out=scores
  avseg evaluate checkpoint=avsegformer_pvt_ms3 root=data/AVSBench/Multi-sources
  avseg evaluate checkpoint=outputs/demo/RUN/seed=123 model.score.unit=segment model.aggregation.mode=argmax rate=5

keys: checkpoint (a run, a file, published weights or hf:owner/name), split (train, val, test),
root (another data folder), batch_size, num_workers, packed, packed_audio (`avseg data pack`), out,
videos_per_group (test batch of the official F-score; 0 = the whole split), trainer (cpu, gpu, ddp);
long videos: rate (frames per second), model.score.*, model.aggregation.*, model.smoothing.* (as in training)
"""
_REPRODUCE_EPILOG = """\
examples:
  avseg reproduce table_a1 --dry-run              lists the jobs, and how long they will take
  avseg reproduce table_a1 --seeds 1,2,3          mean and deviation over three seeds
  avseg reproduce table_a2 logger=wandb_offline   overrides for all jobs
  avseg reproduce table_a2 experiment=table_a2_long trainer.max_epochs=60
                                                  overrides that change results need a name of their own
  avseg reproduce my_tables/heads                 a folder with a sweep.yaml and a published.csv

the same command again runs only what is not complete. The table is in outputs/TABLE/table:
results.csv, comparisons.csv, table.md, table.tex and a plot.
exit code 1: some jobs are not complete; the table shows the others.
"""
_STATUS_EPILOG = """\
examples:
  avseg status                  the experiments under outputs, with counts
  avseg status table_a1         a line per job; a failed one with its log
  avseg status table_a1 --seeds 1,2,3

states: complete; changed (complete, but its data or weights have changed since: see `avseg train --help`, --rerun);
running; failed (also: diverged); interrupted; missing
"""
_LEADERBOARD_EPILOG = """\
examples:
  avseg leaderboard --setting ms3 --family per-frame
  avseg leaderboard --setting s4 --grade A B --runs outputs
  avseg leaderboard --out numbers.md

families: per-frame (AVSBench's own J and F), whole-set (one confusion matrix over the split), long-video (LU-AVS),
unclear; each has a table of its own, because the same weights differ by 17 points between the first two.
grades: A the method's own repository or paper, B another author's table, C secondary notes, D abstract of the paper,
U from memory or a user's result; C and U are marked as not verified.
Runs on the published test set are ranked among the others, runs on other data come last and are marked.
"""
_REPORT_EPILOG = """\
examples:
  avseg report outputs/demo/RUN/seed=123
  avseg report outputs/demo/RUN/seed=123 --clips 20 --out report_of_my_run

report.html is one file that needs no network; its pictures are next to it: training.png, categories.png (J by
category), f_curve.png (F by threshold under every sound), controls.png (J lost under each control, with intervals and
tests), failures/ (the clips with the lowest J). Only the last ones need the weights and the data.
"""
_DASHBOARDS_EPILOG = """\
examples:
  avseg dashboards                                          writes dashboards/workspace.json, needs no login
  avseg dashboards --entity lab --project avseg --save      uploads it as a saved view
  avseg dashboards --experiment table_a1 --data avsbench_s4 --save
  avseg dashboards --sweep table_a1 --out sweep.yaml data.root=/data/AVSBench
"""
_CONVERT_EPILOG = """\
examples:
  avseg convert MS3_R50_best.pth --out ms3.ckpt data=avsbench_ms3 backbone=resnet50 audio.weights=vggish-10086976.pth
  avseg convert avsegformer_pvt_ms3 --out avsegformer.ckpt
  avseg convert outputs/demo/RUN/seed=123 --out official.pth

A file of official names becomes a checkpoint that evaluate and predict read; its model is described by overrides, as
for train, and known for published weights (`avseg weights`). A run or a checkpoint of avseg becomes a file of official
names (.pth or .safetensors).
"""
_BENCH_EPILOG = """\
the benchmarks are part of the source, not of the installed package: run it in a clone.
examples:
  avseg bench                                     everything: several minutes
  avseg bench --only train parts --repeats 9
  avseg bench --small                             tiny sizes: only checks that the benchmarks run
"""


def _add_demo(commands: Commands) -> None:
    summary = "the complete workflow on synthetic data, in minutes"
    description = "Run the complete workflow on synthetic data, up to a score table and a video with sound."
    add = add_verb(commands, "demo", summary, description, _DEMO_EPILOG).add_argument
    add("which", nargs="?", choices=("main", "short", "listening", "cutouts"), default="main", help="default: main")
    add("--out", type=Path, default=Path("outputs"), help="folder of runs; default: outputs")
    add("--data", type=Path, default=Path("data"), help="folder of data sets; default: data")


def _add_evaluate(commands: Commands) -> None:
    summary = "score a run with the controls"
    description = "Score a run or a checkpoint, with the controls that show whether it uses the sound."
    parser = add_verb(commands, "evaluate", summary, description, _EVALUATE_EPILOG)
    parser.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="Hydra overrides")


def _add_reproduce(commands: Commands) -> None:
    summary = "run a published table and show ours next to the paper's"
    description = "Run the missing jobs of a published table, then show our numbers next to the paper's."
    add = add_verb(commands, "reproduce", summary, description, _REPRODUCE_EPILOG).add_argument
    add("table", metavar="TABLE", help=f"{', '.join(experiment_names())}, or a folder")
    add("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="Hydra overrides for all jobs")
    add("--seeds", metavar="N,N,...", help="default: those of the table")
    add("--dry-run", action="store_true", help="list the jobs and start none")
    add("--rerun", action="store_true", help="archive and repeat the runs whose data, weights or plugins have changed")
    add("--no-run", action="store_true", help="write the table of the complete runs, and start no job")
    add("--jobs", type=int, metavar="N", help="maximum number of jobs at a time; default: as many as fit")
    add("--out", type=Path, help="folder of runs; default: outputs")


def _add_status(commands: Commands) -> None:
    summary = "the jobs that are complete, running, failed or missing"
    description = "Show the jobs of a table, or the runs of any experiment: complete, running, failed or missing."
    add = add_verb(commands, "status", summary, description, _STATUS_EPILOG).add_argument
    add("experiment", nargs="?", metavar="EXPERIMENT", help="default: all under outputs, as counts")
    add("--seeds", metavar="N,N,...", help="of a table; default: its own and those that were started")
    add("--out", type=Path, default=Path("outputs"), help="folder of runs; default: outputs")


def _add_leaderboard(commands: Commands) -> None:
    summary = "the field's published numbers, and your runs among them"
    description = "Print published numbers of AVS methods with their evidence, a table per family of metrics."
    add = add_verb(commands, "leaderboard", summary, description, _LEADERBOARD_EPILOG).add_argument
    add("--setting", choices=tuple(SETTINGS), help="default: all")
    add("--family", choices=tuple(FAMILIES), help="of metrics; default: all, a table each")
    add("--grade", choices=tuple(GRADES), nargs="+", help="of the evidence; default: all")
    add("--runs", type=Path, metavar="DIR", help="folder of your runs; default: outputs")
    add("--format", choices=("table", "md", "csv"), help="of what is printed; default: table")
    add("--out", type=Path, metavar="FILE", help="write a .md or .csv file instead")


def _add_report(commands: Commands) -> None:
    summary = "a run as one HTML file: curves, categories, controls, worst clips"
    description = "Write a run as one HTML file that opens from disk, with its pictures next to it."
    add = add_verb(commands, "report", summary, description, _REPORT_EPILOG).add_argument
    add("run_directory", type=Path, metavar="RUN", help="a run directory, complete or not")
    add("--out", type=Path, metavar="DIR", help="folder to write; default: report, in the run directory")
    add("--clips", type=int, default=8, metavar="N", help="worst clips to show; default: 8")
    add("--device", default="auto", help="for the worst clips: cpu, cuda, ...; default: a GPU if there is one")


def _add_dashboards(commands: Commands) -> None:
    summary = "the wandb workspace as code, and published tables as wandb sweeps"
    description = "Write the wandb workspace from code, or a published table as wandb sweeps."
    add = add_verb(commands, "dashboards", summary, description, _DASHBOARDS_EPILOG).add_argument
    add("--entity", default="", help="user or team at wandb; default: your own")
    add("--project", default="avseg", help="default: avseg")
    add("--experiment", help="show only the runs of this experiment")
    add("--data", help="show only the runs on this data set")
    add("--out", type=Path, help="file to write; default: dashboards/workspace.json")
    add("--save", action="store_true", help="upload to wandb; needs a login")
    add("--view", metavar="URL", help="with --save: the saved view to replace; default: a new one")
    add("--sweep", metavar="TABLE", help="write this table as a wandb sweep instead")
    add("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="with --sweep: Hydra overrides for every job")


def _add_convert(commands: Commands) -> None:
    summary = "official weights to ours and back"
    description = "Convert official weights to an avseg checkpoint, and back."
    parser = add_verb(commands, "convert", summary, description, _CONVERT_EPILOG)
    parser.add_argument("source", help="official weights, a file or a published name; or a run or checkpoint of avseg")
    parser.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="the model of official weights")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")


def _add_bench(commands: Commands) -> None:
    summary = "speed and memory relative to the published implementations"
    description = "Measure speed and memory as ratios to a plain form of the published method."
    add = add_verb(commands, "bench", summary, description, _BENCH_EPILOG).add_argument
    add(
        "--only",
        nargs="+",
        metavar="PART",
        help="such as train or clips; an unknown one lists them (default: all)",
    )
    add("--repeats", type=int, default=5, help="rounds for each comparison (default: 5)")
    add("--out", type=Path, default=Path("outputs/benchmarks"), help="folder to write (default: outputs/benchmarks)")
    add("--small", action="store_true", help="tiny sizes: only checks that the benchmarks run")
    # the ratios of several threads depend on the other load of the machine
    add("--threads", type=int, default=1, help="CPU threads (default: 1, the most stable ratios)")


# functions that add the arguments of a verb, in the order of the help
VERBS: dict[str, Callable[[Commands], None]] = {
    "demo": _add_demo,
    "train": train.add_parser,
    "reproduce": _add_reproduce,
    "status": _add_status,
    "leaderboard": _add_leaderboard,
    "report": _add_report,
    "dashboards": _add_dashboards,
    "evaluate": _add_evaluate,
    "predict": predict.add_parser,
    "compare": compare.add_parser,
    "data": data.add_parser,
    "annotate": annotate.add_parser,
    "weights": weights.add_parser,
    "convert": _add_convert,
    "bench": _add_bench,
}
