"""Reads and checks the inputs of a search: the data and the checkpoint, whose trained head is used if it fits.

With a student checkpoint there are two, and each encodes the same rows with its own tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autocompress.distillation.class_order import choose_head
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.networks.checkpoint import Checkpoint, head_names, open_checkpoint
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import LoadedModel, load_model, permute_outputs
from autocompress.students import STUDENTS
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.study.prepared import Prepared
from autocompress.system.errors import InputError
from autocompress.tasks.demo import demo_model_path
from autocompress.tasks.encoding import EncodedDataset
from autocompress.tasks.loading import load_dataset
from autocompress.tasks.tokenizing import encode

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TRAIN_ROWS_PER_SECOND = 40
EVALUATION_ROWS_PER_SECOND = 4
FEWEST_ROWS, MOST_EVALUATION_ROWS = 400, 2000
COUNTED_PARAMETERS, COUNTED_TOKENS = 10.6e6, 30.0
DEMO = "demo"
"""The name by which the demo's checkpoint can be the student checkpoint."""


@dataclass(frozen=True)
class Inputs:
    """The encoded data of a problem, and the checkpoint whose tokenizer encoded them.

    ``order[i]`` is the output of the checkpoint's trained head for class i; it is None if a head is to be trained.
    """

    data: EncodedDataset
    checkpoint: Checkpoint
    order: tuple[int, ...] | None


@dataclass(frozen=True)
class StudyInputs:
    """The inputs of the model that students start from, and of a large teacher if there is one.

    Row i of a split is the same text in both.
    """

    origin: Inputs
    teacher: Inputs | None = None

    def of(self, prepared: Prepared) -> Inputs:
        """Return the inputs of the model that is prepared there: the origin or the large teacher."""
        return self.teacher if prepared.only_labels and self.teacher is not None else self.origin


def load_inputs(problem: Problem) -> StudyInputs:
    """Read and check the data and the checkpoints of a problem, without training or writing anything.

    InputError says what is wrong with one of them, or why they do not fit together.
    """
    checkpoint = open_checkpoint(problem.model or str(demo_model_path()))
    small = None if problem.student is None else _open_student(problem.student, checkpoint)
    texts = load_dataset(problem.data, problem.seed, checkpoint.declared_task)
    data = encode(texts, checkpoint.tokenizer, max_positions=checkpoint.max_positions)
    parameters = max(encoder_parameters(one) for one in (checkpoint, small) if one is not None)
    limits = row_limits(problem.time_budget_s, parameters, float(data.train.lengths.mean()))
    data = _limited(data, limits, problem.seed)
    loaded = _checked_model(data, checkpoint)
    names = head_names(checkpoint.config, data.task.num_outputs)
    head = choose_head(loaded, names, data, encoder_parameters(checkpoint), accept=problem.accept_teacher)
    data = replace(data, notes=(*data.notes, *checkpoint.notes, *head.notes))
    teacher = Inputs(data, checkpoint, head.order)
    if small is None:
        return StudyInputs(teacher)
    own = encode(replace(texts, notes=()), small.tokenizer, max_positions=small.max_positions)
    return StudyInputs(_student_inputs(problem, own, limits, small, teacher), teacher)


def _open_student(reference: str, teacher: Checkpoint) -> Checkpoint:
    """Open the student checkpoint; InputError if it is the teacher's own."""
    named_demo = reference == DEMO and not Path(reference).is_dir()
    small = open_checkpoint(str(demo_model_path()) if named_demo else reference)
    if small.folder.resolve() == teacher.folder.resolve():
        raise InputError(
            f"the student checkpoint must be another than the model that teaches, but both are {teacher.reference}; "
            f"leave --student out"
        )
    return small


