"""The central Mosquitto with mutual TLS: its files, and the watcher that keeps them true and cuts gateways off."""
