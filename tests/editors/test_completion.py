"""What an editor offers while somebody types: pyright's language server, which Pylance is built on, is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = "import lamina as keras\nmodel = keras.Sequential([keras.layers.Dense(1)])\n"
# What is typed, with | where the cursor is, and some of what is then offered.
TYPED = [
    ('model.compile("|")', {"adam", "sgd", "rmsprop", "adamw"}),
    ('model.compile(loss="|")', {"mse", "binary_crossentropy", "sparse_categorical_crossentropy"}),
    ('model.compile("adam", "mse", metrics=["|"])', {"accuracy", "mae", "auc", "precision"}),
    ('keras.callbacks.EarlyStopping(mode="|")', {"auto", "min", "max"}),
    ('keras.losses.Huber(reduction="|")', {"sum", "none", "sum_over_batch_size"}),
    ('keras.regularizers.OrthogonalRegularizer(mode="|")', {"rows", "columns"}),
    ("model.fit(|)", {"epochs=", "batch_size=", "validation_split=", "callbacks="}),
    ("model.predict(|)", {"x=", "batch_size=", "verbose="}),
    ("keras.optimizers.AdamW(|)", {"learning_rate=", "weight_decay=", "clipnorm="}),
    ("keras.callbacks.ModelCheckpoint(|)", {"filepath=", "save_best_only=", "monitor="}),
    ("model.fit(0).|", {"history", "plot", "diagnose"}),
    ("model.get_layer('a').|", {"get_weights", "trainable", "output_shape"}),
    ("keras.models.load_model('a').|", {"fit", "predict", "evaluate", "summary"}),
    ("model.optimizer.|", {"learning_rate", "iterations", "get_config"}),
]


class Server:
    """A language server, and messages to and from it (the Language Server Protocol: JSON behind a line with its length)."""

    def __init__(self, folder: Path) -> None:
        program = Path(sys.executable).parent / "pyright-langserver"
        started = [str(program) if program.exists() else shutil.which("pyright-langserver") or "", "--stdio"]
        self.process: Any = subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        self.count = 0
        uri = folder.as_uri()
        self.ask("initialize", {"processId": os.getpid(), "rootUri": uri, "capabilities": {"workspace": {
            "configuration": True}}, "workspaceFolders": [{"uri": uri, "name": "lamina"}]})  # fmt: skip
        self.tell({"method": "initialized", "params": {}})

    def tell(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        length = 0
        while line := self.process.stdout.readline().strip():
            length = int(line.partition(b":")[2]) if line.lower().startswith(b"content-length") else length
        return json.loads(self.process.stdout.read(length))

    def ask(self, method: str, params: Any) -> Any:
        self.count += 1
        self.tell({"id": self.count, "method": method, "params": params})
        while True:
            heard = self.hear()
            if "method" not in heard and heard.get("id") == self.count:
                return heard["result"]
            if "method" in heard and "id" in heard:  # it asks for its settings
                items = heard["params"].get("items", []) if isinstance(heard.get("params"), dict) else []
                settings = [{"pythonPath": sys.executable} if one.get("section") == "python" else {} for one in items]
                self.tell({"id": heard["id"], "result": settings})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(ROOT)
    yield server
    server.process.kill()
    server.process.wait()
    server.process.stdin.close()
    server.process.stdout.close()


@pytest.mark.parametrize(("typed", "wanted"), TYPED, ids=[typed for typed, _ in TYPED])
def test_an_editor_offers(server: Server, typed: str, wanted: set[str]):
    uri = (ROOT / f"typed_{abs(hash(typed))}.py").as_uri()  # which is in the editor, and in no file
    document = {"uri": uri, "languageId": "python", "version": 1, "text": BEGIN + typed.replace("|", "") + "\n"}
    server.tell({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    place = {"line": BEGIN.count("\n"), "character": typed.index("|")}
    offered = server.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
    labels = {item["label"].strip('"') for item in (offered["items"] if isinstance(offered, dict) else offered)}
    assert wanted <= labels, sorted(labels)[:50]
