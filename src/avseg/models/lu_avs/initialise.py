"""The random start of the transformers, as in the official DETR and MaskFormer.

The models of `transformers` draw every weight, the query embeddings too, with a deviation of 0.02: all queries start
out the same, and without COCO weights a small DETR never leaves the mean box.
"""

from torch import nn


def initialise(transformer: nn.Module, queries: nn.Embedding, *layers: nn.Module) -> None:
    """Xavier's uniform weights for a transformer, unit normal queries, PyTorch's own start for single layers.

    Args:
        transformer: its matrices are drawn anew; biases and norms stay.
        queries: the query embeddings.
        layers: modules whose linear and convolution layers are drawn anew.
    """
    for parameter in transformer.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(queries.weight)
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.reset_parameters()
