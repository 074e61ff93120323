"""The workbook as a whole: run its lessons, render them, refresh what is kept of them."""
