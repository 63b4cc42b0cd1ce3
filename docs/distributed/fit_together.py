"""Fit one embedder in several processes; start it by torchrun."""

import os

import joblib
import torch
from sklearn.datasets import load_digits

from sksiamese import SiameseEmbedder

torch.distributed.init_process_group()
if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

X, y = load_digits(return_X_y=True)
embedder = SiameseEmbedder(8, max_iter=2, batch_size=256, random_state=0).fit(X, y)

if torch.distributed.get_rank() == 0:
    joblib.dump(embedder, "embedder.joblib")
torch.distributed.destroy_process_group()
