"""What operators touch, and the composition root: the only place that imports everything."""
