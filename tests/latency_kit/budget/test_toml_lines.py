import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.budget.toml_lines import key_lines

DOCUMENT = '''\
# [commented.out]
title = "a # b"            # 2
[budgets.answer]           # 3
limit_ms = 5 # x = 1
"percentile" = 95
'owner' = """
limit_ms = 6
[fake.table]
\\""" still inside """
min_samples = 8            # 10

[  budgets . "quoted.name" ]
list = [
  "x = 1",  # comment ] }
  [1, 2],
  { inner = 1 },
]
after = 18
inline = { a = 1, b = { c = [ 1, 2 ] }, "d e" = """
two""" }
dotted.deep.key = 21
date = 1979-05-27 07:32:00
literal = \'\'\'
[no.table]
\'\'\'\'
last = 26
[[many]]
x = 1
[[many]]
y = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("budgets",), 3),
        (("budgets", "answer"), 3),
        (("budgets", "answer", "limit_ms"), 4),
        (("budgets", "answer", "percentile"), 5),
        (("budgets", "answer", "owner"), 6),
        (("budgets", "answer", "min_samples"), 10),
        (("budgets", "quoted.name"), 12),
        (("budgets", "quoted.name", "list"), 13),
        (("budgets", "quoted.name", "after"), 18),
        (("budgets", "quoted.name", "inline"), 19),
        (("budgets", "quoted.name", "inline", "b", "c"), 19),
        (("budgets", "quoted.name", "inline", "d e"), 19),
        (("budgets", "quoted.name", "dotted", "deep", "key"), 21),
        (("budgets", "quoted.name", "date"), 22),
        (("budgets", "quoted.name", "last"), 26),
        (("many", "x"), 28),
        (("many", "y"), 30),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_has_its_line_whatever_looks_like_a_key_around_it(
    path: tuple[str, ...], line: int, newline: str
) -> None:
    text = DOCUMENT.replace("\n", newline)
    tomllib.loads(text)  # the document is TOML
    assert key_lines(text).line_of(path) == line


def test_a_key_that_is_not_there_has_the_line_of_the_nearest_table_around_it() -> None:
    lines = key_lines(DOCUMENT)
    assert lines.line_of(("budgets", "answer", "measures")) == 3
    assert lines.line_of(("budgets", "answer", "allotments", "x", "limit_ms")) == 3
    assert lines.line_of(("fake", "table")) is None
    assert lines.line_of(("commented",)) is None
    assert lines.line_of(("budgets", "quoted.name", "list", "inner")) == 13


def test_text_that_is_no_toml_gives_the_keys_before_it() -> None:
    lines = key_lines("a = 1\nb = \n???\nc = 2\n")
    assert (lines.line_of(("a",)), lines.line_of(("c",))) == (1, None)


def test_text_nested_beyond_reason_gives_the_keys_before_it() -> None:
    assert key_lines("a = 1\nb = " + "[" * 100_000).line_of(("a",)) == 1


keys = st.text(min_size=1, max_size=6)
scalars = st.integers(-9, 9) | st.booleans() | st.text(max_size=6)


def quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\"}
    return (
        '"'
        + "".join(escapes.get(char, char if char.isprintable() else f"\\U{ord(char):08X}") for char in text)
        + '"'
    )


def value_of(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {value_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{value_of(item)}, # ]\n" for item in value) + "]"
    return str(value).lower()


@given(
    st.dictionaries(
        keys,
        st.dictionaries(
            keys,
            st.recursive(
                scalars,
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
                max_leaves=6,
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_in_any_document_each_key_is_found_on_the_line_where_it_was_written(
    document: dict[str, dict[str, Any]],
) -> None:
    text = ""
    expected = {}
    for table, pairs in document.items():
        text += "\n# a comment with x = 1 and [a.table]\n"
        expected[table,] = text.count("\n") + 1
        text += f"[{quoted(table)}]\n"
        for key, value in pairs.items():
            expected[table, key] = text.count("\n") + 1
            text += f"{quoted(key)} = {value_of(value)} # y = 2\n"
    assert tomllib.loads(text) == document
    lines = key_lines(text)
    for path, line in expected.items():
        assert lines.line_of(path) == line
