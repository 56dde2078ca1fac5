"""File -> batch. TensorFlow is imported when data is used, not before."""

from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.loading import load_dataset
from atsc_keras.data.pipeline import Pipeline, build_pipeline

__all__ = ["Dataset", "Pipeline", "Split", "build_pipeline", "load_dataset"]
