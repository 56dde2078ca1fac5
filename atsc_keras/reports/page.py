"""Pages of HTML that need no script, server or network."""

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_ENVIRONMENT = Environment(
    loader=PackageLoader("atsc_keras.reports"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)


def _prose(text: str) -> Markup:
    """Escape text; a number stays on one line with its percent sign."""
    return Markup(escape(text).replace(" %", Markup("&nbsp;%")))


def _fact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_ENVIRONMENT.filters |= {"prose": _prose, "fact": _fact}


def page(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of `reports/templates`; style and figures are inside."""
    return _ENVIRONMENT.get_template(f"{template}.html").render(values)
