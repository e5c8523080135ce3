"""DS-CNN, the keyword spotter of MLPerf Tiny: 49 frames of 10 MFCCs to 12 words, batch normalisation folded.

References
----------
Zhang, Suda, Lai, Chandra, "Hello Edge: keyword spotting on microcontrollers", 2017, arXiv:1711.07128, section 3.
Banbury et al., "MLPerf Tiny benchmark", NeurIPS Datasets and Benchmarks 2021, section 4; shapes and counts:
github.com/mlcommons/tiny, benchmark/training/keyword_spotting.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

# 9 x 64 normalised channels; the convolutions keep their biases, so scale and shift both fold away.
PUBLISHED = (
    Published("parameters", "24908", "mlcommons/tiny, keyword_spotting, model.summary(): total", less=9 * 64 * 4),
)


def build() -> Network:
    """Return the network."""
    net = Stack("ds_cnn", (1, 49, 10))
    net.conv(64, (10, 4), stride=2, pad="same", name="conv1")
    for i in range(1, 5):
        net.depthwise(3, pad="same", name=f"conv{i}_dw")
        net.conv(64, 1, name=f"conv{i}_pw")
    net.global_average_pool(name="pool")
    net.dense(12, then=None, name="fc")
    net.softmax()
    return net.build()
