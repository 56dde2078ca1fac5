"""The commands whose words are the exporter's."""

from importlib import import_module

import typer

from atsc_keras.training.exporting import exporter


def export(context: typer.Context) -> None:
    """Export a student to SavedModel, TFLite and ONNX, and prove each file."""
    _hand_over(context, "cli")


def predict(context: typer.Context) -> None:
    """Tell which classes pictures are of, by a file of any format."""
    _hand_over(context, "predict_cli")


def _hand_over(context: typer.Context, module: str) -> None:
    """Run a command of the exporter, with words and help of its own."""
    app = import_module(f"{exporter()}.{module}").app
    app(args=context.args, prog_name=context.command_path)
