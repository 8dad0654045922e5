"""Measure what each part of distillation contributes by leaving out one part at a time.

    python scripts/ablate_distillation.py STUDY [--studies-dir studies] [--seconds 40] [--students bilstm,cnn]

Teacher and data are those of the study, whose task may have single texts or pairs. Of each student type the middle one
of the designs that a search measures first is trained. Every student is trained for the same time, so run it on an
otherwise idle machine. Prints per student and variant, on the validation split: the metric, its difference to the full
method in points with a paired 95% bootstrap interval, the same metric with the teacher's answers in the place of the
labels (for classes: how often student and teacher agree), and the loss of distillation (for classes the
Kullback-Leibler divergence from the teacher's distribution), which is less noisy than the metric.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from distillation_variants import PAIR_VARIANTS, SINGLE_VARIANTS, Variant, unchanged
from guided_training import Guide, refine_guided

from autocompress import open_study
from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.pair_augmentation import PairAugmenter, PairSettings
from autocompress.distillation.recipes import distillation_settings
from autocompress.distillation.refine import refine
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import DistillationSettings, hidden_guide
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import RowAugmenter, TransferSet, with_augmented
from autocompress.measurement.statistics import paired_difference_interval
from autocompress.preparation.labelling import teacher_outputs
from autocompress.students import STUDENTS
from autocompress.students.configuration import Configuration, describe
from autocompress.students.cutting import cut
from autocompress.students.elastic import ElasticNetwork
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.network import ElasticEncoder
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER
from autocompress.system.events import silent

RESAMPLES = 1000


class Bench:
    """Trains students on the teacher and data of one study."""

    def __init__(self, prepared: Prepared, copies: int) -> None:
        self.prepared, self.data, self.copies = prepared, prepared.data, copies
        self.kind = self.data.task.definition
        self.expected = prepared.validation_outputs
        self.transfers: dict[tuple[int, AugmentationSettings | PairSettings], TransferSet] = {}

    def transfer(self, variant: Variant) -> TransferSet:
        """Return the variant's labelled transfer set; labelling does not count as training time."""
        copies = self.copies if variant.copies is None else variant.copies
        key = (copies, variant.augmentation)
        if key not in self.transfers:
            data = self.data
            split = with_augmented(data.train, self.augmenter(variant.augmentation), copies * len(data.train), seed=0)
            outputs = teacher_outputs(self.prepared, split, silent)
            self.transfers[key] = TransferSet(
                split, outputs.logits, len(data.train), data.pad_id, data.unknown_id, outputs.hidden
            )
        return replace(self.transfers[key], balanced=variant.balanced)

    def augmenter(self, settings: AugmentationSettings | PairSettings) -> RowAugmenter:
        """Return what makes the augmented texts."""
        data, separators = self.data, set(self.data.special_ids) - {self.data.unknown_id}
        vectors = self.prepared.source(TEACHER)[0]["embeddings.word"]
        if isinstance(settings, PairSettings):
            return PairAugmenter.for_split(data.train, vectors, separators, data.max_length, settings)
        return Augmenter.for_texts(data.train.tokens, vectors, separators, data.max_length, settings)

    def settings(self, configuration: Configuration, variant: Variant, seconds: float) -> DistillationSettings:
        """Return how a student is distilled."""
        recipe = STUDENTS[configuration.student].alone
        training = TrainingSettings(recipe.learning_rate, seconds, max_epochs=1e6, batch_size=recipe.batch_size)
        return variant.change(distillation_settings(recipe, training, self.kind, self.transfer(variant)))

    def train(self, configuration: Configuration, variant: Variant, seconds: float) -> np.ndarray:
        """Distil a student, which starts as a super-network of its type does, and return its validation logits [n, C].

        A sub-network starts with the teacher's weights, another student with its word vectors.
        """
        student = STUDENTS[configuration.student]
        shape, arrays = student.initial(*self.prepared.start(student.name), [configuration], 0)
        settings = self.settings(configuration, variant, seconds)
        texts = StudentTexts(self.transfer(variant), self.prepared.vocabulary)
        weights = cut(arrays, shape, configuration)
        if variant.guide is not None and isinstance(configuration, TransformerConfiguration):
            guide = self.guide(configuration, variant)
            weights = refine_guided(ElasticEncoder(shape, weights), guide, configuration, texts, settings)
        else:
            weights = refine(weights, shape, configuration, texts, settings)
        return self.predict(student.network(shape, weights).eval(), configuration)

    def applies(self, configuration: Configuration, variant: Variant) -> bool:
        """Return whether a variant changes the training of this student."""
        if variant.guide is not None:
            return isinstance(configuration, TransformerConfiguration)
        usual = self.settings(configuration, replace(variant, change=unchanged), 1.0)
        changed = self.settings(configuration, variant, 1.0)
        if changed == usual:
            return variant.change is unchanged
        if changed.hidden_weight:
            return True
        student = STUDENTS[configuration.student]
        shape, arrays = student.initial(*self.prepared.start(student.name), [configuration], 0)
        network = student.network(shape, cut(arrays, shape, configuration))
        return hidden_guide(network, self.transfer(variant), usual) is not None

    def guide(self, configuration: TransformerConfiguration, variant: Variant) -> Guide:
        """Return what teaches a sub-network from the teacher's layers: the last one, or every one that it keeps."""
        arrays, teacher_shape = self.prepared.source(TEACHER)
        kept = [layer.index for layer in configuration.layers]
        pairs = [(index, index) for index in kept[:-1] if variant.mapping == "every"]
        pairs.append((kept[-1], teacher_shape.num_hidden_layers - 1))
        assert variant.guide is not None
        return Guide(variant.guide, pairs, arrays, teacher_shape, configuration.hidden_size)

    def predict(self, network: ElasticNetwork, configuration: Configuration) -> np.ndarray:
        """Return logits [n, C] on the validation split, quantized to the configuration's bits."""
        data = self.data
        whole = TransferSet(data.validation, self.expected, 0, data.pad_id, data.unknown_id)
        return StudentTexts(whole, self.prepared.vocabulary).outputs(network, configuration, fake_quantize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    parser.add_argument("--seconds", type=float, default=40.0, help="training time of each student")
    parser.add_argument("--students", default="bilstm,cnn,transformer", help=f"of {', '.join(STUDENTS)}")
    parser.add_argument("--copies", type=int, default=40, help="augmented texts per training text")
    parser.add_argument("--variants", default="", help="only those whose name has one of these words, and the full one")
    arguments = parser.parse_args()
    bench = Bench(Prepared(open_study(arguments.study, arguments.studies_dir).folder), arguments.copies)
    wanted = {name: middle_design(bench.prepared, name) for name in arguments.students.split(",")}
    variants = chosen(PAIR_VARIANTS if bench.data.task.pair else SINGLE_VARIANTS, arguments.variants)
    for name, configuration in wanted.items():
        print(f"{name}: {describe(configuration)}")
    print(f"| student | variant | {bench.kind.metric} | difference | agrees with the teacher | divergence |")
    print("|---|---|---:|---:|---:|---:|")
    for configuration in wanted.values():
        for line in rows(bench, configuration, variants, arguments.seconds):
            print(line, flush=True)


def middle_design(prepared: Prepared, student: str) -> Configuration:
    """Return the middle one of the configurations of a student type that a search measures first."""
    designs = sorted(STUDENTS[student].designs(prepared.teacher_shape, exits=False), key=lambda design: design[0])
    return designs[len(designs) // 2][1]


def chosen(variants: Sequence[Variant], words: str) -> list[Variant]:
    """Return the first variant and those whose name has one of the comma-separated words; all without any."""
    wanted = words.split(",")
    return [each for each in variants if each is variants[0] or any(word in each.name for word in wanted)]


def rows(bench: Bench, configuration: Configuration, variants: Sequence[Variant], seconds: float) -> Iterator[str]:
    """Train every variant and yield a table row for each."""
    labels, kind, expected = bench.data.validation.labels, bench.kind, bench.expected
    answers = expected[:, 0] if kind.classes_of(labels) is None else expected.argmax(1)
    reference: np.ndarray | None = None
    for variant in variants:
        if not bench.applies(configuration, variant):
            continue
        outputs = bench.train(configuration, variant, seconds)
        difference = "" if reference is None else interval(bench, outputs, reference)
        reference = outputs if reference is None else reference
        divergence = kind.distillation_loss(torch.from_numpy(outputs), torch.from_numpy(expected))
        figures = (f"{kind.quality(outputs, labels):.4f}", difference, f"{kind.quality(outputs, answers):.4f}")
        yield f"| {' | '.join((configuration.student, variant.name, *figures))} | {float(divergence):.4f} |"


def interval(bench: Bench, outputs: np.ndarray, reference: np.ndarray) -> str:
    """Format the difference of two qualities in points, with its paired 95% bootstrap interval."""
    labels, kind = bench.data.validation.labels, bench.kind
    difference = kind.quality(outputs, labels) - kind.quality(reference, labels)
    right, usual = kind.correct_rows(outputs, labels), kind.correct_rows(reference, labels)
    if right is not None and usual is not None:
        low, high = paired_difference_interval(right.astype(float), usual.astype(float))
    else:
        rng, drawn = np.random.default_rng(0), []
        for _ in range(RESAMPLES):
            some = rng.integers(len(labels), size=len(labels))
            drawn.append(kind.quality(outputs[some], labels[some]) - kind.quality(reference[some], labels[some]))
        low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{100 * difference:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"


if __name__ == "__main__":
    main()
