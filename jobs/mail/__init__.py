"""Mail: its texts, and sending it over SMTP."""
