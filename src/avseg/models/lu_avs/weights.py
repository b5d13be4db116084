"""Weights of the visual branches: COCO weights for any number of classes, or the random start of the official code."""

from typing import Any

from torch import nn

from avseg.nn.huggingface import find_source, how_to_get, load_pretrained, silence_transformers
from avseg.utils.errors import UserError

# the class heads are trained from scratch for the labels of the data set; MaskFormer never uses this LayerNorm of Swin
REPLACED = ("class_predictor.", "class_labels_classifier.", "criterion.empty_weight")
UNUSED = ".encoder.model.layernorm."


def load_coco(model_class: Any, config: Any, pretrained: bool | str, repository: str | None) -> Any:
    """Build a model of `transformers` and load all its COCO weights except those of the class head.

    Arguments and errors are those of `avseg.nn.huggingface.load_pretrained`.
    """
    return load_pretrained(model_class, config, pretrained, repository, fresh=REPLACED, unused=UNUSED)


def coco_classes(pretrained: bool | str, repository: str | None) -> int:
    """Read the number of classes of the weights from their config.json; arguments as of `load_coco`.

    Raises:
        UserError: the file is missing or does not contain the number.
    """
    from transformers import PretrainedConfig

    source = find_source(pretrained, repository)
    try:
        with silence_transformers():
            values, _ = PretrainedConfig.get_config_dict(source)
        return len(values["id2label"]) if "id2label" in values else int(values["num_labels"])
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"the number of classes of {source} is not known ({reason}); {how_to_get(source)}") from error


def initialise(transformer: nn.Module, queries: nn.Embedding, *layers: nn.Module) -> None:
    """Initialise the transformer at random, as the official DETR and MaskFormer do.

    The models of `transformers` draw every weight, the query embeddings too, with a deviation of 0.02: all queries
    start nearly equal, and without COCO weights a small DETR never leaves the mean box. Here matrices are drawn by
    Xavier's uniform rule and queries from a unit normal distribution; biases and norms stay, and the linear and
    convolution layers of `layers` get PyTorch's defaults.
    """
    for parameter in transformer.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(queries.weight)
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.reset_parameters()
