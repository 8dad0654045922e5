"""Writes the five lines of Python that serve an exported model, and the model card around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autocompress.artifact.session import Session
from autocompress.domain.figures import Figures
from autocompress.report.manifest import MANIFEST, TOKENIZER, Manifest, load_artifact
from autocompress.students.configuration import describe
from autocompress.study.shipped import MODEL
from autocompress.system.units import human_size
from autocompress.tasks.task import Task
from autocompress.tasks.valid_text import literal

ELSEWHERE = "another machine, or with other library versions, than the export was made on"
SAMPLES = ("The first text.", "The second text.")
_MARKDOWN = frozenset("\\`*_[]<>|~&$")


def serving_example(folder: str | Path, task: Task | None = None) -> str:
    """Write five lines of Python that serve the model exported to ``folder``; its task is read there if not given.

    They need onnxruntime, numpy and tokenizers only. InputError if the folder is no whole export.
    """
    if task is None:
        task = Task.from_json(load_artifact(Path(folder)).manifest.task)
    names = Session(Path(folder) / MODEL).input_names
    return _lines(str(Path(folder) / TOKENIZER), str(Path(folder) / MODEL), task, names)


def model_card(folder: Path, manifest: Manifest) -> str:
    """Write the README.md of an export: what the model is, what was measured and how, and the lines that serve it."""
    task = Task.from_json(manifest.task)
    columns = " and ".join(_escape(name) for name in task.text_columns)
    labels = ", ".join(_escape(name) for name in task.label_names)
    latency = manifest.figures.latency_ms
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    paragraphs = [
        f"# Trial {manifest.trial} of {_escape(manifest.study)}",
        f"A compressed text model from autocompress, trial {manifest.trial} of the study {_escape(manifest.study)}: "
        f"{_escape(describe(manifest.configuration))}. It is {task.words.model}, of the text in {columns}"
        + (f": {labels}" if labels else "")
        + f"; `{TOKENIZER}` cuts texts at {manifest.max_length} tokens, and longer ones are not what the model is for."
        + _lineage(manifest),
        "## Serve",
        _needs(manifest),
        f"```python\n{_lines(TOKENIZER, MODEL, task, Session(folder / MODEL).input_names)}\n```",
        "## Measured",
        _figures_table(manifest, task.metric),
        f"Latency is per request of {manifest.batch_size} text{'s' if manifest.batch_size > 1 else ''} on "
        f"{manifest.threads} thread{'s' if manifest.threads > 1 else ''}, over real token lengths, on "
        f"{_escape(str(manifest.fingerprint.get('cpu', ELSEWHERE)))}; tokenization is not in it"
        + (", and other use of the machine disturbed the run" if latency.disturbed else "")
        + ". In brackets are 95% intervals: of a quality over other texts (bootstrap), and of a latency where "
        "another measurement is expected. Memory is the peak of a process that serves the file. ONNX Runtime uses "
        "all cores unless `SessionOptions.intra_op_num_threads` says otherwise.",
        f"`{MANIFEST}` holds the same and more: the configuration, every figure, the hardware, and the versions "
        f"({_escape(versions)}). `autocompress verify DIR --data FILE` measures the model again.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _lineage(manifest: Manifest) -> str:
    """Write from which checkpoint a model started and which one taught it, where these are two."""
    if not manifest.checkpoints:
        return ""
    student, teacher = (_escape(manifest.checkpoints[name]) for name in ("student", "teacher"))
    return f" It started from {student} and was taught by {teacher}, which the first three baselines are."


def _needs(manifest: Manifest) -> str:
    least = manifest.least_onnxruntime
    return (
        (f"Needs onnxruntime {least} or later. " if least else "")
        + "In this folder, with onnxruntime, numpy and tokenizers installed (the texts of a batch are padded on the "
        "right, with 0 in `attention_mask`):"
    )


def _lines(tokenizer: str, model: str, task: Task, input_names: Sequence[str]) -> str:
    sources = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    feed = ", ".join(f'"{name}": numpy.array([text.{sources[name]}])' for name in input_names)
    texts = ", ".join(literal(sample) for sample in SAMPLES[: len(task.text_columns)])
    return "\n".join(
        (
            "import numpy, onnxruntime, tokenizers",
            f"text = tokenizers.Tokenizer.from_file({literal(tokenizer)}).encode({texts})",
            f'session = onnxruntime.InferenceSession({literal(model)}, providers=["CPUExecutionProvider"])',
            f"(logits,) = session.run(None, {{{feed}}})",
            f"print({task.definition.answer_expression(task.label_names)})",
        )
    )


def _figures_table(manifest: Manifest, metric: str) -> str:
    named = [("this model", manifest.figures), *((baseline.name, baseline.figures) for baseline in manifest.baselines)]
    head = (
        "",
        f"{metric}, validation",
        f"{metric}, test",
        "mean ms",
        "p50 ms",
        "p95 ms",
        "times this mean",
        "size",
        "memory",
    )
    rows = [head, ("---", *["---:"] * (len(head) - 1))]
    for name, figures in named:
        latency = figures.latency_ms
        faster = "" if figures is manifest.figures else f"{latency.mean / manifest.figures.latency_ms.mean:.1f}"
        rows.append(
            (
                _escape(name),
                *_qualities(figures),
                *(f"{value:.3f}" for value in (latency.mean, latency.p50, latency.p95)),
                faster,
                human_size(figures.size_bytes),
                human_size(figures.memory_bytes),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _qualities(figures: Figures) -> list[str]:
    return [
        "" if quality is None else f"{quality.value:.4f} [{quality.interval[0]:.4f}, {quality.interval[1]:.4f}]"
        for quality in (figures.validation, figures.test)
    ]


def _escape(text: str) -> str:
    """Write ``text`` as plain words of one Markdown line."""
    return "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in " ".join(text.split()))
