"""Use the package in a folder, where a wheel is unpacked, and nothing of the repository."""

import sys
from pathlib import Path

folder = Path(sys.argv[1]).resolve()
sys.path[0] = str(folder)

from sklearn.datasets import load_iris  # noqa: E402

import sksiamese  # noqa: E402

package = Path(sksiamese.__file__).parent
assert package == folder / "sksiamese", package
assert (package / "py.typed").exists()
folders = {path.name for path in folder.iterdir() if path.is_dir() and path.suffix == ""}
assert folders == {"sksiamese"}, folders
metadata = folder / f"sksiamese-{sksiamese.__version__}.dist-info"
assert (metadata / "licenses" / "LICENSE").exists()

X, y = load_iris(return_X_y=True)
embedder = sksiamese.SiameseEmbedder(2, max_iter=5, random_state=0).fit(X, y)
assert embedder.transform(X).shape == (150, 2)
assert sksiamese.SiameseIdentifier(embedder).fit(X, y).score(X, y) > 0.8
sksiamese.show_versions()
