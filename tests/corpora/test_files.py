"""The reader's own files: divided alike every time, and no row dropped in silence."""

import json

import datasets
import pytest

from tlbook.corpora import load


@pytest.fixture
def write(tmp_path):
    """Write a file of the given name and return its path."""

    def write(name, content):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def opinions(count, header="text,label"):
    """Return a CSV file of `count` different rows, good and bad in turn."""
    rows = [f"this is opinion {row},{('good', 'bad')[row % 2]}" for row in range(count)]
    return "\n".join([header, *rows]) + "\n"


def split_of_texts(parts):
    return {text: split for split, part in parts.items() for text in part["text"]}


def test_one_file_is_divided_70_10_20_in_proportion_and_always_alike(write):
    file = write("mine.csv", opinions(100))
    parts = load(file)
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 70,
        "validation": 10,
        "test": 20,
    }
    assert parts["test"]["label"].count(0) == 10
    assert split_of_texts(parts) == split_of_texts(load(str(file)))


def test_equal_texts_stay_on_one_side(write):
    rows = [
        f'"Opinion {row // 2}{"!" * (row % 2)}",{("good", "bad")[row // 2 % 2]}\n'
        for row in range(80)
    ]
    parts = load(write("mine.csv", "text,label\n" + "".join(rows)))
    splits = split_of_texts(parts)
    assert len(splits) == 80
    assert all(splits[text] == splits[text.rstrip("!")] for text in splits)


def test_a_column_called_split_is_obeyed(write):
    rows = "a b c,x,train\nd e f,y,train\ng h i,x,dev\nj k l,y,test\n"
    parts = load(write("mine.csv", "text,label,split\n" + rows))
    assert {split: part["text"][:] for split, part in parts.items()} == {
        "train": ["a b c", "d e f"],
        "validation": ["g h i"],
        "test": ["j k l"],
    }
    assert "split" not in parts["train"].column_names
    with pytest.raises(ValueError, match="the column split holds 'later' in row 3; expected train"):
        load(write("mine.csv", "text,label,split\n" + rows.replace("dev", "later")))


def test_a_column_called_split_is_obeyed_in_any_case(write):
    rows = "a b c,x,Train\nd e f,y,TRAINING\ng h i,x,Dev\nj k l,y, Test \n"
    for header in ("text,label,Split", "text,label,SPLIT"):
        parts = load(write("mine.csv", f"{header}\n{rows}"))
        assert {split: len(part) for split, part in parts.items()} == {
            "train": 2,
            "validation": 1,
            "test": 1,
        }
        assert parts["train"].column_names == ["text", "label"]
    with pytest.raises(ValueError, match="the column SPLIT holds 'Later' in row 3"):
        load(write("mine.csv", f"text,label,SPLIT\n{rows.replace('Dev', 'Later')}"))
    with pytest.raises(ValueError, match="'split' and 'Split' could each say the split; rename"):
        load(write("mine.csv", "text,label,split,Split\na b c,x,train,train\n"))


def test_a_list_is_no_name_of_a_split(write):
    with pytest.raises(ValueError, match="mine.jsonl: the column split holds .'train'. in row 1"):
        load(write("mine.jsonl", '{"text": "a b c", "label": "x", "split": ["train"]}'))


def test_rows_are_counted_through_a_file_with_a_split_column(write):
    rows = "a b c,x,train\nd e f,y,train\ng h i,x,test\n,y,test\n"
    with pytest.raises(ValueError, match="mine.csv: no text in column 'text' of row 4"):
        load(write("mine.csv", "text,label,split\n" + rows))
    rows = "a b c,x,train\nd e f,y,train\ng h i,z,test\nj k l,y,test\n"
    with pytest.raises(ValueError, match="the rows of split test: the label 'z' .row 1. does not"):
        load(write("mine.csv", "text,label,split\n" + rows))


def test_a_folder_is_taken_as_it_stands(write):
    for name, count in (("train", 6), ("dev", 4)):
        write(f"mine/{name}.csv", opinions(count).replace("opinion", name))
    folder = write("mine/notes.txt", "not read").parent
    parts = load(folder)
    assert {split: len(part) for split, part in parts.items()} == {"train": 6, "validation": 4}


def test_texts_in_two_files_of_a_folder_are_warned_of(write):
    write("mine/train.csv", opinions(6))
    folder = write("mine/test.csv", opinions(2)).parent
    with pytest.warns(UserWarning, match="2 texts stand in more than one split, for example"):
        load(folder)


