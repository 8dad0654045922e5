"""What a search starts from, for every family of checkpoints."""

import pytest
import torch
import transformers

from autocompress.domain.problem import DataSource, Problem
from autocompress.preparation.inputs import encoder_parameters, load_inputs, load_start, row_limits

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
CONFIGS = {
    "bert": lambda **common: transformers.BertConfig(**SIZES, **common),
    "distilbert": lambda **common: transformers.DistilBertConfig(
        dim=24, n_layers=2, n_heads=2, hidden_dim=40, **common
    ),
    "roberta": lambda **common: transformers.RobertaConfig(pad_token_id=0, type_vocab_size=1, **SIZES, **common),
    "electra": lambda **common: transformers.ElectraConfig(embedding_size=16, **SIZES, **common),
}


@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_is_a_start(family, tiny_checkpoint, tiny_data, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_checkpoint)
    torch.manual_seed(0)
    config = CONFIGS[family](vocab_size=len(tokenizer), max_position_embeddings=64)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    inputs = load_inputs(Problem(str(tmp_path), DataSource(**tiny_data))).origin
    assert inputs.order is None and "a head is fitted on the training data first" in inputs.data.notes[-1]
    encoder = load_start(inputs).base_model
    layers = [value for name, value in encoder.named_parameters() if "layer." in name and value.ndim == 2]
    assert encoder_parameters(inputs.checkpoint) == sum(value.numel() for value in layers)


MINILM, BERT_BASE = 10_616_832, 84_934_656


def test_more_time_and_smaller_models_pass_more_rows():
    assert row_limits(120.0, MINILM) == {"train": 4792, "validation": 479, "test": 479}
    assert row_limits(900.0, MINILM)["validation"] == 2000
    assert row_limits(900.0, BERT_BASE) == {"train": 4493, "validation": 449, "test": 449}


def test_longer_rows_are_fewer():
    assert row_limits(240.0, MINILM, 10.0) == row_limits(240.0, MINILM, 30.0)
    assert row_limits(240.0, MINILM, 45.0) == {"train": 6390, "validation": 639, "test": 639}


def test_there_are_always_rows_to_learn_and_to_judge_from():
    assert row_limits(120.0, 10**9) == {"train": 400, "validation": 400, "test": 400}
