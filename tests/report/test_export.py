import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exported_parts import MAX_LENGTH, NUMBER, TASKS, TWO_TEXTS, make
from tokenizers import Tokenizer

from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.report.export import write_export
from autocompress.report.manifest import load_artifact
from autocompress.report.serving import SAMPLES, serving_example
from autocompress.system.errors import InputError, StorageError, StudyError
from autocompress.tasks.dataset import SPLITS, TextDataset, TextSplit
from autocompress.tasks.tokenizing import encode, encode_split

FILES = {"model.onnx", "tokenizer.json", "tokenizer_config.json", "manifest.json", "README.md"}
TEXTS = ["the film was great", "", "a very sad day " * 10, "unknownword, and some PEOPLE!", "dull", "it was it " * 40]


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_checkpoint):
    return {name: make(tmp_path_factory.mktemp("made"), tiny_checkpoint, task) for name, task in TASKS.items()}


@pytest.fixture
def one(made):
    return made["one text"]


@contextmanager
def largest_file(size):
    """Writing more fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def served(code, cwd):
    """What the lines print in a process of their own that knows nothing of this project."""
    guard = "import sys; sys.modules.update(dict.fromkeys(('autocompress', 'torch', 'transformers', 'onnx')))\n"
    command = [sys.executable, "-I", "-c", guard + code]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", TASKS)
def test_the_five_lines_serve_the_folder(made, name, tmp_path):
    source, task = made[name].source, TASKS[name]
    folder = write_export(source, made[name].summary, tmp_path / 'a "name" \\ with é')
    code = serving_example(str(folder), task)
    logits = made[name].logits([SAMPLES[: len(task.text_columns)]])[0]
    assert len(code.splitlines()) == 5
    assert code == serving_example(folder)
    answer = served(code, tmp_path)
    if task.kind == "regression":
        assert float(answer) == pytest.approx(logits[0], abs=1e-5)
    else:
        assert answer == task.label_names[logits.argmax()]
    card = (folder / "README.md").read_text()
    assert served(card.split("```python\n")[1].split("\n```")[0], folder) == answer


def test_only_a_pair_has_token_types(made, tmp_path):
    examples = {}
    for name in TASKS:
        folder = write_export(made[name].source, made[name].summary, tmp_path / name)
        examples[name] = serving_example(folder)
    assert {name for name, code in examples.items() if "token_type_ids" in code} == {"two texts"}


@pytest.mark.parametrize("name", ["one text", "two texts"])
def test_the_tokenizer_gives_the_ids_the_study_was_measured_with(made, name, tmp_path):
    task = TASKS[name]
    rows = [(text,) for text in [*TEXTS, "it " * 10_000]] if not task.pair else [(a, b) for a in TEXTS for b in TEXTS]
    split = TextSplit(rows, np.zeros(len(rows), np.int64))
    encoded = encode(TextDataset("", task, dict.fromkeys(SPLITS, split)), made[name].tokenizer, MAX_LENGTH).test
    folder = write_export(made[name].source, made[name].summary, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.padding is None
    for row, (start, end) in zip(rows, zip(encoded.offsets, encoded.offsets[1:], strict=False), strict=True):
        encoding = tokenizer.encode(*row)
        assert encoding.ids == encoded.tokens[start:end].tolist()
        assert encoding.type_ids == encoded.type_ids[start:end].tolist()
        assert set(encoding.attention_mask) == {1}


@pytest.mark.parametrize("file", ["tokenizer_config.json", "tokenizer.json"])
def test_an_exported_tokenizer_cuts_on_the_side_that_the_study_cut_on(file, tiny_checkpoint, tmp_path):
    shutil.copytree(tiny_checkpoint, tmp_path / "model")
    path = tmp_path / "model" / file
    change = {
        "tokenizer_config.json": {"truncation_side": "left"},
        "tokenizer.json": {
            "truncation": {"direction": "Left", "max_length": 99, "strategy": "LongestFirst", "stride": 0}
        },
    }[file]
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    left = make(tmp_path / "made", str(tmp_path / "model"))
    rows = [(text,) for text in [*TEXTS, "it was a day " * 10_000 + "fine"]]
    split = TextSplit(rows, np.zeros(len(rows), np.int64))
    encoded = encode(TextDataset("", TASKS["one text"], dict.fromkeys(SPLITS, split)), left.tokenizer, MAX_LENGTH).test
    fine = left.tokenizer.convert_tokens_to_ids("fine")
    assert fine in encoded.tokens[encoded.offsets[-2] :]
    folder = write_export(left.source, left.summary, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [token for (text,) in rows for token in tokenizer.encode(text).ids] == encoded.tokens.tolist()
    again, cut = encode_split(split, tokenizer, MAX_LENGTH)
    assert again.tokens.tolist() == encoded.tokens.tolist() and cut > 0


def test_the_manifest_says_what_was_measured(one, tmp_path):
    folder = write_export(one.source, one.summary, tmp_path / "new" / "out")
    artifact = load_artifact(folder)
    manifest, point = artifact.manifest, one.source.point
    assert {path.name for path in folder.iterdir()} >= FILES
    assert set(manifest.files) == {path.name for path in folder.iterdir()} - {"manifest.json", "README.md"}
    assert artifact.model.read_bytes() == one.source.model.read_bytes()
    assert (manifest.figures, manifest.configuration, manifest.trial) == (point.figures, point.configuration, 12)
    assert (manifest.study, manifest.task) == (one.summary.study, one.source.task.to_json())
    assert manifest.fingerprint == hardware_fingerprint(1)
    assert manifest.versions["python"] == sys.version.split()[0]
    assert set(manifest.versions) >= {"onnxruntime", "numpy", "tokenizers", "torch", "transformers", "autocompress"}
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_manifest_and_card_say_which_onnxruntime_is_needed(one, tmp_path):
    folder = write_export(one.source, one.summary, tmp_path / "out")
    assert load_artifact(folder).manifest.least_onnxruntime == "1.21"
    card = (folder / "README.md").read_text()
    assert "Needs onnxruntime 1.21 or later." in card
    assert f"`tokenizer.json` cuts texts at {MAX_LENGTH} tokens" in card


def test_manifest_and_card_name_both_checkpoints_where_there_are_two(one, tmp_path):
    plain = write_export(one.source, one.summary, tmp_path / "plain")
    assert "checkpoints" not in json.loads((plain / "manifest.json").read_text())
    assert "taught by" not in (plain / "README.md").read_text()
    summary = replace(one.summary, problem=replace(one.summary.problem, model="large_one", student="small"))
    folder = write_export(one.source, summary, tmp_path / "two")
    assert load_artifact(folder).manifest.checkpoints == {"student": "small", "teacher": "large_one"}
    assert "It started from small and was taught by large\\_one" in (folder / "README.md").read_text()


def test_hardware_that_is_not_at_hand_is_not_claimed(one, tmp_path):
    here = fingerprint_digest(hardware_fingerprint(1))
    found = {
        digest: load_artifact(
            write_export(replace(one.source, fingerprint=digest), one.summary, tmp_path / digest)
        ).manifest.fingerprint
        for digest in (here, "f00d")
    }
    assert found == {here: hardware_fingerprint(1), "f00d": {"digest": "f00d", "threads": 1}}
    assert "on another machine" in (tmp_path / "f00d" / "README.md").read_text()


def test_the_card_escapes_names(one, tmp_path):
    card = (write_export(one.source, one.summary, tmp_path / "out") / "README.md").read_text()
    assert card.startswith("# Trial 12 of a\\_study \\| of \\*mine\\*\n")
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_a_folder_in_use_is_kept(one, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        write_export(one.source, one.summary, tmp_path)
    with pytest.raises(InputError, match="only an earlier export can be replaced"):
        write_export(one.source, one.summary, tmp_path, force=True)
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(InputError, match="of something else"):
        write_export(one.source, one.summary, tmp_path, force=True)
    with pytest.raises(InputError, match="is a file"):
        write_export(one.source, one.summary, tmp_path / "notes.txt", force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_force_replaces_an_earlier_export(made, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_export(made["number"].source, made["number"].summary, folder)
    (folder / "old").touch()
    with pytest.raises(InputError, match="is not empty"):
        write_export(made["two texts"].source, made["two texts"].summary, folder)
    write_export(made["two texts"].source, made["two texts"].summary, folder, force=True)
    assert load_artifact(folder).manifest.task == TWO_TEXTS.to_json()
    assert not (folder / "old").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_export_left_is_swept_away_but_not_what_one_is_writing(one, tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f".out.{dead.pid}.abc", f".out.{os.getpid()}.abc", f".other.{dead.pid}.abc", ".out.notes"):
        (tmp_path / name / "new").mkdir(parents=True)
    write_export(one.source, one.summary, tmp_path / "out")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out", f".out.{os.getpid()}.abc", f".other.{dead.pid}.abc", ".out.notes"}


def test_a_link_to_an_export_stays_a_link(made, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    for name in ("one text", "number"):
        write_export(made[name].source, made[name].summary, tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert load_artifact(tmp_path / "real").manifest.task == NUMBER.to_json()


def test_a_model_that_was_not_measured_is_refused(one, tmp_path):
    source = replace(one.source, model_digest="0" * 64)
    with pytest.raises(StudyError, match="must be the file that was measured, with SHA-256 000000000000"):
        write_export(source, one.summary, tmp_path / "out")
    with pytest.raises(StudyError, match=r"must hold .*gone\.onnx, but does not"):
        write_export(replace(one.source, model=Path("gone.onnx")), one.summary, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(one, tmp_path):
    with largest_file(1000), pytest.raises(StorageError, match=r"out must be writable, but File too large; free"):
        write_export(one.source, one.summary, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_export_to_a_disk_that_is_full_leaves_nothing_behind(one, small_disk):
    small_disk.fill()
    with pytest.raises(StorageError, match="out must be writable, but No space left on device; free"):
        write_export(one.source, one.summary, small_disk.folder / "out")
    assert [path.name for path in small_disk.folder.iterdir()] == ["filler"]


def test_a_full_disk_keeps_the_earlier_export(one, tmp_path):
    folder = write_export(one.source, one.summary, tmp_path / "out")
    before = load_artifact(folder)
    with largest_file(1000), pytest.raises(StorageError):
        write_export(one.source, one.summary, folder, force=True)
    assert load_artifact(folder) == before
    assert list(tmp_path.iterdir()) == [folder]