def test_a_folder_without_a_training_file_says_what_it_must_hold(write):
    with pytest.raises(FileNotFoundError, match="a folder must hold train.csv"):
        load(write("mine/test.csv", opinions(4)).parent)


def test_two_files_of_one_split_are_refused(write):
    write("mine/val.csv", opinions(4))
    write("mine/train.csv", opinions(4))
    with pytest.raises(ValueError, match="dev.tsv and val.csv both claim to be validation"):
        load(write("mine/dev.tsv", opinions(4)).parent)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_every_format_gives_the_same_set(write, tmp_path, form):
    rows = [{"review": f"opinion number {n}", "stars": n % 3 + 1, "id": n} for n in range(30)]
    file = tmp_path / f"mine.{form}"
    if form == "parquet":
        datasets.Dataset.from_list(rows).to_parquet(file)
    elif form in ("csv", "tsv"):
        mark = {"csv": ",", "tsv": "\t"}[form]
        lines = [mark.join(map(str, row.values())) for row in rows]
        write(file.name, "\ufeff" + "\r\n".join([mark.join(rows[0]), *lines]))
    elif form == "json":
        write(file.name, json.dumps(rows))
    else:
        write(file.name, "\n\n".join(map(json.dumps, rows)))
    parts = load(file)
    assert parts["train"].column_names == ["text", "label", "id", "stars"]
    assert parts["train"].features["label"].names == ["1", "2", "3"]
    found = [row for part in parts.values() for row in part]
    assert sorted(row["id"] for row in found) == list(range(30))
    assert all(row["label"] == row["id"] % 3 for row in found)
    assert all(row["text"] == f"opinion number {row['id']}" for row in found)


def test_class_names_of_a_parquet_file_are_kept(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["z", "a"])}
    )
    rows = {"text": [f"row {n}" for n in range(20)], "label": [n % 2 for n in range(20)]}
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "mine.parquet")
    assert load(tmp_path / "mine.parquet")["train"].features["label"].names == ["z", "a"]


