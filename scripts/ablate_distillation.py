"""Measure what each part of distillation contributes by leaving out one part at a time.

    python scripts/ablate_distillation.py STUDY [--studies-dir studies] [--seconds 40] [--students bilstm,cnn]

Teacher and data are those of the study. Every student is trained for the same time, so run it on an otherwise idle
machine. Prints per student and variant, on the validation split: the accuracy, its difference to the full method with
a paired 95% bootstrap interval, how often student and teacher agree, and the Kullback-Leibler divergence of the
student's distribution from the teacher's, which is less noisy than the accuracy. Classification only.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from guided_training import Guide, refine_guided

from autocompress import open_study
from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.batches import head_logits
from autocompress.distillation.refine import refine
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import DistillationSettings
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet, with_augmented
from autocompress.measurement.statistics import paired_difference_interval
from autocompress.preparation.labelling import teacher_outputs
from autocompress.students import STUDENTS
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.configuration import Configuration
from autocompress.students.cutting import cut
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.system.events import silent
from autocompress.tasks.kinds.classification import CLASSIFICATION

PRODUCT = AugmentationSettings()
SETTINGS = DistillationSettings(TrainingSettings(1.0, 1.0, 1.0), CLASSIFICATION)


@dataclass(frozen=True)
class Variant:
    """One way to distil; the defaults are a search's. Only sub-networks have a ``guide`` (guided_training.py)."""

    name: str
    copies: int = 40
    augmentation: AugmentationSettings = PRODUCT
    change: Callable[[DistillationSettings], DistillationSettings] = lambda settings: settings
    guide: str | None = None
    mapping: str = "last"


VARIANTS = (
    Variant("full method"),
    Variant("6 augmented texts per real one", copies=6),
    Variant("no augmented texts", copies=0),
    Variant("augmented texts: words replaced, nothing spliced", augmentation=AugmentationSettings(splice_share=0.0)),
    Variant("augmented texts: spliced, no word replaced", augmentation=AugmentationSettings(replace_share=0.0)),
    Variant("no hidden states of the teacher", change=lambda settings: replace(settings, hidden_weight=0.0)),
    Variant("no masked words", change=lambda settings: replace(settings, mask_share=0.0)),
    Variant("no true labels", change=lambda settings: replace(settings, label_weight=0.0)),
    Variant("also the encoder's output, last layer", guide="output"),
    Variant("also the encoder's output, every kept layer", guide="output", mapping="every"),
    Variant("also attention relations, last layer", guide="relations"),
    Variant("also attention relations, every kept layer", guide="relations", mapping="every"),
)


