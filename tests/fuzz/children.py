"""Work that may crash or hang, done in child processes: the end of one is an answer like any other."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch


def each(function: Callable[[Any], str], works: Iterable[Any], patience: float = 60.0) -> Iterator[tuple[Any, str]]:
    """``(work, function(work))`` for each, computed in a child. Where the child dies or says nothing for ``patience``
    seconds, the answer says so, and another child goes on with the next."""
    child = None
    try:
        for work in works:
            child = child if child is not None and child.is_alive() else _Child(function)
            answer, alive = child.ask(work, patience)
            child = child if alive else None
            yield work, answer
    finally:
        if child is not None:
            child.end()


class _Child:
    def __init__(self, function: Callable[[Any], str]) -> None:
        context = multiprocessing.get_context("fork")  # so that importing torch and Keras is done once
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        theirs.close()

    def is_alive(self) -> bool:
        return self.process.is_alive()

    def ask(self, work: Any, patience: float) -> tuple[str, bool]:
        try:
            self.pipe.send(work)
            if self.pipe.poll(patience):
                return self.pipe.recv(), True
        except (EOFError, OSError):
            self.process.join()
            return f"crash: the process ended with {self.process.exitcode}", False
        self.end()
        return f"hang: no answer in {patience:.0f} s", False

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Any, function: Callable[[Any], str]) -> None:
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what a crash prints is told by the parent
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        try:
            answer = function(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            answer = f"{type(error).__name__}: {error}".splitlines()[0]
        pipe.send(answer)
