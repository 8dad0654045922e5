"""Finds which output of a checkpoint's trained head stands for which class, and checks the head on training rows.

Outputs are matched with classes by name, then by number; where the outputs have no telling names, by the assignment
that agrees most with the labels of training rows (Hungarian method, Kuhn 1955). The accuracy of such an assignment is
cross-validated: each half of the rows is judged by the assignment found on the other half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from autocompress.distillation.teacher import predict_logits
from autocompress.networks.class_names import DIFFERENT, NAMES, UNNAMED, match_names
from autocompress.networks.loading import LoadedModel
from autocompress.system.errors import InputError
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit

MOST_ROWS, FEWEST_ROWS, ROWS_PER_CLASS = 512, 96, 4
MULTIPLICATIONS = 5e11  # that the check of a head may take
CLEAR = 2.33  # standard errors: one-sided 1%
SURE = 1e-3  # p-value from which another order counts as better ...
FAR = 0.1  # ... if it is right on this share of the rows more
TELLING = 0.8  # accuracy from which outputs with other names are mentioned
ACCEPT = "use it as it is with --accept-teacher"
REFIT = (
    "to have a head fitted on your data, save the model without its own "
    "(AutoModel.from_pretrained(...).save_pretrained(...))"
)
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class HeadChoice:
    """The decision on a checkpoint's head.

    ``order[i]`` is the output for class i; ``order`` is None if the head is dropped and another one trained. ``notes``
    tell the user why.
    """

    order: tuple[int, ...] | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """Predicted outputs [n] and true classes [n] of rows drawn evenly from C classes; ``shares`` [C] are the data's."""

    outputs: Rows
    labels: Rows
    shares: NDArray[np.float64]

    @property
    def agreement(self) -> NDArray[np.int64]:
        """The number of rows by class and predicted output [C, C]."""
        table = np.zeros((len(self.shares), len(self.shares)), np.int64)
        np.add.at(table, (self.labels, self.outputs), 1)
        return table

    def right(self, order: Rows) -> NDArray[np.bool_]:
        """Return whether each row [n] is right if class i has the output ``order[i]``."""
        return np.equal(self.outputs, order[self.labels])

    def accuracy(self, right: NDArray[np.bool_]) -> tuple[float, float]:
        """Return the accuracy, with the recall of each class weighted by its share, and its standard error."""
        counts = np.bincount(self.labels, minlength=len(self.shares))
        seen = counts > 0
        weights = self.shares[seen] / self.shares[seen].sum()
        recalls = np.bincount(self.labels[right], minlength=len(self.shares))[seen] / counts[seen]
        error = np.sqrt(np.sum(weights**2 * recalls * (1 - recalls) / counts[seen]))
        return float(np.sum(weights * recalls)), float(error)


def choose_head(
    loaded: LoadedModel, names: list[str | None], data: EncodedDataset, parameters: int, *, accept: bool = False
) -> HeadChoice:
    """Decide whether the head of ``loaded`` is used as it is, and in which order of its outputs.

    ``names`` are those of its outputs, None for one without a name. ``parameters`` is the number of weights that a
    token is multiplied with: a larger model is tried on fewer rows. InputError if a trained head is no better than
    chance or than the most frequent class, or is far better in another order than its names tell; with ``accept`` such
    a head is used, and a note says so.
    """
    if loaded.without_head is not None:
        _check_outputs(loaded, data.train.subset(np.arange(min(16, len(data.train)))), data.pad_id)
        return HeadChoice(None, (f"{loaded.without_head}: a head is fitted on the training data first",))
    rows = sample(data.train, data.task.num_outputs, parameters)
    logits = _check_outputs(loaded, data.train.subset(rows), data.pad_id)
    labels = data.train.labels[rows]
    train_classes = data.task.definition.classes_of(data.train.labels)
    if train_classes is None:
        return _judge_numbers(logits[:, 0], labels.astype(np.float64), accept)
    classes = data.task.label_names
    shares = np.bincount(train_classes, minlength=len(classes)) / len(data.train)
    scored = Scored(logits.argmax(axis=1), labels.astype(np.int64), shares)
    match = match_names(names, classes)
    if match.basis == DIFFERENT:
        return _different(scored, names, classes)
    order = best_order(scored.agreement) if match.order is None else np.array(match.order)
    notes = _order_notes(scored, order, names, classes, match.basis)
    problem = _problem(scored, order, classes, found=match.basis == UNNAMED)
    if problem is not None and not accept:
        raise InputError(problem)
    asked = () if problem is None else (f"it is used as you ask, although {problem}",)
    return HeadChoice(tuple(int(output) for output in order), (*notes, *asked))


