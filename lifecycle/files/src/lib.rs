//! Files handled safely: beneath a directory without following links, durable writes, locks.
