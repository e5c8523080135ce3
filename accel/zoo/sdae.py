"""A stacked denoising autoencoder on MNIST, fine-tuned as a classifier: three encoders of 1000 units.

References
----------
Vincent, Larochelle, Lajoie, Bengio, Manzagol, "Stacked denoising autoencoders", JMLR 11, 2010, section 6.
Bengio et al., the deep learning tutorials, SdA: the sizes.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

PUBLISHED = (
    Published("macs", str(784 * 1000 + 2 * 1000 * 1000 + 1000 * 10), "deep learning tutorials, SdA: layer sizes"),
)


def build() -> Network:
    """Return the network."""
    net = Stack("sdae", (784,))
    for i in range(1, 4):
        net.dense(1000, then="Sigmoid", name=f"encoder{i}")
    net.dense(10, then=None, name="classifier")
    net.softmax()
    return net.build()
