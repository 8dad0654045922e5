"""The plot: its data against the summary, its picture not blank, its labels apart from each other."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from synthetic_study import make_figures, make_summary

from autocompress.domain.problem import Constraints, Problem
from autocompress.report.plot import draw, plot_data, write_plot
from autocompress.report.summary import StudySummary
from autocompress.system.errors import InputError, StorageError


def test_the_data_are_the_summarys():
    summary = make_summary()
    data = plot_data(summary)
    assert [(m.latency_ms, m.quality, m.size_bytes, m.label) for m in data.front] == [
        (p.figures.latency_ms.p95, p.figures.validation.value, p.figures.size_bytes, str(p.trial))
        for p in summary.front
    ]
    assert [m.label for m in data.baselines] == [b.name for b in summary.baselines]
    assert len(data.dominated) == len(summary.dominated)
    assert (data.max_latency_ms, data.min_quality) == (2.5, pytest.approx(0.867))


def test_the_tighter_quality_limit_is_drawn():
    problem = Problem(constraints=Constraints(max_drop=1.0, min_quality=0.95))
    assert plot_data(replace(make_summary(), problem=problem)).min_quality == 0.95


def test_a_png_is_a_picture(tmp_path: Path):
    path = write_plot(make_summary(), tmp_path / "front.png")
    with Image.open(path) as image:
        assert image.size == (1500, 900)
        pixels = np.asarray(image.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    filled = (pixels != 255).any(axis=2)
    assert 0.02 < filled.mean() < 0.5 and filled[100:800, 150:1200].any(axis=0).mean() > 0.5
    assert [p.name for p in tmp_path.iterdir()] == ["front.png"]


def test_an_svg_holds_the_picture(tmp_path: Path):
    text = write_plot(make_summary(), tmp_path / "front.SVG").read_text()
    assert text.startswith("<?xml") and text.count("<path") > 50


@pytest.mark.parametrize("points", [1, 10, 24, 60])
def test_labels_overlap_neither_each_other_nor_leave_the_axes(points: int):
    figure = draw(plot_data(make_summary(points, feasible=points % 2 == 0)))
    figure.canvas.draw()
    (axes,) = figure.axes
    texts = [text for text in axes.texts if text.get_text()]
    extents = [Text.get_window_extent(text) for text in texts]
    names = {text.get_text() for text in texts}
    assert {"pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8", "max latency 2.5ms"} <= names
    frame = axes.get_window_extent()
    for text, extent in zip(texts, extents, strict=True):
        assert frame.x0 - 2 <= extent.x0 and extent.x1 <= frame.x1 + 2, text
        assert frame.y0 - 2 <= extent.y0 and extent.y1 <= frame.y1 + 2, text
    for (first, a), (second, b) in combinations(zip(texts, extents, strict=True), 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, (first, second)
    assert len(texts) >= 3 + 2 + min(points, 24) * 0.9


def test_every_kind_of_study_can_be_drawn(tmp_path: Path):
    whole = make_summary()
    one = replace(whole, front=whole.front[:1], dominated=[], baselines=[], problem=Problem())
    same = replace(one, front=[], dominated=[(make_figures(0.5, 1.0), 1), (make_figures(0.5, 1.0), 2)])
    for number, summary in enumerate((one, same, replace(whole, front=[]))):
        assert write_plot(summary, tmp_path / f"{number}.png").stat().st_size > 5000


def test_what_cannot_be_drawn_is_told(tmp_path: Path):
    with pytest.raises(InputError, match=r"written as \.png or \.svg, but got 'front\.pdf'"):
        write_plot(make_summary(), tmp_path / "front.pdf")
    with pytest.raises(InputError, match="has none yet"):
        write_plot(StudySummary("new", "running", Problem(), [], {}, []), tmp_path / "front.png")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_plot(make_summary(), tmp_path / "file" / "front.png")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
