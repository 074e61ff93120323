"""pocket-bert: the small pre-trained encoder that ships with tlbook, and how it was made.

Not a lesson: this is the workshop behind ``tlbook.encoders.load("pocket-bert")``. Run, in order,

    python -m tlbook.transformer.pocket_bert prepare   # text -> token ids, pruned vocabulary
    python -m tlbook.transformer.pocket_bert train     # distil and pre-train, resumable
    python -m tlbook.transformer.pocket_bert export    # -> tlbook/pocket/pocket-bert
    python -m tlbook.transformer.pocket_bert measure   # the figures of its CARD.md

Modules, in the order in which data flows: `text`, `vocabulary`, `preparation`, `stream`,
`distillation`, `run`, `export`, `methods`, `measurement`, `bars`, `card`. What it shares with the
workshop of pocket-elmo stands in `tlbook.corpora.running_text` and in `tlbook.training`: `files`,
`runs`, `curve`, `ahead`, `ledger`, `cards`, `publishing`, `commands`.
"""
