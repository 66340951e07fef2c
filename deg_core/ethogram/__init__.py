"""Thresholds, bouts and scores of frame-wise predictions; no torch."""
