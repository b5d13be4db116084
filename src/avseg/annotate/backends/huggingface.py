"""Models of `transformers`, from a folder on disk or from the Hugging Face hub."""

from pathlib import Path
from typing import Any

import torch

from avseg.models.lu_avs.presets import quiet
from avseg.utils.errors import UserError


def load(kind: str, model_name: str, weights: str | Path | None, device: str | None) -> tuple[Any, torch.device]:
    """Loads a model in eval mode; no code of the weights' author is run.

    Args:
        kind: the backend's name, for messages.
        model_name: the class in `transformers`.
        weights: a folder with `config.json` and `model.safetensors`, or a hub name "owner/repository".
        device: where to; None for a GPU where there is one.

    Raises:
        UserError: no weights named, the package or the weights are missing, or they do not fit the model.
    """
    if weights is None:
        raise UserError(
            f"segmenter '{kind}': no weights; give weights=FOLDER (config.json, model.safetensors) or a hub name"
        )
    folder = Path(weights).expanduser()
    local = folder.is_dir()
    if folder.is_file():
        raise UserError(
            f"segmenter '{kind}': weights {weights}: is a file; give a folder with config.json and model.safetensors, "
            "or a hub name such as facebook/sam-vit-base"
        )
    if not local and (folder.is_absolute() or str(weights).count("/") != 1):
        raise UserError(
            f"segmenter '{kind}': weights {weights}: no such folder; give one, or a hub name owner/repository"
        )
    try:
        import transformers
    except ImportError as error:
        raise UserError(
            f"segmenter '{kind}' needs the package transformers; install it with: pip install 'avseg[lu_avs]'"
        ) from error
    try:
        with quiet():
            model, report = getattr(transformers, model_name).from_pretrained(
                str(folder if local else weights), local_files_only=local, output_loading_info=True, dtype=torch.float32
            )
    except Exception as error:  # a dozen types, from missing files to broken headers
        reason = str(error).strip().split("\n")[0]
        if reason.startswith("Weights only load failed"):  # torch's advice would run what is in the file
            reason = "it holds more than plain weights, which could run code, so it was not loaded"
        raise UserError(f"segmenter '{kind}': {weights} cannot be read ({reason}); download it again") from error
    if report["missing_keys"] or report["mismatched_keys"]:
        wrong = sorted([*report["missing_keys"], *(str(entry[0]) for entry in report["mismatched_keys"])])
        raise UserError(
            f"segmenter '{kind}': {weights} is no {model_name}, {len(wrong)} of its parameters are missing or of "
            f"another size ({', '.join(wrong[:2])}, ...); give weights of this model"
        )
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return model.eval().to(place), place
