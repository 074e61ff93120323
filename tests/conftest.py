"""What every test stands on: no window, no network, results and caches in a folder of its own."""

import os
from pathlib import Path

# Before anything imports the libraries that read these once.
os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

from tests import chromium

ROOT = Path(__file__).parents[1]
MIRROR = Path(os.environ.get("TLBOOK_MIRROR") or ROOT.parent / "shared" / "mirror")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Point results and caches at fresh folders, and forget the reader's own settings."""
    folder = tmp_path_factory.mktemp("tlbook")
    monkeypatch.setenv("TLBOOK_RESULTS", str(folder / "results"))
    monkeypatch.setenv("TLBOOK_CACHE", str(folder / "cache"))
    for name in ("TLBOOK_PROFILE", "TLBOOK_MIRROR", "TLBOOK_DEVICE", "TLBOOK_PRECISION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def small_mirror(tmp_path, monkeypatch):
    """Return a function that writes a set into a mirror that tlbook looks into."""
    import datasets

    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("TLBOOK_MIRROR", str(folder))

    def write(name, split="train", **columns):
        file = folder / name / f"{split}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(columns).to_parquet(file)

    return write


@pytest.fixture
def mirror(monkeypatch):
    """Return the folder with public sets, laid out like the Hub, and let tlbook look there."""
    if not MIRROR.is_dir():
        pytest.skip(f"no public sets: TLBOOK_MIRROR names none, and there is no {MIRROR}")
    monkeypatch.setenv("TLBOOK_MIRROR", str(MIRROR))
    return MIRROR


@pytest.fixture(scope="module")
def browser():
    """Return a headless Chromium for the tests of one file."""
    reason = "no playwright here: make test-browser installs it"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as driver:
        path = chromium.found(driver)
        if not path:
            pytest.skip(f"no Chromium here: {chromium.INSTALL}")
        opened = driver.chromium.launch(executable_path=path, args=chromium.OPTIONS)
        yield opened
        opened.close()
