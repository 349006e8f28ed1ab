"""Members and organisations over HTTP."""
