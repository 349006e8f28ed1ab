"""One command for each performance goal, each printing the peer or the limit beside ours, measured in one run."""
