"""Executed lessons as web pages that need no network, and the index over them."""

import json
from html import escape
from pathlib import Path

import pandas as pd
from pygments.formatters import HtmlFormatter

from tlbook.files import write
from tlbook.workbook import snapshots
from tlbook.workbook.execution import Run
from tlbook.workbook.lessons import Lesson
from tlbook.workbook.markup import CellExporter

NOT_RUN = "not run yet"


def page(run: Run, *, before: Lesson | None, after: Lesson | None) -> str:
    """Render one executed lesson.

    Args:
        run: From `tlbook.workbook.execution.execute`.
        before: The lesson to link back to.
        after: The lesson to link on to.
    """
    exporter = CellExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    place = {"metadata": {"path": str(run.lesson.path.parent), "name": run.lesson.name}}
    cells, _ = exporter.from_notebook_node(snapshots.freeze(run.notebook), resources=place)
    links = ['<a href="index.html">All lessons</a>']
    if before:
        links.append(f'<a href="{before.name}.html">← {escape(before.title)}</a>')
    if after:
        links.append(f'<a class="next" href="{after.name}.html">{escape(after.title)} →</a>')
    nav = f"<nav>{''.join(links)}</nav>"
    state = status(_entry(run))
    about = f'<p class="about">{escape(run.lesson.name)} · {state}</p>'
    if run.failure:
        failed = run.notebook.cells[run.failure.cell - 1]["id"]
        words = f"This lesson stopped at {run.failure}"
        about += f'<p class="stopped">{escape(words)} <a href="#cell-id={failed}">Go there.</a></p>'
    return _document(run.lesson.title, nav + about + cells + nav)


def remember(folder: Path, run: Run) -> dict[str, dict]:
    """Note a run's seconds, memory and failure in ``runs.json`` beside the pages; return all."""
    path = folder / "runs.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[run.lesson.name] = _entry(run)
    write(path, json.dumps(known, indent=1))
    return known


def _entry(run: Run) -> dict:
    """Reduce a run to what the index shows."""
    return {
        "seconds": round(run.seconds, 1),
        "peak_mib": round(run.peak_mib),
        "failure": str(run.failure) if run.failure else None,
    }


def status(entry: dict | None) -> str:
    """Say in HTML how a run ended, how long it took and how much memory it held."""
    if entry is None:
        return NOT_RUN
    word = (
        '<span class="failed">failed</span>' if entry["failure"] else '<span class="ok">ok</span>'
    )
    return f"{word} · {entry['seconds']:.1f} s · {entry['peak_mib']:,} MiB"


def index(lessons: list[Lesson], runs: dict[str, dict], results: pd.DataFrame | None) -> str:
    """Render the list of all lessons by part, and the recorded results below it.

    Args:
        lessons: In reading order.
        runs: From `remember`.
        results: Summary of the recorded rows, if there are any.
    """
    body, part = ["<h1>tlbook: transfer learning in NLP, lesson by lesson</h1>"], ""
    for lesson in lessons:
        if lesson.part and lesson.part != part:
            number, name = lesson.part.split("_", 1)
            body.append(f"<h2>Part {number} · {escape(name.replace('_', ' '))}</h2>")
        part = lesson.part
        body.append(_card(lesson, runs.get(lesson.name)))
    if results is not None and len(results):
        table = results.to_html(index=False, border=0, float_format="{:.3f}".format, na_rep="–")
        body.append(f"<h2>Recorded results</h2>{table}")
    return _document("tlbook", "".join(body))


def _card(lesson: Lesson, entry: dict | None) -> str:
    """One lesson in the index."""
    title = escape(lesson.title)
    if entry:
        title = f'<a href="{lesson.name}.html">{title}</a>'
    failure = (
        f'<p class="failed">{escape(entry["failure"])}</p>' if entry and entry["failure"] else ""
    )
    return (
        f'<div class="lesson"><h3>{title}</h3><p>{escape(lesson.question)}</p>{failure}'
        f'<p class="about">{status(entry)}</p></div>'
    )


def _document(title: str, body: str) -> str:
    """Wrap a body into a page that carries its own style."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    plain = ".highlight, .highlight pre { background: transparent !important; }"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{light}\n"
        f"@media (prefers-color-scheme: dark) {{ {dark} }}\n{plain}\n{css}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