def sample(train: EncodedSplit, classes: int, parameters: int) -> Rows:
    """Draw training rows, as evenly from the classes as they allow (with fewer than 2 ``classes`` at random).

    Return their indices; how many falls with ``parameters`` and the mean length, from ``MOST_ROWS`` to ``FEWEST_ROWS``,
    but is enough for ``ROWS_PER_CLASS`` of each class.
    """
    tokens = max(float(train.lengths.mean()), 1.0)
    count = int(np.clip(MULTIPLICATIONS / (max(parameters, 1) * tokens), FEWEST_ROWS, MOST_ROWS))
    count = max(count, min(ROWS_PER_CLASS * classes, 2 * MOST_ROWS))
    mixed = np.random.default_rng(0).permutation(len(train))
    if classes < 2:
        return np.sort(mixed[:count])
    labels = train.labels[mixed].astype(np.int64)
    turns = np.empty(len(train), np.int64)
    for label in range(classes):
        places = np.flatnonzero(labels == label)
        turns[places] = np.arange(len(places))
    return np.asarray(mixed[np.argsort(turns, kind="stable")[:count]])


def best_order(agreement: NDArray[np.int64]) -> Rows:
    """Return the assignment [C] of outputs to classes that agrees with most rows.

    ``agreement`` [C, C] counts rows by class and predicted output. Among equal assignments, outputs keep their places.
    """
    kept = np.eye(len(agreement)) / (2 * len(agreement))
    return np.asarray(linear_sum_assignment(agreement + kept, maximize=True)[1], dtype=np.int64)


def right_in_best_order(scored: Scored) -> NDArray[np.bool_]:
    """Return whether each row [n] is right in the best order of the rows of the other half."""
    right = np.zeros(len(scored.labels), bool)
    half = _halves(scored.labels)
    for part in (half, ~half):
        known = Scored(scored.outputs[~part], scored.labels[~part], scored.shares)
        right[part] = scored.right(best_order(known.agreement))[part]
    return right


def _halves(labels: Rows) -> NDArray[np.bool_]:
    """Return a mask [n] of every second row of each class."""
    half = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        half[np.flatnonzero(labels == label)[::2]] = True
    return half


def _check_outputs(loaded: LoadedModel, split: EncodedSplit, pad_id: int) -> NDArray[np.float32]:
    """Return the model's logits [n, C] for a split; InputError if it fails or a logit is not finite."""
    try:
        logits = predict_logits(loaded.model, split, pad_id, exact=True)
    except (RuntimeError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"the checkpoint must run on the training texts, but {' '.join(str(error).split())[:200]}; "
            f"check config.json and tokenizer"
        ) from error
    if not np.isfinite(logits).all():
        raise InputError(
            f"the checkpoint's outputs must be finite, but are NaN or infinite for "
            f"{int((~np.isfinite(logits)).any(axis=1).sum())} of {len(logits)} training texts; "
            f"its weights do not work in float32: take an earlier checkpoint"
        )
    return logits


def _problem(scored: Scored, order: Rows, classes: tuple[str, ...], *, found: bool) -> str | None:
    """Return an error message if the head is clearly wrong in this order; else None.

    ``found`` says that the order was found on the rows, so that it has to be cross-validated.
    """
    right = right_in_best_order(scored) if found else scored.right(order)
    accuracy, error = scored.accuracy(right)
    share, count = float(scored.shares.max()), len(right)
    frequent = classes[int(scored.shares.argmax())]
    other = right_in_best_order(scored)
    better, worse = int((other & ~right).sum()), int((right & ~other).sum())
    if better - worse >= FAR * count and binomtest(better, better + worse, alternative="greater").pvalue < SURE:
        named = ", ".join(classes[index] for index in np.argsort(best_order(scored.agreement)))
        return (
            f"the outputs of the checkpoint's head must be in the order that its names tell, but on {count} training "
            f"rows it is right on {accuracy:.1%} so, and on {scored.accuracy(other)[0]:.1%} if they mean {named}; "
            f"correct id2label in its config.json, or {ACCEPT}"
        )
    if accuracy - share < -CLEAR * max(error, 1e-9) or not _informs(scored, right, order):
        return (
            f"the checkpoint's head must do better than always answering {frequent!r} ({share:.1%}), but is right on "
            f"{accuracy:.1%} of {count} training rows{', in the best order of its outputs' if found else ''}; "
            f"check that it was trained for these labels; {REFIT}, or {ACCEPT}"
        )
    return None


