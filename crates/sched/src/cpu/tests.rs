//! The state machine of one CPU, rule by rule.
