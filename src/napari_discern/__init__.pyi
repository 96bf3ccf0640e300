from .clustering import CentreThreshold as CentreThreshold
from .clustering import MeanShift as MeanShift
from .errors import DiscernError as DiscernError
from .image import Image as Image
from .instances import Instances as Instances
from .io import read as read
from .io import read_instances as read_instances
from .losses import Discriminative as Discriminative
from .metrics import score as score
from .model import Model as Model
from .model import load_model as load_model
from .progress import Progress as Progress
from .progress import run as run
from .segmentation import Recipe as Recipe
from .segmentation import segment as segment
from .training import Training as Training
from .training import train as train

__version__: str
__all__: list[str]
