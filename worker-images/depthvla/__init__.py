"""DepthVLA (arXiv 2510.13375) as stages of a pipeline: data, model, training, labelling, evaluation."""
