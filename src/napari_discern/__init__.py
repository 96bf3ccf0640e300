"""napari-discern: touching and overlapping leaves and cells, told apart."""

import lazy_loader

from napari_discern import _moved

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_moved.keep_old_names()
