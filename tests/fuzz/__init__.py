"""Layers of random shapes, arguments, types and orders of memory, forward and backward: ``make fuzz``."""
