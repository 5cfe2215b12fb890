"""Numerics tuned by hand, for those who tune them: recurrent steps and the arithmetic of windows."""
