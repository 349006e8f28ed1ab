"""The commands, by theme. Each imports the package that it calls only when it is called."""
