"""The five published networks, as data: tuples of layers.

Only data belongs here. The digest of the code leaves this file out. A job carries its own network in its params
instead. So an edit of one network retrains only the runs of that network.

Sources: the notebooks of Gilf641 (EVA4, S6), hardayaleva5 (EVA5, session 6), satyajitghana (EVA4, 06), Noopuragr (EVA4,
S6) and ashxjain (P5, S6). No convolution has a bias; the last one gives the ten logits.
"""

from normreg.models.description import DROPOUT, NORM, RELU, AvgPool, Conv, MaxPool, Network

_RND = (RELU, NORM, DROPOUT)
_RN = (RELU, NORM)
_NRD = (NORM, RELU, DROPOUT)

NETWORKS: dict[str, Network] = {
    "gilf641": Network(
        dropout=0.08,
        layers=(
            Conv(8, then=_RND),
            Conv(10, then=_RND),
            MaxPool(2),
            Conv(16, then=_RND),
            Conv(16, then=_RND),
            Conv(16, then=_RN),
            Conv(16),
            AvgPool(4),
            Conv(10, kernel=1),
        ),
    ),
    "hardayaleva5": Network(
        dropout=0.04,
        layers=(
            Conv(10, padding=1, then=_RND),
            Conv(10, padding=1, then=_RND),
            MaxPool(2),
            Conv(10, then=_RND),
            Conv(12, then=_RND),
            Conv(16, then=_RND),
            Conv(16, then=_RND),
            Conv(16, then=_RN),
            AvgPool(4),
            Conv(10, kernel=1),
        ),
    ),
    "satyajitghana": Network(
        dropout=0.08,
        layers=(
            Conv(14, then=_NRD),
            Conv(30, then=_NRD),
            Conv(10, kernel=1),
            MaxPool(2),
            Conv(14, then=_NRD),
            Conv(15, then=_NRD),
            Conv(15, then=_NRD),
            AvgPool(6),
            Conv(15, kernel=1, then=_RND),
            Conv(10, kernel=1),
        ),
    ),
    "noopuragr": Network(
        dropout=0.001,
        layers=(
            Conv(10, padding=1, then=_RND),
            Conv(16, padding=1, then=_RND),
            Conv(10, kernel=1),
            MaxPool(2),
            Conv(16, padding=1, then=_RN),
            Conv(16, padding=1, then=_RND),
            Conv(16, kernel=1),
            MaxPool(2),
            Conv(10, padding=1, then=_RND),
            Conv(10, padding=1, then=_RND),
            AvgPool(7),
            Conv(10, kernel=1),
        ),
    ),
    "ashxjain": Network(
        dropout=0.01,
        layers=(
            Conv(10, padding=1, then=_RND),
            Conv(10, then=_RND),
            MaxPool(2),
            Conv(11, padding=1, then=_RND),
            Conv(11, then=_RND),
            MaxPool(2),
            Conv(12, padding=1, then=_RND),
            Conv(12, then=_RND),
            Conv(10),
        ),
    ),
}
