"""Training on a CUDA GPU without launch overhead: each step is captured once as a CUDA graph and then replayed.

A step of these networks is some 100 to 350 small operations. If Python launches them one by one, the GPU is idle most
of the time. A replay launches all of them in one call. But a replay does not run Python. So every value that changes
from step to step is in a buffer on the device, and the step depends on nothing but these buffers.
"""