def _informs(scored: Scored, right: NDArray[np.bool_], order: Rows) -> bool:
    """Return whether the accuracy is significantly above that of predictions that are independent of the labels."""
    table = scored.agreement / len(scored.labels)
    chance = float(np.sum(table.sum(axis=1) * table.sum(axis=0)[order]))
    return float(right.mean()) - chance > CLEAR * math.sqrt(chance * (1 - chance) / len(right))


def _order_notes(
    scored: Scored, order: Rows, names: list[str | None], classes: tuple[str, ...], basis: str
) -> tuple[str, ...]:
    """Tell the user which output stands for which class, how that was found, and the accuracy."""
    found = basis == UNNAMED
    accuracy = scored.accuracy(right_in_best_order(scored) if found else scored.right(order))[0]
    score = f"right on {accuracy:.1%} of {len(scored.labels)} training rows"
    if not found:
        how = "by name" if basis == NAMES else "by number"
        return (f"the checkpoint's trained head has these classes ({how}) and is the teacher as it is: {score}",)
    outputs = [names[output] or f"output {output}" for output in order[:6]]
    pairs = ", ".join(f"{output} is {name!r}" for output, name in zip(outputs, classes, strict=False))
    more = ", ..." if len(classes) > 6 else ""
    return (
        f"the names of the trained head's outputs do not tell which class is which; the labels do: {pairs}{more} "
        f"({score}); if that is wrong, name the classes in id2label of its config.json",
    )


def _different(scored: Scored, names: list[str | None], classes: tuple[str, ...]) -> HeadChoice:
    """Drop a head whose outputs have other classes' names; tell the user if it nevertheless predicts these classes."""
    shown = ", ".join(str(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
    note = f"the trained head is for other classes ({shown}): it is dropped, and a head is fitted on the training data"
    accuracy = scored.accuracy(right_in_best_order(scored))[0]
    if accuracy >= TELLING:
        order = best_order(scored.agreement)
        pairs = ", ".join(f"{names[o]} is {name}" for o, name in list(zip(order, classes, strict=True))[:6])
        note += (
            f"; it is right on {accuracy:.1%} of {len(scored.labels)} training rows if {pairs}: to use it as it is, "
            f"give its outputs these names in id2label of its config.json"
        )
    return HeadChoice(None, (note,))


def _judge_numbers(outputs: NDArray[np.float32], labels: NDArray[np.float64], accept: bool) -> HeadChoice:
    """Decide on a regression head by the correlation of its outputs [n] with the labels [n].

    It is used if the correlation is clearly positive and dropped if it is near zero; InputError if clearly negative.
    """
    varies = np.ptp(outputs) > 0 and np.ptp(labels) > 0
    correlation = float(np.corrcoef(outputs.astype(np.float64), labels)[0, 1]) if varies else 0.0
    bound = CLEAR / np.sqrt(max(len(labels) - 3, 1))
    told = f"its correlation with the labels of {len(labels)} training rows is {correlation:.2f}"
    clear = np.arctanh(np.clip(correlation, -0.999999, 0.999999))
    if clear > bound:
        return HeadChoice((0,), (f"the checkpoint's trained head is the teacher as it is: {told}",))
    if accept:
        return HeadChoice((0,), (f"the checkpoint's head is the teacher as you ask, but {told}",))
    if clear < -bound:
        raise InputError(
            f"the output of the checkpoint's regression head must rise with the labels, but {told}; check that it was "
            f"trained for these labels and that they are not reversed; {REFIT}, or {ACCEPT}"
        )
    return HeadChoice(
        None,
        (
            f"the checkpoint's regression head does not follow these labels ({told}): it is dropped, and a head is "
            f"fitted on the training data; {ACCEPT}",
        ),
    )
