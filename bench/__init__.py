"""How fast and how large it is, as ratios of two things measured side by side in one run."""
