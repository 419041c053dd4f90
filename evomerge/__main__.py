"""Lets ``python -m evomerge`` be the ``evomerge`` command."""

from evomerge.cli import main

main()
