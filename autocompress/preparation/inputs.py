"""Reads and checks the inputs of a search: the data and the checkpoint, whose trained head is used if it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autocompress.distillation.class_order import choose_head
from autocompress.domain.problem import Problem
from autocompress.domain.shape import EncoderShape
from autocompress.networks.checkpoint import Checkpoint, head_names, open_checkpoint
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_model, permute_outputs
from autocompress.students import STUDENTS
from autocompress.students.transformer.configuration import TransformerConfiguration
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


@dataclass(frozen=True)
class Inputs:
    """The encoded data of a problem, and the checkpoint that its teacher is made from.

    ``order[i]`` is the output of the checkpoint's trained head for class i; it is None if a head is to be trained.
    """

    data: EncodedDataset
    checkpoint: Checkpoint
    order: tuple[int, ...] | None


def load_inputs(problem: Problem) -> Inputs:
    """Read and check the data and the checkpoint of a problem, without training or writing anything.

    InputError says what is wrong with one of them, or why they do not fit together.
    """
    checkpoint = open_checkpoint(problem.model or str(demo_model_path()))
    texts = load_dataset(problem.data, problem.seed, checkpoint.declared_task)
    data = encode(texts, checkpoint.tokenizer, max_positions=checkpoint.max_positions)
    parameters = encoder_parameters(checkpoint)
    data = _limited(data, problem, parameters)
    _check_token_types(data, checkpoint)
    loaded = load_model(checkpoint, data.task.num_outputs, data.task.label_names)
    import_encoder(loaded.model)
    names = head_names(checkpoint.config, data.task.num_outputs)
    head = choose_head(loaded, names, data, parameters, accept=problem.accept_teacher)
    return Inputs(replace(data, notes=(*data.notes, *checkpoint.notes, *head.notes)), checkpoint, head.order)


def load_start(inputs: Inputs) -> PreTrainedModel:
    """Load the model that the teacher is made from, with its outputs in the order of the task's classes."""
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


def _limited(data: EncodedDataset, problem: Problem, parameters: int) -> EncodedDataset:
    """Draw at most ``row_limits`` rows of each split, and add a note for each split of which rows are left out."""
    limits = row_limits(problem.time_budget_s, parameters, float(data.train.lengths.mean()))
    rng = np.random.default_rng(problem.seed)
    splits: dict[str, Any] = {}
    notes = list(data.notes)
    for name, split in data.splits.items():
        splits[name] = split
        if len(split) > limits[name]:
            splits[name] = split.subset(np.sort(rng.permutation(len(split))[: limits[name]]))
            notes.append(f"{name}: {limits[name]:,} of {len(split):,} rows are used, drawn by the seed")
    return replace(data, **splits, notes=tuple(notes))
