"""The page of results: what all lessons recorded, from the rows that lie beside them."""

from tlbook import results
from tlbook.workbook.book.frame import TEMPLATES, Page
from tlbook.workbook.lessons import Lesson

TRIES = "validation"  # first word of the metric of runs that only chose a setting


def page(lessons: list[Lesson]) -> Page:
    """Return the page of results, a table for each lesson that has rows beside it.

    Runs on validation rows are left out: they chose the learning rates and are no results.

    Args:
        lessons: In reading order.

    Raises:
        ValueError: If a file beside a lesson is no table of results; names it.
    """
    groups = []
    for lesson in lessons:
        file = lesson.path.with_suffix(".csv")
        if file.exists():
            rows = results.load(file)
            rows = rows[~rows["metric"].str.startswith(TRIES)]
            groups.append((lesson, list(results.summary(rows).itertuples())))
    body = TEMPLATES.get_template("results.html.j2").render(groups=groups)
    return Page("results.html", "Results", body, group="Beside the lessons")
