"""Print how often the fronts of finished studies use each search dimension, and what the search loses without some.

    python scripts/compare_dimensions.py studies/demo studies/subj/summary.json [...] [--teacher CHECKPOINT]
    python scripts/compare_dimensions.py studies/STUDY --without layers.rank,exits [--on studies/STUDY]
        [--seconds 90] [--seeds 0,1,2]

The first table counts, of the members of each front whose student type has the dimension, those with another value
than the neutral one (the teacher's, at 8 bits; for sizes that the teacher does not have, the largest). `never` stands
where no member of any front uses it, be it that no member's type has it or that the studies are older than it. A study
is its folder or a summary.json. Where its own checkpoint is not there, --teacher names one of the same sizes; the
default is the demo's.

The second table has a row for each dimension of --without. Searches with the surrogate run for --seconds each on the
prepared weights of the study --on (default: the first), in the joint space and with one dimension held at its neutral
value in every student type that has it; the super-networks stay those of the whole space. Runs of one seed follow each
other, and their order changes with the seed. A ratio is the hypervolume without the dimension over that of the full
space with the same seed; below 1 the dimension is worth something. The row of the full space shows the spread of its
own hypervolume, beside which a ratio is to be read. The hypervolume is that of search_bench.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from search_bench import Bench, Run, interleaved, told

from autocompress import open_study
from autocompress.domain.shape import EncoderShape
from autocompress.networks.checkpoint import open_checkpoint
from autocompress.networks.families import FAMILIES
from autocompress.networks.families.family import STANDARD_SIZES
from autocompress.students import DIMENSIONS, STUDENTS
from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import Configuration, configuration_from_json
from autocompress.study.prepared import Prepared
from autocompress.study.store import PROBLEM, StudyStore
from autocompress.tasks.demo import demo_model_path
from autocompress.trials.samplers import SURROGATE

FULL = "full space"
SCALED = (
    *("vocabulary_size", "embedding_size", "transformer.hidden_size"),
    *("layers.num_attention_heads", "layers.intermediate_size"),
)
"""Dimensions whose options are sizes of the teacher or fractions of them."""


class Usage(NamedTuple):
    """How many configurations use a dimension, of those whose student type has it."""

    used: int
    of: int


@contextmanager
def held_neutral(names: Iterable[str]) -> Iterator[None]:
    """Let the neutral value be the only option of the dimensions; spaces that are built inside stay like that.

    Nothing but a space reads the options: workers get configurations, and build no space.
    """
    with ExitStack() as restored:
        for dimension in map(DIMENSIONS.__getitem__, names):
            # The record itself is changed, for some spaces do not look it up in DIMENSIONS.
            restored.callback(object.__setattr__, dimension, "options", dimension.options)
            neutral = dimension.neutral
            object.__setattr__(dimension, "options", lambda shape, neutral=neutral: (neutral(shape),))
        yield


def neutral_configuration(student: str, shape: EncoderShape) -> Configuration:
    """Return the configuration of a student type in which every dimension has its neutral value."""
    with held_neutral(DIMENSIONS):
        return STUDENTS[student].space(shape, frozenset()).suggest(RandomTrial(None))


def usage(configurations: Sequence[Configuration], shape: EncoderShape) -> dict[str, Usage]:
    """Count for each dimension the configurations that have another value than the neutral one, in any layer.

    ``shape`` is the teacher's. ValueError if a size is not one that students of such a teacher have.
    """
    check_sizes(configurations, shape)
    neutral = {student: neutral_configuration(student, shape) for student in STUDENTS}
    found = {}
    for name, dimension in DIMENSIONS.items():
        having = [one for one in configurations if one.student in dimension.students]
        used = [set(dimension.values(one)) != set(dimension.values(neutral[one.student])) for one in having]
        found[name] = Usage(sum(used), len(used))
    return found


def check_sizes(configurations: Iterable[Configuration], shape: EncoderShape) -> None:
    """Raise ValueError unless all sizes that scale with the teacher's are options for a teacher of this shape."""
    for one in configurations:
        for dimension in (DIMENSIONS[name] for name in SCALED if one.student in DIMENSIONS[name].students):
            options = dimension.options(shape)
            for value in dimension.values(one):
                if value not in options:
                    raise ValueError(
                        f"{dimension.name} must be one of {list(options)} for a teacher of these sizes, but a member "
                        f"of the front has {value}; name its teacher's checkpoint with --teacher"
                    )


