"""An extension of Sphinx that writes formulas as MathML, which browsers show without a script."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def visit_inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(f'<span class="math">{tex2mathml(node.astext())}</span>')
    raise nodes.SkipNode


def visit_block(translator, node):
    """Write formulas, separated by empty lines, on lines of their own."""
    formulas = [tex2mathml(text, as_block=True) for text in node.astext().split("\n\n")]
    translator.body.append(f'<div class="math">{"".join(formulas)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Add the renderer, chosen by ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
