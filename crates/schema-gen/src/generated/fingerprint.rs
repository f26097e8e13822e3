//! Fingerprint of the schema files that the code beside this was generated from.

/// FNV-1a over the schema files in their fixed order.
pub const SCHEMAS: u64 = 0x4a293e7ebcc85f0c;
