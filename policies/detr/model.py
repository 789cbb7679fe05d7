"""The policy's head: the encoder and decoder of DETR (Carion et al. 2020) from `transformers`, with two queries."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from torch import Tensor, nn
from transformers.models.detr.modeling_detr import DetrDecoder, DetrEncoder, DetrMLPPredictionHead

from lace.core.draws import seed64
from lace.core.errors import LaceError
from lace.core.registry import Registry
from policies.positions import sine_positions

_log = logging.getLogger(__name__)
SIZES: Registry[dict[str, int]] = Registry("DETR size")
"""Width, layers of encoder and decoder, attention heads, width of the feed-forward layers."""
SIZES.add("paper", {"width": 256, "layers": 6, "heads": 8, "feedforward": 2048})
SIZES.add("small", {"width": 128, "layers": 2, "heads": 4, "feedforward": 512})


class DetrError(LaceError):
    """Pretrained DETR weights that are not there or do not fit."""


class TwoPointDetr(nn.Module):
    """(batch, rows, cols, dim) -> (batch, 2, 2): end effector and target as shares of the image, in (0, 1)."""

    def __init__(self, dim: int, config: hf.DetrConfig, seed: int = 0):
        """Builds it.

        Args:
            dim: Width of a feature.
            config: Of the transformer, as from `size_config`.
            seed: Of the first weights; the global random state is left as it was.
        """
        super().__init__()
        self.config = config
        self.pretrained: tuple[str, ...] = ()
        width = config.d_model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed64(seed))
            self.project = nn.Linear(dim, width)
            self.encoder, self.decoder = DetrEncoder(config), DetrDecoder(config)
            self.queries = nn.Parameter(torch.randn(2, width))
            self.head = DetrMLPPredictionHead(width, width, 2, 3)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        x = self.project(features.flatten(1, 2))
        places = sine_positions(*features.shape[1:3], self.config.d_model, device=x.device).flatten(0, 1)
        places = places.to(x.dtype).expand(x.shape[0], -1, -1)
        memory = self.encoder(inputs_embeds=x, spatial_position_embeddings=places).last_hidden_state
        queries = self.queries.expand(x.shape[0], -1, -1)
        read = self.decoder(
            inputs_embeds=torch.zeros_like(queries),
            encoder_hidden_states=memory,
            spatial_position_embeddings=places,
            object_queries_position_embeddings=queries,
        ).last_hidden_state
        return self.head(read).sigmoid()


def size_config(size: str) -> hf.DetrConfig:
    """DETR's configuration of a name of SIZES; "small" is for CPUs, where plain attention is the faster one."""
    named = SIZES[size]
    attention: dict[str, Any] = {"attn_implementation": "eager" if size == "small" else "sdpa"}
    return hf.DetrConfig(
        **attention,
        d_model=named["width"],
        encoder_layers=named["layers"],
        decoder_layers=named["layers"],
        encoder_attention_heads=named["heads"],
        decoder_attention_heads=named["heads"],
        encoder_ffn_dim=named["feedforward"],
        decoder_ffn_dim=named["feedforward"],
        num_queries=2,
    )


def build_detr(dim: int, size: str = "paper", pretrained: str = "", seed: int = 0) -> TwoPointDetr:
    """The head with new weights, or with a pretrained DETR's encoder and decoder.

    Args:
        dim: Width of the backbone's features.
        size: Name of SIZES; a pretrained DETR brings its own.
        pretrained: Hub name ("facebook/detr-resnet-50") or folder of a DETR; "" announces random weights.
        seed: Of what is new.

    Raises:
        DetrError: The pretrained weights do not load.
    """
    if not pretrained:
        _log.warning(
            "policy of size %r: the transformer starts from RANDOM weights, the paper's from pretrained DETR "
            "(--detr facebook/detr-resnet-50, or a folder of it)",
            size,
        )
        return TwoPointDetr(dim, size_config(size), seed)
    try:
        whole = hf.DetrModel.from_pretrained(Path(pretrained) if Path(pretrained).is_dir() else pretrained)
    except (OSError, ValueError, ImportError) as error:
        raise DetrError(
            f"loading the pretrained DETR {pretrained!r}",
            str(error).strip().splitlines()[0],
            "config.json and model.safetensors of a DETR, from the hub or a folder",
            "with a network run `hf download facebook/detr-resnet-50 --local-dir FOLDER` and give --detr FOLDER",
        ) from error
    head = TwoPointDetr(dim, whole.config, seed)
    head.encoder.load_state_dict(whole.encoder.state_dict())
    head.decoder.load_state_dict(whole.decoder.state_dict())
    head.pretrained = ("encoder", "decoder")
    return head


def from_saved(dim: int, config: Mapping[str, Any]) -> TwoPointDetr:
    """The head of a saved transformer configuration, whose weights are loaded next; nothing is announced."""
    return TwoPointDetr(dim, hf.DetrConfig.from_dict(dict(config)))
