"""A `.keras` classifier -> SavedModel, TFLite and ONNX, proven to agree.

Works on any Keras image classifier of stock layers. Nothing is imported here:
`export.exporting.export_model` needs the TensorFlow backend of Keras, which
`python -m export` chooses by itself.
"""
