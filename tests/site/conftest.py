"""The built docs, served to a headless browser."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

SITE = Path(os.environ.get("SKSIAMESE_SITE", Path(__file__).parents[2] / "docs" / "_build"))
OFFLINE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site():
    """Return the folder of the built docs."""
    if not (SITE / "index.html").exists():
        pytest.fail(f"no docs in {SITE}; build them with `nox -s docs`")
    return SITE


@pytest.fixture(scope="session")
def pages(site):
    """Return the paths of all pages within the docs, without templates of the theme."""
    paths = (path.relative_to(site) for path in sorted(site.rglob("*.html")))
    return [path.as_posix() for path in paths if path.parts[0] != "_static"]


@pytest.fixture(scope="session")
def address(site):
    """Serve the docs at the loopback address."""
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser():
    """Start a Chromium of this machine; ``SKSIAMESE_CHROMIUM`` overrides the search for one."""
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    chosen = os.environ.get("SKSIAMESE_CHROMIUM")
    found = next(filter(None, map(shutil.which, [chosen] if chosen else BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine; install one or set SKSIAMESE_CHROMIUM")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=[*OFFLINE, "--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tab(browser):
    """Open a tab."""
    return browser.new_page()
