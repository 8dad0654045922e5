"""A random small BERT, emitted as int8 and measured, with data that it gets right nine times out of ten."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autocompress.artifact.blocks import GraphInputs
from autocompress.artifact.session import Session
from autocompress.compression.vocabulary import Vocabulary
from autocompress.domain.figures import Baseline, Figures, Latency, Quality
from autocompress.domain.problem import Problem, Target
from autocompress.report.export import ExportSource
from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.students.emit import emit
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.system.files import sha256
from autocompress.tasks.task import Task

MAX_LENGTH = 12
CLASSES = ("bad", "so-so", 'the "good" \\ one')
ONE_TEXT = Task("classification", ("text",), "label", CLASSES)
TWO_TEXTS = Task("classification", ("first", "second"), "label", CLASSES)
NUMBER = Task("regression", ("text",), "label", ())
TASKS = {"one text": ONE_TEXT, "two texts": TWO_TEXTS, "number": NUMBER}


@dataclass(frozen=True)
class Made:
    """What an export needs, and the tokenizer of transformers that the study would have encoded with."""

    source: ExportSource
    summary: StudySummary
    tokenizer: object

    def logits(self, texts: list[tuple[str, ...]]) -> np.ndarray:
        """One request a row, encoded by transformers."""
        session = Session(self.source.model)
        rows = [
            self.tokenizer(*row, truncation=True, max_length=MAX_LENGTH, return_token_type_ids=True) for row in texts
        ]
        return np.concatenate([session.run({name: np.array([row[name]]) for name in row}) for row in rows])


def make(folder: Path, checkpoint: str, task: Task = ONE_TEXT, batch_size: int = 1) -> Made:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from autocompress.networks.families.import_encoder import import_encoder

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    settings = {"vocab_size": len(tokenizer), "max_position_embeddings": 32, "num_labels": task.num_outputs}
    network = BertForSequenceClassification(BertConfig(**sizes, **settings)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    shape, arrays = import_encoder(network)
    order = np.arange(len(tokenizer), dtype=np.int32)
    configuration = TransformerConfiguration.uniform(shape, 8)
    model = folder / "trial" / "model.onnx"
    model.parent.mkdir(parents=True)
    inputs = GraphInputs(task.pair, Vocabulary(order, tokenizer.unk_token_id), MAX_LENGTH)
    model.write_bytes(emit(arrays, configuration, shape, inputs).SerializeToString())
    figures = figures_of(Quality(task.metric, 0.5, (0.4, 0.6), 7), model.stat().st_size)
    point = FrontPoint(12, True, configuration, figures, stage="verify")
    source = ExportSource(point, model, sha256(model), Path(checkpoint), task, MAX_LENGTH)
    summary = StudySummary(
        study="a_study | of *mine*",
        state="finished",
        problem=Problem(target=Target(batch_size, 1)),
        baselines=[Baseline("onnxruntime-int8", figures)],
        trials={"complete": 20},
        front=[point],
    )
    return Made(source, summary, tokenizer)


def figures_of(quality: Quality, size: int, mean_ms: float = 1000.0) -> Figures:
    latency = Latency(mean_ms, mean_ms, mean_ms, (mean_ms, mean_ms), 100, 0.99)
    return Figures(quality, latency, size, 50_000_000, quality)


def with_figures(made: Made, figures: Figures) -> ExportSource:
    return replace(made.source, point=replace(made.source.point, figures=figures))
