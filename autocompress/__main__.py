"""``python -m autocompress`` is the command line."""

from autocompress.cli.main import main

main()
