"""Batch -> feature maps -> logits: networks and how to take them apart."""
