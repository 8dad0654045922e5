"""Parameters, digests and shipped bytes are those of studies that exist: moving code must not change them."""

from __future__ import annotations

import json

from facts import RECORDED, facts


def test_parameters_digests_and_files_are_as_recorded() -> None:
    """After a change that is meant, ``python tests/unchanged/facts.py`` records anew."""
    recorded, now = json.loads(RECORDED.read_text(encoding="utf-8")), facts()
    assert sorted(now) == sorted(recorded)
    for case, known in recorded.items():
        assert now[case] == known, case
