"""The networks: layers that PyTorch lacks, the published networks as data, and code that builds modules from them."""
