"""ELECTRA (Clark et al. 2020): BERT's layers, with embeddings that may be narrower than them."""

from autocompress.networks.families.bert import BERT_EMBEDDINGS, BERT_LAYER, BERT_SIZES
from autocompress.networks.families.family import Family

ELECTRA = Family(
    sizes={**BERT_SIZES, "embedding_size": "embedding_size"},
    activation="hidden_act",
    layer_norm_epsilon="layer_norm_eps",
    base_model_prefix="electra",
    embeddings={**BERT_EMBEDDINGS, "embeddings.projection": "embeddings_project"},
    layers="encoder.layer",
    layer=BERT_LAYER,
    head=("classifier.dense", "classifier.out_proj"),
    head_activation="gelu",
    first_position=0,
    optimizer_model_type="bert",
)
