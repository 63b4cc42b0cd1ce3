"""Run a grid search and embed many rows on a dask cluster."""

import sys

import dask.array as da
from dask.distributed import Client
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder

client = Client(sys.argv[1])
client.wait_for_workers(2)
X, y = load_digits(return_X_y=True)
model = make_pipeline(SiameseEmbedder(8, max_iter=2, random_state=0), KNeighborsClassifier())
search = GridSearchCV(model, {"siameseembedder__loss": ["contrastive", "triplet"]}, cv=2)
with parallel_config(backend="dask"):
    search.fit(X, y)
print(f"{len(client.nthreads())} workers: {search.best_params_}, {search.best_score_:.4f}")

embedder = search.best_estimator_[0]
X_chunks = da.from_array(X, chunks=(500, -1))
Z = X_chunks.map_blocks(embedder.transform, dtype=X.dtype, chunks=(X_chunks.chunks[0], 8))
print(f"mean of the embeddings: {Z.mean().compute():.4f}")
