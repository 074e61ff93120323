"""pocket-elmo: the small biLM that ships with tlbook, and how it was made.

Not a lesson: this is the workshop behind ``tlbook.recurrent.elmo.shipped``. Run, in order,

    python -m tlbook.recurrent.pocket_elmo prepare   # text -> numbers of words, held-out text
    python -m tlbook.recurrent.pocket_elmo train     # both directions, resumable
    python -m tlbook.recurrent.pocket_elmo export    # -> tlbook/pocket/pocket-elmo
    python -m tlbook.recurrent.pocket_elmo measure   # perplexities beside a trigram's, the card
    python -m tlbook.recurrent.pocket_elmo tag       # what a tagger gains on public sets, the card

Modules, in the order in which data flows: `preparation`, `stream`, `streamed`, `run`, `export`,
`trigram`, `measurement`, `tagging`, `card`. It reads the text of pocket-bert, and what it shares
with that workshop stands in `tlbook.corpora.running_text` and in `tlbook.training`: `files`,
`runs`, `curve`, `cards`, `publishing`, `commands`.
"""
