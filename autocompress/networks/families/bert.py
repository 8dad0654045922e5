"""BERT (Devlin et al. 2019), and the names that its descendants in transformers share with it."""

from autocompress.networks.families.family import Family

BERT_SIZES = {
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "embedding_size": None,
    "vocab_size": "vocab_size",
    "max_position_embeddings": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
}
BERT_EMBEDDINGS = {
    "embeddings.word": "embeddings.word_embeddings",
    "embeddings.position": "embeddings.position_embeddings",
    "embeddings.token_type": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
    "embeddings.projection": None,
}
BERT_LAYER = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}

BERT = Family(
    sizes=BERT_SIZES,
    activation="hidden_act",
    layer_norm_epsilon="layer_norm_eps",
    base_model_prefix="bert",
    embeddings=BERT_EMBEDDINGS,
    layers="encoder.layer",
    layer=BERT_LAYER,
    head=("bert.pooler.dense", "classifier"),
    head_activation="tanh",
    first_position=0,
    optimizer_model_type="bert",
)
