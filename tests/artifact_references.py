"""Random weights with canonical names, and the networks in plain float64 numpy, one sentence at a time."""

from dataclasses import replace
from math import erf, log

import numpy as np

from autocompress.artifact.blocks import GraphInputs
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.shape import EncoderShape
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.transformer.configuration import TransformerConfiguration

SHAPE = EncoderShape(
    num_hidden_layers=4,
    hidden_size=64,
    num_attention_heads=4,
    intermediate_size=96,
    vocab_size=203,
    max_positions=40,
    type_vocab_size=2,
    num_outputs=3,
    embedding_size=64,
    head_pooling="mean",
    head_activation="relu",
)
UNKNOWN = 100
MAX_LENGTH = 24


def graph_inputs(pair=False, seed=0):
    order = np.random.default_rng(seed).permutation(SHAPE.vocab_size).astype(np.int32)
    order = np.concatenate([[UNKNOWN], order[order != UNKNOWN]]).astype(np.int32)
    return GraphInputs(pair=pair, vocabulary=Vocabulary(order, UNKNOWN), max_length=MAX_LENGTH)


def configuration_of(student, bits=8, vocabulary_size=SHAPE.vocab_size, sparsity=0.0, encoder="cnn"):
    common = {"embedding_bits": bits, "vocabulary_size": vocabulary_size, "sparsity": sparsity}
    if student == "transformer":
        widths = {"hidden_size": 56, "num_attention_heads": 3, "intermediate_size": 72}
        return TransformerConfiguration.uniform(SHAPE, bits, layers=(0, 1, 3), **widths, **common)
    widths = {"embedding_size": 40, "hidden_size": 32, "num_layers": 2, "weight_bits": bits}
    if student == "bilstm":
        return BiLSTMConfiguration(**widths, **common)
    widths["hidden_size"] = 64
    if student == "alignment":
        return AlignmentConfiguration(**widths, encoder=encoder, **common)
    return CNNConfiguration(**widths, kernel_size=3, **common)


def batch_of(lengths=(17, 3, 9), seed=0):
    rng = np.random.default_rng(seed)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    ids = rng.integers(0, SHAPE.vocab_size, mask.shape) * mask
    types = (np.arange(mask.shape[1]) > 4).astype(np.int64) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def random_arrays(configuration, shape=SHAPE, seed=0):
    rng = np.random.default_rng(seed)
    fill = {
        "transformer": _transformer_sizes,
        "bilstm": _bilstm_sizes,
        "cnn": _cnn_sizes,
        "alignment": _alignment_sizes,
    }[configuration.student](configuration, shape)
    arrays = {name: rng.standard_normal(size) * _spread(name, size) for name, size in fill.items()}
    for name in arrays:
        if name.endswith("norm.weight"):
            arrays[name] += 1
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _spread(name, size):
    if name.startswith("embeddings") or len(size) == 1:
        return 0.3
    return 1.5 / np.sqrt(size[1])


def _head_sizes(name, width, num_outputs):
    sizes = {"dense.weight": (20, width), "dense.bias": (20,), "out.weight": (num_outputs, 20)}
    return {f"{name}.{part}": size for part, size in (sizes | {"out.bias": (num_outputs,)}).items()}


def _transformer_sizes(configuration, shape):
    width = configuration.hidden_size
    inner = shape.embedding_size if shape.embedding_size != shape.hidden_size else width
    sizes = {f"embeddings.{name}": (rows, inner) for name, rows in (("word", shape.vocab_size), ("position", 40))}
    sizes |= {"embeddings.token_type": (shape.type_vocab_size, inner)}
    sizes |= {"embeddings.norm.weight": (inner,), "embeddings.norm.bias": (inner,)}
    if inner != width:
        sizes |= {"embeddings.projection.weight": (width, inner), "embeddings.projection.bias": (width,)}
    for layer in configuration.layers:
        mixed, name = layer.num_attention_heads * shape.head_size, f"layers.{layer.index}"
        linears = {f"attention.{part}": (mixed, width) for part in ("query", "key", "value")}
        linears |= {"attention.output": (width, mixed), "feed_forward.up": (layer.intermediate_size, width)}
        linears |= {"feed_forward.down": (width, layer.intermediate_size)}
        for part, size in linears.items():
            sizes |= {f"{name}.{part}.weight": size, f"{name}.{part}.bias": size[:1]}
        for part in ("attention.norm", "feed_forward.norm"):
            sizes |= {f"{name}.{part}.weight": (width,), f"{name}.{part}.bias": (width,)}
        if shape.relative_attention_num_buckets:
            rows = shape.relative_attention_num_buckets
            sizes |= {f"{name}.attention.relative_bias": (rows, layer.num_attention_heads)}
        sizes |= _head_sizes(f"heads.{layer.index}", width, shape.num_outputs)
    return sizes


