"""What is held about one person, told and erased: the law's rights."""
