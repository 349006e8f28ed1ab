"""MQTT connections: one thread drives any number of them."""
