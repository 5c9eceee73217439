"""What the engine raises."""


class UnsupportedError(Exception):
    """The engine cannot train this; the message says what and names no key. The PyTorch path can."""
