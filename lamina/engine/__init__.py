"""What all layers share: how one is made, built, called, described and saved. The families are in ``lamina.layers``."""
