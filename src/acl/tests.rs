//! Rules and what they allow.
