"""How fast tlbook is, beside the stock tools.

Run as
    python -m tlbook.bench                        # all, about 15 minutes on two quiet cores
    python -m tlbook.bench --only pretraining     # one of the benchmarks
    python -m tlbook.bench --pairs 9 --record     # more pairs; a row of each in the results

Every figure is a ratio of two sides that do the same work, measured in turns (A B B A), so that
whatever else the machine does meets both alike. What the sides compute is compared first.

Modules, in the order in which data flows: `pairs` (timing), `task` (model and data), then the
benchmarks `finetuning`, `frozen`, `pretraining`, `peak`, `efficient`, `recurrent`, and `table`.
"""
