"""The questions of warehouse/README.md are answered by the queries that stand below them, on the shipped samples."""

import re
from pathlib import Path

import pytest

from flows.run.result import RunResult
from flows.settings import Settings
from warehouse.release.query import query

TEXT = (Path(__file__).parents[1] / "warehouse" / "README.md").read_text(encoding="utf-8")
BLOCK = "\n".join(re.findall(r"^```sql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
QUESTIONS = dict(re.findall(r"^-- (\d+\. .+?\?)\n(.*?);\n", BLOCK, re.MULTILINE | re.DOTALL))


def test_there_are_twenty_questions() -> None:
    assert [int(question.split(".")[0]) for question in QUESTIONS] == list(range(1, 21))
    assert BLOCK.count(";\n") == 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(demo: tuple[Settings, RunResult], question: str) -> None:
    settings, _ = demo
    answer = query(settings.data / "warehouse.duckdb", QUESTIONS[question], "1GB", 2)
    if not question.startswith("13."):  # no two partners of the samples share anybody
        assert answer.rows
    assert all(any(value is not None for value in row) for row in answer.rows)


def answer(settings: Settings, number: int) -> list[tuple[object, ...]]:
    (sql,) = [sql for question, sql in QUESTIONS.items() if question.startswith(f"{number}.")]
    return query(settings.data / "warehouse.duckdb", sql, "1GB", 2).rows


def test_answers_agree_with_each_other(demo: tuple[Settings, RunResult]) -> None:
    settings, _ = demo
    ((people, low, high),) = answer(settings, 1)
    assert low <= people <= high
    assert sum(row[2] for row in answer(settings, 2) if row[0] == "ALL") == people
    assert answer(settings, 5)[-1][2] == people
    assert sum(row[1] for row in answer(settings, 9)) == people
    assert sum(row[0] * row[1] for row in answer(settings, 9)) == sum(row[3] for row in answer(settings, 8))
    ((rows_in, *fates),) = answer(settings, 18)
    assert rows_in == sum(fates)