def parquet(file, labels, names, text="row"):
    """Write a parquet file whose labels are class numbers with names."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    rows = {"text": [f"{text} {n}" for n in range(len(labels))], "label": labels}
    datasets.Dataset.from_dict(rows, features).to_parquet(file)


def label_names(part):
    return part.features["label"].int2str(part["label"][:])


def test_class_names_count_where_two_files_number_them_differently(tmp_path):
    parquet(tmp_path / "train.parquet", [0, 1, 0], ["neg", "pos"])
    parquet(tmp_path / "test.parquet", [0, 1, 1], ["pos", "neg"], text="another")
    parts = load(tmp_path)
    assert parts["train"]["label"][:] == [0, 1, 0]
    assert parts["test"]["label"][:] == [1, 0, 0]
    assert parts["test"].features["label"].names == ["neg", "pos"]


def test_class_names_in_one_file_and_words_in_the_other_are_the_same_labels(write, tmp_path):
    parquet(tmp_path / "train.parquet", [0, 1, 0], ["pos", "neg"])
    write("test.csv", "text,label\nso so,neg\nbest of all, pos \n")
    parts = load(tmp_path)
    assert parts["test"].features["label"].names == ["pos", "neg"], "the order of the training file"
    assert label_names(parts["test"]) == ["neg", "pos"]
    (tmp_path / "train.parquet").unlink()
    (tmp_path / "test.csv").unlink()
    write("train.csv", "text,label\nso so,neg\nbest of all,pos\n")
    parquet(tmp_path / "test.parquet", [0, 1, 0], ["pos", "neg"])
    parts = load(tmp_path)
    assert parts["train"].features["label"].names == ["neg", "pos"]
    assert label_names(parts["test"]) == ["pos", "neg", "pos"]
    write("train.csv", "text,label\nso so,neg\nbest of all,good\n")
    with pytest.raises(
        ValueError, match="test.parquet: the label 'pos' .rows 1, 3. does not occur"
    ):
        load(tmp_path)


def test_class_numbers_without_a_name_are_refused(tmp_path):
    parquet(tmp_path / "train.parquet", [0, 1, 0], ["neg", "pos"])
    parquet(tmp_path / "test.parquet", [0, -1, 1], ["neg", "pos"], text="another")
    with pytest.raises(ValueError, match="test.parquet: no label in row 2"):
        load(tmp_path)


def test_tags_count_by_name_where_two_files_number_them_differently(tmp_path):
    def write(split, names, numbers):
        tags = datasets.List(datasets.ClassLabel(names=names))
        features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "t": tags})
        rows = {"tokens": [["In", split]], "t": [numbers]}
        datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / f"{split}.parquet")

    write("train", ["O", "LOC"], [0, 1])
    write("test", ["LOC", "O"], [1, 0])
    parts = load(tmp_path)
    assert parts["test"].features == parts["train"].features
    assert parts["test"]["t"][:] == [[0, 1]]


def test_tagged_tokens_get_classes_and_o_comes_first(write):
    rows = [{"tokens": ["In", f"Town{n}"], "tags": ["O", "B-LOC"]} for n in range(20)]
    file = write("mine.jsonl", "\n".join(map(json.dumps, rows)))
    train = load(file)["train"]
    assert train.features["tags"].feature.names == ["O", "B-LOC"]
    assert train["tags"][0] == [0, 1]
    file = write("mine.jsonl", file.read_text().replace('"Town7"', '"Old", "Town7"'))
    with pytest.raises(ValueError, match="row 8 has 3 tokens but 2 tags; give every token one"):
        load(file)


def test_tags_that_a_file_or_a_token_lacks_are_named(write):
    write("mine/train.jsonl", '{"tokens": ["In", "Rome"], "tags": ["O", "LOC"]}')
    folder = write("mine/test.jsonl", '{"tokens": ["In", "Rome"]}').parent
    with pytest.raises(ValueError, match="test.jsonl has no column 'tags'"):
        load(folder)
    write("mine/test.jsonl", '{"tokens": ["In", "Rome"], "tags": ["O", null]}')
    with pytest.raises(ValueError, match="test.jsonl: token 2 of row 1 has no tags"):
        load(folder)


def questions(start, answer="tin"):
    """Return a JSON-lines file of questions; the answer to the second starts at `start`."""
    rows = [
        {
            "question": f"What is number {row}?",
            "context": f"The mountain of tin has number {row}.",
            "answers": {"text": [answer], "answer_start": [start]}
            if row == 1
            else {"text": [], "answer_start": []},
        }
        for row in range(20)
    ]
    return "\n".join(map(json.dumps, rows))


def test_answers_that_stand_elsewhere_are_refused_by_row(write):
    assert sum(map(len, load(write("mine.jsonl", questions(16))).values())) == 20
    message = "row 2: the answer 'tin' does not stand at character 15 of its context.*but at 16"
    with pytest.raises(ValueError, match=f"mine.jsonl: {message}"):
        load(write("mine.jsonl", questions(15)))
    with pytest.raises(ValueError, match="row 2: the answer 'lead' does not stand at character 16"):
        load(write("mine.jsonl", questions(16, "lead")))
    with pytest.raises(ValueError, match="row 2: the answer 'tin' does not stand at character -24"):
        load(write("mine.jsonl", questions(-24)))
    with pytest.raises(ValueError, match="row 2 has 1 answers but 2 answer_start; give every"):
        load(write("mine.jsonl", questions(16).replace("[16]", "[16, 17]")))
    with pytest.raises(ValueError, match="row 2: the answer '' does not stand"):
        load(write("mine.jsonl", questions(16, "")))


def test_tweet_ids_are_kept_to_the_last_digit(write):
    ids = [1234567890123456000 + row for row in range(20)]
    rows = [f"{number},opinion {number},{'ab'[number % 2]}\n" for number in ids]
    parts = load(write("mine.csv", "id,text,label\n" + "".join(rows)))
    assert sorted(number for part in parts.values() for number in part["id"]) == ids


def test_no_label_is_met_for_the_first_time_in_validation_or_test(write):
    rows = "t1 a,t1 a,t3 a,t3 c,t4 a,t4 a,t4 a,t5 c,t6 b,t6 d,t6 d,t6 d,t8 b"
    rows = [row.replace(" ", ",") + "\n" for row in rows.split(",")]
    parts = load(write("mine.csv", "text,label\n" + "".join(rows)))
    assert set(label_names(parts["train"])) == set("abcd")
    assert sum(map(len, parts.values())) == 13


def test_a_text_of_ten_thousand_words_is_read_whole(write):
    text = " ".join(["word"] * 10_000 + ["x" * 200_000])
    parts = load(write("mine.csv", opinions(20) + f"{text},good\n"))
    assert max(len(t) for part in parts.values() for t in part["text"]) == len(text)


def test_texts_that_look_like_nothing_are_texts(write):
    parts = load(write("mine.csv", opinions(20) + "NA,good\nnull,bad\n"))
    assert {"NA", "null"} <= set(split_of_texts(parts))


def test_a_file_of_texts_alone_has_no_label(write):
    parts = load(write("mine.csv", "text\n" + "".join(f"line {n} here\n" for n in range(20))))
    assert parts["train"].column_names == ["text"]


def test_spaces_around_labels_do_not_make_classes(write):
    parts = load(write("mine.csv", opinions(20).replace("0,good", "0, good ")))
    assert parts["train"].features["label"].names == ["bad", "good"]


BAD = {
    "no rows": ("mine.csv", "text,label\n", r"mine.csv is empty: it has no rows"),
    "no text": (
        "mine.csv",
        opinions(9) + " ,bad\n,good\n",
        r"no text in column 'text' of rows 10, 11",
    ),
    "no label": (
        "mine.csv",
        opinions(9) + "fine,\n",
        r"mine.csv: no label in row 10 \(rows counted",
    ),
    "one class": (
        "mine.csv",
        opinions(9).replace("bad", "good"),
        r"every row has the label 'good'; a classifier needs two classes",
    ),
    "duplicate ids": (
        "mine.csv",
        "id,text,label\n7,a,x\n8,b,y\n7,c,x\n",
        r"the id 7 stands in rows 1 and 3",
    ),
    "too few": ("mine.csv", opinions(4), r"4 rows with 4 different texts are too few to divide"),
    "left out": (
        "mine.jsonl",
        '{"text": "a", "label": "x"}\n{"label": "y"}\n',
        r"no text in column 'text' of row 2",
    ),
    "mixed lists": (
        "mine.jsonl",
        '{"text": "a", "label": "x", "more": [1]}\n{"text": "b", "label": "y", "more": ["z"]}\n',
        r"mine.jsonl: cannot make a table of its rows",
    ),
    "list as id": (
        "mine.jsonl",
        '{"id": [1], "text": "a b c", "label": "x"}\n',
        r"the id of row 1 is a list; an id is a text or a number",
    ),
    "record as id": (
        "mine.jsonl",
        '{"id": {"a": 1}, "text": "a b c", "label": "x"}\n',
        r"the id of row 1 is a record; an id is a text or a number",
    ),
    "number too large": (
        "mine.jsonl",
        '{"text": "a b c", "label": "x", "n": 100000000000000000000}\n',
        r"row 1: the number 100000000000000000000 is more than 64 bits hold",
    ),
    "half a character": (
        "mine.jsonl",
        '{"text": "\\ud800", "label": "x"}\n',
        r"row 1: .* is half a character",
    ),
    "nested": (
        "mine.jsonl",
        '{"text": "a", "label": "x", "n": ' + "[" * 900 + "]" * 900 + "}\n",
        r"mine.jsonl: cannot make a table of its rows",
    ),
    "endless label": (
        "mine.jsonl",
        '{"text": "a b c", "label": 1}\n{"text": "d e f", "label": Infinity}\n',
        r"mine.jsonl: the label inf in row 2 is no number to learn from",
    ),
    "excel": ("mine.xlsx", b"PK", r"cannot read .xlsx; save it as one of .csv, .tsv"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_name_and_row(write, name, content, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(write(name, content))
    assert name in str(raised.value)


def test_a_label_unseen_in_training_is_named_with_its_rows(write):
    write("mine/train.csv", opinions(6))
    file = write("mine/test.csv", "text,label\nso so,mixed\nbest,good\nhm,mixed\n")
    with pytest.raises(
        ValueError,
        match=r"test.csv: the label 'mixed' \(rows 1, 3\) does not occur in .*train.csv, which has "
        "'bad', 'good'",
    ):
        load(file.parent)


def test_a_column_missing_in_one_file_is_named(write):
    write("mine/train.csv", opinions(6))
    file = write("mine/test.csv", "text,lable\nso so,good\n")
    with pytest.raises(ValueError, match="test.csv has no column 'label'. Did you mean 'lable'"):
        load(file.parent)


def test_a_missing_column_names_the_nearest(write):
    with pytest.raises(
        ValueError, match="no column 'lable'. Did you mean 'label'\\? Columns: text"
    ):
        load(write("mine.csv", opinions(6)), label="lable")


def test_a_path_that_leads_nowhere_names_what_is_beside_it(write):
    file = write("mine.csv", opinions(6))
    with pytest.raises(FileNotFoundError, match="no file or folder .*mime.csv; beside it are mine"):
        load(file.with_name("mime.csv"))