def _student_inputs(
    problem: Problem, data: EncodedDataset, limits: Mapping[str, int], checkpoint: Checkpoint, teacher: Inputs
) -> Inputs:
    """Return the inputs of the student checkpoint, with the notes on both; its head is always fitted anew."""
    limited, parameters = _limited(data, limits, problem.seed), encoder_parameters(checkpoint)
    loaded = _checked_model(limited, checkpoint)
    reason = loaded.without_head or "the head of a student checkpoint is not kept"
    head = choose_head(replace(loaded, without_head=reason), [], limited, parameters)
    sizes = [encoder_parameters(one) / 1e6 for one in (checkpoint, teacher.checkpoint)]
    models = (
        f"students start from {problem.student} ({sizes[0]:.1f} million weights in its layers) and learn from "
        f"{problem.model or DEMO} ({sizes[1]:.1f} million)" + (", which is not larger" if sizes[0] >= sizes[1] else "")
    )
    own = (f"student checkpoint: {note}" for note in (*data.notes, *checkpoint.notes, *head.notes))
    return Inputs(replace(limited, notes=(models, *teacher.data.notes, *own)), checkpoint, None)


def _checked_model(data: EncodedDataset, checkpoint: Checkpoint) -> LoadedModel:
    """Load the model with a head for the data's task; InputError if it does not fit the tokenizer or the family."""
    _check_token_types(data, checkpoint)
    loaded = load_model(checkpoint, data.task.num_outputs, data.task.label_names)
    import_encoder(loaded.model)
    return loaded


def load_start(inputs: Inputs) -> PreTrainedModel:
    """Load the model of the checkpoint, with its outputs in the order of the task's classes."""
    task = inputs.data.task
    model = load_model(inputs.checkpoint, task.num_outputs, task.label_names).model
    if inputs.order is not None:
        permute_outputs(model, inputs.order)
    return model


def _check_token_types(data: EncodedDataset, checkpoint: Checkpoint) -> None:
    """Check that the model has a row for each token type of the tokenizer, where it tells token types apart."""
    family = FAMILIES[checkpoint.config.model_type]
    rows = family.size(checkpoint.config, "type_vocab_size")
    largest = max(int(split.type_ids.max(initial=0)) for split in data.splits.values())
    if family.reads_token_types(checkpoint.config) and largest >= rows:
        raise InputError(
            f"every token type that the tokenizer gives must have a row in the model's table, but it gives type "
            f"{largest} and the table has {rows}; take the tokenizer that {checkpoint.reference} was trained with"
        )


def encoder_parameters(checkpoint: Checkpoint) -> int:
    """Return the number of weights in the encoder's linear layers, to which the cost of a token is proportional."""
    family = FAMILIES[checkpoint.config.model_type]
    layers, hidden, heads, neurons = (
        family.size(checkpoint.config, name)
        for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    )
    shape = EncoderShape(layers, hidden, heads, neurons, 1, 1, 0, 1, hidden)
    return int(STUDENTS["transformer"].multiplications(TransformerConfiguration.uniform(shape), shape))


def row_limits(time_budget_s: float, parameters: int, mean_tokens: float = COUNTED_TOKENS) -> dict[str, int]:
    """Return the number of rows per split that can be passed through an encoder within a time budget.

    The rates were measured on MiniLM-L6 (``COUNTED_PARAMETERS`` weights) with rows of ``COUNTED_TOKENS`` tokens; they
    fall in proportion to larger encoders and longer texts.
    """
    seconds = time_budget_s * min(COUNTED_PARAMETERS / parameters, 1.0) * min(COUNTED_TOKENS / mean_tokens, 1.0)
    evaluated = min(max(round(EVALUATION_ROWS_PER_SECOND * seconds), FEWEST_ROWS), MOST_EVALUATION_ROWS)
    train = max(round(TRAIN_ROWS_PER_SECOND * seconds), FEWEST_ROWS)
    return {"train": train, "validation": evaluated, "test": evaluated}


def _limited(data: EncodedDataset, limits: Mapping[str, int], seed: int) -> EncodedDataset:
    """Draw at most ``limits`` rows of each split, and add a note for each split of which rows are left out.

    Which rows depends on their number and on ``seed`` alone.
    """
    rng = np.random.default_rng(seed)
    splits: dict[str, Any] = {}
    notes = list(data.notes)
    for name, split in data.splits.items():
        splits[name] = split
        if len(split) > limits[name]:
            splits[name] = split.subset(np.sort(rng.permutation(len(split))[: limits[name]]))
            notes.append(f"{name}: {limits[name]:,} of {len(split):,} rows are used, drawn by the seed")
    return replace(data, **splits, notes=tuple(notes))
