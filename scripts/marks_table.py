"""Print what each front reached beside the project's goals, from the comparisons with other tools.

    python scripts/marks_table.py studies/peers-demo/peers.json studies/peers-subj/peers.json ...

A row stands for a point of the front that loses at most one point of test quality to the teacher. It has the loss with
its paired 95% bootstrap interval, and the ratios of mean latency and of file size; above 1 is faster or smaller. The
front was chosen on validation data, but whether the loss is at most one point is read off the test split, so the best
rows are slightly optimistic.
"""

import json
import sys
from pathlib import Path
from typing import Any

LOSS = 1.0
ASKED = {"demo": (50.0, 12.0, 40.0, 10.0)}
ASKED_OF_OTHERS = (25.0, 6.0, 30.0, 8.0)
HEADER = (
    "| task | point | loss, points (95%) | against PyTorch | against int8 | file: fp32 | file: int8 | goals |\n"
    "|---|---|---:|---:|---:|---:|---:|---|"
)


def main() -> None:
    print(HEADER)
    for name in sys.argv[1:]:
        comparison = json.loads(Path(name).read_text(encoding="utf-8"))
        for line in rows(comparison):
            print(line)


def rows(comparison: dict[str, Any]) -> list[str]:
    """Format the points within one point of the teacher, fastest first, and the goals."""
    models = {model["name"]: model for model in comparison["models"]}
    sizes = [models[name]["size_bytes"] for name in ("onnxruntime-fp32", "onnxruntime-int8")]
    task = comparison["study"].split("-")[0]
    asked = ASKED.get(task, ASKED_OF_OTHERS)
    within = [model for model in models.values() if model["kind"] == "front" and _loss(model) <= LOSS + 1e-9]
    lines = []
    for model in sorted(within, key=lambda model: -model["speed_against_pytorch"]):
        reached = [model["speed_against_pytorch"], model["speed_against_anchor"]["all"]]
        reached += [size / model["size_bytes"] for size in sizes]
        low, high = (0.0 - 100 * bound for bound in reversed(model["difference_to_teacher"]["interval"]))
        met = all(ratio >= mark for ratio, mark in zip(reached, asked, strict=True))
        cells = [task, f"{model['name']}: {model['note']}", f"{_loss(model):.2f} ({low:.2f} to {high:.2f})"]
        cells += [*(f"{ratio:.3g}x" for ratio in reached), "all met" if met else "not all"]
        lines.append("| " + " | ".join(cells) + " |")
    marks = " | ".join(f"{mark:g}x" for mark in asked)
    return [*lines, f"| {task} | goal | at most {LOSS:g} | {marks} | |"]


def _loss(model: dict[str, Any]) -> float:
    return 0.0 - 100 * float(model["difference_to_teacher"]["value"])


if __name__ == "__main__":
    main()
