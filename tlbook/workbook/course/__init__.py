"""A made-up course: exercise sheets, their copies, and marks that a submission cannot forge.

A *submission's* code runs in a process of its own (`worker`) behind locked doors
(`confinement`) and answers questions (`answers`) in plain data (`wire`). The checks, and so the
marks (`grading`), stay in a process in which no line of a submission ever runs.
"""
