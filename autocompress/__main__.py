"""The command line: ``python -m autocompress``, and the program ``autocompress``."""

import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code.

    Nothing is imported before the path and the streams are in order: what lies in the current folder is no part of
    this program, and a stream that the shell closed would get the first file that is opened.
    """
    _open_streams()
    _speak_unicode()
    _leave_current_folder()
    try:
        from autocompress.cli.main import main as run
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except ImportError as error:
        _end(f"the packages that autocompress needs must be importable, but {error}; install autocompress anew", 5)
    except MemoryError:
        _end("out of memory; free some", 1)
    run()


def _open_streams() -> None:
    """Open the null device in place of standard streams that the shell closed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _speak_unicode() -> None:
    """Start again in Python's UTF-8 mode where file names would be ASCII, as in the C locale."""
    if sys.getfilesystemencoding() == "ascii" and not sys.flags.utf8_mode and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _leave_current_folder() -> None:
    """Import nothing from the current folder, unless PYTHONPATH names it; this package stays where it was found."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:
        here = ""
    if here not in (os.path.abspath(entry) for entry in given if entry):  # noqa: PTH100
        first = 1 + len(given)
        sys.path[:first] = [entry for entry in sys.path[:first] if entry not in ("", here)]
    if root not in sys.path:
        sys.path.append(root)


def _end(message: str, code: int) -> None:
    os.write(2, f"error: {message}\n".encode("utf-8", "backslashreplace"))
    os._exit(code)


if __name__ == "__main__":
    main()
