"""ResNet-8 for CIFAR-10, the image classifier of MLPerf Tiny, batch normalisation folded.

References
----------
Banbury et al., "MLPerf Tiny benchmark", NeurIPS Datasets and Benchmarks 2021, section 4.
Shapes and counts: github.com/mlcommons/tiny, benchmark/training/image_classification.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

# The convolutions keep their biases, so scale and shift of the 240 normalised channels both fold away.
PUBLISHED = (
    Published("parameters", "78186", "mlcommons/tiny, image_classification, training_log.txt: trainable", less=2 * 240),
)


def build() -> Network:
    """Return the network."""
    net = Stack("resnet8", (3, 32, 32))
    net.conv(16, 3, pad="same", name="conv1")
    for stage, channels in enumerate((16, 32, 64), start=1):
        stride = 1 if stage == 1 else 2
        x = net.x
        net.conv(channels, 3, stride=stride, pad="same", name=f"stack{stage}a")
        y = net.conv(channels, 3, pad="same", then=None, name=f"stack{stage}b")
        if stride > 1:
            x = net.conv(channels, 1, stride=stride, then=None, x=x, name=f"stack{stage}_shortcut")
        net.add(x, y, then="Relu", name=f"stack{stage}_add")
    net.global_average_pool(name="pool")
    net.dense(10, then=None, name="fc")
    net.softmax()
    return net.build()
