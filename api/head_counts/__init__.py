"""Head counts: a manager says how many people are there; how near the published numbers were."""
