"""A mirror: a folder laid out like the Hub, for classrooms without internet.

`TLBOOK_MIRROR` names it. It holds ``org/name[/config]/train.parquet`` and so on, and
may hold a ``manifest.json`` with what each set is, its licence and the SHA-256 of
its files, against which they are checked.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook.corpora.splits import SPLITS

if TYPE_CHECKING:
    import datasets

SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def mirror() -> Path | None:
    """Return the folder that `TLBOOK_MIRROR` names, if it is set.

    Raises:
        FileNotFoundError: If it names no folder.
    """
    folder = os.environ.get("TLBOOK_MIRROR")
    if not folder:
        return None
    if not Path(folder).expanduser().is_dir():
        raise FileNotFoundError(f"TLBOOK_MIRROR names {folder}, which is no folder")
    return Path(folder).expanduser()


def manifest() -> dict[str, dict]:
    """Return the mirror's entries by folder; empty without a mirror or a manifest.

    Raises:
        ValueError: If the manifest is no JSON, or an entry names no folder.
    """
    root = mirror()
    if root is None or not (root / "manifest.json").exists():
        return {}
    file = root / "manifest.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["datasets"]
        return {entry["folder"]: entry for entry in entries}
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(
            f'{file} is no manifest, {{"datasets": [{{"folder": "org/name"}}]}} at least '
            f"({problem!r}); correct it or remove it"
        ) from problem


def entry_of(name: str, entries: dict[str, dict]) -> dict:
    """Return what the manifest says of a set, or of the folder that it is a part of."""
    return entries.get(name) or entries.get(name.rpartition("/")[0]) or {}


def mirror_names() -> list[str]:
    """List every set in the mirror, whether its manifest names it or not."""
    root = mirror()
    if root is None:
        return []
    return sorted({file.parent.relative_to(root).as_posix() for file in root.rglob("*.parquet")})


def split_files(name: str) -> dict[str, list[Path]]:
    """Return the mirror's files of a set by split: train, validation, test, then others."""
    root = mirror()
    files = sorted((root / name).glob("*.parquet")) if root else []
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for file in files:
        found.setdefault(SHARD.sub("", file.stem), []).append(file)
    return {split: shards for split, shards in found.items() if shards}


def parts_of(name: str) -> "datasets.DatasetDict | None":
    """Read a set of the mirror into memory; None if the mirror does not hold it.

    Raises:
        ValueError: If a file differs from the manifest, or the name stands for several sets.
    """
    import datasets
    import pyarrow
    import pyarrow.parquet as pq

    files = split_files(name)
    if not files:
        configs = [other for other in mirror_names() if other.startswith(f"{name}/")]
        if configs:
            raise ValueError(f"{name} stands for several sets; say which: {', '.join(configs)}")
        return None
    listed = entry_of(name, manifest()).get("splits", {}).values()
    sha256 = {part["file"]: part["sha256"] for part in listed if {"file", "sha256"} <= {*part}}
    parts = {}
    for split, shards in files.items():
        tables = []
        for file in shards:
            content = file.read_bytes()
            actual = hashlib.sha256(content).hexdigest()
            if actual != sha256.get(f"{name}/{file.name}", actual):
                raise ValueError(f"{file} differs from the mirror's manifest: copy it again")
            try:
                tables.append(pq.read_table(pyarrow.BufferReader(content)))
            except pyarrow.ArrowException as problem:
                raise ValueError(f"{file} cannot be read ({problem}): copy it again") from problem
        parts[split] = datasets.Dataset(pyarrow.concat_tables(tables))
    return datasets.DatasetDict(parts)


def catalogue() -> list[dict]:
    """Return a record a set for `tlbook.corpora.catalogue`, from footers and the manifest."""
    import datasets
    import pyarrow.parquet as pq

    entries = manifest()
    records = []
    for name in mirror_names():
        files, entry = split_files(name), entry_of(name, entries)
        rows = {
            split: sum(pq.read_metadata(file).num_rows for file in shards)
            for split, shards in files.items()
        }
        features = datasets.Features.from_arrow_schema(
            pq.read_schema(next(iter(files.values()))[0])
        )
        records.append(
            {
                "name": name,
                "task": entry.get("what", ""),
                "rows": sum(rows.values()),
                **{split: rows.get(split) for split in SPLITS},
                "columns": ", ".join(features),
                "classes": len(getattr(features.get("label"), "names", ())) or None,
                "licence": entry.get("licence", "not stated"),
                "source": f"mirror: {entry.get('source', 'not stated')}",
            }
        )
    return records
