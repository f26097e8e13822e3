//! Fingerprint of the schema files that the code beside this was generated from.

/// FNV-1a over the schema files in their fixed order.
pub const SCHEMAS: u64 = 0x1c3d307d2a8d9e24;
