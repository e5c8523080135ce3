"""The discriminator of DCGAN, a 64x64 image to the probability that it is real; batch normalisation folded.

References
----------
Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016, section 3. Kernels of 4x4 and counts: PyTorch examples, dcgan.
"""

from accel.layers.leaky_relu import LeakyRelu
from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

# 896 normalised channels; the biases of the first and last convolution, which PyTorch's has not, are ours.
PUBLISHED = (Published("parameters", "2765568", "PyTorch examples, dcgan/main.py, netD", less=896 - 64 - 1),)


def build() -> Network:
    """Return the network."""
    net = Stack("dcgan_discriminator", (3, 64, 64))
    for i, channels in enumerate((64, 128, 256, 512), start=1):
        net.conv(channels, 4, stride=2, pad=1, then=None, name=f"down{i}")
        net.layer(LeakyRelu(alpha=0.2), name=f"down{i}_leakyrelu")
    net.conv(1, 4, then="Sigmoid", name="real")
    return net.build()
