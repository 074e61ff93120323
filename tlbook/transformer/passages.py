"""Passages for extractive question answering: cut to size, and answers read out of them.

Paper:    PAPERS["bert_finetuning"], sections 4.2 and 4.3 (SQuAD)
Notebook: notebooks/2_transformer/24_bert_finetuning.ipynb
"""

import re
from collections.abc import Sequence

import numpy as np
from datasets import Dataset

from tlbook.metrics import best_span
from tlbook.tokens import Row

SENTENCE = re.compile(r"\S.*?[.!?]['\")]*(?=\s|$)|\S.+$", re.DOTALL)


def narrowed(questions: Dataset, *, words: int = 40, seed: int = 0) -> Dataset:
    """Cut each passage down to whole sentences around the answer, to read it in less time.

    The sentence of the answer is kept; neighbours join it, left or right by chance, while the
    passage stays within `words`. Without an answer the start is a sentence by chance.

    Args:
        questions: SQuAD's columns ``context`` and ``answers``.
        words: Most words of a passage; a sentence that is longer stays whole.
        seed: Of the chances, so that the answer's place tells nothing.

    Returns:
        The same rows with a shorter ``context``; ``answer_start`` moves along.

    Raises:
        ValueError: If `words` is below 1.
    """
    if words < 1:
        raise ValueError(f"words must be 1 or more, got {words}")
    draw = np.random.default_rng(seed)

    def cut(row: dict) -> dict:
        texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
        begin, end = _window(row["context"], texts[:1], starts[:1], words, draw)
        moved = {"text": texts[:1], "answer_start": [start - begin for start in starts[:1]]}
        return {"context": row["context"][begin:end], "answers": moved}

    rows = [row | cut(row) for row in questions]
    return Dataset.from_list(rows, features=questions.features)


def _window(
    context: str,
    texts: Sequence[str],
    starts: Sequence[int],
    words: int,
    draw: np.random.Generator,
) -> tuple[int, int]:
    """First character and the one after the last of the sentences kept."""
    spans = [match.span() for match in SENTENCE.finditer(context)]
    if starts:
        answer = (starts[0], starts[0] + len(texts[0]))
        inside = [n for n, (a, b) in enumerate(spans) if a < answer[1] and b > answer[0]]
    else:
        inside = [int(draw.integers(len(spans)))]
    first, last = inside[0], inside[-1]
    room = True
    while room:
        room = False
        for step in draw.permutation([-1, 1]):
            left, right = (first - 1, last) if step < 0 else (first, last + 1)
            if left < 0 or right >= len(spans):
                continue
            if len(context[spans[left][0] : spans[right][1]].split()) <= words:
                first, last, room = left, right, True
                break
    return spans[first][0], spans[last][1]


def answers(
    logits: Sequence[np.ndarray], rows: Sequence[Row], contexts: Sequence[str]
) -> list[str]:
    """Read each predicted answer out of its passage; an empty text is "no answer".

    Args:
        logits: Of a `tlbook.heads.SpanFinder`, one array (tokens, 2) per row.
        rows: From `tlbook.tokens.encode_questions`.
        contexts: The passages.
    """
    spans = [best_span(scores, row["offsets"]) for scores, row in zip(logits, rows, strict=True)]
    return [
        text[span[0] : span[1]] if span else "" for text, span in zip(contexts, spans, strict=True)
    ]
