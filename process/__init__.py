"""What every process needs: health and metrics over HTTP, logs, and a check that its threads are alive."""
