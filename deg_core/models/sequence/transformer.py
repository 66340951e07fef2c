"""A transformer in which each frame attends to the frames around it.

Written from the idea of windowed self-attention with relative positions: pre-norm blocks, one
learned bias per head and distance. Queries are taken in blocks with the keys around them, so that
memory grows linearly with the number of frames.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deg_core.errors import ConfigError
from deg_core.models.sequence.base import SequenceNetwork, present

SMALLEST_BLOCK = 32  # frames; smaller blocks would be many tiny products


class WindowedAttention(nn.Module):
    """Self-attention of each frame to those at most ``side`` frames away.

    Parameters
    ----------
    width
        Numbers per frame.
    n_heads
        Heads; they divide ``width``.
    side
        Frames to each side.
    """

    def __init__(self, width: int, *, n_heads: int, side: int) -> None:
        super().__init__()
        self.n_heads, self.side = n_heads, side
        self.block = max(2 * side, SMALLEST_BLOCK)
        self.project = nn.Linear(width, 3 * width)
        self.position_bias = nn.Parameter(torch.zeros(n_heads, 2 * side + 1))
        self.out = nn.Linear(width, width)

    def _scores(self, real: Tensor) -> Tensor:
        """Return what is added to the attention scores: (N, blocks, heads, queries, keys).

        Keys outside a query's window and frames of padding get minus infinity. A frame always
        attends to itself, padding too: nothing is divided by 0.
        """
        queries = torch.arange(self.block, device=real.device)[:, None]
        keys = torch.arange(self.block + 2 * self.side, device=real.device)
        distance = keys - queries  # 0 to 2 * side inside the window, `side` for the frame itself
        inside = (distance >= 0) & (distance <= 2 * self.side)
        bias = self.position_bias[:, distance.clamp(0, 2 * self.side)]
        seen = (inside & self._blocks(real)[:, :, None]) | (distance == self.side)
        return bias.masked_fill(~seen[:, :, None], float("-inf"))

    def _blocks(self, x: Tensor) -> Tensor:
        """Cut (N, T, ...) into overlapping blocks of keys: (N, blocks, ..., keys)."""
        n_frames = x.shape[1]
        behind = self.side - n_frames % -self.block  # the last block is filled up
        padding = [0, 0] * (x.ndim - 2) + [self.side, behind]
        return F.pad(x, padding).unfold(1, self.block + 2 * self.side, self.block)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape; ``real`` (N, T) is False in padding."""
        n, n_frames, width = x.shape
        split = self.project(x).view(n, n_frames, 3, self.n_heads, width // self.n_heads)
        query, key, value = split.unbind(2)  # (N, T, heads, c)
        query = F.pad(query, (0, 0, 0, 0, 0, -n_frames % self.block))
        query = query.unflatten(1, (-1, self.block)).transpose(2, 3)  # (N, blocks, heads, q, c)
        key, value = (self._blocks(x).transpose(3, 4) for x in (key, value))
        scores = self._scores(real).to(query.dtype)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=scores)
        mixed = mixed.transpose(2, 3).flatten(3).flatten(1, 2)  # (N, all queries, C)
        return self.out(mixed[:, :n_frames])


class Block(nn.Module):
    """Attention and a two-layer network per frame, each added to what it gets."""

    def __init__(self, width: int, *, n_heads: int, side: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = WindowedAttention(width, n_heads=n_heads, side=side)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape; ``real`` (N, T) is False in padding."""
        x = x + self.dropout(self.attention(self.attention_norm(x), real))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class Transformer(SequenceNetwork):
    """Blocks of windowed attention between two linear layers.

    Parameters
    ----------
    hidden
        Numbers per frame inside.
    n_layers, n_heads
        Blocks, and attention heads of each; heads divide ``hidden``.
    attention_window
        Frames that a frame attends to, itself in the middle: an odd number.
    input_dropout, hidden_dropout, dropout
        Dropout of the features, inside blocks, and before the read-out.

    Raises
    ------
    ConfigError
        If the window is even, or the heads do not divide ``hidden``.
    """

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        hidden: int = 128,
        n_layers: int = 3,
        n_heads: int = 4,
        attention_window: int = 31,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if attention_window % 2 == 0:
            raise ConfigError(
                "sequence.attention_window: expected an odd number, the frame itself in the "
                f"middle, found {attention_window}; take {attention_window + 1}."
            )
        if hidden % n_heads:
            raise ConfigError(
                f"sequence.hidden: expected a multiple of n_heads ({n_heads}), found {hidden}; "
                f"take {-(-hidden // n_heads) * n_heads}, or another n_heads."
            )
        self.side = attention_window // 2
        self.input_dropout = nn.Dropout(input_dropout)
        self.enter = nn.Linear(n_features, hidden)
        made = {"n_heads": n_heads, "side": self.side, "dropout": hidden_dropout}
        self.blocks = nn.ModuleList(Block(hidden, **made) for _ in range(n_layers))
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(hidden, n_behaviors)

    @property
    def reach(self) -> int:
        """Frames to each side that a frame's logits depend on."""
        return len(self.blocks) * self.side

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The linear read-out."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        real = present(x)
        x = self.enter(self.input_dropout(x).transpose(1, 2))  # (N, T, hidden)
        for block in self.blocks:
            x = block(x, real)
        return self.classify(self.dropout(self.norm(x))).transpose(1, 2)
