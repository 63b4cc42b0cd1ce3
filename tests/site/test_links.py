"""Test that links within the docs have targets, and that no page needs the network."""

import html.parser
import inspect
import posixpath
import pydoc
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

sys.path.append(str(Path(__file__).parents[2] / "docs"))
import reference


class Links(html.parser.HTMLParser):
    """Collect the anchors of a page, its links, and the files that it loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = {""}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        self.links += [attrs["href"]] if tag == "a" and attrs.get("href") else []
        self.loaded += [attrs["src"]] if attrs.get("src") else []
        self.loaded += [attrs["href"]] if tag == "link" and attrs.get("rel") == "stylesheet" else []


@pytest.fixture(scope="module")
def links(site, pages):
    """Return the links of each page by its path."""
    return {page: Links((site / page).read_text("utf-8")) for page in pages}


def test_links_within_the_docs_have_targets(site, links):
    n_links, dead = 0, []
    for page, found in links.items():
        for link in {*found.links, *found.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            n_links += 1
            target = posixpath.normpath(
                posixpath.join(posixpath.dirname(page), unquote(parts.path))
            )
            target = target if parts.path else page
            exists = (site / target).is_file()
            if exists and parts.fragment and target in links:
                exists = unquote(parts.fragment) in links[target].anchors
            dead += [] if exists else [(page, link)]
    assert n_links > 10_000
    assert not dead, "\n".join(f"{page} links to {link}" for page, link in dead)


def test_links_to_other_sites_are_encrypted(links):
    others = {link for found in links.values() for link in found.links if "://" in link}
    assert len(others) > 5
    assert [link for link in others if not link.startswith("https://")] == []


def test_no_page_loads_files_of_other_sites(links):
    loaded = {(page, one) for page, found in links.items() for one in found.loaded}
    assert len(loaded) > 1000
    assert [one for one in loaded if "//" in one[1]] == []


def test_every_public_method_has_a_linked_entry(site):
    missing, n_methods = [], 0
    for name in reference.public_names():
        item = pydoc.locate(name)
        is_class = inspect.isclass(item)
        methods = [one for _, one in reference.public_methods(name)] if is_class else []
        page = site / "generated" / f"{name}.html"
        if not page.exists():  # A constant stands on the page of its module.
            assert isinstance(item, dict | tuple)
            page = site / "generated" / f"{name.rpartition('.')[0]}.html"
        text = page.read_text("utf-8")
        for entry in [name, *(f"{name}.{method}" for method in methods)]:
            missing += [entry] * (f'id="{entry}"' not in text)
            if entry != name:
                missing += [f"link to {entry}"] * (f'href="#{entry}"' not in text)
        n_methods += len(methods)
    assert missing == []
    assert n_methods > 90
