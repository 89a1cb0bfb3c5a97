//! A Messages request for the upstream's own `/messages`: cut down to what that is known to take.
