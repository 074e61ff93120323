"""What tests in a browser share: where Chromium is, how it starts, what a page shows.

``python -m tests.chromium`` gets one, if it can be had without being root.
"""

import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
INSTALL = "install Debian's by apt-get install chromium, or playwright's by make test-browser"

# What a part of a page shows, seen from inside. Contrast as WCAG 2 defines it, of text against
# the grounds that are painted under it; drawings and pictures are not looked into.
LOOK = r"""(selector) => {
  const root = document.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const start = (element) => element.outerHTML.slice(0, 160);
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => colour.slice(0, 3)
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
      layers.push([[red, green, blue], alpha]);
      if (alpha === 1) break;
    }
    return layers.reduceRight((under, [colour, alpha]) =>
      under.map((part, place) => alpha * colour[place] + (1 - alpha) * part), [255, 255, 255]);
  };
  const faint = new Set();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const drawn = element.closest("script, style, svg");
    if (!walker.currentNode.data.trim() || drawn || !element.checkVisibility()) continue;
    const pair = [light(parts(getComputedStyle(element).color)), light(ground(element))];
    if ((Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) < 4.5) faint.add(start(element));
  }
  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const held = (element) => {
    for (let at = element.parentElement; at !== root; at = at.parentElement) {
      if (scrolls(at)) return true;
    }
    return false;
  };
  const edge = root.getBoundingClientRect().right + 1;
  const drawn = all("svg").filter((one) => !one.closest("[aria-hidden=true]"));
  return {
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    beyond: all("*").filter((one) => one.checkVisibility() &&
      one.getBoundingClientRect().right > edge && !held(one)).map(start),
    unread: [
      ...all("img").filter((one) => !one.alt.trim()),
      ...drawn.filter((one) => one.getAttribute("role") !== "img" ||
        !(one.getAttribute("aria-label") || one.querySelector("title"))),
    ].map(start),
    broken: all("img").filter((one) => !one.naturalWidth).map(start),
    faint: [...faint],
    unnamed: all("button, a[href], input, select").filter((one) => one.checkVisibility() &&
      !(one.matches(":not(select)") && one.textContent.trim() ||
        one.getAttribute("aria-label") || one.labels?.length)).map(start),
    empty: all("select").filter((one) => one.selectedIndex < 0).map(start),
    titles: all("h1").length,
    landmarks: all("body > header, nav[aria-label], main, footer").length,
  };
}"""


def found(driver):
    """Return the path of the machine's Chromium, or playwright's own; None if there is neither."""
    there = next(filter(None, map(shutil.which, NAMES)), None)
    own = driver.chromium.executable_path
    return there or (own if Path(own).exists() else None)


def get():
    """Let playwright download a Chromium where there is none, and say what came of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        path = found(driver)
    if path:
        print(f"Chromium: {path}")
        return
    print("no Chromium here; playwright downloads one (about 150 MB)")
    command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        reasons = [line for line in ended.stderr.splitlines() if line.startswith("Error:")]
        print(*reasons[:1] or ["it failed"], f"Tests in a browser are skipped: {INSTALL}", sep="\n")


if __name__ == "__main__":
    get()
