"""A `.keras` classifier -> SavedModel, TFLite and ONNX, proven to agree.

Works on any Keras image classifier of stock layers. Nothing is imported here:
`exporting.export_model` needs the TensorFlow backend of Keras, which the
command chooses by itself. The folder is the package `export` in the tree and
`atsc_export` when installed; a process holds one of the two.
"""
