"""Make the files of the model that ships, half-precision weights first of all.

========================  =====================================================================
file of the model         what it holds
========================  =====================================================================
``options.json``          sizes, as published models tell theirs
``model.safetensors``     `LanguageModel` in float16
``vocabulary.txt``        words of the softmax
``training.json``         plan, run and text: what the card tells
``curve.csv``             losses of the run
``measured.csv``          perplexities, once ``measure`` has run
``CARD.md``               made of the last three by `tlbook.recurrent.pocket_elmo.card`
========================  =====================================================================
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.pocket_elmo import card
from tlbook.recurrent.pocket_elmo.preparation import write
from tlbook.recurrent.pocket_elmo.run import vocabulary_of

MOST_BYTES = 12_000_000


def export(folder: Path, fresh: Path) -> Path:
    """Write the model of a finished run to `fresh`, a folder that is made anew.

    Args:
        folder: Where ``prepare`` and ``train`` wrote.
        fresh: Where the model goes; to be put in the place of an old one as a whole.

    Returns:
        `fresh`.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If the files come to more than `MOST_BYTES`; nothing is left of them then.
    """
    if not (folder / "run.json").exists():
        raise FileNotFoundError(f"{folder} holds no finished run; run train first")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    told = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("plan", "run", "text")
    }
    sizes = told["plan"]["settings"]
    settings = Settings(**sizes | {"filters": tuple(map(tuple, sizes["filters"]))})
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: weight.half() for name, weight in weights.items()}, fresh / "model.safetensors"
    )
    write(fresh / "options.json", json.dumps(settings.to_options(), indent=1).encode())
    write(fresh / "vocabulary.txt", "\n".join(vocabulary_of(folder)).encode())
    write(fresh / "training.json", json.dumps(told, indent=1).encode())
    shutil.copy(folder / "curve.csv", fresh)
    card.write_card(fresh)
    for path in fresh.iterdir():
        path.chmod(0o644)  # safetensors lets only the owner read
    size = sum(path.stat().st_size for path in fresh.iterdir())
    if size > MOST_BYTES:
        shutil.rmtree(fresh)
        raise ValueError(f"the model has {size:,} bytes, more than {MOST_BYTES:,}; nothing written")
    return fresh
