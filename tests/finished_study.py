"""A small study that an earlier version of the code finished, without its models: what it shows must stay the same.

``studies/whole`` is the study, ``show.json`` what ``autocompress show whole --json --all`` printed of it, ``front.csv``
the table that was written beside it.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "report" / "finished_study"
"""As the current folder, the study is found under the default ``--studies-dir``."""
