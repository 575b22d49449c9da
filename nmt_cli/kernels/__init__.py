"""Faster kernels for particular hardware, and detection of the hardware."""
