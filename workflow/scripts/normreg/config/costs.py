"""How long a training may take on a batch system, from the network and the number of images.

The measured cost of training an image on one thread (AMD EPYC with AVX-512, PyTorch path) is 0.25 to 0.41 ms for the
published networks, which have 0.9 to 2.8 million multiply-adds. Most of it does not depend on the multiply-adds. Large
networks are bound by them: forward and backward pass are three forward passes, and half of the measured peak of 104
GFLOP/s is 0.12 ms for a million. The CPU engine and GPUs need less.
"""

import math

from normreg.config import networks, sizes
from normreg.config.condition import Condition
from normreg.data.specs import DatasetSpec
from normreg.models.description import Network
from normreg.models.shapes import count_multiply_adds

IMAGE_MS = 0.3  # an image of any network
MILLION_MS = 0.12  # and a million multiply-adds of its forward pass
SLOWER = 4  # a processor may be that much slower than the measured one
START_MINUTES = 5  # imports, reading of images, compiling of kernels or waiting for another job that compiles
PYTHON_NETWORK = 100_000_000  # multiply-adds, if nobody can count them: a quarter of resnet9's


def training_minutes(condition: Condition, data: DatasetSpec) -> int:
    """Minutes after which a training on one thread has surely ended, on a processor up to `SLOWER` times slower.

    Args:
        condition: network, epochs and number of images count. Validation costs a third of training an image.
        data: the data set of the run.

    Raises:
        ConfigError: there is no such network, or it does not fit the images.
    """
    images = sizes.trained_images(condition, data.train_images) + data.test_images / 3
    found = networks.find(condition["network"])
    multiply_adds = count_multiply_adds(found, data.network_shape) if isinstance(found, Network) else PYTHON_NETWORK
    image_ms = IMAGE_MS + MILLION_MS * multiply_adds / 1e6
    return START_MINUTES + math.ceil(SLOWER * condition["epochs"] * images * image_ms / 60_000)
