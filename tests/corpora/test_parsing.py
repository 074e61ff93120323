"""Files are read strictly: what is odd is named by file, row or byte, never mended."""

import csv
import json

import pytest

from tlbook.corpora.parsing import columns_of


@pytest.fixture
def write(tmp_path):
    """Write a file of the given name and return its path."""

    def write(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def opinions(count):
    return "text,label\n" + "".join(f"opinion {row},good\n" for row in range(count))


def test_quotes_hold_commas_quotes_and_line_breaks(write):
    file = write("mine.csv", 'text,n\r\n"one, ""two""\nthree",1\r\n')
    assert columns_of(file) == {"text": ['one, "two"\nthree'], "n": [1]}


def test_numbers_are_numbers_only_where_all_are(write):
    file = write("mine.csv", "a,b,c,d\n1,1.5,1,007\n-2,2,x,1\n")
    columns = {"a": [1, -2], "b": [1.5, 2.0], "c": ["1", "x"], "d": ["007", "1"]}
    assert columns_of(file) == columns


def test_no_digit_of_a_whole_number_is_lost(write):
    file = write("mine.csv", f"a,b\n{2**63 - 1},{2**63}\n{-(2**63)},1\n")
    assert columns_of(file) == {"a": [2**63 - 1, -(2**63)], "b": [str(2**63), "1"]}
    file = write("mine.csv", "a,b\n1234567890123456001,9007199254740993.5\n0.5,1\n")
    assert columns_of(file) == {"a": ["1234567890123456001", "0.5"], "b": [f"{2**53 + 1}.5", "1"]}
    file = write("mine.csv", "a,b\n1234567890123456768,1.5e10\n0.5,-0.25\n")
    assert columns_of(file) == {"a": [1234567890123456768.0, 0.5], "b": [1.5e10, -0.25]}
    file = write("mine.csv", f"a,b\n{'9' * 5000},{'9' * 5000}.5\n1,1\n")
    assert columns_of(file) == {"a": ["9" * 5000, "1"], "b": ["9" * 5000 + ".5", "1"]}


def test_a_line_separator_inside_json_text_ends_no_row(write):
    file = write("mine.jsonl", '{"text": "one\u2028two"}\n')
    assert columns_of(file) == {"text": ["one\u2028two"]}


def test_a_field_left_out_is_none(write):
    file = write("mine.jsonl", '{"a": 1}\n{"b": 2}\n')
    assert columns_of(file) == {"a": [1, None], "b": [None, 2]}


BAD = {
    "no bytes": ("mine.csv", "", r"mine.csv is empty: it has no bytes"),
    "blank": ("mine.csv", "\n \n", r"mine.csv is empty: it holds nothing but blanks"),
    "more fields": (
        "mine.csv",
        opinions(2) + "well, no,good\n",
        r"row 3 \(line 4\) has 3 fields, the header has 2 \(text, label\); put a text that holds a",
    ),
    "fewer fields": ("mine.tsv", "text\tlabel\na\tb\nc\n", r"row 2 \(line 3\) has 1 fields"),
    "open quote": ("mine.csv", opinions(2) + '"no end,bad\n', r"starts at line 4 is broken"),
    "semicolons": ("mine.csv", "text;label\na;b\n", r"separated by semicolons, those of a .csv"),
    "two of a name": ("mine.csv", "text,label,text\na,b,c\n", r"two columns are called 'text'"),
    "no column name": ("mine.csv", "text,\na,b\n", r"column 2 has no name in the header"),
    "broken JSON": (
        "mine.jsonl",
        '{"text": "a", "label": "x"}\n\n{"text": "b", "label"}\n',
        r"row 2 \(line 3\) is no JSON \(Expecting ':' delimiter, character 22\): '",
    ),
    "no object": ("mine.jsonl", '["a", "x"]\n', r"row 1 is no JSON object but"),
    "broken array": ("mine.json", '[{"text": "a"},\n{]', r"is no JSON \(.*, line 2, character 2\)"),
    "mixed": (
        "mine.jsonl",
        '{"text": "a", "label": "x"}\n{"text": "b", "label": 1}\n',
        r"column 'label' holds text in row 1 and a number in row 2",
    ),
    "number too large": (
        "mine.jsonl",
        '{"n": 1}\n\n{"n": 100000000000000000000}\n',
        r"row 2: the number 100000000000000000000 is more than 64 bits hold; put it in",
    ),
    "number too large inside": (
        "mine.json",
        '[{"n": {"m": [-9223372036854775809]}}]',
        r"row 1: the",
    ),
    "endless number": (
        "mine.jsonl",
        '{"n": 1}\n{"n": ' + "9" * 5000 + "}\n",
        r"row 2 \(line 2\) cannot be read: it holds a number of thousands of digits",
    ),
    "half a character": (
        "mine.jsonl",
        '{"text": "a"}\n{"text": "so \\ud800"}\n',
        r"row 2: '\\ud800' in the text 'so \\ud800' is half a character; write both halves",
    ),
    "half a character in a name": ("mine.json", '[{"a\\udfff": 1}]', r"row 1: .* half a character"),
    "too deep": (
        "mine.jsonl",
        '{"n": 1}\n' + "[" * 100_000,
        r"row 2 \(line 2\) cannot be read: .*nest",
    ),
    "array too deep": (
        "mine.json",
        "[" * 100_000,
        r"mine.json cannot be read: .* nested too deeply",
    ),
    "latin-1": (
        "mine.csv",
        opinions(2).encode() + "Café,good\n".encode("latin-1"),
        r"is not UTF-8: byte 0xe9 at offset \d+, line 4. .* iconv -f cp1252 -t utf-8 mine.csv >",
    ),
    "utf-16": ("mine.csv", opinions(2).encode("utf-16"), r"not UTF-8: .* iconv -f utf-16"),
    "parquet": (
        "mine.parquet",
        b"PAR1 and no more",
        r"mine.parquet cannot be read as parquet .*: copy it again",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_name_and_row(write, name, content, message):
    with pytest.raises(ValueError, match=message) as raised:
        columns_of(write(name, content))
    assert name in str(raised.value)


def test_the_offset_of_a_foreign_byte_is_right(write):
    content = opinions(2).encode() + b"Caf\xe9,good\n"
    with pytest.raises(ValueError, match=f"offset {content.index(0xE9)}, line 4"):
        columns_of(write("mine.csv", content))


def test_an_error_leaves_the_csv_limit_as_it_was(write):
    before = csv.field_size_limit()
    with pytest.raises(ValueError, match="is broken"):
        columns_of(write("mine.csv", opinions(2) + '"no end,bad\n'))
    assert csv.field_size_limit() == before


def test_all_that_64_bits_and_two_halves_of_a_character_hold_is_read(write):
    rows = [{"n": 2**63 - 1, "text": "\U0001f600"}, {"n": -(2**63), "text": "é"}]
    file = write("mine.jsonl", "\n".join(map(json.dumps, rows)))
    assert columns_of(file) == {"n": [2**63 - 1, -(2**63)], "text": ["\U0001f600", "é"]}
