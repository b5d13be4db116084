"""The model card: a README.md with the metadata of the Hugging Face Hub, written from a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from avseg.metrics.registry import SOUND_TITLES, metric_info
from avseg.sharing.facts import ModelFacts
from avseg.tables.statistics import clip_interval

TAGS = ["audio-visual-segmentation", "sound-localisation", "video-segmentation"]


def write_card(facts: ModelFacts, name: str, licence: str | None) -> str:
    """Write the card of a model that is loaded as `name`, such as "hf:owner/name"."""
    sections = [
        _metadata(facts, licence),
        f"# {facts.title}",
        _summary(facts),
        "## How to use",
        _use(facts, name),
        "## Scores",
        _scores(facts),
        "## Training",
        _training(facts),
        "## Licence",
        _licence(facts, licence),
    ]
    return "\n\n".join(sections) + "\n"


def _metadata(facts: ModelFacts, licence: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = []
    for key, value in facts.result.get("scores", {}).get("own", {}).items():
        if key in ("miou", "fscore"):
            info = metric_info(key)
            data = facts.config.data.name
            split = facts.result["split"]
            score = round(info.scale * value, 2)
            results.append(
                EvalResult("image-segmentation", data, data, key, score, dataset_split=split, metric_name=info.title)
            )
    card = ModelCardData(
        license=licence,
        library_name="avseg",
        pipeline_tag="image-segmentation",
        tags=TAGS,
        model_name=facts.title if results else None,
        eval_results=results or None,
    )
    return f"---\n{card.to_yaml()}\n---"


def _summary(facts: ModelFacts) -> str:
    config = facts.config
    qualities = [f"model `{config.model.name}`"]
    if config.backbone is not None:
        qualities.append(f"backbone `{config.backbone.name}`")
    if config.audio is not None:
        qualities.append(f"sound `{config.audio.name}`")
    text = f"Audio-visual segmentation: marks the pixels of the objects that sound. {', '.join(qualities).capitalize()}"
    return f"{text}, {facts.parameters / 1e6:.1f} million parameters. Trained with avseg on `{config.data.name}`."


def _use(facts: ModelFacts, name: str) -> str:
    needed = [
        f"{plugin['package']} {plugin['version']}".strip() for plugin in facts.manifest.get("plugins", {}).values()
    ]
    plugins = f"It needs the plugin {', '.join(needed)}.\n\n" if needed else ""
    return f"""{plugins}```bash
pip install avseg
avseg predict my_video.mp4 --model {name}
avseg evaluate checkpoint={name} root=DATA_FOLDER
```

```python
import avseg

model = avseg.load("{name}")
for time, probability in avseg.predict(model, "my_video.mp4"):
    ...  # seconds, (H, W) float32
```"""


def _scores(facts: ModelFacts) -> str:
    result = facts.result
    if not result:
        return "Not known: the model was shared from a file, not from a finished run."
    rows = []
    metrics = list(map(metric_info, dict.fromkeys(key for scores in result["scores"].values() for key in scores)))
    for sound, scores in result["scores"].items():
        cells = [SOUND_TITLES.get(sound, sound)]
        for metric in metrics:
            value = scores.get(metric.key)
            cell = "" if value is None else f"{metric.scale * value:.2f}"
            if metric.mean_over_clips and cell:
                cell += _interval(facts, sound, metric.key, metric.scale)
            cells.append(cell)
        rows.append(cells)
    table = _table(["sound", *(metric.heading for metric in metrics)], rows)
    items = f"{result['clips']} clips" if "clips" in result else f"{result['videos']} videos"
    notes = [f"{result['split'].capitalize()} split of `{facts.config.data.name}`: {items}. Per cent."]
    if facts.per_clip:
        notes.append("In brackets the 95 % interval (BCa bootstrap over clips).")
    if len(result["scores"]) > 1:
        notes.append("A model that uses the sound is high in the first row only: the others are controls.")
    if "videos_per_group" in result:
        group = result["videos_per_group"]
        notes.append(f"F is the official one, over {f'groups of {group} videos' if group else 'the whole split'}.")
    return f"{table}\n\n{' '.join(notes)}"


def _interval(facts: ModelFacts, sound: str, key: str, scale: float) -> str:
    column = key if sound == "own" else f"{sound}/{key}"
    values = [float(row[column]) for row in facts.per_clip if row.get(column)]
    if len(values) < 2:
        return ""
    low, high = clip_interval(values)
    return f" [{scale * low:.2f}, {scale * high:.2f}]"


def _training(facts: ModelFacts) -> str:
    config, manifest = facts.config, facts.manifest
    data = f"`{config.data.name}` ({config.data.setting}), frames of {config.data.image_size} pixels"
    if fingerprint := manifest.get("data_fingerprint"):
        data += f", fingerprint `{fingerprint}`"
    rows = [["data", data]]
    if command := manifest.get("command"):
        rows.append(["command", f"`{command}`"])
    rows.append(["seed, epochs, batch", f"{config.seed}, {config.trainer.max_epochs}, {config.data.batch_size}"])
    if config.optimizer is not None:
        rows.append(["optimizer", f"{config.optimizer.target}, learning rate {config.optimizer.lr:g}"])
    rows.append(["initial weights", _initial(manifest.get("init"), config.init.name)])
    if git := manifest.get("git"):
        rows.append(["commit", f"{git['commit']}{' with changes' if git['changed'] else ''}"])
    versions = [f"{name} {version}" for name, version in manifest.get("versions", {}).items() if version]
    if versions:
        rows.append(["versions", ", ".join(versions)])
    if hardware := manifest.get("hardware"):
        devices = ", ".join(hardware["gpus"]) or f"{hardware['cores']} CPU cores"
        rows.append(["hardware", f"{devices}, {manifest.get('wall_seconds', 0):.0f} s"])
    return _table(["", ""], rows)


def _initial(init: Mapping[str, Any] | None, name: str) -> str:
    if not init:
        return name
    source = init.get("name") or init.get("run") or init["checkpoint"]
    return f"{name}: {source}, SHA-256 {init['sha256'][:16]}"


def _licence(facts: ModelFacts, licence: str | None) -> str:
    stated = licence or "Not stated by the author: ask before you use the weights."
    return f"{stated}\n\nThe data set has terms of its own. The code, avseg, is under Apache-2.0."


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
