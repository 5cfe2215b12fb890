"""Packages that others published for Keras, fetched by ``make clients`` and used under ``as_keras``: see ``CONTRIBUTING.md``.

``packages.txt`` pins them, ``table.py`` says how many uses of each pass, ``uses/`` has the uses, a file a package.
"""
