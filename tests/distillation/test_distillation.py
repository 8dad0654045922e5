"""Teacher, super-networks and refining on a tiny model that really learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from autocompress.compression.vocabulary import Vocabulary, vocabulary_order
from autocompress.distillation.augmentation import AugmentationSettings, Augmenter
from autocompress.distillation.batches import head_logits, tensor_batch
from autocompress.distillation.refine import refine
from autocompress.distillation.student_texts import StudentTexts
from autocompress.distillation.super_network import DistillationSettings, cheap_first, train_super_network
from autocompress.distillation.teacher import (
    FineTuning,
    TeacherSettings,
    affordable_epochs,
    fine_tune,
    predict_logits,
    seconds_wanted,
)
from autocompress.distillation.training import TrainingSettings
from autocompress.distillation.transfer import TransferSet, with_augmented
from autocompress.domain.problem import DataSource
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.families.import_encoder import import_encoder
from autocompress.networks.loading import load_in_class_order
from autocompress.students import STUDENTS
from autocompress.students.alignment.configuration import AlignmentConfiguration
from autocompress.students.bilstm.configuration import BiLSTMConfiguration
from autocompress.students.cnn.configuration import CNNConfiguration
from autocompress.students.cutting import cut
from autocompress.students.pooled.word_vectors import StudentSizes
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.exit_heads import add_exit_heads
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.loading import load_dataset
from autocompress.tasks.metrics import metric_of
from autocompress.tasks.tokenizing import encode


@pytest.fixture(scope="module")
def taught(tiny_checkpoint, tiny_data):
    """Data, teacher model and its quality."""
    checkpoint = open_checkpoint(tiny_checkpoint)
    data = encode(load_dataset(DataSource(**tiny_data)), checkpoint.tokenizer, max_positions=checkpoint.max_positions)
    model, trained = load_in_class_order(checkpoint, 2, data.task.label_names)
    assert not trained
    tuned = fine_tune(model, data, TeacherSettings(budget_s=60.0, max_epochs=12, learning_rate=2e-3))
    assert len(tuned.values) == 12 and tuned.epochs == 12 and not tuned.was_rising
    return data, model, tuned.best


def accuracy(network, configuration, data, fake_quantize: bool = False) -> float:
    split = data.validation
    batch = tensor_batch(split, np.arange(len(split)), data.pad_id, np.zeros((len(split), 2), np.float32))
    with torch.inference_mode():
        logits = head_logits(network, batch, configuration, fake_quantize=fake_quantize)[-1]
    return metric_of(data.task, logits.numpy(), split.labels)


def settings(epochs: float, rate: float) -> DistillationSettings:
    return DistillationSettings(TrainingSettings(rate, 60.0, epochs), CLASSIFICATION)


def test_the_teacher_learns_and_keeps_its_best_state(taught):
    data, model, quality = taught
    assert quality > 0.8
    assert metric_of(data.task, predict_logits(model, data.validation, data.pad_id), data.validation.labels) == quality


@pytest.mark.parametrize("student", [name for name, kind in STUDENTS.items() if kind.suits(pair=False)])
def test_sub_networks_of_a_trained_super_network_are_good_and_refine(taught, student):
    data, model, _ = taught
    shape, arrays = import_encoder(model)
    order = vocabulary_order(data.train.tokens, shape.vocab_size, data.special_ids)
    separators = set(data.special_ids) - {data.unknown_id}
    augmenter = Augmenter.for_texts(
        data.train.tokens, arrays["embeddings.word"], separators, data.max_length, AugmentationSettings()
    )
    split = with_augmented(data.train, augmenter, 200, seed=0)
    outputs = predict_logits(model, split, data.pad_id)
    transfer = TransferSet(split, outputs, len(data.train), data.pad_id, data.unknown_id)
    vocabulary = shape.vocab_size
    configurations = {
        "transformer": TransformerConfiguration.uniform(
            shape, 4, layers=(1,), hidden_size=32, num_attention_heads=2, intermediate_size=32
        ),
        "bilstm": BiLSTMConfiguration(32, 16, 1, vocabulary, weight_bits=4),
        "cnn": CNNConfiguration(32, 16, 1, 3, vocabulary, weight_bits=4),
    }
    small = configurations[student]
    if student == "transformer":
        shape, arrays = add_exit_heads(arrays, shape)
        large = TransformerConfiguration.uniform(shape)
    else:
        arrays = STUDENTS[student].initial(arrays, shape, [StudentSizes(48, 24, 2, 3)], 0)[1]
        large = replace(small, hidden_size=24, num_layers=2, embedding_size=48)
    network = STUDENTS[student].network(shape, arrays)
    before = accuracy(network.eval(), small, data)
    both = (small, large)
    texts = StudentTexts(transfer, Vocabulary(order, data.unknown_id))
    train_super_network(network, texts, lambda rng: both[int(rng.integers(2))], settings(8.0, 4e-3))
    after = accuracy(network, small, data)
    assert after > max(before, 0.75) and accuracy(network, large, data) > 0.75
    cut_arrays = cut(network.to_arrays(), shape, small)
    refined = refine(cut_arrays, shape, small, texts, settings(4.0, 1e-3))
    assert {name: array.shape for name, array in refined.items()} == {n: a.shape for n, a in cut_arrays.items()}
    network = STUDENTS[small.student].network(shape, refined).eval()
    assert accuracy(network, small, data, fake_quantize=True) > 0.75


def test_cheap_sub_networks_are_trained_more_often(taught):
    shape, _ = import_encoder(taught[1])
    full = TransformerConfiguration.uniform(shape)
    small = TransformerConfiguration.uniform(
        shape, layers=(0,), hidden_size=24, num_attention_heads=1, intermediate_size=8
    )
    both, whole = (full, small), STUDENTS[full.student].multiplications(full, shape)
    sample = cheap_first(
        lambda rng: both[int(rng.integers(2))], lambda c: STUDENTS[c.student].multiplications(c, shape) / whole
    )
    rng = np.random.default_rng(0)
    share = np.mean([sample(rng) == small for _ in range(300)])
    assert share > 0.7


@pytest.mark.parametrize("family", ["distilbert", "roberta", "electra"])
def test_every_family_can_be_taught_and_imported(family, tiny_checkpoint, tiny_data, tmp_path):
    import transformers

    checkpoint = open_checkpoint(tiny_checkpoint)
    common = {"vocab_size": len(checkpoint.tokenizer), "max_position_embeddings": 64}
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {
        "distilbert": lambda: transformers.DistilBertConfig(dim=24, n_layers=2, n_heads=2, hidden_dim=32, **common),
        "roberta": lambda: transformers.RobertaConfig(pad_token_id=0, type_vocab_size=1, **sizes, **common),
        "electra": lambda: transformers.ElectraConfig(embedding_size=16, **sizes, **common),
    }[family]()
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    checkpoint.tokenizer.save_pretrained(tmp_path)
    own = open_checkpoint(str(tmp_path))
    data = encode(load_dataset(DataSource(**tiny_data)), own.tokenizer, max_positions=own.max_positions)
    model, trained = load_in_class_order(own, 2, data.task.label_names)
    assert not trained
    fine_tune(model, data, TeacherSettings(budget_s=30.0, max_epochs=1))
    shape, arrays = import_encoder(model)
    network = STUDENTS["transformer"].network(shape, arrays).eval()
    rows = np.arange(20)
    batch = tensor_batch(data.validation, rows, data.pad_id, np.zeros((120, 2), np.float32))
    with torch.inference_mode():
        logits = network.logits(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    np.testing.assert_allclose(logits.numpy(), predict_logits(model, data.validation, data.pad_id)[rows], atol=0.03)


def test_a_trained_head_is_used_with_its_classes_in_the_order_of_the_data(tiny_checkpoint, tmp_path):
    import transformers

    torch.manual_seed(0)
    config = transformers.AutoConfig.from_pretrained(tiny_checkpoint, num_labels=2)
    config.id2label, config.label2id = {0: "Positive", 1: "Negative"}, {"Positive": 0, "Negative": 1}
    source = transformers.BertForSequenceClassification(config).eval()
    source.save_pretrained(tmp_path)
    open_checkpoint(tiny_checkpoint).tokenizer.save_pretrained(tmp_path)
    checkpoint = open_checkpoint(str(tmp_path))
    model, trained = load_in_class_order(checkpoint, 2, ("negative", "positive"))
    ids = torch.tensor([[2, 7, 9, 3]])
    with torch.inference_mode():
        assert trained and torch.allclose(model(ids).logits, source(ids).logits.flip(-1))
    assert not load_in_class_order(checkpoint, 2, ("cat", "dog"))[1]
    assert not load_in_class_order(checkpoint, 3, ("a", "b", "c"))[1]


@pytest.mark.parametrize("student", list(STUDENTS))
def test_multiplications_are_the_weights_of_the_matrices_between_embeddings_and_heads(taught, student):
    shape, arrays = import_encoder(taught[1])
    configurations = {
        "transformer": TransformerConfiguration.uniform(
            shape, layers=(1,), hidden_size=32, num_attention_heads=2, intermediate_size=30
        ),
        "bilstm": BiLSTMConfiguration(32, 16, 2, shape.vocab_size),
        "cnn": CNNConfiguration(32, 16, 2, 3, shape.vocab_size),
        "alignment": AlignmentConfiguration(32, 16, 2, "bilstm", shape.vocab_size),
    }
    configuration = configurations[student]
    if student != "transformer":
        arrays = STUDENTS[student].initial(arrays, shape, [StudentSizes(48, 24, 2, 3)], 0)[1]
    weights = cut(arrays, shape, configuration)
    between = [a for name, a in weights.items() if a.ndim == 2 and not name.startswith(("embeddings", "head"))]
    assert STUDENTS[configuration.student].multiplications(configuration, shape) == sum(array.size for array in between)


def test_fine_tuning_that_ends_while_validation_rises_says_so_and_what_would_help():
    cut_short = FineTuning((0.51, 0.56), epochs=2.0, wanted=8)
    assert cut_short.was_rising and cut_short.best == 0.56
    hint = cut_short.hint("accuracy", time_budget_s=600.0)
    assert hint is not None and "still rising, 0.5100 -> 0.5600" in hint and "--time-budget 40m" in hint
    for ended in (FineTuning((0.5, 0.6, 0.6), 3.0, 3), FineTuning((0.6, 0.5), 2.0, 8), FineTuning((0.6,), 3.0, 3)):
        assert ended.hint("accuracy", 600.0) is None


def test_fine_tuning_that_ends_rising_after_all_epochs_says_what_the_last_one_gave():
    hint = FineTuning((0.5, 0.55, 0.57), 3.0, 3).hint("accuracy", 600.0)
    assert hint is not None and "the last of 3 epochs" in hint and "gave 2.0 points of validation accuracy" in hint
    assert FineTuning((0.5, 0.55, 0.57), 6.0, 3).hint("accuracy", 600.0) is None, "no time would give more epochs"
    assert FineTuning((0.5, 0.55, 0.57), 8.0, 8).hint("accuracy", 600.0) is None
    assert FineTuning((0.5, 0.57, 0.571), 3.0, 3).hint("accuracy", 600.0) is None, "a rise within the noise"


@pytest.mark.parametrize(
    ("rows", "epoch_s", "budget_s", "epochs"),
    [
        (6000, 20.0, 30.0, 3),
        (6000, 20.0, 90.0, 4),
        (6000, 20.0, 900.0, 6),
        (4000, 1.0, 900.0, 8),
        (2000, 1.0, 900.0, 8),
        (50, 0.0, 9.0, 8),
    ],
)
def test_fine_tuning_has_more_epochs_where_there_is_time(rows, epoch_s, budget_s, epochs):
    assert affordable_epochs(rows, epoch_s, budget_s) == epochs


def test_the_seconds_that_fine_tuning_wants_follow_the_rows(taught):
    data, model, _ = taught
    before = [parameter.detach().clone() for parameter in model.parameters()]
    settings = TeacherSettings(budget_s=1.0, max_epochs=3)
    assert seconds_wanted(model, data, settings) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    few = replace(data, train=data.train.subset(np.arange(20)))
    assert seconds_wanted(model, few, settings) == 0.0
