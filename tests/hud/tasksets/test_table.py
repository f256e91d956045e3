"""Tasks as CSV, there and back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hud.errors import UserError
from hud.tasksets import from_csv, to_csv

FORMULA = tuple("=+-@\t\r\n")


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_table_has_a_column_for_each_argument_and_each_custom_column() -> None:
    tasks = [
        {"slug": "a", "scenario": "s", "env": {"name": "e"}, "args": {"n": 1, "list": ["x", 2]}},
        {"slug": "b", "scenario": "e:t", "args": {"n": None}, "columns": {"tags": ["é"]}},
    ]
    assert rows(to_csv(tasks)) == [
        ["slug", "scenario", "env", "arg:list", "arg:n", "col:tags"],
        ["a", "s", "e", '["x", 2]', "1", ""],
        ["b", "e:t", "e", "", "null", '["é"]'],
    ]


def test_rewards_are_columns_of_their_own_and_left_out_of_the_tasks() -> None:
    tasks = [{"slug": "a", "scenario": "s"}, {"slug": "b", "scenario": "s"}]
    text = to_csv(tasks, {"a": {"model 1": 0.5, "model 2": -1.0}, "b": {"model 1": None}})
    assert rows(text)[0][3:] == ["reward:model 1", "reward:model 2"]
    assert [row[3:] for row in rows(text)[1:]] == [["0.5", "-1.0"], ["", ""]]
    assert [task["args"] for task in from_csv(text)] == [{}, {}]


@pytest.mark.parametrize(
    "value",
    ["=1+2", "+x", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'quoted", "''=1"],
    ids=repr,
)
def test_no_text_begins_like_a_formula(value: str) -> None:
    task = {"slug": "a", "scenario": "s", "args": {value: value}, "columns": {value: value}}
    text = to_csv([task])
    assert not any(cell.startswith(FORMULA) for row in rows(text) for cell in row)
    assert from_csv(text) == [task]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), JSON))
def test_arguments_come_back_with_their_types(args: dict[str, Any]) -> None:
    task = {"slug": "a", "scenario": "s", "args": args, "columns": {}}
    assert from_csv(to_csv([task])) == [task]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table is empty"),
        ("scenario\ns", "no column `slug`"),
        ("slug,scenario,level\na,s,1", "unknown column `level`"),
        ("slug,scenario,slug\na,s,b", "two columns `slug`"),
        ("slug,scenario\na,s,1", "row 2 has 3 cells"),
        ('slug,scenario\n"a,s', "no CSV"),
        ("slug,scenario,arg:\na,s,1", "unknown column `arg:`"),
    ],
    ids=["empty", "no-slug", "unknown", "twice", "long-row", "quote", "no-name"],
)
def test_a_table_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_csv(text)


def test_what_a_spreadsheet_makes_of_booleans_is_read() -> None:
    text = to_csv([{"slug": "a", "scenario": "s", "args": {"flag": True, "word": "TRUE"}}])
    resaved = text.replace(",true,", ",TRUE,")
    assert resaved != text
    assert from_csv(resaved)[0]["args"] == {"flag": True, "word": "TRUE"}


def test_a_spreadsheets_table_is_read() -> None:
    text = (
        "\ufeffslug,scenario,env,arg:word,col:level\r\n a ,count,letters,strawberry,1.5\r\n,,,,\r\n"
    )
    assert from_csv(text) == [
        {
            "slug": "a",
            "scenario": "count",
            "env": {"name": "letters"},
            "args": {"word": "strawberry"},
            "columns": {"level": 1.5},
        }
    ]
