//! Files and payloads as a whole.
