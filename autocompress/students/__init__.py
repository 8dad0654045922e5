"""What a teacher may become: a record per student type, its dimensions, its network and its graph.

STUDENTS and DIMENSIONS are filled here; neither torch nor onnx is imported for that.
"""

from __future__ import annotations

from autocompress.students import shared_dimensions
from autocompress.students.bilstm import dimensions as bilstm
from autocompress.students.bilstm.student import BiLSTMStudent
from autocompress.students.cnn import dimensions as cnn
from autocompress.students.cnn.student import CNNStudent
from autocompress.students.pooled import dimensions as pooled
from autocompress.students.registry import DIMENSIONS, STUDENTS, dimensions_of
from autocompress.students.transformer import dimensions as transformer
from autocompress.students.transformer.exits import EXITS
from autocompress.students.transformer.student import TransformerStudent
from autocompress.system.extensions import load_extensions

STUDENTS |= {kind.name: kind for kind in (TransformerStudent(), BiLSTMStudent(), CNNStudent())}
DIMENSIONS |= {
    "transformer.hidden_size": transformer.HIDDEN_SIZE,
    "embedding_size": pooled.EMBEDDING_SIZE,
    "bilstm.hidden_size": bilstm.HIDDEN_SIZE,
    "cnn.hidden_size": cnn.HIDDEN_SIZE,
    "bilstm.num_layers": bilstm.NUM_LAYERS,
    "cnn.num_layers": cnn.NUM_LAYERS,
    "vocabulary_size": shared_dimensions.VOCABULARY_SIZE,
    "weight_bits": pooled.WEIGHT_BITS,
    "embedding_bits": shared_dimensions.EMBEDDING_BITS,
    "sparsity": pooled.SPARSITY,
    "cnn.kernel_size": cnn.KERNEL_SIZE,
    "layers": transformer.KEPT_LAYERS,
    "layers.num_attention_heads": transformer.NUM_ATTENTION_HEADS,
    "layers.intermediate_size": transformer.INTERMEDIATE_SIZE,
    "layers.attention_bits": transformer.ATTENTION_BITS,
    "layers.feed_forward_bits": transformer.FEED_FORWARD_BITS,
    "layers.sparsity": transformer.LAYER_SPARSITY,
    "exits": EXITS,
}
load_extensions()

__all__ = ["DIMENSIONS", "STUDENTS", "dimensions_of"]
