"""What `maillage dashboards` does in a Grafana: compare what is there with this code, show a plan, carry it out."""
