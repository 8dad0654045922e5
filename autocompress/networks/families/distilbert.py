"""DistilBERT (Sanh et al. 2019): no token types, and names of its own."""

from autocompress.networks.families.bert import BERT_EMBEDDINGS
from autocompress.networks.families.family import Family

DISTILBERT = Family(
    sizes={
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
        "embedding_size": None,
        "vocab_size": "vocab_size",
        "max_position_embeddings": "max_position_embeddings",
        "type_vocab_size": None,
    },
    activation="activation",
    layer_norm_epsilon=1e-12,
    base_model_prefix="distilbert",
    embeddings={**BERT_EMBEDDINGS, "embeddings.token_type": None},
    layers="transformer.layer",
    layer={
        "attention.query": "attention.q_lin",
        "attention.key": "attention.k_lin",
        "attention.value": "attention.v_lin",
        "attention.output": "attention.out_lin",
        "attention.norm": "sa_layer_norm",
        "feed_forward.up": "ffn.lin1",
        "feed_forward.down": "ffn.lin2",
        "feed_forward.norm": "output_layer_norm",
    },
    head=("pre_classifier", "classifier"),
    head_activation="relu",
    first_position=0,
    optimizer_model_type="bert",
)
