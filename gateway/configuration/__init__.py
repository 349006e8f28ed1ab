"""The configuration that the centre sends: checked, kept on the disk, put in force without a restart."""
