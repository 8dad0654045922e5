"""Export every point of a study's front and compare each file's test quality with its manifest.

    python scripts/verify_front.py STUDY [--studies-dir studies]

Each exported model.onnx predicts the study's test split in a bare ONNX Runtime process. The exit code is 1 if a
quality differs.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from autocompress import open_study
from autocompress.measurement.process import Evaluation, predict_in_fresh_process
from autocompress.measurement.quality import quality_of
from autocompress.study.prepared import Prepared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--studies-dir", default="studies")
    arguments = parser.parse_args()
    study = open_study(arguments.study, arguments.studies_dir)
    data, target = Prepared(study.folder).data, study.summary.problem.target
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for point in study.front:
            exported = study.export(Path(folder) / str(point.trial), trial=point.trial)
            manifest = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
            wish = Evaluation("model", data.test, target.batch_size, data.pad_id, target.threads)
            outputs = predict_in_fresh_process({"model": exported / "model.onnx"}, [wish])[0]
            measured = quality_of(data.task, outputs, data.test.labels).value
            promised = manifest["figures"]["test"]["value"]
            same = abs(measured - promised) < 1e-9
            wrong += not same
            print(f"trial {point.trial}: manifest {promised:.4f}, file {measured:.4f}: {'same' if same else 'DIFFERS'}")
    print(f"{len(study.front)} exported, {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
