"""Bind the book: every page of it, with the notebooks beside them for download."""

import shutil
from html import escape
from pathlib import Path

from tlbook.files import write
from tlbook.workbook import executed, session
from tlbook.workbook.book import chapters, front, glossary, scores
from tlbook.workbook.book.frame import Page, document
from tlbook.workbook.book.glossary import Term
from tlbook.workbook.book.sections import search_index, with_anchors
from tlbook.workbook.execution import Run
from tlbook.workbook.folders import renewed
from tlbook.workbook.lessons import Lesson

DOWNLOADS = "notebooks"  # folder of the book


def bind(chosen: list[Lesson], *, out: Path, runs: dict[str, Run | None]) -> Path:
    """Write the book in place of an earlier one; return its first page.

    Args:
        chosen: The lessons, in reading order.
        out: Folder of the book; whatever it holds is replaced.
        runs: Name of a lesson -> the lesson as executed, or None if that failed. A lesson that
            is not named shows the outputs kept in its file.
    """
    terms = glossary.of(chosen, glossary.terms())
    pages = [front.page(chosen, terms=len(terms))]
    pages += [chapter(lesson, runs, terms) for lesson in chosen]
    pages += [scores.page(chosen), glossary.page(terms)]
    index = search_index([(page.file, page.title, page.body) for page in pages])
    with renewed(out) as fresh:
        for page in pages:
            write(fresh / page.file, document(page, pages, index))
        (fresh / DOWNLOADS).mkdir()
        for lesson in chosen:
            for file in (lesson.path, lesson.path.with_suffix(".csv")):
                if file.exists():
                    shutil.copyfile(file, fresh / DOWNLOADS / file.name)
    return out / "index.html"


def up_to_date(chosen: list[Lesson], *, workbook: Path) -> dict[str, Run | None]:
    """Return all lessons as executed, and execute those that the workbook has not up to date.

    Args:
        chosen: The lessons.
        workbook: Folder of ``make workbook``; what is executed here is left there as well.
    """
    runs = {lesson.name: executed.load(workbook, lesson) for lesson in chosen}
    stale = [lesson for lesson in chosen if runs[lesson.name] is None]
    print(f"{len(chosen) - len(stale)} of {len(chosen)} lessons are executed and up to date")
    if stale:
        session.run(stale, out=workbook)
    return runs | {lesson.name: executed.load(workbook, lesson) for lesson in stale}


def chapter(lesson: Lesson, runs: dict[str, Run | None], terms: list[Term]) -> Page:
    """Return a lesson's page: what it is and how it was made, its cells, its words."""
    links = [f'<a href="{DOWNLOADS}/{lesson.path.name}" download>Download the notebook</a>']
    if lesson.path.with_suffix(".csv").exists():
        links.append(f'<a href="{DOWNLOADS}/{lesson.name}.csv" download>Recorded runs (CSV)</a>')
    part = front.part_of(lesson)
    about = f'<p class="about"><span class="part">{escape(part)}</span>{"".join(links)}</p>'
    words = [
        f'<a href="glossary.html#{one.anchor}">{escape(one.term)}</a>'
        for one in terms
        if one.lesson == lesson.name
    ]
    return Page(
        file=f"{lesson.name}.html",
        title=lesson.title,
        body=with_anchors(chapters.body(lesson, runs.get(lesson.name))),
        group=part,
        above=about,
        below=state(lesson, runs)
        + (f'<p class="words">Words of this lesson: {", ".join(words)}</p>' if words else ""),
    )


def state(lesson: Lesson, runs: dict[str, Run | None]) -> str:
    """Say in HTML where the outputs on a page come from."""
    run = runs.get(lesson.name)
    if run:
        mark = run.notebook.metadata[executed.MARK]
        return (
            f'<p class="state">Executed on {mark["date"]} in {run.seconds:.0f} s with at most '
            f"{run.peak_mib:,.0f} MiB.</p>"
        )
    if lesson.name in runs:
        return (
            '<p class="state failed">This lesson failed when the book was made. Shown are the '
            "outputs that are kept with it.</p>"
        )
    return '<p class="state">Shown are the outputs that are kept with the lesson.</p>'
