"""The front door: the command line, the demo stack, the embedded servers."""
