"""Cards: their life, their numbers, their enrolment, and which gateways have a change."""
