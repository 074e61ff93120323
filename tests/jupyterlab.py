"""A real JupyterLab for tests: a server of its own, and notebooks opened in a browser."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHOTS = ROOT / "build" / "browser"  # where tests leave pictures
LONG = 120_000  # milliseconds; what takes so long has failed
NOTICES = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
# A widget that the browser could not make, and what a panel says of an exception.
TROUBLES = ".jp-OutputArea-output [role=alert], .jupyter-widgets-error-widget"


@contextmanager
def serving(folder):
    """Serve the notebooks of a folder by JupyterLab; yield the address of one by its name.

    Neither the user's settings nor the network have a part in it.
    """
    own = folder / ".jupyter"
    (own / "settings" / NOTICES).parent.mkdir(parents=True)
    (own / "settings" / NOTICES).write_text('{"fetchNews": "false", "checkForUpdates": false}')
    places = {f"JUPYTER_{name.upper()}_DIR": name for name in ("config", "data", "runtime")}
    places |= {f"JUPYTERLAB_{name.upper()}_DIR": name for name in ("settings", "workspaces")}
    env = os.environ | {name: str(own / place) for name, place in places.items()}
    env |= {"JUPYTER_PREFER_ENV_PATH": "1", "OMP_NUM_THREADS": "1"}
    env |= {"TLBOOK_RESULTS": str(folder / "results")}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--ServerApp.port=0"]
    options += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    options += ["--ServerApp.websocket_ping_interval=90000"]
    with (own / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        base, token = _answering(own)
        yield lambda name: f"{base}doc/tree/{name}?token={token}"
    finally:
        server.terminate()
        server.wait(30)


def _answering(own):
    """Return address and token of a server once it answers."""
    end = time.monotonic() + LONG / 1000
    while time.monotonic() < end:
        for file in (own / "runtime").glob("jpserver-*.json"):
            try:
                told = json.loads(file.read_text())
                address = f"{told['url']}api/status?token={told['token']}"
                urllib.request.urlopen(address, timeout=5).close()
            except (OSError, ValueError):  # half written, or not listening yet
                continue
            return told["url"], told["token"]
        time.sleep(0.2)
    raise TimeoutError(f"JupyterLab does not answer: {(own / 'log').read_text()[-2000:]}")


class Opened:
    """A notebook in a page of its own, and all that went wrong in it.

    Attributes:
        page: Of playwright.
        said: Errors in the browser's console.
        outside: Addresses asked for that are not the server's.
    """

    def __init__(self, browser, address):
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.set_default_timeout(LONG)
        self.said, self.outside = [], []
        home = address.split("/doc/")[0]
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url, home))
        self.page.goto(address)
        self.page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext")
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.ready")

    def _heard(self, message):
        if message.type == "error":
            self.said.append(message.text)

    def _asked(self, url, home):
        if not url.startswith((home, "data:", "blob:")):
            self.outside.append(url)

    def run(self, *, timeout=LONG):
        """Run all cells and wait for the last one."""
        self.command("notebook:run-all-cells", wait=False)
        self.page.wait_for_function("window.ended", timeout=timeout)

    def close(self):
        """End the kernel and close the page."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def command(self, name, *, wait=True, **options):
        """Do what a menu of JupyterLab does."""
        run = "([name, options]) => { window.ended = false; const done = window.jupyterapp"
        run += ".commands.execute(name, options).then(() => { window.ended = true; });"
        self.page.evaluate(f"{run} return {'done' if wait else '1'}; }}", [name, options])

    def outputs(self):
        """Return what the notebook holds under each cell: a list of nbformat's outputs for each."""
        cells = "window.jupyterapp.shell.currentWidget.content.widgets"
        return self.page.evaluate(f"{cells}.map(cell => cell.model.outputs?.toJSON() ?? [])")

    def output(self, cell, place=-1):
        """Return an output of a cell, by default the last, in view; both are counted from 0."""
        # What is far from the view is not in the page: JupyterLab puts it there when scrolled to.
        show = "cell => window.jupyterapp.shell.currentWidget.content.scrollToItem(cell, 'start')"
        self.page.evaluate(show, cell)
        shown = self.page.locator(f".jp-Cell[data-windowed-list-index='{cell}']")
        output = shown.locator(".jp-OutputArea-output").nth(place)
        output.scroll_into_view_if_needed()
        return output

    def troubles(self, *, beside=()):
        """Return the errors under all cells but some, and those of widgets that are in view."""
        cells = enumerate(self.outputs())
        held = [output for place, outputs in cells if place not in beside for output in outputs]
        errors = [one["evalue"] for one in held if one["output_type"] == "error"]
        errors += ["".join(one["text"]) for one in held if one.get("name") == "stderr"]
        shown = self.page.locator(TROUBLES).all_inner_texts()
        return [text[:2000] for text in errors + shown]


def said(panel, words, *, timeout=LONG):
    """Wait until the panel's line says `words`."""
    panel.get_by_text(re.compile(words)).first.wait_for(timeout=timeout)


def button(panel, words):
    """Return the button that says `words`; an icon may stand before them."""
    return panel.locator("button", has_text=re.compile(rf"^\W*{words}$"))


def press(panel, words):
    """Press a button by the keyboard."""
    button(panel, words).press("Enter")


def changed(panel, part, act):
    """Do something and wait until parts of the panel are no longer what they were; return them."""
    shown, whole = panel.locator(part), "all => all.map(one => one.outerHTML).join()"
    before = shown.evaluate_all(whole)
    act()
    for _ in range(LONG // 100):
        after = shown.evaluate_all(whole)
        if after != before:
            return after
        panel.page.wait_for_timeout(100)
    focus = panel.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    return pytest.fail(f"{part} stays as it was: {before[:300]}\nThe keyboard is on {focus}")