def _bilstm_sizes(configuration, shape):
    sizes, units = {"embeddings.word": (shape.vocab_size, configuration.embedding_size)}, configuration.hidden_size
    for layer in range(configuration.num_layers):
        incoming = 2 * units if layer else configuration.embedding_size
        for direction in ("forward", "backward"):
            parts = {"weight_ih": (4 * units, incoming), "weight_hh": (4 * units, units), "bias": (4 * units,)}
            sizes |= {f"lstm.{layer}.{direction}.{part}": size for part, size in parts.items()}
    return sizes | _head_sizes("head", 4 * units, shape.num_outputs)


def _cnn_sizes(configuration, shape):
    sizes, width = {"embeddings.word": (shape.vocab_size, configuration.embedding_size)}, configuration.hidden_size
    for layer in range(configuration.num_layers):
        incoming = configuration.kernel_size * (width if layer else configuration.embedding_size)
        sizes |= {f"conv.{layer}.weight": (width, incoming), f"conv.{layer}.bias": (width,)}
    return sizes | _head_sizes("head", 2 * width, shape.num_outputs)


def _alignment_sizes(configuration, shape):
    words, width = configuration.embedding_size, configuration.hidden_size
    sizes = {"embeddings.word": (shape.vocab_size, words), "project.weight": (width, words), "project.bias": (width,)}
    if configuration.encoder == "cnn":
        sizes |= {"conv.weight": (width, 3 * width), "conv.bias": (width,)}
    if configuration.encoder == "bilstm":
        for direction in ("forward", "backward"):
            parts = {"weight_ih": (2 * width, width), "weight_hh": (2 * width, width // 2), "bias": (2 * width,)}
            sizes |= {f"lstm.0.{direction}.{part}": size for part, size in parts.items()}
    for layer in range(configuration.num_layers):
        for part, columns in (("query", width), ("compare", 4 * width), ("merge", width)):
            sizes |= {f"align.{layer}.{part}.weight": (width, columns), f"align.{layer}.{part}.bias": (width,)}
    return sizes | _head_sizes("head", 8 * width, shape.num_outputs)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2,
    "gelu_new": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
}


def reference(arrays, configuration, batch, shape=SHAPE, pair=False):
    """Logits [batch, num_outputs]; of an early exit, those of every exit and the last: a dict by layer."""
    rows = []
    for ids, mask, types in zip(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], strict=True):
        count = int(mask.sum())
        seen = types[:count] * (pair or configuration.student == "alignment")
        rows.append(SENTENCE[configuration.student](arrays, configuration, shape, ids[:count], seen))
    if isinstance(rows[0], dict):
        return {layer: np.stack([row[layer] for row in rows]) for layer in rows[0]}
    return np.stack(rows)


def _linear(arrays, name, x):
    return x @ arrays[f"{name}.weight"].T.astype(float) + arrays[f"{name}.bias"]


def _norm(arrays, name, x, epsilon):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def _head(arrays, name, pooled, activation):
    return _linear(arrays, f"{name}.out", ACTIVATIONS[activation](_linear(arrays, f"{name}.dense", pooled)))


def _transformer(arrays, configuration, shape, ids, types):
    x = arrays["embeddings.word"][ids].astype(float) + arrays["embeddings.position"][: len(ids)]
    x = _norm(arrays, "embeddings.norm", x + arrays["embeddings.token_type"][types], shape.layer_norm_epsilon)
    if "embeddings.projection.weight" in arrays:
        x = _linear(arrays, "embeddings.projection", x)
    logits = {}
    for layer in configuration.layers:
        x = _encoder_layer(arrays, layer, shape, x)
        own = layer.index == shape.num_hidden_layers - 1
        pooled = x[0] if own and shape.head_pooling == "first" else x.mean(0)
        logits[layer.index] = _head(arrays, f"heads.{layer.index}", pooled, shape.head_activation if own else "relu")
    return logits


def _encoder_layer(arrays, layer, shape, x):
    name, size = f"layers.{layer.index}", shape.head_size
    query, key, value = (_linear(arrays, f"{name}.attention.{part}", x) for part in ("query", "key", "value"))
    mixed = []
    for head in range(layer.num_attention_heads):
        part = slice(head * size, (head + 1) * size)
        scores = query[:, part] @ key[:, part].T / np.sqrt(size)
        if shape.relative_attention_num_buckets:
            scores += _relative_bias(arrays[f"{name}.attention.relative_bias"][:, head], len(x))
        scores = np.exp(scores)
        mixed.append(scores / scores.sum(-1, keepdims=True) @ value[:, part])
    x = x + _linear(arrays, f"{name}.attention.output", np.concatenate(mixed, -1))
    x = _norm(arrays, f"{name}.attention.norm", x, shape.layer_norm_epsilon)
    inner = ACTIVATIONS[shape.hidden_activation](_linear(arrays, f"{name}.feed_forward.up", x))
    x = x + _linear(arrays, f"{name}.feed_forward.down", inner)
    return _norm(arrays, f"{name}.feed_forward.norm", x, shape.layer_norm_epsilon)


