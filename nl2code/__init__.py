"""Continual pre-training on sketches: indexed data, training, and two-stage generation (CERT, IJCAI 2022)."""
