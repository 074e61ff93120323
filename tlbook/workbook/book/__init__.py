"""The book: all lessons as a static site that asks no network, bound by ``make book``."""
