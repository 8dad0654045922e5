"""The graph that labels texts gives the logits of the plain one, and the hidden states of the elastic encoder."""

import numpy as np
import pytest
import torch
from artifact_references import SHAPE, batch_of, configuration_of, graph_inputs, random_arrays, shape_with

from autocompress.artifact.session import Session
from autocompress.students.emit import emit
from autocompress.students.transformer.describing_graph import emit_describing
from autocompress.students.transformer.network import ElasticEncoder

RELATIVE = shape_with(head_pooling="first", relative_attention_num_buckets=32)


@pytest.mark.parametrize("shape", [SHAPE, shape_with(head_pooling="first"), RELATIVE])
def test_hidden_states_follow_the_logits(shape):
    configuration = configuration_of("transformer", 32)
    arrays, batch = random_arrays(configuration, shape), batch_of()
    inputs = graph_inputs()
    plain = Session(emit(arrays, configuration, shape, inputs).SerializeToString()).run(batch)
    content = emit_describing(arrays, configuration, shape, inputs).SerializeToString()
    outputs = Session(content).run(batch)
    assert outputs.shape == (3, 3 + configuration.hidden_size * len(configuration.layers))
    np.testing.assert_allclose(outputs[:, :3], plain, atol=1e-5)
    with torch.inference_mode():
        ids, mask = (torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask"))
        hidden = [layer.numpy() for layer in ElasticEncoder(shape, arrays).eval()(ids, mask).hidden]
    shares = (batch["attention_mask"] / batch["attention_mask"].sum(1, keepdims=True))[..., None]
    means = [(state * shares).sum(1) for state in hidden]
    read = means[-1] if shape.head_pooling == "mean" else hidden[-1][:, 0]
    expected = np.concatenate([*means[:-1], read], axis=1)
    np.testing.assert_allclose(outputs[:, 3:], expected, atol=1e-4)
