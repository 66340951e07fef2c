"""The settings of every stage: one frozen dataclass each, with default and description.

This package is the only place where a setting is declared. ``config.schema.yaml`` is generated
from it, and a stage gets its settings as one JSON text that `from_json` turns back into the
dataclass. How that is done is in `deg_core.declared`; what a preset changes is in
`deg_core.presets`.
"""

# "as": given on, so that callers find all of it here.
from deg_core.declared import AUTO as AUTO
from deg_core.declared import changed as changed
from deg_core.declared import from_dict as from_dict
from deg_core.declared import from_json as from_json
from deg_core.declared import schema_of as schema_of
from deg_core.declared import to_dict as to_dict
from deg_core.declared import to_json as to_json
from deg_core.settings.baselines import ClusterSettings as ClusterSettings
from deg_core.settings.baselines import KeypointSettings as KeypointSettings
from deg_core.settings.ethogram import AutoSettings as AutoSettings
from deg_core.settings.ethogram import BehaviorSmoothing as BehaviorSmoothing
from deg_core.settings.ethogram import EvaluateSettings as EvaluateSettings
from deg_core.settings.ethogram import FigureSettings as FigureSettings
from deg_core.settings.ethogram import PostprocessSettings as PostprocessSettings
from deg_core.settings.ethogram import SmoothingSettings as SmoothingSettings
from deg_core.settings.ethogram import SplitSettings as SplitSettings
from deg_core.settings.ethogram import SweepSettings as SweepSettings
from deg_core.settings.ethogram import ThresholdSettings as ThresholdSettings
from deg_core.settings.quality import QualitySettings as QualitySettings
from deg_core.settings.sequence import SequenceSettings as SequenceSettings
from deg_core.settings.training import AugmentSettings as AugmentSettings
from deg_core.settings.training import ExtractSettings as ExtractSettings
from deg_core.settings.training import FeatureSettings as FeatureSettings
from deg_core.settings.training import FlowSettings as FlowSettings
from deg_core.settings.training import TrainSettings as TrainSettings
from deg_core.settings.videos import ImportSettings as ImportSettings
from deg_core.settings.videos import LabelSettings as LabelSettings
from deg_core.settings.videos import StatsSettings as StatsSettings

SECTIONS: dict[str, type] = {
    "labels": LabelSettings,
    "import": ImportSettings,
    "stats": StatsSettings,
    "augment": AugmentSettings,
    "flow": FlowSettings,
    "features": FeatureSettings,
    "extract": ExtractSettings,
    "keypoints": KeypointSettings,
    "clusters": ClusterSettings,
    "sequence": SequenceSettings,
    "thresholds": ThresholdSettings,
    "postprocess": PostprocessSettings,
    "splits": SplitSettings,
    "sweep": SweepSettings,
    "evaluate": EvaluateSettings,
    "quality": QualitySettings,
    "figures": FigureSettings,
}
