"""Between the gateway and the centre: events up, lists and orders down."""
