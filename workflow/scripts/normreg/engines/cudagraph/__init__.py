"""Training on a CUDA GPU without launch overhead: each step is captured once as a CUDA graph and replayed.

A step of these networks is some 100 to 350 small operations. Launched one by one from Python they leave the card idle
most of the time; a replay launches all of them in one call. What a replay cannot see is Python: every value that
changes from step to step lies in a buffer on the device, and the step is a function of these buffers alone.
"""
