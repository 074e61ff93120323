"""Notebooks as HTML whose formulas are MathML: browsers draw it without a script or a network."""

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


class MathMarkup(IPythonRenderer):
    """Markdown whose formulas become MathML.

    Example:
        >>> MarkdownWithMath(renderer=MathMarkup(escape=False)).render("Is $a$?")[:9]
        '<p>Is <ma'
    """

    def inline_math(self, body: str) -> str:
        return convert(body)

    def block_math(self, body: str) -> str:
        # A formula may be wider than a phone, and browsers scroll no <math> by itself.
        return f'<span class="formula">{convert(body, display="block")}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


class CellExporter(HTMLExporter):
    """nbconvert's HTML of the cells alone, with formulas as MathML."""

    @pass_context
    def markdown2html(self, context, source):
        resources = context.get("resources", {}).get("metadata", {})
        renderer = MathMarkup(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=True,
            exclude_anchor_links=self.exclude_anchor_links,
            path=resources.get("path", ""),
        )
        source = source.replace("{aligned}", "{align*}")  # the converter knows only the latter
        return MarkdownWithMath(renderer=renderer).render(source)
