//! Reports: one HTML file that needs nothing else. It opens without a network, its plots are in it, its tables are tables,
//! and it runs no script; it has a light and a dark look and prints on white.
//!
//! [`Page`] is built from sections of prose, tables and figures, each figure with the command that made it. [`figures`] draws
//! what a trace shows, and [`of_trace`] makes a whole page of it.

pub mod figures;
mod page;
mod trace;

pub use page::{Figure, Page, Section, Table};
pub use trace::of_trace;
