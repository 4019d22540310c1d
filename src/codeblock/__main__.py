"""``python -m codeblock`` is the command line."""

from codeblock.cli import main

main()
