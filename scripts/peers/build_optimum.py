"""Builds uniform int8 with Hugging Face Optimum: its ONNX export, then ORTQuantizer (dynamic, per channel)."""

from __future__ import annotations

from optimum.exporters.onnx import main_export
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

from autocompress.hardware.fingerprint import hardware_fingerprint
from peers.build import BuiltModel, Order, main

NAME = "optimum-int8"
PRESETS = (("avx512_vnni", "avx512_vnni"), ("avx512f", "avx512"), ("avx2", "avx2"), ("asimd", "arm64"))


def build(order: Order) -> list[BuiltModel]:
    """Export and quantize with the preset for this processor."""
    exported = order.out / "exported"
    main_export(str(order.checkpoint), exported, task="text-classification", library_name="transformers")
    known = hardware_fingerprint(1)["instruction_sets"]
    preset = next(preset for instructions, preset in PRESETS if instructions in known)
    settings = getattr(AutoQuantizationConfig, preset)(is_static=False, per_channel=True)
    quantizer = ORTQuantizer.from_pretrained(exported, file_name="model.onnx")
    quantizer.quantize(quantization_config=settings, save_dir=order.out / NAME)
    path = f"{NAME}/model_quantized.onnx"
    return [BuiltModel(NAME, path, (path,), f"main_export, then ORTQuantizer with the preset {preset}, per channel")]


if __name__ == "__main__":
    main(build)
