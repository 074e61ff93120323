"""Two cures for a test run by nbmake: ``pytest -p tlbook.workbook.nbmake_plugin --nbmake``.

It polls for replies (see `tlbook.workbook.replies`), and a lesson fails if an error is left in one
of its widgets: ``interact`` and ``with Output():`` keep errors to themselves.
"""

from nbmake.nb_result import NotebookError, NotebookResult
from nbmake.nb_run import NotebookRun

from tlbook.workbook import replies, snapshots

_execute = NotebookRun.execute


def _execute_and_look(run: NotebookRun) -> NotebookResult:
    """Execute as nbmake does, then look into the widgets."""
    result = _execute(run)
    hidden = snapshots.hidden_errors(result.nb)
    if result.error is None and hidden:
        trace = "\n".join(hidden)
        result.error = NotebookError(f"error inside a widget: {hidden[0]}", trace, 0)
    return result


def pytest_configure() -> None:
    """Put both in place before the first notebook runs."""
    replies.poll()
    NotebookRun.execute = _execute_and_look
