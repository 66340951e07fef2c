"""Everything that a caller of deg_core may want to catch.

DegError              a sentence for the user; the command line exits with its ``exit_code``
+-- ConfigError       config.yaml, videos.tsv, settings, splits
+-- VideoError        a raw video, or the store imported from it
+-- LabelError        a label file
+-- ModelError        a model file
+-- StateError        a damaged result, a full disk, missing permissions
+-- Interrupted       a training that saved its state and can be continued
"""


class DegError(Exception):
    """An error that the user can mend; its text is one sentence with file and remedy."""

    exit_code = 2


class ConfigError(DegError):
    """A setting, the video table or the splits are not usable."""


class VideoError(DegError):
    """A raw video or an imported one cannot be used."""


class LabelError(DegError):
    """A label file cannot be used."""


class ModelError(DegError):
    """A model file does not fit what is asked of it."""


class StateError(DegError):
    """A computed file is damaged, or cannot be written."""


class Interrupted(DegError):
    """A training was asked to stop; its state is saved and the next call continues it."""

    exit_code = 75
