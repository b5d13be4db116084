"""SAM 2 (2024) for single frames through `transformers`."""

from typing import Any

from avseg.annotate.backends.sam import Encoded, Sam


class Sam2(Sam):
    """SAM 2, as `Sam`; `weights` such as `facebook/sam2-hiera-tiny`.

    Pictures are stretched to the model's square, without a border.
    """

    kind, model_name = "sam2", "Sam2Model"

    def _use(self, model: Any, device: Any) -> None:
        self.model, self.device = model, device
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.prior_side = self.side // 4

    def _placed(self, height: int, width: int) -> tuple[int, int]:
        return self.side, self.side

    def _embeddings(self, encoded: Encoded) -> Any:
        return list(encoded.embeddings)  # the model may change the list that it is given
