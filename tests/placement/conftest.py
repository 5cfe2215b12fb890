"""Tests that need an accelerator. Where there is none, ``tests/test_placement.py`` runs them on one that is pretended."""

from lamina import config

collect_ignore_glob = [] if config.accelerator() is not None else ["test_*.py"]
