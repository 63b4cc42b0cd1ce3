"""Test that the search of the docs finds the right page for phrases that users type."""

import pytest

PHRASES = {
    "missing values": ["guide/scaling", "faq"],
    "save model": ["guide/persistence"],
    "load model": ["guide/persistence"],
    "threshold": ["guide/thresholds"],
    "gpu": ["performance", "guide/training"],
    "reproducible": ["faq", "guide/long_training"],
    "out of memory": ["performance", "faq"],
    "add a class": ["faq", "guide/identify"],
    "imbalance": ["faq"],
    "calibration": ["guide/thresholds"],
    "false accept": ["false_accept_rate", "guide/thresholds"],
    "triplet": ["generated/sksiamese.losses.triplet"],
    "contrastive": ["generated/sksiamese.losses.contrastive"],
    "one shot": ["guide/one_shot"],
    "pairs": ["guide/pairs"],
    "convolution": ["auto_examples/05_cnn_tower", "guide/towers"],
    "images": ["guide/items"],
    "grid search": ["guide/search"],
    "onnx": ["guide/export"],
    "install": ["install"],
    "text": ["auto_examples/07_text_pairs", "guide/items"],
    "hard negatives": ["guide/hard_negatives"],
    "unlabeled": ["guide/unlabeled"],
    "early stopping": ["guide/training"],
    "distributed": ["distributed"],
}
"""Pages by phrase; one of them must be among the first results."""

N_FIRST = 3


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_search_finds_the_right_page(phrase, tab, address):
    tab.goto(f"{address}/search.html?q={phrase.replace(' ', '+')}")
    tab.wait_for_selector("#search-results .search-summary:text-matches('finished|did not match')")
    pathnames = "links => links.map(link => link.pathname)"
    links = tab.eval_on_selector_all("#search-results li > a", pathnames)
    first = [link.strip("/").removesuffix(".html") for link in links[:N_FIRST]]
    assert set(first) & set(PHRASES[phrase]), links[:10]
