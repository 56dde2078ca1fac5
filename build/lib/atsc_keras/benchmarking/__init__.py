"""The job `benchmark`: what a training step costs."""
