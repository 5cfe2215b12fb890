"""Whole files, and the same files changed: some hundreds, the same ones each time; ``make fuzz`` tries others, for longer."""

import os
import random

import pytest

from fuzz import mutations
from fuzz.children import each
from fuzz.files import Judge, draw, find, seeds

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
COUNT, SECONDS = 500, 120.0


@needs_fork
def test_files_that_were_changed():
    counts, failures = find(1, SECONDS, COUNT)
    assert failures == [], "\n".join(failures)
    assert counts["opened"] > 50 or sum(counts.values()) < COUNT  # the machine is busy
    assert counts["refused"] > 100 or sum(counts.values()) < COUNT


@needs_fork
def test_files_that_are_whole_open_and_nothing_else_is_opened():
    """The judge sees each of Python's own events: no other file, no import, no program, no network."""
    files = seeds()
    judge = Judge(files)
    answers = dict(each(lambda number: judge.judge(*files[number]), range(0, len(files), 3), patience=20.0))
    assert {files[number][0]: answer for number, answer in answers.items() if answer != "opened"} == {}


@needs_fork
@pytest.mark.parametrize(("harm", "words"), [
    (lambda path: open("/etc/hostname").close(), "did ['open /etc/hostname']"),
    (lambda path: os.system("true"), "os.system b'true'"),
    (lambda path: exec("1"), "did ['compile"),
    (lambda path: path.write_bytes(b""), "the file or its folder was changed"),
    (lambda path: path.with_name("other").mkdir(), "did ['os.mkdir"),
    (lambda path: print(end="", sep=str(len(bytearray(b"x") * 300_000_000))), "MB for a file of"),
    (lambda path: 1 // 0, "ZeroDivisionError"),
    (lambda path: int("x"), "no name of the file"),
])  # fmt: skip
def test_the_judge_sees_harm(harm, words, monkeypatch):
    files = [one for one in seeds() if one[0] == "dense.keras"]

    class Harmful(Judge):
        def _try(self, name, path):
            return (
                super()._try(name, path)
                if self.folder is None or not self.ready
                else harm(path) or super()._try(name, path)
            )

        ready = False

        def __call__(self, case):
            self.judge(*files[0])
            self.ready = True
            return self.judge(*files[0])

    [(_, answer)] = each(Harmful(files), [(0, 0)], patience=20.0)
    assert words in answer


def test_a_number_draws_the_same_file_again():
    files = seeds()
    assert draw(files, (3, 4)) == draw(files, (3, 4)) != draw(files, (3, 5))


@pytest.mark.parametrize("change", [mutations.of_json, mutations.of_hdf5, mutations.of_zip, mutations.of_bytes])
def test_a_change_changes(change):
    ending = {"of_json": ".json", "of_hdf5": ".h5", "of_zip": ".keras"}.get(change.__name__, ".h5")
    data = next(data for name, data in seeds() if name.endswith(ending))
    results = [change(data, random.Random(number)) for number in range(30)]
    assert len(set(results)) > 15
    assert all(isinstance(one, bytes) for one in results)
