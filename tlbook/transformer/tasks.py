"""Four tasks for one encoder: each turns corpora into rows, a head, its loss and its score.

Paper:    PAPERS["bert_finetuning"], section 4, figure 4
Notebook: notebooks/2_transformer/24_bert_finetuning.ipynb
"""

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tlbook import metrics, tokens
from tlbook.heads import (
    Classifier,
    SpanFinder,
    Tagger,
    classification_loss,
    span_loss,
    tagging_loss,
)
from tlbook.transformer.bert_finetuning import Task
from tlbook.transformer.passages import answers


def classifying(
    tokenizer: PreTrainedTokenizerBase, train: Dataset, test: Dataset, *, pooling: str = "mean"
) -> Task:
    """Classify texts or, where there is a column ``pair``, pairs: figure 4, (a) and (b).

    Args:
        tokenizer: Of the encoder.
        train: Columns ``text``, perhaps ``pair``, and ``label``, a `datasets.ClassLabel`.
        test: Likewise.
        pooling: Of `tlbook.heads.Classifier`.
    """
    labels, classes = test["label"][:], train.features["label"].num_classes
    return Task(
        train=tokens.encode(tokenizer, train),
        test=tokens.encode(tokenizer, test),
        head=lambda encoder: Classifier(encoder, classes, pooling=pooling),
        loss_of=classification_loss,
        score=lambda logits: metrics.accuracy(logits, labels),
        metric="accuracy",
    )


def tagging(tokenizer: PreTrainedTokenizerBase, train: Dataset, test: Dataset) -> Task:
    """Tag every word with the kind of name it belongs to: figure 4, (d).

    Args:
        tokenizer: Of the encoder.
        train: Columns ``tokens`` and ``ner_tags``, BIO tags.
        test: Likewise.
    """
    rows, names = tokens.encode_words(tokenizer, test), train.features["ner_tags"].feature.names
    labels = [row["labels"] for row in rows]
    return Task(
        train=tokens.encode_words(tokenizer, train),
        test=rows,
        head=lambda encoder: Tagger(encoder, len(names)),
        loss_of=tagging_loss,
        score=lambda logits: metrics.tag_f1(logits, labels, names=names),
        metric="F1",
    )


def answering(tokenizer: PreTrainedTokenizerBase, train: Dataset, test: Dataset) -> Task:
    """Find the answer to a question in its passage: figure 4, (c).

    Args:
        tokenizer: Of the encoder.
        train: The columns of SQuAD.
        test: Likewise.
    """
    rows, gold = tokens.encode_questions(tokenizer, test), [a["text"] for a in test["answers"]]

    def score(logits: list) -> float:
        return metrics.squad(answers(logits, rows, test["context"][:]), gold)["f1"]

    return Task(
        train=tokens.encode_questions(tokenizer, train),
        test=rows,
        head=SpanFinder,
        loss_of=span_loss,
        score=score,
        metric="F1",
    )
