"""At the doors: decisions, locks, contacts, keypads, enrolment, orders, the evacuation list."""
