"""The audit over HTTP, and the audit entries of reads."""
