"""MobileNetV1, width 1.0, for ImageNet: depthwise separable convolutions, batch normalisation folded.

References
----------
Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017,
arXiv:1704.04861, tables 1 and 8.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", "569e6", "Howard et al. 2017, table 8"),
    Published("parameters", "4.2e6", "Howard et al. 2017, table 8"),
    Published("parameters", "4231976", "Keras Applications, MobileNet, trainable parameters", less=10944),
)

# Output channels and stride of each depthwise separable block.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def build() -> Network:
    """Return the network."""
    net = Stack("mobilenet_v1", (3, 224, 224))
    net.conv(32, 3, stride=2, pad="same", then="Relu6", name="conv1")
    for i, (channels, stride) in enumerate(_BLOCKS, start=1):
        net.depthwise(3, stride=stride, pad="same", then="Relu6", name=f"conv{i}_dw")
        net.conv(channels, 1, then="Relu6", name=f"conv{i}_pw")
    net.global_average_pool(name="pool")
    net.dense(1000, then=None, name="fc")
    net.softmax()
    return net.build()
