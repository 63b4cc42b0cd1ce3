"""Write the map that leads from questions to estimators: ``python docs/pictures/choose_map.py``."""

from pathlib import Path

TARGET = Path(__file__).with_name("choose.svg")
STEPS = (
    (
        "Do identities have several references,",
        "and items claim one?",
        "ReferenceVerifier",
        "claims",
    ),
    ("Are classes added or removed later,", "or items unknown?", "SiameseIdentifier", "identify"),
    ("Do pairs have numbers,", "such as a similarity from 0 to 5?", "SiameseRegressor", "numbers"),
    ("Is the question whether", "two items match?", "SiameseVerifier", "verify"),
    ("Do rows have classes, numbers", "or indicators?", "SiameseEmbedder", "embed"),
    ("Otherwise, rows have", "no labels at all.", "SiameseEmbedder, n_views=2", "unlabeled"),
)
"""Two lines of a question, the estimator for the answer "yes", and its page of the guide."""

STEP, HEIGHT = 84, 56
STYLE = (
    ".choose{max-width:700px}"
    ".choose rect{fill:none;stroke:currentColor}"
    ".choose text{fill:currentColor;font:15px sans-serif}"
    ".choose a rect{fill:#1f77b4;stroke:none}.choose a text{fill:white;font-weight:bold}"
    ".choose path{stroke:currentColor;fill:none}"
)


def svg():
    """Return the map as SVG: a question in each row, and the page that answers it."""
    height = STEP * len(STEPS)
    parts = [
        f'<svg class="choose" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 575 {height}" '
        f'role="img" aria-label="Choice of the estimator"><style>{STYLE}</style>'
    ]
    for number, (first, second, estimator, page) in enumerate(STEPS):
        top = number * STEP + 4
        middle, last = top + HEIGHT // 2, number == len(STEPS) - 1
        parts += [
            f'<rect x="2" y="{top}" width="285" height="{HEIGHT}" rx="8"/>',
            f'<text x="10" y="{top + 23}">{first}</text>',
            f'<text x="10" y="{top + 43}">{second}</text>',
            f'<path d="M287 {middle}H337m-8 -5l8 5l-8 5"/>',
            f'<a href="guide/{page}.html"><rect x="337" y="{top}" width="236" height="{HEIGHT}" '
            f'rx="8"/><text x="455" y="{middle + 5}" text-anchor="middle">{estimator}</text></a>',
        ]
        if not last:
            parts += [
                f'<text x="300" y="{middle - 8}">yes</text>',
                f'<path d="M145 {top + HEIGHT}v{STEP - HEIGHT}m-5 -8l5 8l5 -8"/>',
                f'<text x="157" y="{top + HEIGHT + 18}">no</text>',
            ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    TARGET.write_text(svg(), "utf-8")
