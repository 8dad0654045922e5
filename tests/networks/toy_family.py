"""A family that only the tests know: an encoder written in plain torch, with names of its own throughout.

Importing this file registers its classes with transformers and its record in ``FAMILIES``, so that a whole search can
use it as an extension::

    toy_checkpoint(Path("toy"), "folder/of/a/tokenizer")
    AUTOCOMPRESS_EXTENSIONS=$PWD/tests/networks/toy_family.py autocompress search toy --train train.csv ...
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput

from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import Family

FIRST_POSITION = 2


class ToyConfig(PretrainedConfig):
    model_type = "toy"

    words: int = 60
    places: int = 20
    kinds: int = 2
    thin: int = 10
    wide: int = 24
    depth: int = 3
    heads: int = 4
    inner: int = 40
    squash: str = "gelu"
    tiny: float = 1e-6
    pad_token_id: int | None = 0


class Block(nn.Module):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.ask, self.offer, self.carry, self.merge = (nn.Linear(config.wide, config.wide) for _ in range(4))
        self.open, self.close = nn.Linear(config.wide, config.inner), nn.Linear(config.inner, config.wide)
        self.calm_first, self.calm_last = (nn.LayerNorm(config.wide, config.tiny) for _ in range(2))
        self.squash = {"gelu": F.gelu, "relu": F.relu}[config.squash]

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, length, wide = x.shape
        ask, offer, carry = (
            linear(x).view(batch, length, self.heads, wide // self.heads).transpose(1, 2)
            for linear in (self.ask, self.offer, self.carry)
        )
        shares = (ask @ offer.transpose(2, 3) / (wide // self.heads) ** 0.5 + bias).softmax(dim=-1)
        x = self.calm_first(self.merge((shares @ carry).transpose(1, 2).reshape(batch, length, wide)) + x)
        return self.calm_last(self.close(self.squash(self.open(x))) + x)


class ToyPreTrainedModel(PreTrainedModel):
    config_class = ToyConfig
    base_model_prefix = "trunk"
    _input_embed_layer = "words"


class ToyModel(ToyPreTrainedModel):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.words, self.places = nn.Embedding(config.words, config.thin), nn.Embedding(config.places, config.thin)
        self.kinds = nn.Embedding(config.kinds, config.thin)
        self.calm, self.widen = nn.LayerNorm(config.thin, config.tiny), nn.Linear(config.thin, config.wide)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> BaseModelOutput:
        kinds = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        places = torch.arange(input_ids.shape[1]) + FIRST_POSITION
        x = self.widen(self.calm(self.words(input_ids) + self.places(places) + self.kinds(kinds)))
        bias = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        hidden = [x]
        for block in self.blocks:
            hidden.append(block(hidden[-1], bias))
        return BaseModelOutput(hidden[-1], tuple(hidden) if output_hidden_states else None)


class ToyForSequenceClassification(ToyPreTrainedModel):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.trunk = ToyModel(config)
        self.weigh, self.decide = nn.Linear(config.wide, config.wide), nn.Linear(config.wide, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Any:
        first = self.trunk(input_ids, attention_mask, token_type_ids).last_hidden_state[:, 0]
        return SequenceClassifierOutput(logits=self.decide(torch.tanh(self.weigh(first))))


TOY = Family(
    sizes={
        "hidden_size": "wide",
        "num_hidden_layers": "depth",
        "num_attention_heads": "heads",
        "intermediate_size": "inner",
        "embedding_size": "thin",
        "vocab_size": "words",
        "max_position_embeddings": "places",
        "type_vocab_size": "kinds",
    },
    activation="squash",
    layer_norm_epsilon="tiny",
    base_model_prefix="trunk",
    embeddings={
        "embeddings.word": "words",
        "embeddings.position": "places",
        "embeddings.token_type": "kinds",
        "embeddings.norm": "calm",
        "embeddings.projection": "widen",
    },
    layers="blocks",
    layer={
        "attention.query": "ask",
        "attention.key": "offer",
        "attention.value": "carry",
        "attention.output": "merge",
        "attention.norm": "calm_first",
        "feed_forward.up": "open",
        "feed_forward.down": "close",
        "feed_forward.norm": "calm_last",
    },
    head=("weigh", "decide"),
    head_activation="tanh",
    first_position=FIRST_POSITION,
    optimizer_model_type="bert",
)

AutoConfig.register("toy", ToyConfig)
AutoModel.register(ToyConfig, ToyModel)
AutoModelForSequenceClassification.register(ToyConfig, ToyForSequenceClassification)
FAMILIES["toy"] = TOY


def tiny_config() -> ToyConfig:
    """The configuration of the conformance suite's model."""
    return ToyConfig(num_labels=3)


def toy_checkpoint(folder: Path, tokenizer_folder: str) -> Path:
    """Save a random encoder without a head and a copy of a tokenizer: a checkpoint that a search can start from."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    torch.manual_seed(0)
    config = ToyConfig(words=len(tokenizer), places=64 + FIRST_POSITION, thin=32, wide=48, depth=2, inner=96)
    ToyModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
