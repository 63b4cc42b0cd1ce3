"""Losses that compare embeddings with proxies, learned points of each class."""

from math import cos, pi, sin

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._parameters import check_count, check_real
from ._masked import masked_logsumexp, safe_divide

__all__ = [
    "ArcFace",
    "CosFace",
    "NormalizedSoftmax",
    "ProxyAnchor",
    "ProxyNCA",
    "SoftTriple",
]


class _Proxies(nn.Module):
    """Base class of proxy losses: learned proxies and their cosines with embeddings."""

    inputs = "classes"

    def __init__(self, n_classes, n_components, n_centers=1):
        super().__init__()
        n_proxies = check_count("n_classes", n_classes) * check_count("n_centers", n_centers)
        n_components = check_count("n_components", n_components)
        self.proxies = nn.Parameter(F.normalize(torch.randn(n_proxies, n_components)))

    def cosines(self, Z: Tensor) -> Tensor:
        """Return the cosine of the angle between each embedding and each proxy.

        Parameters
        ----------
        Z : Tensor of shape (n, n_components)
            Embeddings.

        Returns
        -------
        cosines : Tensor of shape (n, n_proxies)
            Cosines, in [-1, 1].
        """
        return F.normalize(Z) @ F.normalize(self.proxies).T


def class_mask(y, n_classes):
    """Return the mask of the class of each row, of shape (n, n_classes)."""
    return y.unsqueeze(1) == torch.arange(n_classes, device=y.device)


