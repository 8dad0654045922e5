"""MPNet (Song et al. 2020): BERT's layers with names of its own, and a relative position bias in all of them."""

from autocompress.networks.families.bert import BERT_EMBEDDINGS, BERT_LAYER, BERT_SIZES
from autocompress.networks.families.family import AFTER_PADDING, Family

MPNET = Family(
    sizes={**BERT_SIZES, "type_vocab_size": None},
    activation="hidden_act",
    layer_norm_epsilon="layer_norm_eps",
    base_model_prefix="mpnet",
    embeddings={**BERT_EMBEDDINGS, "embeddings.token_type": None},
    layers="encoder.layer",
    layer={
        **BERT_LAYER,
        "attention.query": "attention.attn.q",
        "attention.key": "attention.attn.k",
        "attention.value": "attention.attn.v",
        "attention.output": "attention.attn.o",
        "attention.norm": "attention.LayerNorm",
    },
    head=("classifier.dense", "classifier.out_proj"),
    head_activation="tanh",
    first_position=AFTER_PADDING,
    # Its attention stays unfused: the optimizer knows no sum of scores, bias and mask.
    optimizer_model_type="bert",
    relative_bias="encoder.relative_attention_bias",
    # The model counts positions from this token, and computes with this number of buckets, whatever config.json says.
    required={"pad_token_id": 1, "relative_attention_num_buckets": 32},
)
