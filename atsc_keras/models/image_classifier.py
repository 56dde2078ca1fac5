"""A classifier in three parts: encoder, pooler, Dense."""

import inspect
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import has_graph
from atsc_keras.models.inputs import with_plain_input
from atsc_keras.models.parts import POOLER
from atsc_keras.models.quantized import check_not_quantized
from atsc_keras.models.splitting import (
    no_classifier,
    split_model,
    split_student,
)
from atsc_keras.types import Shape, Tensor


def _default_pooler(feature_shape: Shape) -> keras.layers.Layer:
    if len(feature_shape) == 3:
        return keras.layers.GlobalAveragePooling2D(name=POOLER)
    return keras.layers.Identity(name=POOLER)


@keras.saving.register_keras_serializable(package="atsc_keras")
class ImageClassifier(keras.Model):
    """A classifier whose encoder and Dense layer can be reached.

    Args:
        encoder: images `(B, H, W, C)` -> a map `(B, h, w, C)` or a vector
            `(B, C)`.
        classifier: a linear Dense on the pooled features; its units are the
            classes.
        pooler: features -> vector `(B, C)`; default: global average pooling
            of maps, nothing for vectors. Weights that it has belong to the
            shared classifier: teachers train them, students use them.
        **kwargs: as for `keras.Model`.

    Raises:
        InputError: if the parts do not fit together.

    Example:
    ```python
    teacher = ImageClassifier.from_model(
        keras.applications.MobileNetV2(weights="imagenet")
    )
    ```
    """

    def __init__(
        self,
        encoder: keras.Model,
        classifier: keras.layers.Dense,
        pooler: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        _check_encoder(encoder)
        _check_classifier(classifier)
        super().__init__(**kwargs)
        self.encoder = encoder
        self.pooler: Any = pooler or _default_pooler(self.feature_shape)
        self.classifier = classifier
        if classifier.dtype_policy.variable_dtype == "float32":
            # Losses and metrics want whole logits, whatever the rest is in.
            classifier.dtype_policy = "float32"
        features = keras.Input(self.feature_shape, name="features")
        vector = self.pooler(features)
        if len(vector.shape) != 2:
            raise InputError(
                "`pooler` must give one vector an image, (B, C). Received: "
                f"{type(self.pooler).__name__} with output {vector.shape}. "
                "Use keras.layers.GlobalAveragePooling2D()."
            )
        if classifier.built and classifier.kernel.shape[0] != vector.shape[-1]:
            raise InputError(
                "`classifier` must take the pooled features. Received: a "
                f"Dense built for {classifier.kernel.shape[0]} values, "
                f"features of {vector.shape[-1]}. Use the Dense that belongs "
                "to the encoder, or a new one."
            )
        self.classifier(vector)  # builds it
        self.built = True

    @property
    def feature_shape(self) -> Shape:
        """Of the encoder's output, without the batch."""
        return tuple(self.encoder.output_shape[1:])

    @property
    def image_shape(self) -> Shape:
        """`(H, W, C)` of the images."""
        return tuple(self.encoder.input_shape[1:])

    @property
    def classes(self) -> int:
        """How many classes the Dense tells apart."""
        return self.classifier.units

    @property
    def head_variables(self) -> list[keras.Variable]:
        """Of pooler and Dense, which a student shares."""
        return [*self.pooler.variables, *self.classifier.variables]

    @classmethod
    def from_model(
        cls,
        model: keras.Model,
        classes: int | None = None,
        pixels: Any = None,
    ) -> "ImageClassifier":
        """Split a Keras classifier into encoder, pooler and Dense.

        The parts are the model's own layers: training the result trains the
        model. Only a head that is not a linear Dense (one with a softmax, or
        a 1x1 convolution) is replaced by a linear Dense with a copy of its
        values: training that leaves the model's own head as it was.

        Args:
            model: Functional or Sequential, with nested models or without;
                an `ImageClassifier` passes through, and a `DistilledStudent`
                comes with the logits that it has.
            classes: of a new Dense for a model without top; default: such a
                model is refused. A model with top must have as many.
            pixels: what the model wants of its pixels where these are not
                from 0 to 255: a range (`"0..1"`, `"-1..1"`), `"mean=R,G,B
                std=R,G,B"` or a mapping of both, in units of 0 to 255, or
                the family of keras.applications whose `preprocess_input` it
                was trained with (`"resnet50"`). It becomes a layer: the
                classifier takes plain pixels. Default: plain pixels; the
                preprocessor of a KerasHub task becomes a layer by itself.

        Returns:
            The classifier; its logits are the model's before any softmax.

        Raises:
            InputError: if the model cannot be split, with the layers seen
                and the explicit form; has other `classes`; was quantised by
                Keras; or `pixels` cannot be read.
        """
        check_not_quantized(model)
        if isinstance(model, cls):
            _check_classes(model.classifier, classes)
            encoder = with_plain_input(model.encoder, pixels)
            if encoder is model.encoder:
                return model
            return cls(encoder, model.classifier, model.pooler, name=model.name)
        if not has_graph(model) and hasattr(model, "to_teacher"):
            model = model.to_teacher()
        parts = split_model(with_plain_input(model, pixels), classes)
        classifier = parts.classifier
        if classifier is None:
            if classes is None:
                raise no_classifier(model)
            classifier = keras.layers.Dense(classes, name="classifier")
        _check_classes(classifier, classes)
        return cls(parts.encoder, classifier, parts.pooler, name=model.name)

    @classmethod
    def for_classes(cls, model: keras.Model, classes: int) -> "ImageClassifier":
        """Split a model; where its head knows other classes, give it a new one.

        Args:
            model: as for `from_model`, with a head or without.
            classes: of the result.

        Raises:
            InputError: if the model cannot be split, or was quantised.
        """
        check_not_quantized(model)
        parts = split_student(model, classes)
        classifier = parts.classifier
        if classifier is None or classifier.units != classes:
            classifier = keras.layers.Dense(classes, name="classifier")
        return cls(parts.encoder, classifier, parts.pooler, name=model.name)

    def pool(self, features: Tensor, training: bool | None = None) -> Tensor:
        """Pool encoded features to a vector `(B, C)`."""
        # Not every layer takes `training`, and Keras passes it on by itself
        # only inside another call.
        takes = inspect.signature(self.pooler.call).parameters
        arguments = {"training": training} if "training" in takes else {}
        return self.pooler(features, **arguments)

    def classify(
        self, features: Tensor, training: bool | None = None
    ) -> Tensor:
        """Turn encoded features into logits `(B, classes)`."""
        return self.classifier(self.pool(features, training))

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Turn pixels `(B, H, W, C)` into logits `(B, classes)`."""
        return self.classify(self.encoder(images, training=training), training)

    def with_new_head(self) -> "ImageClassifier":
        """Keep the encoder, with a pooler and a Dense that know nothing yet.

        Returns:
            A classifier around the same encoder. Its head has the form of
            this one's, initial weights, and learns if this one's does not.

        Example: the very network that ATSC ships, to be trained on labels
        alone beside it.
        ```python
        same_size = DistilledStudent(encoder, [teacher.with_new_head()])
        ```
        """
        classifier, pooler = map(_renewed, (self.classifier, self.pooler))
        return ImageClassifier(self.encoder, classifier, pooler, name=self.name)

    def to_functional(self, name: str | None = None) -> keras.Model:
        """Wire the same layers into a functional model of stock layers.

        Args:
            name: of the model; default: this model's.

        Returns:
            A model `image` -> logits whose `.keras` file loads without this
            package. Weights are shared with this classifier.
        """
        images = keras.Input(self.image_shape, name="image")
        logits = self.classifier(self.pooler(self.encoder(images)))
        return keras.Model(images, logits, name=name or self.name)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "encoder": serialize(self.encoder),
            "classifier": serialize(self.classifier),
            "pooler": serialize(self.pooler),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict | None = None
    ) -> "ImageClassifier":
        for part in ("encoder", "classifier", "pooler"):
            config[part] = keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects
            )
        return cls(**config)


def _renewed(layer: Any) -> Any:
    """Build a layer, or a model, of the same form again."""
    if isinstance(layer, keras.Model):
        new = keras.models.clone_model(layer)
    else:
        new = type(layer).from_config(layer.get_config())
    # Keras hands on no flag that is as it was; layers inside may be frozen.
    new.trainable = False
    new.trainable = True
    return new


def _check_encoder(encoder: Any) -> None:
    shapes = [
        getattr(encoder, f"{side}_shape", None) for side in ("input", "output")
    ]
    for shape in shapes:
        if not isinstance(shape, tuple) or isinstance(shape[0], tuple):
            raise InputError(
                "`encoder` must be a built model with one input and one "
                f"output. Received: {type(encoder).__name__} with input "
                f"shape {shapes[0]}, output shape {shapes[1]}. Use "
                "keras.Model(images, features)."
            )


def _check_classes(classifier: keras.layers.Dense, classes: int | None) -> None:
    if classes not in (None, classifier.units):
        raise InputError(
            "`classes` must be the model's own where it has a classifier. "
            f"Received: classes={classes}, model with {classifier.units}. "
            "Leave `classes` out, or give a model without top."
        )


def _check_classifier(classifier: keras.layers.Layer) -> None:
    if not isinstance(classifier, keras.layers.Dense):
        raise InputError(
            "`classifier` must be a keras.layers.Dense. "
            f"Received: {type(classifier).__name__}. Put other layers into "
            "the encoder or the pooler."
        )
    activation = classifier.activation
    name = getattr(activation, "__name__", type(activation).__name__)
    if name != "linear":
        raise InputError(
            "`classifier` must give logits. Received: a Dense with "
            f"activation={name}. Leave the activation out."
        )
