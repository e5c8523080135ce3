"""GoogLeNet, without the two classifiers that only training uses.

References
----------
Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("parameters", "6998552", "Caffe, models/bvlc_googlenet, without the auxiliary classifiers"),
    Published("parameters", "7.0e6", "Sze et al. 2017, table II: total weights"),
)

# Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def build() -> Network:
    """Return the network."""
    net = Stack("googlenet", (3, 224, 224))
    net.conv(64, 7, stride=2, pad=3, name="conv1")
    net.max_pool(3, 2, pad=(0, 0, 1, 1), name="pool1")
    net.lrn(name="norm1")
    net.conv(64, 1, name="conv2_reduce")
    net.conv(192, 3, pad=1, name="conv2")
    net.lrn(name="norm2")
    net.max_pool(3, 2, pad=(0, 0, 1, 1), name="pool2")
    for block, sizes in _INCEPTIONS.items():
        _inception(net, f"inception_{block}", *sizes)
        if block in ("3b", "4e"):
            net.max_pool(3, 2, pad=(0, 0, 1, 1), name=f"pool{block[0]}")
    net.global_average_pool(name="pool5")
    net.dense(1000, then=None, name="classifier")
    net.softmax()
    return net.build()


def _inception(
    net: Stack, name: str, ones: int, reduce3: int, threes: int, reduce5: int, fives: int, pool: int
) -> None:
    x = net.x
    branches = [net.conv(ones, 1, x=x, name=f"{name}/1x1")]
    net.conv(reduce3, 1, x=x, name=f"{name}/3x3_reduce")
    branches.append(net.conv(threes, 3, pad=1, name=f"{name}/3x3"))
    net.conv(reduce5, 1, x=x, name=f"{name}/5x5_reduce")
    branches.append(net.conv(fives, 5, pad=2, name=f"{name}/5x5"))
    net.max_pool(3, 1, pad=1, x=x, name=f"{name}/pool")
    branches.append(net.conv(pool, 1, name=f"{name}/pool_proj"))
    net.concat(*branches, name=f"{name}/output")
