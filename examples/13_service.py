"""
A service with ONNX
===================

A web service that enrolls people, verifies claims, identifies people and rejects unknown ones
needs neither PyTorch nor scikit-learn: :func:`~sksiamese.export.to_onnx` writes a verifier with
its threshold to a file, and onnxruntime runs it. Digits stand for people in this example.
"""

# %%
# Train and export a verifier
# ---------------------------
#
# The verifier learns from the digits 0 to 4. The threshold, a false-accept rate of 1 %, is chosen
# on pairs of 5 and 6, which the verifier has not seen: training classes would give an
# over-optimistic threshold. The other digits are for the service.

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from urllib.request import ProxyHandler, Request, build_opener

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from sksiamese import SiameseVerifier, make_pairs
from sksiamese.export import to_onnx
from sksiamese.metrics import threshold_at_far

X, y = load_digits(return_X_y=True)
verifier = SiameseVerifier(max_iter=60, random_state=0).fit_rows(X[y < 5], y[y < 5])
others = (y == 5) | (y == 6)
pairs, match, _ = make_pairs(X[others], y[others], n_pairs=4000, random_state=0)
threshold = threshold_at_far(match, verifier.decision_function(pairs), far=0.01).threshold
model = FixedThresholdClassifier(
    FrozenEstimator(verifier), threshold=threshold, response_method="decision_function"
).fit(pairs, match)
path = Path(mkdtemp(), "verifier.onnx")
to_onnx(model, path)
print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, threshold {threshold:.2f}")

# %%
# The service
# -----------
#
# The service keeps the enrolled images of each name in memory. It compares a new image with them as
# pairs: the decision of the model has the threshold. A real service also needs authentication,
# encryption (TLS), a limit of requests and a database.


class Gallery:
    """Enrolled rows by name, and a verifier that compares new rows with them."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path)
        self.rows = {}

    def enrol(self, name, row):
        """Add a row of a name, and raise unless it can be compared with itself."""
        self.compare([row], row)
        self.rows.setdefault(str(name), []).append(row)
        return {"n_rows": len(self.rows[name])}

    def compare(self, enrolled, row):
        """Return the best probability of a match with one of several rows, and the decision."""
        pairs = np.array([[*one, *row] for one in enrolled], np.float32)
        n_columns = self.session.get_inputs()[0].shape[1]
        if pairs.shape != (len(enrolled), n_columns) or not np.isfinite(pairs).all():
            raise ValueError(f"row must hold {n_columns // 2} finite numbers.")
        outputs = self.session.run(["probability", "decision"], {"pairs": pairs})
        return {"probability": float(outputs[0].max()), "match": bool(outputs[1].any())}

    def verify(self, name, row):
        """Compare a row with the rows of a name."""
        return self.compare(self.rows[name], row)

    def identify(self, row):
        """Return the name with the best probability, or None if no row matches."""
        found = {name: self.verify(name, row) for name in [*self.rows]}
        best = max(found, key=lambda name: found[name]["probability"], default=None)
        accepted = best is not None and found[best]["match"]
        return {"name": best if accepted else None}


class Handler(BaseHTTPRequestHandler):
    """Answer POST requests to /enrol, /verify and /identify; all bodies are JSON."""

    def do_POST(self):  # noqa: D102
        gallery = self.server.gallery
        routes = {"/enrol": gallery.enrol, "/verify": gallery.verify, "/identify": gallery.identify}
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = 200, routes[self.path](**body)
        except KeyError as error:
            status, answer = 404, {"error": f"unknown name or path: {error}"}
        except (TypeError, ValueError) as error:
            status, answer = 400, {"error": str(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        """Print nothing."""


def start_server(path):
    """Return a server on a free port of this machine, which runs in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.gallery = Gallery(path)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


# %%
# Requests
# --------
#
# Five images of 7 and of 8 are enrolled. Other images of 7 and 8 should be identified, images of 9,
# which is not enrolled, should be rejected.


def send(server, route, **body):
    """Return the answer of the service to a request."""
    url = f"http://127.0.0.1:{server.server_port}/{route}"
    request = Request(url, json.dumps(body).encode(), method="POST")
    with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
        return json.loads(response.read())


server = start_server(path)
images = {digit: X[y == digit].tolist() for digit in (7, 8, 9)}
for digit, name in ((7, "seven"), (8, "eight")):
    for image in images[digit][:5]:
        answer = send(server, "enrol", name=name, row=image)
    print(f"{name}: {answer['n_rows']} images enrolled")
claims = {digit: send(server, "verify", name="seven", row=images[digit][5]) for digit in images}
for digit, answer in claims.items():
    decision = "accepted" if answer["match"] else "rejected"
    print(f"a {digit} claims to be seven: {decision}, probability {answer['probability']:.2f}")
shares = {}
for digit, name in ((7, "seven"), (8, "eight"), (9, None)):
    answers = [send(server, "identify", row=image)["name"] for image in images[digit][5:25]]
    shares[digit] = np.mean([answer == name for answer in answers])
    print(f"images of {digit}: {shares[digit]:.0%} {'identified' if name else 'rejected'}")
server.shutdown()
server.server_close()

# %%
# Most images of enrolled digits are identified, and most images of 9 are rejected.

_, ax = plt.subplots(layout="constrained")
bars = ax.bar(["7 as seven", "8 as eight", "9 as unknown"], [*shares.values()])
ax.bar_label(bars, fmt="{:.0%}")
ax.set(title="Answers of the service", ylabel="share of 20 images", ylim=(0, 1.1))