def _relative_bias(table, count):
    """The bias of each query and key: of 16 buckets a side, 8 for one distance each, 8 up to distance 128."""
    bias = np.zeros((count, count))
    for query in range(count):
        for key in range(count):
            distance = abs(key - query)
            bucket = distance if distance < 8 else min(15, 8 + int(8 * log(distance / 8) / log(128 / 8) + 1e-9))
            bias[query, key] = table[bucket + 16 * (key > query)]
    return bias


def _bilstm(arrays, configuration, shape, ids, types):
    x = arrays["embeddings.word"][ids].astype(float)
    for layer in range(configuration.num_layers):
        forward = _one_way(arrays, f"lstm.{layer}.forward", x)
        backward = _one_way(arrays, f"lstm.{layer}.backward", x[::-1])[::-1]
        x = np.concatenate([forward, backward], -1)
    return _head(arrays, "head", np.concatenate([x.mean(0), x.max(0)]), "relu")


def _one_way(arrays, name, x):
    units = len(arrays[f"{name}.bias"]) // 4
    hidden, cell, outputs = np.zeros(units), np.zeros(units), []
    for token in x:
        gates = arrays[f"{name}.weight_ih"] @ token + arrays[f"{name}.weight_hh"] @ hidden + arrays[f"{name}.bias"]
        i, f, g, o = gates.reshape(4, units)
        sigmoid_i, sigmoid_f, sigmoid_o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        cell = sigmoid_f * cell + sigmoid_i * np.tanh(g)
        hidden = sigmoid_o * np.tanh(cell)
        outputs.append(hidden)
    return np.stack(outputs)


def _cnn(arrays, configuration, shape, ids, types):
    x, kernel = arrays["embeddings.word"][ids].astype(float), configuration.kernel_size
    for layer in range(configuration.num_layers):
        padded = np.pad(x, ((kernel // 2, kernel // 2), (0, 0)))
        windows = np.stack([padded[t : t + kernel].ravel() for t in range(len(x))])
        y = np.maximum(_linear(arrays, f"conv.{layer}", windows), 0)
        x = x + y if layer else y
    return _head(arrays, "head", np.concatenate([x.mean(0), x.max(0)]), "relu")


def _alignment(arrays, configuration, shape, ids, types):
    x = _linear(arrays, "project", arrays["embeddings.word"][ids].astype(float))
    if configuration.encoder == "cnn":
        padded = np.pad(x, ((1, 1), (0, 0)))
        x = x + np.maximum(_linear(arrays, "conv", np.concatenate([padded[:-2], padded[1:-1], padded[2:]], -1)), 0)
    if configuration.encoder == "bilstm":
        both = _one_way(arrays, "lstm.0.forward", x), _one_way(arrays, "lstm.0.backward", x[::-1])[::-1]
        x = x + np.stack(both, -1).reshape(x.shape)
    for layer in range(configuration.num_layers):
        compared = np.stack([_compared(arrays, f"align.{layer}", x, token, types) for token in range(len(x))])
        x = x + compared
    sides = [_side(compared[types == side]) for side in (0, 1)]
    return _head(arrays, "head", np.concatenate([*sides, abs(sides[0] - sides[1]), sides[0] * sides[1]]), "relu")


def _compared(arrays, name, x, token, types):
    """One token beside what it finds in the other text; in a text alone, beside what it finds there."""
    other = types != types[token] if (types != types[token]).any() else np.ones(len(x), bool)
    asked = _linear(arrays, f"{name}.query", x)
    scores = np.exp(asked[other] @ asked[token] / np.sqrt(x.shape[1]))
    found = scores / scores.sum() @ x[other]
    both = np.concatenate([x[token], found, abs(x[token] - found), x[token] * found])
    return np.maximum(_linear(arrays, f"{name}.merge", np.maximum(_linear(arrays, f"{name}.compare", both), 0)), 0)


def _side(tokens):
    return np.concatenate([tokens.mean(0), tokens.max(0)] if len(tokens) else np.zeros((2, tokens.shape[1])))


SENTENCE = {"transformer": _transformer, "bilstm": _bilstm, "cnn": _cnn, "alignment": _alignment}


def last_logits(arrays, configuration, batch, **settings):
    """Logits of the whole network."""
    logits = reference(arrays, configuration, batch, **settings)
    return logits[configuration.layers[-1].index] if isinstance(logits, dict) else logits


def unknown_where_dropped(batch, configuration, inputs):
    """The batch as a model with the configuration's vocabulary reads it."""
    kept = np.isin(batch["input_ids"], inputs.vocabulary.order[: configuration.vocabulary_size])
    return {**batch, "input_ids": np.where(kept, batch["input_ids"], inputs.vocabulary.unknown_id)}


def shape_with(**fields):
    return replace(SHAPE, **fields)
