"""Print what each front reached beside the project's goals, from the comparisons with other tools.

    python scripts/marks_table.py studies/peers-demo/peers.json studies/peers-mrpc/peers.json ...

A row stands for a point of the front that loses at most as much test quality to the teacher as a goal allows. It has
the loss with its paired 95% bootstrap interval, and the ratios of mean latency and of file size; above 1 is faster or
smaller. The front was chosen on validation data, but whether the loss is small enough is read off the test split, so
the best rows are slightly optimistic.
"""

import json
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Goal:
    """At most ``loss`` points of quality lost, at these ratios to a baseline; 0 asks for nothing."""

    loss: float
    pytorch: float = 0.0
    int8: float = 0.0
    fp32_file: float = 0.0
    int8_file: float = 0.0

    @property
    def ratios(self) -> tuple[float, ...]:
        """The four ratios in the order of the columns."""
        return astuple(self)[1:]


OF_PAIRS = (Goal(1.0, int8=20.0), Goal(3.0, int8=30.0))
GOALS = {
    "demo": (Goal(1.0, 50.0, 12.0, 40.0, 10.0),),
    "mrpc": (Goal(1.0, int8=8.0), Goal(3.0, int8=25.0)),
    "stsb": OF_PAIRS,
    "sick": OF_PAIRS,
}
OF_OTHERS = (Goal(1.0, 25.0, 6.0, 30.0, 8.0),)
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
    """Return the lines of a task: for each of its goals the points that lose as little as it allows, and the goal."""
    goals = GOALS.get(comparison["study"].split("-")[0], OF_OTHERS)
    return [line for goal in goals for line in _rows(comparison, goal)]


def _rows(comparison: dict[str, Any], goal: Goal) -> list[str]:
    """Format the points that lose as little as the goal allows, fastest first, and the goal."""
    models = {model["name"]: model for model in comparison["models"]}
    sizes = [models[name]["size_bytes"] for name in ("onnxruntime-fp32", "onnxruntime-int8")]
    task = comparison["study"]
    within = [model for model in models.values() if model["kind"] == "front" and _loss(model) <= goal.loss + 1e-9]
    lines = []
    for model in sorted(within, key=lambda model: -model["speed_against_pytorch"]):
        reached = [model["speed_against_pytorch"], model["speed_against_anchor"]["all"]]
        reached += [size / model["size_bytes"] for size in sizes]
        low, high = (0.0 - 100 * bound for bound in reversed(model["difference_to_teacher"]["interval"]))
        met = all(ratio >= mark for ratio, mark in zip(reached, goal.ratios, strict=True))
        cells = [task, f"{model['name']}: {model['note']}", f"{_loss(model):.2f} ({low:.2f} to {high:.2f})"]
        cells += [*(f"{ratio:.3g}x" for ratio in reached), "all met" if met else "not all"]
        lines.append("| " + " | ".join(cells) + " |")
    marks = " | ".join(f"{mark:g}x" if mark else "-" for mark in goal.ratios)
    return [*lines, f"| {task} | goal | at most {goal.loss:g} | {marks} | |"]


def _loss(model: dict[str, Any]) -> float:
    return 0.0 - 100 * float(model["difference_to_teacher"]["value"])


if __name__ == "__main__":
    main()