def usage_table(studies: Mapping[str, Mapping[str, Usage]]) -> str:
    """Format a Markdown table with a row per dimension and a column per study; the last one is their sum."""
    lines = ["| dimension | " + " | ".join([*studies, "all"]) + " |", "|---|" + "---:|" * (len(studies) + 1)]
    for name in DIMENSIONS:
        counts = [found[name] for found in studies.values()]
        cells = [f"{count.used} of {count.of}" if count.of else "-" for count in counts]
        used, of = sum(count.used for count in counts), sum(count.of for count in counts)
        lines.append("| " + " | ".join([name, *cells, f"{used} of {of}" if used else "never"]) + " |")
    return "\n".join(lines)


def front_of(path: Path) -> tuple[str, list[Configuration]]:
    """Return a study's name and its front, from its folder or, where that holds no study, from its summary.json."""
    folder = _folder(path)
    if (folder / PROBLEM).is_file():
        return folder.name, [point.configuration for point in open_study(folder.name, folder.parent).front]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary["study"], [configuration_from_json(point["configuration"]) for point in summary["front"]]


def teacher_shape(path: Path, other: Path) -> EncoderShape:
    """Return the sizes of a study's teacher, from its checkpoint or, where that is missing, the checkpoint ``other``.

    There are always 2 outputs: no neutral value depends on their number.
    """
    own = Prepared(_folder(path)).checkpoint
    config = open_checkpoint(str(own if own.is_dir() else other)).config
    sizes = {name: FAMILIES[config.model_type].size(config, name) for name in STANDARD_SIZES}
    sizes["max_positions"] = sizes.pop("max_position_embeddings")
    return EncoderShape.from_json({**sizes, "num_outputs": 2})


def _folder(path: Path) -> Path:
    found = path.resolve()
    return found if found.is_dir() else found.parent


def search_without(bench: Bench, names: Sequence[str], seconds: float, seeds: Sequence[int]) -> dict[str, list[Run]]:
    """Search the full space and the spaces without one of the dimensions; return the runs in the order of the seeds."""
    runs: dict[str, list[Run]] = {name: [] for name in (FULL, *names)}
    for seed, name in interleaved(list(runs), seeds):
        with held_neutral([] if name == FULL else [name]):
            space = bench.joint_space()
        runs[name].append(bench.run(SURROGATE, seed, seconds, space))
        print(told(name, runs[name][-1]), flush=True)
    return runs


def worth_table(runs: Mapping[str, Sequence[Run]]) -> str:
    """Format a Markdown table with a row for the full space and one for each dimension that was held."""
    lines = [
        "| without | hypervolume against the full space's | standard deviation over seeds | hypervolume | trials |",
        "|---|---:|---:|---:|---:|",
    ]
    volumes = {name: np.array([run.at(np.inf) for run in found]) for name, found in runs.items()}
    for name, found in runs.items():
        ratios = volumes[name] / (volumes[FULL].mean() if name == FULL else volumes[FULL])
        deviation = f"{ratios.std(ddof=1):.3f}" if len(ratios) > 1 else "-"
        trials = np.mean([len(run.seconds) for run in found])
        first = "nothing (full space)" if name == FULL else name
        lines.append(f"| {first} | {ratios.mean():.3f} | {deviation} | {volumes[name].mean():.2f} | {trials:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("studies", nargs="+", type=Path, help="folders of finished studies, or their summary.json")
    parser.add_argument("--teacher", type=Path, help="a checkpoint of the teacher's sizes; default: the demo's")
    parser.add_argument("--without", default="", help=f"of {', '.join(DIMENSIONS)}")
    parser.add_argument("--on", type=Path, help="folder of the study to search on; default: the first")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    names = [name for name in arguments.without.split(",") if name]
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown:
        parser.error(f"--without must name some of {', '.join(DIMENSIONS)}, but got {', '.join(unknown)}")
    found = {}
    for path in arguments.studies:
        study, front = front_of(path)
        found[str(path) if study in found else study] = usage(
            front, teacher_shape(path, arguments.teacher or demo_model_path())
        )
    print(usage_table(found), flush=True)
    if names:
        folder = _folder(arguments.on or arguments.studies[0])
        bench = Bench(StudyStore.read(folder.parent, folder.name))
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
        runs = search_without(bench, list(dict.fromkeys(names)), arguments.seconds, seeds)
        print(worth_table(runs))


if __name__ == "__main__":
    main()
