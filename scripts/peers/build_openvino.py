"""Builds OpenVINO models: fp32, and int8 by NNCF's post-training quantization over training texts."""

from __future__ import annotations

from typing import Any

import nncf
import numpy as np
import openvino
import torch

from autocompress.measurement.pytorch_worker import input_names, load_pretrained
from autocompress.measurement.requests import Request
from peers.build import BuiltModel, Order, main
from peers.worker import OpenVINOModel

FP32, INT8 = "openvino-fp32", "openvino-nncf-int8"
TOLERANCE = 0.05


class Logits(torch.nn.Module):
    """The classifier with positional inputs in a fixed order and logits as its only output."""

    def __init__(self, model: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(**dict(zip(self.names, arrays, strict=True))).logits
        return logits


def build(order: Order) -> list[BuiltModel]:
    """Convert from PyTorch, check the logits, quantize, and save both; ValueError if the logits differ too much."""
    classifier = load_pretrained(str(order.checkpoint))
    names, requests = input_names(classifier), order.requests()
    model = convert(classifier, names, requests[0])
    fp32 = save(model, order, FP32)
    worst = difference(classifier, names, OpenVINOModel(str(order.out / fp32[0]), 1), requests[:20])
    if not worst <= TOLERANCE:
        raise ValueError(f"logits must agree with PyTorch within {TOLERANCE}, but differ by {worst:.3g}")
    dataset = nncf.Dataset(requests, lambda request: {name: request[name] for name in names})
    quantized = nncf.quantize(model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(requests))
    precision = openvino.Core().compile_model(model, "CPU").get_property("INFERENCE_PRECISION_HINT")
    ran = f"inference precision {precision.to_string()}, logits within {worst:.1g} of PyTorch's"
    calibrated = f"nncf.quantize, model type transformer, {len(requests)} training texts"
    return [
        BuiltModel(FP32, *fp32, f"openvino.convert_model; {ran}"),
        BuiltModel(INT8, *save(quantized, order, INT8), calibrated),
    ]


def convert(classifier: Any, names: tuple[str, ...], example: Request) -> openvino.Model:
    """Convert the classifier to an OpenVINO model with named inputs of any batch size and length."""
    arrays = tuple(torch.from_numpy(example[name]) for name in names)
    with torch.inference_mode():
        model = openvino.convert_model(
            Logits(classifier, names).eval(),
            example_input=arrays,
            input=[(openvino.PartialShape([-1, -1]), openvino.Type.i64)] * len(names),
        )
    for port, name in zip(model.inputs, names, strict=True):
        port.get_tensor().set_names({name})
    return model


def save(model: openvino.Model, order: Order, name: str) -> tuple[str, tuple[str, ...]]:
    """Write a model and return the path of its graph and of both its files, relative to the output folder."""
    path = f"{name}/model.xml"
    openvino.save_model(model, order.out / path, compress_to_fp16=False)
    return path, (path, f"{name}/model.bin")


def difference(classifier: Any, names: tuple[str, ...], model: OpenVINOModel, requests: list[Request]) -> float:
    """Return the largest absolute difference of the logits from PyTorch's over ``requests``."""
    with torch.inference_mode():
        expected = [classifier(**{name: torch.from_numpy(r[name]) for name in names}).logits.numpy() for r in requests]
    return max(float(np.abs(model.run(r) - logits).max()) for r, logits in zip(requests, expected, strict=True))


if __name__ == "__main__":
    main(build)
