"""What the shell, the variables, the user and the disk may be like: the program works, or ends with one line."""

import errno
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from study_on_disk import write_study

import autocompress
from autocompress.cli.explain import explain
from autocompress.domain.problem import Constraints

pytestmark = pytest.mark.faults

ROOT = Path(autocompress.__file__).parent.parent
NAME = "gü?d #1%20 {x} :cat:"
C_LOCALE = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
STRANGER = "setpriv --reuid=12345 --regid=12345 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override"
RAY = "env PYTHONPATH=$PARTS:$PYTHONPATH {python} $PARTS/start_ray.py"
HELP = "{python} -m autocompress --help"
LIST, SHOW, PLOT, DRY = (
    "{python} -m autocompress studies --studies-dir {studies}",
    "{python} -m autocompress show {name} --studies-dir {studies}",
    "{python} -m autocompress plot {name} --studies-dir {studies} -o $PLACE/front.png",
    "{python} -m autocompress search {model} --train $PLACE/good.csv --dry-run --studies-dir {studies}",
)

ROWS: dict[str, tuple[str, int, str]] = {
    "packages' names in the current folder": (f"cd $PLACE/shadow && {LIST}", 0, "finished"),
    "PYTHONPATH with empty entries": (f"cd $PLACE/shadow && PYTHONPATH=:{ROOT}: {LIST}", 0, "finished"),
    "PYTHONSAFEPATH": (f"PYTHONSAFEPATH=1 {HELP}", 0, "Usage: autocompress"),
    "PYTHONOPTIMIZE": (f"PYTHONOPTIMIZE=2 {HELP}", 0, "Usage: autocompress"),
    "PYTHONWARNINGS=error": (f"PYTHONWARNINGS=error {LIST}", 0, "finished"),
    "a program at start-up, PYTHONDEVMODE": (
        f"PYTHONSTARTUP=/none PYTHONDEVMODE=1 TZ=no {HELP}",
        0,
        "Usage: autocompress",
    ),
    "thread counts that are none": (
        f"OMP_NUM_THREADS=9999999 MKL_NUM_THREADS=no OMP_PLACES=x {LIST}",
        0,
        "finished",
    ),
    "a backend for plots that there is not": (f"MPLBACKEND=no MPLCONFIGDIR=/dev/null/x {PLOT}", 0, "plot: "),
    "the C locale": (f"{C_LOCALE} {SHOW}", 0, "gü?d"),
    "output in ASCII": (f"PYTHONIOENCODING=ascii {SHOW}", 0, "g\\xfc?d #1%20 {x} :cat:"),
    "output in ASCII, as JSON": (f"PYTHONIOENCODING=ascii {SHOW} --json", 0, "g\\u00fc?d"),
    "a locale that there is not": (f"LANG=xx_YY LC_ALL=xx_YY.no {HELP}", 0, "Usage: autocompress"),
    "a terminal that can do nothing": (f"TERM=dumb COLUMNS=0 LINES=0 FORCE_COLOR=1 {LIST}", 0, "finished"),
    "columns that are no number": (f"COLUMNS=abc {HELP}", 0, "Usage: autocompress"),
    "proxies, and Hugging Face's folders cannot be made": (
        f"http_proxy=http://127.0.0.1:9 HTTPS_PROXY=no all_proxy=socks5:// HF_HOME=/dev/null/x HF_HUB_OFFLINE=so {DRY}",
        0,
        "rows: train",
    ),
    "neither HOME nor a temporary folder": (f"HOME= TMPDIR=/none {LIST}", 0, "finished"),
    "HOME that is a file": (f"HOME=$PLACE/good.csv {PLOT}", 0, "plot: "),
    "a user that the system does not know": (f"env -u HOME -u USER -u LOGNAME {STRANGER} {PLOT}", 0, "plot: "),
    "no PATH": (f"PATH= {HELP}", 0, "Usage: autocompress"),
    "few open files": (f"ulimit -n 32; {LIST}", 0, "finished"),
    "streams that are closed": (f"{HELP} <&- >&- 2>&-; echo code $?", 0, "code 0"),
    "nobody reads the output": (f"{HELP} | true; echo code ${{PIPESTATUS[0]}}", 0, "code 1"),
    "nobody reads the error": (f"{HELP} --nonsense 2>&1 | true; echo code ${{PIPESTATUS[0]}}", 0, "code 2"),
    "no room for the output": (f"{LIST} > /dev/full", 6, "standard output must be writable, but No space left"),
    "too little memory": (f"ulimit -v 400000; {DRY}", -1, "error: "),
    "a variable that a package refuses": (f"TORCH_LOGS=no {DRY}", 5, "torch must be loadable, but says: ValueError"),
    "a package that cannot be imported": (f"PYTHONPATH=$PLACE/shadow:{ROOT} {LIST}", 5, "must be importable"),
    "the current folder was removed": (f"mkdir $PLACE/x; cd $PLACE/x; rmdir $PLACE/x; {HELP}", 2, "current folder"),
    "an argument that is no text": ("{python} -m autocompress show $'caf\\xe9'", 2, "caf\\udce9"),
    "a folder that is no text": ("{python} -m autocompress studies --studies-dir $'caf\\xe9'", 2, "caf\\udce9"),
    "a studies' folder that is a file": ("{python} -m autocompress studies --studies-dir /dev/null", 2, "is a file"),
    "the same in a dry run": (f"{DRY} --studies-dir $PLACE/good.csv", 2, "must be a folder"),
    "a plot below a file": (f"{PLOT.replace('front.png', 'good.csv/x.png')}", 6, "x.png must be writable, but "),
    "a folder in place of a study's file": (
        "{python} -m autocompress show folders --studies-dir {studies}",
        6,
        "state.json must be usable, but Is a directory",
    ),
    "a study that is a loop": ("{python} -m autocompress show loop --studies-dir {studies}", 4, "must exist"),
    "Ray: a long TMPDIR, no user, packages' names in the folder": (
        f"cd $PLACE/shadow && TMPDIR=$PLACE/{'deep' * 20}/{'deep' * 20} env -u HOME -u USER {STRANGER} {RAY}",
        0,
        "up and built",
    ),
    "Ray: variables against it": (
        "RAY_ADDRESS=127.0.0.1:1 RAY_TMPDIR=/none RAY_health_check_period_ms=abc RAY_AUTH_TOKEN_PATH=/none "
        "http_proxy=http://127.0.0.1:9 PYTHONWARNINGS=error PYTHONSAFEPATH=1 OMP_NUM_THREADS=abc "
        f"{C_LOCALE} {RAY} <&-",
        0,
        "up and built",
    ),
    "Ray: few open files": (f"ulimit -n 100; {RAY}", 2, "256 files open, but the limit is 100"),
    "Ray: workers cannot import the evaluator": (f"{RAY} hidden", 5, "No module named 'hidden_parts'"),
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everyone may read, with a table, modules that must not be imported, and studies."""
    place = Path(tempfile.mkdtemp(prefix="environment-"))
    place.chmod(0o755)
    _fill(place)
    yield place
    shutil.rmtree(place)


def _fill(place: Path) -> None:
    rows = [f"text number {i} is {'good' if i % 2 else 'bad'},{i % 2}" for i in range(60)]
    (place / "good.csv").write_text("\n".join(["text,label", *rows]))
    (place / "shadow" / "numpy").mkdir(parents=True)
    (place / ("deep" * 20) / ("deep" * 20)).mkdir(parents=True)
    for name in ("onnx", "torch", "ray", "random", "typing", "json", "socket", "tokenizers", "numpy/__init__"):
        (place / "shadow" / f"{name}.py").write_text("raise ImportError('of the current folder')")
    write_study(place / "studies", NAME, Constraints(max_latency_ms=2.5))
    write_study(place / "broken", "folders", Constraints())
    (place / "broken" / "folders" / "state.json").unlink()
    (place / "broken" / "folders" / "state.json").mkdir()
    (place / "broken" / "loop").symlink_to(place / "broken" / "loop")


@pytest.fixture(scope="module")
def ended(place: Path, tiny_checkpoint: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """All rows that were chosen, run two at a time."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    chosen = [item.callspec.params["row"] for item in items if "row" in item.fixturenames]
    with ThreadPoolExecutor(2) as pool:
        yield {row: pool.submit(shell, ROWS[row][0], place, tiny_checkpoint) for row in chosen}


def shell(script: str, place: Path, model: str) -> subprocess.CompletedProcess[str]:
    studies = place / ("broken" if "show folders" in script or "show loop" in script else "studies")
    words = {"{python}": sys.executable, "{studies}": str(studies), "{name}": NAME, "{model}": model}
    for word, meant in words.items():
        script = script.replace(word, shlex.quote(meant))
    parts = ROOT / "tests" / "trials"
    environment = {"PYTHONPATH": str(ROOT), "PLACE": str(place), "PARTS": str(parts), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
        timeout=180,
    )


@pytest.mark.parametrize("row", ROWS)
def test_the_program_works_or_says_why_not(row: str, ended: dict[str, Future[Any]]):
    script, code, told = ROWS[row]
    if STRANGER in script and os.geteuid() != 0:
        pytest.skip("only root can become a user that the system does not know")
    done = ended[row].result()
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "Traceback" not in done.stderr and "bug" not in done.stderr, done.stderr
    assert told in done.stdout + done.stderr
    assert done.returncode == code if code >= 0 else done.returncode not in (0, 70), done.stderr
    assert len(lines) == (done.returncode != 0)


ERRORS: list[tuple[BaseException, int]] = [
    (MemoryError(), 1),
    (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"), 1),
    (RecursionError("maximum recursion depth exceeded"), 2),
    (UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"), 2),
    (ModuleNotFoundError("No module named 'onnxruntime'"), 5),
    (OSError(errno.ENOSPC, "No space left on device"), 6),
    (OSError(errno.EMFILE, "Too many open files"), 6),
    (PermissionError(errno.EACCES, "Permission denied", "studies/s/state.json"), 6),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", b"caf\xe9"), 6),
    (sqlite3.OperationalError("attempt to write a readonly database"), 6),
    (KeyboardInterrupt(), 130),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[type(e).__name__ + str(n) for n, (e, _) in enumerate(ERRORS)])
def test_errors_of_the_system_are_no_bugs(error: BaseException, code: int):
    line, told = explain(error)
    assert told == code and "bug" not in line and "\n" not in line
    assert all(part in line for part in error.args[1:2] if code == 6)
    wrapped = ValueError("what a library makes of it")
    wrapped.__cause__ = error
    assert explain(wrapped)[1] == (code if code != 130 else 70)


def test_an_interrupt_while_the_program_loads_is_one_line(place: Path):
    command = [sys.executable, "-m", "autocompress", "studies", "--studies-dir", str(place / "studies")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT, text=True) as process:
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (0, 130) and said in ("", "error: interrupted\n")
