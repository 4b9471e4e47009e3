"""Figures with their definitions; no side effects."""
