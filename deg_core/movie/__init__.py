"""Pictures of a labeled video: the frame, and below it a strip that slides along."""
