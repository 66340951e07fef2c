"""What turns networks and data into weights: losses, augmentation, clips, the loop."""
