"""Where a real TensorFlow is installed, what the table lacks is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REAL = {
    "__init__.py": "from tensorflow import helpers\nfrom tensorflow import io\n__version__ = '9.9'\nkeras = 'the real keras'\n"
    "reduce_mean = 'the real one'\n\n\ndef late():\n    import tensorflow as tf\n    from tensorflow import hidden\n"
    "    return tf.__version__, hidden.WORD\n",
    "helpers.py": "WORD = 'help'\n",
    "hidden.py": "WORD = 'imported when it is called'\n",
    "io.py": "def read_file(name):\n    return 'read ' + name\n",
}
SCRIPT = """
import sys
from lamina.compat import as_keras
with as_keras("tf_keras"):
    import tensorflow as tf
    from tensorflow import helpers
    import tensorflow.hidden
    assert float(tf.reduce_mean(tf.constant([1.0, 3.0]))) == 2.0, "the table comes first"
    assert tf.keras.layers.Dense.__module__.startswith("lamina")
    assert tf.io.read_file("x") == "read x"
    assert helpers.WORD == "help"
    assert tensorflow.hidden.WORD == "imported when it is called"
    assert tf.late() == ("9.9", "imported when it is called")
    assert type(sys.modules["tensorflow"]).__name__ == "Shell"
    assert not hasattr(tf, "nothing_like_it")
    import tensorflow.python.ops.math_ops as math_ops
    assert float(math_ops.square(3.0)) == 9.0
"""


def test_what_the_table_lacks(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    for name, text in REAL.items():
        (package / name).write_text(text)
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", SCRIPT], env={"PYTHONPATH": f"{root}:{tmp_path}", "PATH": ""},
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
