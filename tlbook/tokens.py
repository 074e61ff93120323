"""From text to token ids, once per data set: single texts, pairs, tagged words, questions.

BERT's input (section 3.2) is ``[CLS] first [SEP]`` or ``[CLS] first [SEP] second [SEP]``, with
segment ids (``token_type_ids``) 0 up to the first [SEP] and 1 after it. Lesson 24 draws it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datasets import Dataset

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers

Row = dict[str, object]

IGNORED = -100  # the label that cross-entropy skips


def encode(
    tokenizer: "transformers.PreTrainedTokenizerBase",
    dataset: Dataset,
    *,
    text: str = "text",
    pair: str | None = None,
    label: str | None = None,
    max_tokens: int = 128,
) -> list[Row]:
    """Tokenise a classification or regression set, one row per example.

    Args:
        tokenizer: A fast tokenizer.
        dataset: One split.
        text: Column of the text, or of the first text of a pair.
        pair: Column of the second text; by default ``"pair"`` if there is one.
        label: Column of the class or score; by default ``"label"`` if there is one.
        max_tokens: Longest sequence, specials included, 4 to the encoder's positions; what is
            longer is cut off at the end (of the longer text of a pair).

    Returns:
        Rows with ``input_ids``, ``token_type_ids`` and, if there is a label, ``labels``.

    Raises:
        KeyError: If a named column does not exist; lists those that do.
        ValueError: If `max_tokens` lies outside its range.
    """
    pair = pair or ("pair" if "pair" in dataset.column_names else None)
    label = label or ("label" if "label" in dataset.column_names else None)
    columns = [name for name in (text, pair, label) if name is not None]
    _require(dataset, columns)
    _require_room(tokenizer, max_tokens)
    if not len(dataset):  # transformers fail on an empty list
        return []
    encoded = tokenizer(
        dataset[text][:],
        dataset[pair][:] if pair else None,
        truncation=True,
        max_length=max_tokens,
        return_token_type_ids=True,
        return_attention_mask=False,
    )
    rows = [
        {"input_ids": ids, "token_type_ids": kinds}
        for ids, kinds in zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)
    ]
    if label:
        for row, value in zip(rows, dataset[label][:], strict=True):
            row["labels"] = value
    return rows


def encode_words(
    tokenizer: "transformers.PreTrainedTokenizerBase",
    dataset: Dataset,
    *,
    words: str = "tokens",
    tags: str = "ner_tags",
    max_tokens: int = 128,
) -> list[Row]:
    """Tokenise a tagging set; a word's tag goes to its first piece (BERT, section 5.3).

    Args:
        tokenizer: A fast tokenizer.
        dataset: One split with lists of words and lists of tag numbers.
        words: Column of the words.
        tags: Column of the tag numbers.
        max_tokens: Longest sequence, as for `encode`; later words get no prediction.

    Returns:
        Rows with ``input_ids``, ``token_type_ids`` and ``labels``, one per piece: the tag at
        the first piece of a word, -100 (ignored by the loss) everywhere else.

    Raises:
        KeyError: If a named column does not exist; lists those that do.
        ValueError: If a row has more words than tags or fewer (says which row), or if
            `max_tokens` lies outside its range.
    """
    _require(dataset, [words, tags])
    _require_room(tokenizer, max_tokens)
    for place, (said, marked) in enumerate(zip(dataset[words], dataset[tags], strict=True)):
        if len(said) != len(marked):
            raise ValueError(f"row {place} has {len(said)} words but {len(marked)} tags")
    encoded = tokenizer(
        dataset[words][:],
        is_split_into_words=True,
        truncation=True,
        max_length=max_tokens,
        return_token_type_ids=True,
    )
    rows = []
    for place, numbers in enumerate(dataset[tags][:]):
        word_of = encoded.word_ids(place)
        before = [None, *word_of[:-1]]
        leads = [w is not None and w != v for w, v in zip(word_of, before, strict=True)]
        rows.append(
            {
                "input_ids": encoded["input_ids"][place],
                "token_type_ids": encoded["token_type_ids"][place],
                "labels": [
                    numbers[word] if first else IGNORED
                    for word, first in zip(word_of, leads, strict=True)
                ],
            }
        )
    return rows


def encode_questions(
    tokenizer: "transformers.PreTrainedTokenizerBase", dataset: Dataset, *, max_tokens: int = 256
) -> list[Row]:
    """Tokenise a set in SQuAD's columns as ``[CLS] question [SEP] context [SEP]``.

    Args:
        tokenizer: A fast tokenizer.
        dataset: One split with ``question``, ``context`` and ``answers``, a dict of lists
            ``text`` and ``answer_start``; empty lists where there is no answer.
        max_tokens: Longest sequence, as for `encode`; a longer context is cut off (and a
            question, where it alone fills half). An answer beyond the cut counts as absent.

    Returns:
        Rows with ``input_ids``, ``token_type_ids``, ``start_positions``, ``end_positions``
        (0 and 0, [CLS], mean "no answer"; BERT, section 4.3) and ``offsets``: for each token
        its (start, end) characters in the context, None outside it.

    Raises:
        KeyError: If a column is missing; lists those that exist.
        ValueError: If `max_tokens` lies outside its range.
    """
    _require(dataset, ["question", "context", "answers"])
    _require_room(tokenizer, max_tokens)
    if not len(dataset):
        return []
    encoded = tokenizer(
        dataset["question"][:],
        dataset["context"][:],
        truncation="longest_first",  # "only_second" fails on a question that fills the sequence
        max_length=max_tokens,
        return_token_type_ids=True,
        return_offsets_mapping=True,
    )
    rows = []
    for place, answers in enumerate(dataset["answers"][:]):
        offsets = [
            tuple(span) if part == 1 else None
            for span, part in zip(
                encoded["offset_mapping"][place], encoded.sequence_ids(place), strict=True
            )
        ]
        start, end = _answer_tokens(offsets, answers)
        rows.append(
            {
                "input_ids": encoded["input_ids"][place],
                "token_type_ids": encoded["token_type_ids"][place],
                "start_positions": start,
                "end_positions": end,
                "offsets": offsets,
            }
        )
    return rows


def _answer_tokens(offsets: Sequence[tuple[int, int] | None], answers: dict) -> tuple[int, int]:
    """First and last token that overlap the first gold answer; (0, 0) if there is none."""
    if not answers["text"]:
        return 0, 0
    text = answers["text"][0]
    begin = answers["answer_start"][0] + len(text) - len(text.lstrip())  # no token covers spaces
    finish = begin + len(text.strip())
    inside = [
        place
        for place, span in enumerate(offsets)
        if span is not None and span[0] < finish and span[1] > begin
    ]
    whole = inside and offsets[inside[-1]][1] >= finish
    return (inside[0], inside[-1]) if whole else (0, 0)


def _require(dataset: Dataset, columns: list[str]) -> None:
    missing = [name for name in columns if name not in dataset.column_names]
    if missing:
        raise KeyError(f"no column {missing[0]!r}; the columns are {dataset.column_names}")


def _require_room(tokenizer: "transformers.PreTrainedTokenizerBase", max_tokens: int) -> None:
    """Below 4, tokenizers silently do not cut a pair; above, the encoder has no positions."""
    most = tokenizer.model_max_length
    if not 4 <= max_tokens <= most:
        raise ValueError(f"max_tokens must lie in 4..{most}, got {max_tokens}")
