"""Figures of a run: arrays in, PNG bytes out, nothing written and no state kept."""
