"""A synthetic study with many points, for tables, plots and JSON."""

import numpy as np

from autocompress.domain.figures import Baseline, Figures, Latency, Quality
from autocompress.domain.problem import Constraints, Problem
from autocompress.report.summary import FrontPoint, StudySummary, speedups
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import Configuration
from autocompress.students.transformer.configuration import (
    ExitConfiguration,
    LayerConfiguration,
    TransformerConfiguration,
)


def make_figures(
    quality: float = 0.9, mean: float = 1.0, size: int = 4_000_000, memory: int = 90_000_000, test: float | None = None
) -> Figures:
    return Figures(
        validation=Quality("accuracy", quality, (quality - 0.012, quality + 0.012), 2000, {"macro_f1": quality - 0.02}),
        latency_ms=Latency(mean, mean * 0.95, mean * 1.5, (mean * 0.98, mean * 1.02), 500, 0.99),
        size_bytes=size,
        memory_bytes=memory,
        test=None if test is None else Quality("accuracy", test, (test - 0.012, test + 0.012), 2000),
    )


def make_configuration(trial: int) -> Configuration:
    if trial % 3 == 1:
        return BiLSTMConfiguration(128, 96, 1, 8000, 8, 4, 0.3)
    if trial % 3 == 2:
        return CNNConfiguration(128, 128, 2, 5, 8000, 4, 2)
    layers = tuple(LayerConfiguration(i, 4, 512, 8, 4, 0.5) for i in (0, 1, 3, 5))
    return TransformerConfiguration(256, layers, 12000, 4, ExitConfiguration((1, 3), 0.9))


def make_summary(points: int = 24, seed: int = 0, feasible: bool | None = True) -> StudySummary:
    rng = np.random.default_rng(seed)
    baselines = [
        Baseline("pytorch-fp32", make_figures(0.907, 18.2, 90_900_000, 610_000_000, 0.904)),
        Baseline("onnxruntime-fp32", make_figures(0.907, 9.21, 90_600_000, 260_000_000, 0.904)),
        Baseline("onnxruntime-int8", make_figures(0.906, 3.81, 23_100_000, 148_000_000, 0.903)),
    ]
    front = []
    for i, mean in enumerate(np.geomspace(0.05, 2.6, points)):
        quality = 0.912 - 0.10 / (1 + 6 * i / points) ** 1.5
        figures = make_figures(quality, float(mean), int(1e6 + 4e5 * i), int(6e7 + 1e6 * i), quality - 0.004)
        speedup = speedups(figures, baselines)
        front.append(FrontPoint(7 * i % 101, feasible, make_configuration(i), figures, speedup, "verify", i % 2 == 0))
    dominated = []
    for i in range(90):
        mean = float(np.exp(rng.uniform(np.log(0.1), np.log(6))))
        quality = 0.91 - 0.09 / (1 + mean) - float(rng.exponential(0.03))
        dominated.append((make_figures(quality, mean, int(rng.uniform(5e5, 2e7))), 200 + i))
    return StudySummary(
        study="synthetic",
        state="finished",
        problem=Problem(constraints=Constraints(max_latency_ms=2.5, max_drop=4.0, max_size_bytes=50_000_000)),
        baselines=baselines,
        trials={"complete": 110, "failed": 4},
        front=front,
        dominated=dominated,
        notes=["the built-in demo is used"],
        phases=[{"name": "search", "planned_s": 400.0, "used_s": 391.0}],
        updated=1_700_000_000.0,
    )
