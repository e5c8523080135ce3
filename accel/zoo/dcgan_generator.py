"""The generator of DCGAN, 100 random numbers to a 64x64 image; batch normalisation folded.

References
----------
Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016, fig. 1. Kernels of 4x4 and counts: PyTorch examples, dcgan.
"""

from accel.network import Network
from accel.zoo._published import Published
from accel.zoo._stack import Stack

# 960 normalised channels; the bias of the image's three channels, which PyTorch's has not, is ours.
PUBLISHED = (Published("parameters", "3576704", "PyTorch examples, dcgan/main.py, netG", less=960 - 3),)


def build() -> Network:
    """Return the network."""
    net = Stack("dcgan_generator", (100, 1, 1))
    net.conv_transpose(512, 4, then="Relu", name="project")
    for i, channels in enumerate((256, 128, 64), start=1):
        net.conv_transpose(channels, 4, stride=2, pad=1, then="Relu", name=f"up{i}")
    net.conv_transpose(3, 4, stride=2, pad=1, then="Tanh", name="image")
    return net.build()
