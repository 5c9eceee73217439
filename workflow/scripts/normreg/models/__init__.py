"""Networks: the layers PyTorch lacks, the published networks as data, and modules built from them."""
