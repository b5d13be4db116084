"""Load models of `transformers` from a local folder or from the Hugging Face hub."""

from pathlib import Path
from typing import Any

import torch

from avseg.nn.huggingface import silence_transformers
from avseg.utils.errors import UserError


def load_model(
    backend: str, model_name: str, weights: str | Path | None, device: str | None
) -> tuple[Any, torch.device]:
    """Load a model of `transformers` in eval mode; code that comes with the weights is never executed.

    The weights are a folder with `config.json` and `model.safetensors`, or a hub name "owner/repository".

    Raises:
        UserError: no weights given, missing package or weights, or weights of another model.
    """
    source, local = _resolve(backend, weights)
    try:
        import transformers
    except ImportError as error:
        raise UserError(
            f"segmenter '{backend}' needs the package transformers; install it with: pip install 'avseg[lu_avs]'"
        ) from error
    try:
        with silence_transformers():
            model, report = getattr(transformers, model_name).from_pretrained(
                source, local_files_only=local, output_loading_info=True, dtype=torch.float32
            )
    except Exception as error:  # a dozen types, from missing files to broken headers
        reason = str(error).strip().split("\n")[0]
        if reason.startswith("Weights only load failed"):  # following torch's advice would execute code in the file
            reason = "it contains more than plain weights, which could run code, so it was not loaded"
        raise UserError(f"segmenter '{backend}': {weights} cannot be read ({reason}); download it again") from error
    mismatched = [str(entry[0]) for entry in report["mismatched_keys"]]
    misfits = sorted([*report["missing_keys"], *mismatched])
    if misfits:
        raise UserError(
            f"segmenter '{backend}': {weights} is not a {model_name}: {len(misfits)} of its parameters are missing or "
            f"have another size ({', '.join(misfits[:2])}, ...); give weights of this model"
        )
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return model.eval().to(target), target


def _resolve(backend: str, weights: str | Path | None) -> tuple[str, bool]:
    """Return the folder or hub name, and True if it is a local folder."""
    if weights is None:
        raise UserError(
            f"segmenter '{backend}': no weights; give weights=FOLDER (config.json, model.safetensors) or a hub name"
        )
    path = Path(weights).expanduser()
    if path.is_dir():
        return str(path), True
    if path.is_file():
        raise UserError(
            f"segmenter '{backend}': weights {weights}: is a file; give a folder with config.json and "
            "model.safetensors, or a hub name such as facebook/sam-vit-base"
        )
    if path.is_absolute() or str(weights).count("/") != 1:
        raise UserError(
            f"segmenter '{backend}': weights {weights}: no such folder; give one, or a hub name owner/repository"
        )
    return str(weights), False
