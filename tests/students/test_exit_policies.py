"""What predicts where requests leave scores outputs as the emitted graph does."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from scipy.special import softmax

from autocompress.artifact.graph import GraphBuilder
from autocompress.artifact.session import Session
from autocompress.students.exit_policies import EXIT_POLICIES


@pytest.mark.parametrize("policy", list(EXIT_POLICIES))
def test_the_graph_scores_rows_as_the_arrays_are_scored(policy: str) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (7, 4)).astype(np.float32)
    graph = GraphBuilder()
    scores = EXIT_POLICIES[policy].emitted(graph, "logits_in")
    graph.nodes.append(helper.make_node("Identity", [scores], ["logits"]))
    given = helper.make_tensor_value_info("logits_in", TensorProto.FLOAT, ["batch", 4])
    model = graph.model([given], helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch"]))
    session = Session(model.SerializeToString())
    assert session.run({"logits_in": logits}) == pytest.approx(EXIT_POLICIES[policy].scores(logits), rel=1e-5)


def test_confidence_is_the_largest_softmax_probability() -> None:
    outputs = np.random.default_rng(1).normal(0, 3, (2, 5, 3)).astype(np.float32)
    assert EXIT_POLICIES["confidence"].scores(outputs) == pytest.approx(softmax(outputs, axis=-1).max(-1), rel=1e-5)
