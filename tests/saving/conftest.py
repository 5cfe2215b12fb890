"""What several files of tests of saving begin with."""

import zipfile

import pytest
from saving.hostile import small


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a good file."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    small().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
