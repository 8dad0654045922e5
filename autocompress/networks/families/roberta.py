"""RoBERTa (Liu et al. 2019): BERT's layers, with positions that count from the padding token's id."""

from autocompress.networks.families.bert import BERT_EMBEDDINGS, BERT_LAYER, BERT_SIZES
from autocompress.networks.families.family import AFTER_PADDING, Family

ROBERTA = Family(
    sizes=BERT_SIZES,
    activation="hidden_act",
    layer_norm_epsilon="layer_norm_eps",
    base_model_prefix="roberta",
    embeddings=BERT_EMBEDDINGS,
    layers="encoder.layer",
    layer=BERT_LAYER,
    head=("classifier.dense", "classifier.out_proj"),
    head_activation="tanh",
    first_position=AFTER_PADDING,
    optimizer_model_type="bert",
)
