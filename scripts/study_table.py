"""Print a study's summary.json as a Markdown table, for READMEs.

python scripts/study_table.py studies/demo/summary.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from autocompress.system.units import human_size

HEADER = (
    "| | validation | expected | test | {secondary} | mean ms | p95 ms | against int8 | against PyTorch | file |"
    " memory |"
)


def main() -> None:
    summary = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    secondary = next(iter(summary["baselines"][0]["quality"]["test_secondary"]))
    print(HEADER.format(secondary=f"{secondary} (test)"))
    print("|---|" + "---:|" * 10)
    for baseline in summary["baselines"]:
        print(row(baseline["name"], baseline, secondary))
    for point in summary["front"]:
        print(row(f"{point['trial']}: {point['description']}", point, secondary))


def row(name: str, measured: dict[str, Any], secondary: str) -> str:
    quality, latency, speedup = measured["quality"], measured["latency_ms"], measured["speedup"]
    cells = [
        f"{quality['validation']:.4f}",
        "-" if quality.get("expected") is None else f"{quality['expected']:.4f}",
        f"{quality['test']:.4f}",
        f"{quality['test_secondary'][secondary]:.4f}",
        f"{latency['mean']:.3f}",
        f"{latency['p95']:.3f}",
        f"{speedup['onnxruntime-int8']:.3g}x",
        f"{speedup['pytorch-fp32']:.3g}x",
        human_size(measured["size_bytes"]),
        human_size(measured["memory_bytes"]),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
