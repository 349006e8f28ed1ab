"""What passes between gateway and centre: topics, events, lists, orders, signatures, stored events. Pure."""
