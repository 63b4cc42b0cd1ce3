"""Test in a browser that every page can be read, on a screen and on a phone, light and dark."""

import functools
import importlib.util
from pathlib import Path

import pytest

LOOK = Path(__file__).with_name("look.js").read_text("utf-8")
CONF = Path(__file__).parents[2] / "docs" / "conf.py"
WIDTHS = {"screen": 1280, "phone": 400}
THEMES = ("light", "dark")


@functools.cache
def font_pixels():
    """Return the height of the text of plots in the pixels of their files."""
    spec = importlib.util.spec_from_file_location("conf", CONF)
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    return conf.FIGURES["font.size"] / 72 * conf.FIGURES["savefig.dpi"]


def look(tab, device, theme):
    """Return the problems of the page in a tab."""
    options = {"phone": device == "phone", "theme": theme, "fontPixels": font_pixels()}
    tab.set_viewport_size({"width": WIDTHS[device], "height": 900})
    return tab.evaluate(LOOK, options)


def test_every_page_can_be_read(tab, site, pages):
    problems = {}
    assert len(pages) > 200
    for page in pages:
        tab.goto((site / page).as_uri())
        is_generated = page.startswith(("generated/", "_modules/"))
        for device in WIDTHS:
            for theme in THEMES[:1] if is_generated else THEMES:
                for problem in look(tab, device, theme):
                    problems.setdefault(f"{page}: {problem}", []).append(f"{device}, {theme}")
    assert not problems, "\n".join(f"{name} ({', '.join(at)})" for name, at in problems.items())


BROKEN = {
    "page is": '<p style="width: 2000px">wide</p>',
    "cut by": '<pre style="overflow: auto; white-space: pre">' + "long " * 500 + "</pre>",
    "wide table": "<div><table><tr>" + "<td>unbreakable_cell</td>" * 60 + "</tr></table></div>",
    "stacked table": '<table class="stacked"><tr><td>1</td></tr></table>',
    "broken image": '<img src="missing.png" alt="">',
    "image without text": '<img src="{plot}">',
    "image of 200 px": '<img src="{plot}" alt="plot" width="200">',
    "text of": '<img src="{plot}" alt="plot" width="310">',
    "loads https://example.org": '<img src="https://example.org/a.png" alt="">',
    "contrast": '<p style="background: #fff"><b style="color: #999">pale</b></p>',
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_page_that_cannot_be_read_is_found(problem, tab, site):
    plot = min((site / "_images").glob("sphx_glr_*_001.png"))
    tab.goto((site / "install.html").as_uri())
    assert look(tab, "screen", "light") == []
    broken = BROKEN[problem].replace("{plot}", plot.as_uri())
    tab.evaluate("html => document.querySelector('article').innerHTML = html", broken)
    tab.wait_for_load_state("networkidle")
    assert [one for one in look(tab, "screen", "light") if one.startswith(problem)]
