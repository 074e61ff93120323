"""From text to the words of the Penn Treebank, which ELMo reads: ``do n't``, ``ship 's``."""

import re

STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "_": " "})
NEGATED = re.compile(r"(?i)(?<=[a-z])(n't)\b")
SHORTENED = re.compile(r"(?i)(?<=[a-z0-9])('(?:s|re|ve|ll|d|m))\b")
WORD = re.compile(
    r"n't\b|'(?:s|re|ve|ll|d|m)\b"  # what was cut off a word
    r"|(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr)\.|(?:[A-Z]\.){2,}"  # Mr. U.S.
    r"|\d+(?:[.,:]\d+)+"  # 2,000.50 10:30
    r"|[^\W_]+(?:[-'][^\W_]+)*"  # ship, well-known, o'clock
    r"|\.{2,}|-{2,}|[^\w\s]",
    re.IGNORECASE,
)


def words_of(text: str) -> list[str]:
    """Split a text into words and punctuation.

    Example:
        >>> words_of("Don't say Mr. Hill's well-known ship cost $2,000 at four o'clock...")[:8]
        ['Do', "n't", 'say', 'Mr.', 'Hill', "'s", 'well-known', 'ship']
    """
    text = SHORTENED.sub(r" \1", NEGATED.sub(r" \1", text.translate(STRAIGHT)))
    return WORD.findall(text)
