"""Print the fastest and the smallest file of a study's front within 0 to 3 points of test quality.

    python scripts/loss_curve.py studies/demo/summary.json [studies/ag_news/summary.json ...]

A loss is the teacher's test metric in PyTorch minus the point's. Ratios are of mean latency and of file size; above 1
is faster or smaller. The front was chosen on validation data, but which of its points is within a loss is read off the
test split, so each row is slightly optimistic: with 2,000 rows a loss is known to about a point.
"""

import json
import sys
from pathlib import Path
from typing import Any

LOSSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
HEADER = (
    "| study | loss, at most | fastest: trial | its loss | against PyTorch | against int8 "
    "| smallest: trial | its loss | against fp32 | against int8 |\n"
    "|---|---:|---|---:|---:|---:|---|---:|---:|---:|"
)


def main() -> None:
    print(HEADER)
    for name in sys.argv[1:]:
        summary = json.loads(Path(name).read_text(encoding="utf-8"))
        for limit in LOSSES:
            print(row(summary, limit))


def row(summary: dict[str, Any], limit: float) -> str:
    """Format one row of the table; dashes where no point of the front is within the loss."""
    stock = {baseline["name"]: baseline for baseline in summary["baselines"]}
    teacher = stock["pytorch-fp32"]["quality"]["test"]
    lost = {point["trial"]: 100 * (teacher - point["quality"]["test"]) for point in summary["front"]}
    within = [point for point in summary["front"] if lost[point["trial"]] <= limit + 1e-9]
    cells = [summary["study"], f"{limit:g}"]
    if not within:
        return "| " + " | ".join([*cells, *["-"] * 8]) + " |"
    fast = min(within, key=lambda point: point["latency_ms"]["mean"])
    small = min(within, key=lambda point: point["size_bytes"])
    speed = fast["speedup"]
    sizes = [stock[name]["size_bytes"] / small["size_bytes"] for name in ("onnxruntime-fp32", "onnxruntime-int8")]
    cells += [_name(fast), f"{lost[fast['trial']]:.2f}"]
    cells += [f"{speed['pytorch-fp32']:.3g}x", f"{speed['onnxruntime-int8']:.3g}x"]
    cells += [_name(small), f"{lost[small['trial']]:.2f}", *(f"{size:.3g}x" for size in sizes)]
    return "| " + " | ".join(cells) + " |"


def _name(point: dict[str, Any]) -> str:
    return f"{point['trial']}: {point['description']}"


if __name__ == "__main__":
    main()
