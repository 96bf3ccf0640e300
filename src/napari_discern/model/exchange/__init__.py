"""Exchange: models for other tools, and models of other tools for us, as ONNX and in the bioimage.io format."""

from __future__ import annotations

from napari_discern.model.exchange.graph import write_onnx
from napari_discern.model.exchange.package import write_package
from napari_discern.model.exchange.reading import read_package

__all__ = ["read_package", "write_onnx", "write_package"]
