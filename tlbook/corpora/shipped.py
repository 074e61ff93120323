"""What ships with the workbook: eleven corpora written for it, and what their cards say.

Everything that a reader, a loader or a card needs to know about a corpus and
that is not in its rows stands here. Counts are never written here: the cards
and the index are made from the rows by `tlbook.corpora.build`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LICENCE = "CC BY 4.0"
ENTITIES = ("PER", "ORG", "LOC", "MISC")
NER_TAGS = ("O", *(f"{place}-{entity}" for entity in ENTITIES for place in "BI"))
UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)


@dataclass(frozen=True)
class Corpus:
    """One corpus of the workbook.

    Attributes:
        source: Stem of the JSON-lines file that it was written in.
        task: What it is for, in a few words.
        what: One paragraph for the card.
        labels: One paragraph for the card: what the labels mean.
        limits: Known limits, one sentence each.
        text: The column that becomes ``text``, if any.
        pair: The column that becomes ``pair``, if any.
        label: The column that becomes ``label``, if any.
        classes: Column -> class names in the order of their numbers. Columns that
            are not named here are numbered in the order of their sorted values.
        tags: The columns that hold one class a token.
        strata: The columns whose combinations every split holds in proportion.
        together: The columns of which no text may stand in two splits.
    """

    source: str
    task: str
    what: str
    labels: str
    limits: tuple[str, ...]
    text: str | None = None
    pair: str | None = None
    label: str | None = None
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    together: tuple[str, ...] = ("text",)


POLARITY = {"polarity": ("negative", "positive")}
SENTIMENT = {"sentiment": POLARITY["polarity"]}

CORPORA = {
    "reviews": Corpus(
        source="reviews",
        task="sentiment",
        what="Reviews of films, restaurants, gadgets, hotels and books, in two styles: `crafted` "
        "(literary, with irony, contrast and understatement) and `plain` (everyday wording).",
        labels="`stars` runs from 1 to 5. The default label, polarity, is negative for 1-2 stars "
        "and positive for 4-5; rows of 3 stars are left out then. `label='stars'` keeps all.",
        limits=(
            "Books come in the plain style only.",
            "The crafted style is hard even for a good frozen sentence encoder; the plain one is "
            "much easier: report them apart.",
        ),
        text="text",
        label="polarity",
        classes=POLARITY,
        strata=("domain", "style", "stars"),
    ),
    "senses": Corpus(
        source="senses",
        task="word senses",
        what="Sentences that hold an ambiguous English word, two senses a word. The target "
        "occurs exactly once, bare or in the plural.",
        labels="`sense` names the word and its meaning, as in bank.money and bank.river.",
        limits=("The two senses of a word are far apart; fine shades are not covered.",),
        text="text",
        label="sense",
        strata=("sense",),
    ),
    "tagged": Corpus(
        source="tagged",
        task="token tagging",
        what="Tokenised sentences with parts of speech and named entities, ambiguous on purpose "
        "(a Jordan is a person or a country).",
        labels="`upos` holds Universal Dependencies tags, `ner_tags` BIO tags of persons, "
        "organisations, locations and other names.",
        limits=(
            "Sentences were tagged by their writer and a part of them re-read once.",
            "Interjections and the tag X are rare.",
        ),
        classes={"upos": UPOS, "ner_tags": NER_TAGS},
        tags=("upos", "ner_tags"),
        together=("tokens",),
    ),
    "pairs": Corpus(
        source="inference",
        task="natural language inference",
        what="Sentence pairs; every premise has three hypotheses, one of each label.",
        labels="The hypothesis follows from the premise (entailment), may or may not be true "
        "(neutral), or cannot be true with it (contradiction).",
        limits=("Hypotheses alone give the label away a little more often than chance.",),
        text="premise",
        pair="hypothesis",
        label="label",
        classes={"label": ("entailment", "neutral", "contradiction")},
        together=("premise", "hypothesis"),
    ),
    "acceptability": Corpus(
        source="acceptability",
        task="linguistic acceptability",
        what="Minimal pairs: a sound English sentence and one that breaks a single rule. "
        "The two rows of a pair share their `pair_id` and always stand in the same split.",
        labels="acceptable or unacceptable to a speaker of standard English; `phenomenon` names "
        "the rule.",
        limits=("Small: use it to probe a model rather than to train one.",),
        text="text",
        label="label",
        classes={"label": ("unacceptable", "acceptable")},
        strata=("phenomenon",),
    ),
    "encyclopaedia": Corpus(
        source="encyclopaedia",
        task="extractive question answering",
        what="Articles about an invented archipelago, so that no model knows the facts, each "
        "with several questions, in the columns of SQuAD 2. An article stands in one split.",
        labels="`answers` holds the answer as it stands in `context` and where it starts "
        "(characters, first occurrence as whole words); both lists are empty where the article "
        "does not answer the question.",
        limits=("One answer a question, chosen by the writer of the article.",),
        strata=("kind",),
        together=("context",),
    ),
    "faq": Corpus(
        source="faq",
        task="intents and question matching",
        what="Queries to the help desk of a travel app, with the question and answer of the "
        "FAQ that each is about. The wording misleads on purpose: the question that shares "
        "most words with a query is seldom its own.",
        labels="`intent` names the FAQ entry. Every intent stands in train and in test.",
        limits=("One trade only; all queries of an intent have one entry as their answer.",),
        text="query",
        label="intent",
        strata=("intent",),
        together=("query",),
    ),
    "emotions": Corpus(
        source="emotions",
        task="emotion",
        what="Short texts in four formats: diary, headline, letter, tweet.",
        labels="`emotion` is the one felt by the writer of the text; `valence`, `arousal` and "
        "`dominance` rate the same text from 1 to 9.",
        limits=("One rater: the ratings have no measure of agreement.",),
        text="text",
        label="emotion",
        strata=("emotion", "format"),
    ),
    "posts": Corpus(
        source="posts",
        task="sentiment over time",
        what="Posts in the wording and about the things of their year, from 2004 to 2024.",
        labels="`sentiment` is negative or positive; `topic` and `year` are labels too if asked.",
        limits=("Written in hindsight, not collected in those years.",),
        text="text",
        label="sentiment",
        classes=SENTIMENT,
        strata=("sentiment", "year"),
    ),
    "parallel": Corpus(
        source="parallel_en_fr",
        task="translation",
        what="English sentences with their French translations.",
        labels="None.",
        limits=("One translation a sentence; sentences are short.",),
        together=("en", "fr"),
    ),
    "reviews_fr": Corpus(
        source="reviews_fr",
        task="sentiment, French",
        what="French reviews of films, restaurants, gadgets and hotels, to test models that were "
        "fine-tuned on the English `reviews`.",
        labels="As in `reviews`, without 3 stars.",
        limits=("Small: meant as a test set for transfer from English.",),
        text="text",
        label="polarity",
        classes=POLARITY,
        strata=("domain", "stars"),
    ),
}

WRITTEN = (
    "Written for this workbook, sentence by sentence: no templates, nothing copied from elsewhere."
)
LIMITS = (
    "One author's hand.",
    "Labels are the writer's own, not the vote of several annotators.",
    "British spelling mostly, where the text is English.",
)