class Bench:
    """Trains students on the teacher and data of one study."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.data = prepared, prepared.data
        self.expected = prepared.validation_outputs
        self.transfers: dict[tuple[int, AugmentationSettings], TransferSet] = {}

    def transfer(self, variant: Variant) -> TransferSet:
        """Return the variant's labelled transfer set; labelling does not count as training time."""
        key = (variant.copies, variant.augmentation)
        if key not in self.transfers:
            data, separators = self.data, set(self.data.special_ids) - {self.data.unknown_id}
            vectors = self.prepared.source(TEACHER)[0]["embeddings.word"]
            count = variant.copies * len(data.train)
            augmenter = Augmenter.for_texts(
                data.train.tokens, vectors, separators, data.max_length, variant.augmentation
            )
            split = with_augmented(data.train, augmenter, count, seed=0)
            outputs = teacher_outputs(self.prepared, split, silent)
            self.transfers[key] = TransferSet(
                split, outputs.logits, len(data.train), data.pad_id, data.unknown_id, outputs.hidden
            )
        return self.transfers[key]

    def train(self, configuration: Configuration, variant: Variant, seconds: float) -> np.ndarray:
        """Distil a student and return its validation logits [n, C].

        BiLSTM and CNN start with the teacher's word vectors, a sub-network with the teacher's weights.
        """
        arrays, shape = self.prepared.source(TEACHER)
        if isinstance(configuration, TransformerConfiguration):
            shape, arrays = add_exit_heads(arrays, shape, seed=0)
        else:
            arrays = STUDENTS[configuration.student].initial(arrays, shape, [configuration], 0)[1]
        recipe = STUDENTS[configuration.student].alone
        training = TrainingSettings(recipe.learning_rate, seconds, max_epochs=1e6, batch_size=recipe.batch_size)
        settings = variant.change(DistillationSettings(training, CLASSIFICATION))
        texts = StudentTexts(self.transfer(variant), self.prepared.vocabulary_order)
        weights = cut(arrays, shape, configuration)
        if variant.guide is not None and isinstance(configuration, TransformerConfiguration):
            guide = self.guide(configuration, variant)
            weights = refine_guided(ElasticEncoder(shape, weights), guide, configuration, texts, settings)
        else:
            weights = refine(weights, shape, configuration, texts, settings)
        return self.predict(STUDENTS[configuration.student].network(shape, weights).eval(), configuration)

    def guide(self, configuration: TransformerConfiguration, variant: Variant) -> Guide:
        """Return what teaches a sub-network from the teacher's layers: the last one, or every one that it keeps."""
        arrays, teacher_shape = self.prepared.source(TEACHER)
        kept = [layer.index for layer in configuration.layers]
        pairs = [(index, index) for index in kept[:-1] if variant.mapping == "every"]
        pairs.append((kept[-1], teacher_shape.num_hidden_layers - 1))
        assert variant.guide is not None
        return Guide(variant.guide, pairs, arrays, teacher_shape, configuration.hidden_size)

    def predict(self, network: torch.nn.Module, configuration: Configuration) -> np.ndarray:
        """Return logits [n, C] on the validation split, quantized to the configuration's bits."""
        split, data = self.data.validation, self.data
        whole = TransferSet(split, np.zeros((len(split), 1), np.float32), 0, data.pad_id, data.unknown_id)
        texts = StudentTexts(whole, self.prepared.vocabulary_order)
        outputs = np.empty_like(self.expected)
        order = np.argsort(split.lengths, kind="stable")
        with torch.inference_mode():
            for begin in range(0, len(order), 64):
                rows = order[begin : begin + 64]
                batch = texts.in_vocabulary(whole.batch(rows), configuration.vocabulary_size)
                outputs[rows] = head_logits(network, batch, configuration, fake_quantize=True)[-1].numpy()
        return outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--students", default="bilstm,cnn,transformer")
    arguments = parser.parse_args()
    bench = Bench(Prepared(open_study(arguments.study, arguments.studies_dir).folder))
    wanted = {name: students(bench.prepared)[name] for name in arguments.students.split(",")}
    print("| student | variant | validation | difference | agrees with the teacher | divergence |")
    print("|---|---|---:|---:|---:|---:|")
    for name, configuration in wanted.items():
        for line in rows(bench, name, configuration, arguments.seconds):
            print(line, flush=True)


def students(prepared: Prepared) -> dict[str, Configuration]:
    """Return one student of each type, of sizes that are typical of a front."""
    shape, size = prepared.teacher_shape, min(16000, prepared.teacher_shape.vocab_size)
    depth = shape.num_hidden_layers
    return {
        "bilstm": BiLSTMConfiguration(min(256, shape.embedding_size), 128, 1, size),
        "cnn": CNNConfiguration(min(256, shape.embedding_size), 128, 1, 3, size),
        "transformer": TransformerConfiguration.uniform(
            shape,
            layers=tuple(sorted({0, 1, depth // 2, depth - 1})),
            hidden_size=2 * shape.hidden_size // 3,
            num_attention_heads=max(shape.num_attention_heads // 3, 1),
            intermediate_size=shape.intermediate_size // 3,
        ),
    }


def applies(variant: Variant, configuration: Configuration) -> bool:
    """Return whether a variant changes the training of this type of student."""
    has_layers = isinstance(configuration, TransformerConfiguration)
    without_states = variant.change(SETTINGS).hidden_weight != SETTINGS.hidden_weight
    return not (variant.guide is not None and not has_layers) and not (without_states and has_layers)


def rows(bench: Bench, name: str, configuration: Configuration, seconds: float) -> Iterator[str]:
    """Train every variant and yield a table row for each."""
    labels = bench.data.validation.labels
    reference: np.ndarray | None = None
    for variant in VARIANTS:
        if not applies(variant, configuration):
            continue
        outputs = bench.train(configuration, variant, seconds)
        right = outputs.argmax(1) == labels
        difference = "" if reference is None else interval(right, reference)
        reference = right if reference is None else reference
        agreement = (outputs.argmax(1) == bench.expected.argmax(1)).mean()
        divergence = CLASSIFICATION.distillation_loss(torch.from_numpy(outputs), torch.from_numpy(bench.expected))
        cells = (name, variant.name, f"{right.mean():.4f}", difference, f"{agreement:.4f}")
        yield f"| {' | '.join(cells)} | {float(divergence):.4f} |"


def interval(right: np.ndarray, reference: np.ndarray) -> str:
    """Format the difference of two accuracies in points, with its paired 95% bootstrap interval."""
    low, high = paired_difference_interval(right.astype(float), reference.astype(float))
    return f"{100 * (right.mean() - reference.mean()):+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"


if __name__ == "__main__":
    main()
