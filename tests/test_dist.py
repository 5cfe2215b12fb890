"""The wheel holds all of the package and nothing else, and works away from the source; ``make dist`` installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lamina

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
                   capture_output=True)  # fmt: skip
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package(wheel: Path):
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = {str(path.relative_to(ROOT)) for path in (ROOT / "lamina").rglob("*")
              if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    information = f"lamina-{lamina.__version__}.dist-info/"
    assert {name for name in inside if not name.startswith(information)} == source
    assert "lamina/py.typed" in source
    licences = {name.removeprefix(f"{information}licenses/") for name in inside if "/licenses/" in name}
    assert licences == {"LICENSE", "lamina/datasets/data/fashion_mnist_LICENSE.txt"}


def test_the_wheel_works_away_from_the_source(wheel: Path, tmp_path: Path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = (
        "import lamina, importlib.metadata as m; from lamina.datasets import fashion_mnist; fashion_mnist.load_data();"
        "lamina.ops, lamina.backend; print(lamina.__file__, m.version('lamina'))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True,
                         check=True)  # fmt: skip
    assert run.stdout.splitlines()[-1].split() == [
        str(tmp_path / "installed" / "lamina" / "__init__.py"),
        lamina.__version__,
    ]
