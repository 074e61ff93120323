"""Sets of the Hub: from the mirror if it holds them, else from the Hub itself.

What the Hub once sent is used again when the Hub cannot be reached.
"""

import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING

from tlbook.corpora.columns import arrange
from tlbook.corpora.guessing import similar
from tlbook.corpora.mirror import mirror, mirror_names, parts_of
from tlbook.corpora.shipped import CORPORA

if TYPE_CHECKING:
    import datasets

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(/[\w-][\w.-]*)?")
PATIENCE = 5.0  # seconds to wait for a first answer of the Hub


def read(
    name: str, *, text: str | None = None, pair: str | None = None, label: str | None = None
) -> "datasets.DatasetDict":
    """Return a set of the mirror or the Hub with the splits that it has there.

    Args:
        name: ``org/name`` or ``org/name/config``.
        text: The text column; guessed where it is clear. So for `pair` and `label`.
        pair: The column of the second text of a pair.
        label: The label column.

    Raises:
        ValueError: If there is no such set, or a column is missing or ambiguous.
        ConnectionError: If the Hub cannot be reached and nothing local would do.
    """
    parts = parts_of(name) or from_hub(name)
    return arrange(parts, name, text, pair, label)


def from_hub(name: str) -> "datasets.DatasetDict":
    """Load a set from the Hub, or from what an earlier load left in its cache.

    Raises:
        ValueError: If the Hub has no such set or needs a configuration's name.
        ConnectionError: If the Hub cannot be reached and the cache lacks the set.
    """
    import datasets

    organisation, repository, *config = name.split("/")
    online = reachable(datasets.config.HF_ENDPOINT)
    try:
        with from_cache_only(not online):
            return datasets.load_dataset(f"{organisation}/{repository}", *config)
    except datasets.exceptions.DatasetNotFoundError as problem:
        raise ValueError(f"{problem} {nearest(name)}") from problem
    except ConnectionError as problem:
        raise ConnectionError(unreachable(name, datasets.config.HF_ENDPOINT)) from problem
    except (ValueError, FileNotFoundError) as problem:
        if not online:
            raise ConnectionError(unreachable(name, datasets.config.HF_ENDPOINT)) from problem
        raise ValueError(
            f"{name}: {problem} (a configuration is the third part of the name: org/name/config)"
        ) from problem


def reachable(endpoint: str) -> bool:
    """Tell within seconds whether the Hub answers; any answer counts.

    `datasets` itself tries for many seconds before it gives up.
    """
    import datasets

    if datasets.config.HF_HUB_OFFLINE:
        return False
    request = urllib.request.Request(endpoint, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except HTTPException:
        pass
    except OSError as problem:
        # certificates are the business of the library that loads, with its own store
        return isinstance(getattr(problem, "reason", None), ssl.SSLError)
    return True


@contextmanager
def from_cache_only(enabled: bool) -> Iterator[None]:
    """Keep `datasets` from asking the Hub, if `enabled`."""
    import datasets

    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or enabled
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def nearest(name: str) -> str:
    """Say which known names are close to an unknown one, and list what ships."""
    return f"{suggestion(name)}The workbook ships {', '.join(CORPORA)}."


def suggestion(name: str) -> str:
    """Ask whether a known name that is close to an unknown one was meant; else say nothing."""
    known = [*CORPORA, *mirror_names()]
    near = similar(name, known, most=3)
    tails = {other.rsplit("/", 1)[-1]: other for other in reversed(known)}
    near += [tails[tail] for tail in similar(name.rsplit("/", 1)[-1], tails, most=2)]
    return f"Did you mean {' or '.join(map(repr, dict.fromkeys(near)))}? " if near else ""


def unreachable(name: str, endpoint: str) -> str:
    """Say what would do when the Hub cannot be reached."""
    shipped = ", ".join(f"{other} ({corpus.task})" for other, corpus in CORPORA.items())
    root = mirror()
    place = f"the mirror {root} does not hold it" if root else "TLBOOK_MIRROR is not set"
    return (
        f"cannot reach the Hub at {endpoint} for {name!r}, and {place}. "
        f"{suggestion(name)}Connect, or set "
        "TLBOOK_MIRROR to a folder laid out like the Hub that holds it, or load what ships with "
        f"the workbook: {shipped}"
    )
