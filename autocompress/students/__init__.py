"""Registers the student types that a teacher can be compressed to, and the dimensions in which they vary.

Importing this package fills STUDENTS and DIMENSIONS; it imports neither torch nor onnx.
"""

from __future__ import annotations

from autocompress.students import shared_dimensions
from autocompress.students.alignment import dimensions as of_alignment
from autocompress.students.alignment.student import AlignmentStudent
from autocompress.students.bilstm import dimensions as of_bilstm
from autocompress.students.bilstm.student import BiLSTMStudent
from autocompress.students.cnn import dimensions as of_cnn
from autocompress.students.cnn.student import CNNStudent
from autocompress.students.pooled import dimensions as of_pooled
from autocompress.students.registry import DIMENSIONS, STUDENTS, dimensions_of
from autocompress.students.transformer import dimensions as of_transformer
from autocompress.students.transformer.convolution import CONVOLUTION
from autocompress.students.transformer.exits import EXITS
from autocompress.students.transformer.keep_tokens import KEEP_TOKENS
from autocompress.students.transformer.rank import RANK
from autocompress.students.transformer.sharing import SHARING
from autocompress.students.transformer.student import TransformerStudent
from autocompress.system.extensions import load_extensions

STUDENTS |= {kind.name: kind for kind in (TransformerStudent(), BiLSTMStudent(), CNNStudent(), AlignmentStudent())}
DIMENSIONS |= {
    "transformer.hidden_size": of_transformer.HIDDEN_SIZE,
    "embedding_size": of_pooled.EMBEDDING_SIZE,
    "bilstm.hidden_size": of_bilstm.HIDDEN_SIZE,
    "cnn.hidden_size": of_cnn.HIDDEN_SIZE,
    "alignment.hidden_size": of_alignment.HIDDEN_SIZE,
    "bilstm.num_layers": of_bilstm.NUM_LAYERS,
    "cnn.num_layers": of_cnn.NUM_LAYERS,
    "alignment.num_layers": of_alignment.NUM_LAYERS,
    "alignment.encoder": of_alignment.ENCODER,
    "vocabulary_size": shared_dimensions.VOCABULARY_SIZE,
    "weight_bits": of_pooled.WEIGHT_BITS,
    "embedding_bits": shared_dimensions.EMBEDDING_BITS,
    "sparsity": of_pooled.SPARSITY,
    "cnn.kernel_size": of_cnn.KERNEL_SIZE,
    "transformer.sharing": SHARING,
    "layers": of_transformer.KEPT_LAYERS,
    "layers.num_attention_heads": of_transformer.NUM_ATTENTION_HEADS,
    "layers.intermediate_size": of_transformer.INTERMEDIATE_SIZE,
    "layers.attention_bits": of_transformer.ATTENTION_BITS,
    "layers.feed_forward_bits": of_transformer.FEED_FORWARD_BITS,
    "layers.sparsity": of_transformer.LAYER_SPARSITY,
    "layers.rank": RANK,
    "layers.keep_tokens": KEEP_TOKENS,
    "layers.convolution": CONVOLUTION,
    "exits": EXITS,
}
load_extensions()

__all__ = ["DIMENSIONS", "STUDENTS", "dimensions_of"]