class NormalizedSoftmax(_Proxies):
    """Softmax over the cosines between an embedding and one proxy of each class.

    The mean of ``-log softmax(cos / temperature)`` at the true class.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    temperature : float, default=0.05
        Divisor of the cosines, > 0; smaller is sharper.

    References
    ----------
    A. Zhai, H.-Y. Wu, "Classification is a strong baseline for deep metric learning",
    BMVC 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import NormalizedSoftmax
    >>> loss = NormalizedSoftmax(2, 2, temperature=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.3133
    """

    def __init__(self, n_classes: int, n_components: int, *, temperature: float = 0.05) -> None:
        super().__init__(n_classes, n_components)
        self.temperature = check_real("temperature", temperature, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        return F.cross_entropy(self.cosines(Z) / self.temperature, y)


class CosFace(_Proxies):
    """Softmax over cosines, with a margin subtracted for the true class.

    The mean of the cross-entropy of ``scale * (cos - margin)`` for the true class and
    ``scale * cos`` for the others.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    margin : float, default=0.35
        Margin by which the cosine of the true class should exceed the others, in [0, 2).

    scale : float, default=64.0
        Sharpness, > 0.

    References
    ----------
    H. Wang, Y. Wang, Z. Zhou, X. Ji, D. Gong, J. Zhou, Z. Li, W. Liu, "CosFace: large
    margin cosine loss for deep face recognition", CVPR 2018.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import CosFace
    >>> loss = CosFace(2, 2, margin=0.5, scale=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.4741
    """

    def __init__(
        self, n_classes: int, n_components: int, *, margin: float = 0.35, scale: float = 64.0
    ) -> None:
        super().__init__(n_classes, n_components)
        self.margin = check_real("margin", margin, least=0, below=2)
        self.scale = check_real("scale", scale, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        target = class_mask(y, len(self.proxies))
        return F.cross_entropy(self.scale * (self.cosines(Z) - self.margin * target), y)


class ArcFace(_Proxies):
    """Softmax over cosines, with a margin added to the angle of the true class.

    The mean of the cross-entropy of ``scale * cos(angle + margin)`` for the true class and
    ``scale * cos(angle)`` for the others. If ``angle + margin`` exceeds 180 degrees, its cosine
    is replaced by ``cos(angle) - margin * sin(margin)``, which keeps decreasing.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    margin : float, default=0.5
        Angle in radians, in [0, pi).

    scale : float, default=64.0
        Sharpness, > 0.

    References
    ----------
    J. Deng, J. Guo, N. Xue, S. Zafeiriou, "ArcFace: additive angular margin loss for deep
    face recognition", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import ArcFace
    >>> loss = ArcFace(2, 2, margin=0.5, scale=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.3477
    """

    def __init__(
        self, n_classes: int, n_components: int, *, margin: float = 0.5, scale: float = 64.0
    ) -> None:
        super().__init__(n_classes, n_components)
        self.margin = check_real("margin", margin, least=0, below=pi)
        self.scale = check_real("scale", scale, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        cosines = self.cosines(Z)
        target = cosines.gather(1, y.unsqueeze(1))
        tiny = torch.finfo(target.dtype).eps
        sine = (1 - target.square()).clamp_min(tiny).sqrt()
        with_margin = torch.where(
            target >= cos(pi - self.margin),
            target * cos(self.margin) - sine * sin(self.margin),
            target - self.margin * sin(self.margin),
        )
        return F.cross_entropy(self.scale * cosines.scatter(1, y.unsqueeze(1), with_margin), y)


class ProxyNCA(_Proxies):
    """Softmax over the squared distances to one proxy of each class, at unit length.

    The mean of ``-log softmax(-scale * d ** 2)`` at the true class. Unlike in the original
    paper, the softmax includes the true class.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    scale : float, default=9.0
        Sharpness, > 0.

    References
    ----------
    Y. Movshovitz-Attias, A. Toshev, T. K. Leung, S. Ioffe, S. Singh, "No fuss distance
    metric learning using proxies", ICCV 2017; true class and scale: E. W. Teh,
    T. DeVries, G. W. Taylor, "ProxyNCA++: revisiting and revitalizing proxy neighborhood
    component analysis", ECCV 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import ProxyNCA
    >>> loss = ProxyNCA(2, 2, scale=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.1269
    """

    def __init__(self, n_classes: int, n_components: int, *, scale: float = 9.0) -> None:
        super().__init__(n_classes, n_components)
        self.scale = check_real("scale", scale, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        return F.cross_entropy(2 * self.scale * self.cosines(Z), y)


class ProxyAnchor(_Proxies):
    """Proxy anchor loss: each proxy attracts the rows of its class and repels all others.

    With s the scale and m the margin, the mean over the classes of the batch of
    ``log(1 + sum_p exp(-s * (cos_p - m)))`` plus the mean over all classes of
    ``log(1 + sum_n exp(s * (cos_n + m)))``, with p over the rows of the class and n over all
    other rows.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    margin : float, default=0.1
        Margin by which cosines should exceed zero, or stay below it, in [0, 1].

    scale : float, default=32.0
        Sharpness, > 0.

    References
    ----------
    S. Kim, D. Kim, M. Cho, S. Kwak, "Proxy anchor loss for deep metric learning",
    CVPR 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import ProxyAnchor
    >>> loss = ProxyAnchor(2, 2, margin=0.0, scale=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.6598
    """

    def __init__(
        self, n_classes: int, n_components: int, *, margin: float = 0.1, scale: float = 32.0
    ) -> None:
        super().__init__(n_classes, n_components)
        self.margin = check_real("margin", margin, least=0, most=1)
        self.scale = check_real("scale", scale, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        cosines = self.cosines(Z).T
        true = class_mask(y, len(cosines)).T
        pull = F.softplus(masked_logsumexp(self.scale * (self.margin - cosines), true))
        push = F.softplus(masked_logsumexp(self.scale * (self.margin + cosines), ~true))
        return safe_divide(pull.sum(), true.any(dim=1).sum()) + push.mean()


class SoftTriple(_Proxies):
    """Softmax over classes with several proxies each, and a margin.

    The similarity to a class is the mean of the cosines to its proxies, weighted by the
    softmax of ``cos / temperature`` over them. The loss is the cross-entropy of
    ``scale * similarity``, with the margin subtracted for the true class.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    n_centers : int, default=10
        Proxies of each class, >= 1.

    margin : float, default=0.01
        Margin by which the similarity to the true class should exceed the others, >= 0.

    scale : float, default=20.0
        Sharpness, > 0.

    temperature : float, default=0.1
        Divisor of the cosines in the weights of proxies, > 0; smaller is sharper.

    References
    ----------
    Q. Qian, L. Shang, B. Sun, J. Hu, H. Li, R. Jin, "SoftTriple loss: deep metric learning
    without triplet sampling", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import SoftTriple
    >>> loss = SoftTriple(2, 2, n_centers=1, margin=0.0, scale=1.0)
    >>> loss.proxies.data = torch.eye(2)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)
    0.3133
    """

    def __init__(
        self,
        n_classes: int,
        n_components: int,
        *,
        n_centers: int = 10,
        margin: float = 0.01,
        scale: float = 20.0,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(n_classes, n_components, n_centers)
        self.n_classes = n_classes
        self.margin = check_real("margin", margin, least=0)
        self.scale = check_real("scale", scale, above=0)
        self.temperature = check_real("temperature", temperature, above=0)

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the loss of embeddings and their classes."""
        cosines = self.cosines(Z).unflatten(1, (self.n_classes, -1))
        weight = (cosines / self.temperature).softmax(dim=2)
        similarity = (weight * cosines).sum(dim=2)
        true = class_mask(y, self.n_classes)
        return F.cross_entropy(self.scale * (similarity - self.margin * true), y)


LOSSES = {
    "arcface": ArcFace,
    "cosface": CosFace,
    "normalized_softmax": NormalizedSoftmax,
    "proxy_anchor": ProxyAnchor,
    "proxy_nca": ProxyNCA,
    "soft_triple": SoftTriple,
}

NATURAL_DISTANCES = dict.fromkeys(LOSSES, "cosine")
