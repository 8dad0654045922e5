"""Writes the comparison for readers: a table, a README whose sentences are made from the figures, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autocompress.system.files import write_bytes, write_json
from autocompress.system.units import human_size
from peers.comparison import FRONT, Answer, Comparison, Difference, Offer, Row
from peers.environments import PEERS
from peers.measuring import ANCHOR, PASSES
from peers.plot import write_peers_plot

HEADER = (
    "| | test {metric} | to teacher, points (95%) | mean ms | p95 ms | against int8 | against PyTorch | file |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)
DISTURBED = "\n\\* other processes disturbed this measurement.\n"


def write_report(comparison: Comparison, out: Path, command: str) -> None:
    """Write ``table.md``, ``peers.json``, ``peers.png`` and ``README.md`` to ``out``."""
    write_json(out / "peers.json", comparison.to_json())
    write_bytes(out / "table.md", table(comparison).encode())
    write_peers_plot(comparison, out / "peers.png")
    write_bytes(out / "README.md", readme(comparison, command).encode())


def table(comparison: Comparison) -> str:
    """Return the Markdown table of all models, the front last; speeds are ratios of means, above 1 is faster."""
    lines = [HEADER.format(metric=comparison.metric), *map(_line, comparison.rows)]
    note = DISTURBED if any(row.timed.disturbed for row in comparison.rows) else ""
    return "\n".join(lines) + "\n" + note


def readme(comparison: Comparison, command: str) -> str:
    """Return the README: question, answer, command, figures, how they were measured and what was not run."""
    rivals = "\n".join(f"- {_about(answer)}" for answer in comparison.answers)
    return "\n".join(
        [
            f"# Peers on the study {comparison.study}\n",
            "**Question.** What do other tools make of the same teacher, measured on the same machine, requests and "
            "test rows, and which point of the front would one take instead?\n",
            f"**Answer.** {' '.join(answer_sentences(comparison))}\n",
            f"**Command.**\n\n    {command}\n",
            "**Figures.** For each alternative: the fastest point that is not significantly below it, then the slowest "
            f"point that is at least as fast.\n\n{rivals}\n",
            table(comparison),
            "![quality against latency](peers.png)\n",
            "## How it was measured\n",
            *how(comparison),
            *_not_run(comparison),
        ]
    )


def answer_sentences(comparison: Comparison) -> list[str]:
    """Say which alternative is fastest, what the front offers at each one's quality and latency, and the resolution."""
    rivals = [answer.rival for answer in comparison.answers]
    fastest = max(rivals, key=lambda row: row.speed)
    matched = [answer for answer in comparison.answers if answer.factor is not None]
    factors = [answer.factor for answer in matched if answer.factor is not None]
    span = f"{_times(min(factors))} to {_times(max(factors))} times as fast" if factors else "none"
    as_fast = [answer.at_latency.difference for answer in comparison.answers if answer.at_latency is not None]
    equal, above = sum(not found.is_loss for found in as_fast), sum(found.value >= 0 for found in as_fast)
    half_widths = [100 * (row.to_teacher.interval[1] - row.to_teacher.interval[0]) / 2 for row in comparison.rows]
    return [
        f"The fastest of the {len(rivals)} alternatives is {fastest.model.name}: {fastest.quality.value:.4f} "
        f"{comparison.metric} in {fastest.mean_ms:.3g} ms.",
        f"For {len(matched)} of {len(rivals)} the front has a point whose {comparison.metric} is not significantly "
        f"lower, and the fastest such point is {span}.",
        f"For each alternative, take the slowest point that is at least as fast: its {comparison.metric} is not "
        f"significantly lower than the alternative's in {equal} of {len(rivals)} cases, "
        f"and equal or higher in {above}.",
        f"With {comparison.test_rows:,} test rows differences below {max(half_widths):.1f} points can go unnoticed, "
        "so the differences stand beside the factors.",
    ]


def how(comparison: Comparison) -> list[str]:
    """Say which figures are interleaved, how far the passes agree, and on what machine they were measured."""
    rows, target, hardware = comparison.rows, comparison.target, comparison.hardware
    processes = {name: [row for row in rows if row.model.runtime.name == name] for name in _processes(rows)}
    apart, widest = max((abs(max(row.timed.speeds) / min(row.timed.speeds) - 1), row.model.name) for row in rows)
    anchors = [mean for row in rows for mean in row.timed.anchor_ms]
    lines = [f"- {name}: {', '.join(row.model.name for row in group)}" for name, group in processes.items()]
    notes = [f"- {row.model.name}: {row.model.note}" for row in rows if row.model.note and row.model.kind != FRONT]
    return [
        f"Batch {target['batch_size']}, {target['threads']} thread(s), {hardware['cpu']}, {hardware['cores']} cores, "
        f"ONNX Runtime {hardware['onnxruntime']}. These processes took turns, {PASSES} times each:\n",
        "\n".join(lines) + "\n",
        f"Within a process models are timed interleaved, block by block, and {ANCHOR} is timed in every process. A "
        "speed is its mean over the model's mean in the same process, so speeds may be compared; milliseconds of "
        "different processes were not measured interleaved. "
        f"{ANCHOR} took {min(anchors):.3g} to {max(anchors):.3g} ms. The speed of one model differs "
        f"between passes by {100 * apart:.1f}% at most ({widest}).\n",
        "Differences are paired over the test rows (bootstrap, 95%). The front was chosen on validation data; this "
        "table decides nothing.\n",
        "\n".join(notes) + "\n",
        "Versions of every environment are in peers.json.\n",
    ]


def _processes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.model.runtime.name for row in rows))


def _not_run(comparison: Comparison) -> list[str]:
    lines = [f"- {PEERS[name].title}: {reason}" for name, reason in comparison.not_run.items()]
    return ["## Not run\n", "\n".join(lines) + "\n"] if lines else []


def _line(row: Row) -> str:
    mark = "\\*" if row.timed.disturbed else ""
    name = f"{row.model.name}: {row.model.note}" if row.model.kind == FRONT else row.model.name
    cells = [
        f"{row.quality.value:.4f}",
        _points(row.to_teacher),
        f"{row.mean_ms:.3f}{mark}",
        f"{row.p95_ms:.3f}",
        f"{_times(row.speed)}x",
        f"{_times(row.against_pytorch)}x",
        human_size(row.model.size_bytes),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def _about(answer: Answer) -> str:
    rival = f"{answer.rival.model.name} ({answer.rival.quality.value:.4f}, {answer.rival.mean_ms:.3g} ms)"
    if answer.at_quality is None or answer.factor is None:
        fastest = "every point is significantly below it"
    else:
        size = human_size(answer.at_quality.point.model.size_bytes)
        fastest = f"{_offer(answer.at_quality)}, {_times(answer.factor)} times as fast, {size}"
    slowest = "no point" if answer.at_latency is None else _offer(answer.at_latency)
    return f"{rival}: {fastest}. At least as fast: {slowest}."


def _offer(offer: Offer) -> str:
    point = offer.point
    figures = f"{point.quality.value:.4f}, {point.mean_ms:.3g} ms"
    return f"{point.model.name} ({figures}), {_points(offer.difference)} points"


def _points(difference: Difference) -> str:
    low, high = (100 * bound for bound in difference.interval)
    return f"{100 * difference.value:+.2f} ({low:+.2f} to {high:+.2f})"


def _times(factor: float) -> str:
    return f"{factor:.3g}"
