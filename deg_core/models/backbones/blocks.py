"""What several backbones share."""

from deg_core.errors import ConfigError


def refuse_width(backbone: str, width: float) -> None:
    """Refuse another width than 1, of networks whose weights come from elsewhere.

    Raises
    ------
    ConfigError
        If ``width`` is not 1.
    """
    if width != 1.0:
        raise ConfigError(
            f"config.yaml: features: width: expected 1 for the backbone {backbone}, got {width:g}; "
            "choose `backbone: small_cnn`, which can be narrowed."
        )
